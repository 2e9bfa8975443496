"""Measures on the experiments beyond the paper, each a number or one number a seed."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from critical_periods.closing import agreement, compared
from critical_periods.measures import MissingDataError, at, harmless_window, rank_correlation

# Any experiment


def chosen(dataset: xr.Dataset, variable: str, **where: Any) -> xr.DataArray:
    """A variable, averaged over trajectories, where its axes have some values.

    Parameters
    ----------
    dataset
        An experiment's dataset.
    variable
        Name of the variable.
    where
        Axis -> a value, a slice of values, or "first" or "last" for those at its ends where they are no values.

    Raises
    ------
    MissingDataError
        If there is no such variable, axis or value.
    """
    if variable not in dataset:
        raise MissingDataError(f"no {variable} in the experiment")
    values = dataset[variable]
    for axis, value in where.items():
        if axis not in values.dims:
            raise MissingDataError(f"no {axis} in the experiment")
        if isinstance(value, slice):
            values = values.sel({axis: value})
        elif value in ("first", "last") and value not in values[axis].values:
            values = values.sortby(axis).isel({axis: 0 if value == "first" else -1})
        else:
            values = at(values, **{axis: value})
    if not values.size:
        raise MissingDataError(f"no {variable} where {where}")
    return values.mean("trajectory") if "trajectory" in values.dims else values


def extreme(dataset: xr.Dataset, variable: str, which: Literal["largest", "smallest"], **where: Any) -> xr.DataArray:
    """Largest or smallest value of a variable over the axes that `where` leaves open (see `chosen`)."""
    values = chosen(dataset, variable, **where)
    rest = [axis for axis in values.dims if axis != "seed"]
    return values.max(rest) if which == "largest" else values.min(rest)


def smallest_rise(dataset: xr.Dataset, variable: str, axis: str, **where: Any) -> xr.DataArray:
    """Smallest change of a variable from one value of an axis to the next: positive only if it rises at every step."""
    values = chosen(dataset, variable, **where)
    if axis not in values.dims or values.sizes[axis] < 2:
        raise MissingDataError(f"fewer than two values of {axis}")
    changes = values.sortby(axis).diff(axis)
    return changes.min([name for name in changes.dims if name != "seed"])


# Matrix completion


def order(dataset: xr.Dataset, variable: str, axis: str, **where: Any) -> xr.DataArray:
    """Spearman's correlation of a variable with an axis, the mean over the axes that `where` leaves open."""
    correlations = rank_correlation(chosen(dataset, variable, **where), axis)
    return correlations.mean([name for name in correlations.dims if name != "seed"])


def window_order(dataset: xr.Dataset, axis: str) -> xr.DataArray:
    """Spearman's correlation of the longest harmless duration with an axis."""
    return rank_correlation(harmless_window(chosen(dataset, "relative_accuracy")), axis)


def effect_of_ranks(dataset: xr.Dataset, least: float = 0.0, below: float = np.inf) -> xr.DataArray:
    """Mean relative accuracy after the longest deficit where its rank over the final one is in [least, below)."""
    effect = chosen(dataset, "relative_accuracy", switch_epoch="last")
    if not {"pretrain_rank", "final_rank"} <= set(effect.dims):
        raise MissingDataError("no ranks of both tasks in the experiment")
    ratio = effect["pretrain_rank"] / effect["final_rank"]
    inside = (ratio >= least) & (ratio < below)
    if not inside.any():
        raise MissingDataError(f"no ranks with a ratio from {least} to {below}")
    return effect.where(inside).mean(["pretrain_rank", "final_rank"])


def change_by_deficit(dataset: xr.Dataset, variable: str, **where: Any) -> xr.DataArray:
    """A variable after the longest deficit less that without a deficit."""
    with_deficit, without = (chosen(dataset, variable, **where, switch_epoch=end) for end in ("last", "first"))
    return with_deficit.drop_vars("switch_epoch") - without.drop_vars("switch_epoch")


def link(dataset: xr.Dataset, first: str, second: str, **where: Any) -> xr.DataArray:
    """Spearman's correlation of two variables over durations of the deficit."""

    def correlation(one: np.ndarray, other: np.ndarray) -> float:
        return float(spearmanr(one, other).statistic)

    both = [chosen(dataset, name, **where) for name in (first, second)]
    return xr.apply_ufunc(correlation, *both, input_core_dims=[["switch_epoch"]] * 2, vectorize=True)


def spread_of_effect(dataset: xr.Dataset, axis: str, at_most: float) -> xr.DataArray:
    """Range of the relative accuracy after the longest deficit over values of an axis up to a largest one."""
    effect = chosen(dataset, "relative_accuracy", switch_epoch="last", **{axis: slice(None, at_most)})
    return effect.max(axis) - effect.min(axis)


def largest_edge_ratio(dataset: xr.Dataset) -> xr.DataArray:
    """Largest learning rate x sharpness / 2 after training; gradient descent is stable up to 1."""
    sharpness = chosen(dataset, "sharpness")
    if "learning_rate" not in sharpness.dims:
        raise MissingDataError("no learning_rate in the experiment")
    ratio = sharpness["learning_rate"] * sharpness / 2
    return ratio.max([name for name in ratio.dims if name != "seed"])


# When the period closes


def prediction_factor(dataset: xr.Dataset) -> float:
    """Factor by which the predicted closing is off, the median over settings."""
    return _agreement(dataset)[1]


def prediction_order(dataset: xr.Dataset) -> float:
    """Spearman's correlation of measured with predicted closings over settings."""
    return _agreement(dataset)[0]


def _agreement(dataset: xr.Dataset) -> tuple[float, float, int]:
    for name in ("predicted_closing", "measured_closing"):
        if name not in dataset:
            raise MissingDataError(f"no {name} in the experiment")
    result = agreement(compared(dataset, "predicted_closing", "measured_closing"))
    if result[2] < 3:
        raise MissingDataError("fewer than three settings whose period closes")
    return result


# Large steps


def stability_gap(dataset: xr.Dataset) -> xr.DataArray:
    """How far the sharpness reached is from 2 / learning rate, where theory says that large steps hold it there.

    That is for D > 2 and steps between the stable limits of the minimum where one pathway has everything and of that
    where both have half, a factor of 2^(1 - 2/D) apart.

    Returns
    -------
    xarray.DataArray
        Median |learning rate x sharpness / 2 - 1| over such depths, steps and trajectories.
    """
    if not {"step_over_edge", "edge_step", "depth"} <= set(dataset.variables):
        raise MissingDataError("no steps at the edge of stability in the experiment")
    gaps = abs(dataset["step_over_edge"] - 1)
    between = (dataset["edge_step"] > 1) & (dataset["edge_step"] < 2 ** (1 - 2 / dataset["depth"]))
    if not between.any():
        raise MissingDataError("no step between the two stable limits")
    return gaps.where(between).median([axis for axis in gaps.dims if axis != "seed"])

"""Measures on experiment datasets, each a number or one number a seed, and what they are made of.

Public functions whose first argument is `dataset` are what a claim may name as its `measure`, and their other
arguments what it may give: `critical_periods.analysis.measure_signatures` reads both from the source. Measures of what
only some models have lie with these, in `models/*/measures.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr

from critical_periods.analysis import coordinates
from critical_periods.analysis.statistics import spearman

#: Axes of a dataset that number runs of the same thing.
RUNS = ("seed", "trajectory")

#: What selects on an axis: one of its values; or a part of them, for measures that say so.
Value = bool | float | str
Selection = Value | Mapping[Literal["at_least", "at_most"], float]

#: Loss of relative accuracy from which on a deficit counts as harmless no longer (`harmless_window`).
HARM = 0.1


class MissingDataError(LookupError):
    """An experiment lacks what a measure looks at."""


def relative_accuracy(reconstruction_error: xr.DataArray) -> xr.DataArray:
    """Error without a deficit minus error with one: 0 is unharmed, negative is impaired (fig 4).

    Parameters
    ----------
    reconstruction_error
        Final reconstruction error over `switch_epoch` (and anything else); it must contain switch epoch 0.

    Raises
    ------
    ValueError
        If there is no run without a deficit to compare with.
    """
    if 0 not in reconstruction_error["switch_epoch"].values:
        raise ValueError("relative accuracy needs switch_epoch = 0, the run without a deficit")
    return reconstruction_error.sel(switch_epoch=0, drop=True) - reconstruction_error


def failed(reconstruction_error: xr.DataArray) -> xr.DataArray:
    """Whether a network fails without a deficit: it ends above 1, the error of one that has learned nothing.

    Parameters
    ----------
    reconstruction_error
        Final reconstruction error over `switch_epoch` (and anything else); it must contain switch epoch 0.
    """
    return reconstruction_error.sel(switch_epoch=0, drop=True) > 1


def n_large(singular_values: np.ndarray, fraction: float = 0.1) -> np.ndarray:
    """How many singular values exceed a fraction of the largest one; the last axis counts modes."""
    return (singular_values > fraction * singular_values.max(axis=-1, keepdims=True)).sum(axis=-1)


def at(values: Any, **where: Any) -> Any:
    """Select by coordinate.

    Parameters
    ----------
    values
        A dataset or labelled array.
    where
        Coordinate -> value.

    Raises
    ------
    MissingDataError
        If a coordinate is absent, or lacks the value; it names both.
    """
    for name, value in where.items():
        if name not in values.coords:
            raise MissingDataError(f"no {name} in the experiment")
        if not len(coordinates.find(values[name], value)):
            raise MissingDataError(f"no {name} = {value} in the experiment")
    return coordinates.select(values, where)


def chosen(values: xr.Dataset, variable: str, **where: Any) -> xr.DataArray:
    """A variable, averaged over trajectories, where its axes have some values.

    Parameters
    ----------
    values
        An experiment's dataset.
    variable
        Name of the variable.
    where
        Axis -> one of its values; "first" or "last" for those at its ends, where they are no values; or limits that
        its values have, {"at_least": 2, "at_most": 5} or one of the two.

    Raises
    ------
    MissingDataError
        If there is no such variable, axis or value.
    """
    if variable not in values:
        raise MissingDataError(f"no {variable} in the experiment")
    found = values[variable]
    for axis, value in where.items():
        if axis not in found.dims:
            raise MissingDataError(f"no {axis} in the experiment")
        if isinstance(value, Mapping):
            found = found.sel({axis: slice(value.get("at_least"), value.get("at_most"))})
        elif value in ("first", "last") and value not in found[axis].values:
            found = found.sortby(axis).isel({axis: 0 if value == "first" else -1})
        else:
            found = at(found, **{axis: value})
    if not found.size:
        raise MissingDataError(f"no {variable} where {where}")
    return found.mean("trajectory") if "trajectory" in found.dims else found


def parameter(values: xr.Dataset, name: str) -> Any:
    """A parameter that all cells of an experiment share.

    Parameters
    ----------
    values
        The experiment's dataset.
    name
        Name of the parameter.

    Raises
    ------
    MissingDataError
        If they do not share it, or have none of that name.
    """
    shared = json.loads(values.attrs.get("parameters", "{}"))
    if name not in shared:
        raise MissingDataError(f"cells do not share a parameter {name}")
    return shared[name]


def largest_step(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Largest change from one value of a coordinate to the next: negative only if the values fall at every step.

    Raises
    ------
    MissingDataError
        If there are fewer than two values.
    """
    if dim not in values.dims or values.sizes[dim] < 2:
        raise MissingDataError(f"fewer than two values of {dim}")
    return values.sortby(dim).diff(dim).max(dim)


def rank_correlation(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Spearman's rank correlation of values with their coordinate; 0 where all values are the same.

    Raises
    ------
    MissingDataError
        If there are fewer than two values.
    """
    if values.sizes[dim] < 2:
        raise MissingDataError(f"fewer than two values of {dim}")
    return xr.apply_ufunc(spearman, values, values[dim], input_core_dims=[[dim], [dim]], vectorize=True)


# Any variable of any experiment


def extreme(
    dataset: xr.Dataset, variable: str, which: Literal["largest", "smallest"], **where: Selection
) -> xr.DataArray:
    """Largest or smallest value of a variable over the axes that `where` leaves open (see `chosen`)."""
    values = chosen(dataset, variable, **where)
    rest = [axis for axis in values.dims if axis != "seed"]
    return values.max(rest) if which == "largest" else values.min(rest)


def contrast(
    dataset: xr.Dataset, variable: str, axis: str, one: Value | None, other: Value | None, **where: Selection
) -> xr.DataArray:
    """A variable at one value of an axis less that at another, null being a value too; the mean over what is open."""
    first, second = (chosen(dataset, variable, **where, **{axis: value}).drop_vars(axis) for value in (one, other))
    difference = first - second
    return difference.mean([name for name in difference.dims if name != "seed"])


def largest_contrast(
    dataset: xr.Dataset, variable: str, axis: str, one: Value | None, other: Value | None, **where: Selection
) -> xr.DataArray:
    """Largest distance of a variable at one value of an axis from that at another, over what is open."""
    first, second = (chosen(dataset, variable, **where, **{axis: value}).drop_vars(axis) for value in (one, other))
    distance = abs(first - second)
    return distance.max([name for name in distance.dims if name != "seed"])


def smallest_rise(dataset: xr.Dataset, variable: str, axis: str, **where: Selection) -> xr.DataArray:
    """Smallest change of a variable from one value of an axis to the next: positive only if it rises at every step."""
    values = chosen(dataset, variable, **where)
    if axis not in values.dims or values.sizes[axis] < 2:
        raise MissingDataError(f"fewer than two values of {axis}")
    changes = values.sortby(axis).diff(axis)
    return changes.min([name for name in changes.dims if name != "seed"])


def order(dataset: xr.Dataset, variable: str, axis: str, **where: Selection) -> xr.DataArray:
    """Spearman's correlation of a variable with an axis, the mean over the axes that `where` leaves open."""
    correlations = rank_correlation(chosen(dataset, variable, **where), axis)
    return correlations.mean([name for name in correlations.dims if name != "seed"])


def change_by_deficit(dataset: xr.Dataset, variable: str, **where: Selection) -> xr.DataArray:
    """A variable after the longest deficit less that without a deficit."""
    with_deficit, without = (chosen(dataset, variable, **where, switch_epoch=end) for end in ("last", "first"))
    return with_deficit.drop_vars("switch_epoch") - without.drop_vars("switch_epoch")


def link(dataset: xr.Dataset, first: str, second: str, **where: Selection) -> xr.DataArray:
    """Spearman's correlation of two variables over durations of the deficit."""
    both = [chosen(dataset, name, **where) for name in (first, second)]
    return xr.apply_ufunc(spearman, *both, input_core_dims=[["switch_epoch"]] * 2, vectorize=True)


# Matrix completion (figs 4, 5, 6, 8, 13)


def final_effect(dataset: xr.Dataset, reduce: Literal["max", "min"] = "max", **where: Value) -> xr.DataArray:
    """Relative accuracy after the longest deficit; the largest or smallest one over what `where` leaves open."""
    longest = at(dataset["relative_accuracy"], **where).isel(switch_epoch=-1)
    open_dims = [dim for dim in longest.dims if dim != "seed"]
    return longest.max(open_dims) if reduce == "max" else longest.min(open_dims)


def largest_effect(dataset: xr.Dataset, **where: Value) -> xr.DataArray:
    """Largest |relative accuracy| over all durations of the deficit."""
    accuracy = abs(at(dataset["relative_accuracy"], **where))
    return accuracy.max([dim for dim in accuracy.dims if dim != "seed"])


def effect_step(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Largest change of the relative accuracy after the longest deficit, from one value of a parameter to the next."""
    return largest_step(dataset["relative_accuracy"].isel(switch_epoch=-1), dim)


def effect_rise(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Smallest change of that relative accuracy: positive only if it rises at every step."""
    return -largest_step(-dataset["relative_accuracy"].isel(switch_epoch=-1), dim)


def effect_contrast(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Relative accuracy after the longest deficit: at the smallest value of a parameter minus at the largest one."""
    longest = dataset["relative_accuracy"].isel(switch_epoch=-1).sortby(dim)
    if longest.sizes[dim] < 2:
        raise MissingDataError(f"fewer than two values of {dim}")
    return longest.isel({dim: 0}, drop=True) - longest.isel({dim: -1}, drop=True)


def effect_trend(dataset: xr.Dataset, **where: Value) -> xr.DataArray:
    """Rank correlation of relative accuracy with the duration of the deficit; the largest over what is left open."""
    trend = rank_correlation(at(dataset["relative_accuracy"], **where), "switch_epoch")
    return trend.max([dim for dim in trend.dims if dim != "seed"])


def effect_by_rank(dataset: xr.Dataset, higher: bool) -> xr.DataArray:
    """Relative accuracy after the longest deficit by first tasks of higher, or lower, rank than the final one.

    Returns
    -------
    xarray.DataArray
        The largest value over higher ranks, or the smallest one over lower ranks: the one that says most against
        "high rank harms", and "low rank does not".
    """
    rank = parameter(dataset, "final_rank")
    longest = dataset["relative_accuracy"].isel(switch_epoch=-1)
    chosen = longest.where(longest["pretrain_rank"] > rank if higher else longest["pretrain_rank"] < rank, drop=True)
    if not chosen.sizes["pretrain_rank"]:
        raise MissingDataError(f"no pretrain_rank {'above' if higher else 'below'} final_rank = {rank}")
    return chosen.max("pretrain_rank") if higher else chosen.min("pretrain_rank")


def effect_of_ranks(dataset: xr.Dataset, least: float = 0.0, below: float = np.inf) -> xr.DataArray:
    """Mean relative accuracy after the longest deficit where its rank over the final one is in [least, below)."""
    effect = chosen(dataset, "relative_accuracy", switch_epoch="last")
    if not {"pretrain_rank", "final_rank"} <= set(effect.dims):
        raise MissingDataError("no ranks of both tasks in the experiment")
    ratio = effect["pretrain_rank"] / effect["final_rank"]
    inside = (ratio >= least) & (ratio < below)
    if not inside.any():
        raise MissingDataError(f"no ranks with a ratio from {least:g} to {below:g}")
    return effect.where(inside).mean(["pretrain_rank", "final_rank"])


def _final_singular_values(dataset: xr.Dataset, deficit: Literal["none", "longest"], **where: Value) -> xr.DataArray:
    """Singular values at the end of the run without a deficit, or with the longest one."""
    values = at(dataset["singular_value"], **where).isel(switch_epoch=0 if deficit == "none" else -1, drop=True)
    return values.dropna("epoch", how="all").isel(epoch=-1, drop=True)


def excess_rank(dataset: xr.Dataset, deficit: Literal["none", "longest"], **where: Value) -> xr.DataArray:
    """Number of singular values above a tenth of the largest one at the end of training, minus the task's rank."""
    values = _final_singular_values(dataset, deficit, **where).transpose(..., "mode")
    large = n_large(values.values) - parameter(dataset, "final_rank")
    return values.isel(mode=0, drop=True).copy(data=large.astype(float))


def harmless_window(relative_accuracy: xr.DataArray, limit: float = HARM) -> xr.DataArray:
    """Duration of the deficit up to which it costs at most `limit` of relative accuracy, between recorded ones linear.

    The longest duration of all where none costs more.

    Parameters
    ----------
    relative_accuracy
        Over `switch_epoch`, and anything else.
    limit
        The loss of relative accuracy that counts as harm.
    """
    epochs = relative_accuracy["switch_epoch"].values.astype(float)

    def crossing(accuracy: np.ndarray) -> float:
        harmed = np.flatnonzero(accuracy < -limit)
        if not len(harmed):
            return float(epochs[-1])
        last = harmed[0]
        if last == 0:
            return float(epochs[0])
        before, after = accuracy[last - 1], accuracy[last]
        return float(epochs[last - 1] + (epochs[last] - epochs[last - 1]) * (before + limit) / (before - after))

    return xr.apply_ufunc(crossing, relative_accuracy, input_core_dims=[["switch_epoch"]], vectorize=True)


def window_step(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Largest change of the harmless window, in epochs, from one value of a parameter to the next larger one."""
    return largest_step(harmless_window(dataset["relative_accuracy"]), dim)


def window_contrast(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Harmless window, in epochs, at the smallest value of a parameter minus at the largest one."""
    window = harmless_window(dataset["relative_accuracy"]).sortby(dim)
    if window.sizes[dim] < 2:
        raise MissingDataError(f"fewer than two values of {dim}")
    return window.isel({dim: 0}, drop=True) - window.isel({dim: -1}, drop=True)


def window_order(dataset: xr.Dataset, axis: str) -> xr.DataArray:
    """Spearman's correlation of the longest harmless duration with an axis."""
    return rank_correlation(harmless_window(chosen(dataset, "relative_accuracy")), axis)


def worst_seed_effect(dataset: xr.Dataset) -> float:
    """Relative accuracy after the longest deficit, for the seed that it harms least."""
    return float(dataset["relative_accuracy"].isel(switch_epoch=-1).max())


def seed_similarity(dataset: xr.Dataset) -> float:
    """Smallest correlation of a seed's curve of error against switch epoch with the mean curve of the other seeds.

    Raises
    ------
    MissingDataError
        If there is one seed only.
    """
    curves = dataset["reconstruction_error"].transpose("seed", "switch_epoch").values.astype(float)
    if len(curves) < 2:
        raise MissingDataError("fewer than two seeds")
    others = (curves.sum(axis=0) - curves) / (len(curves) - 1)
    return min(_correlation(curve, other) for curve, other in zip(curves, others, strict=True))


def relative_imbalance(dataset: xr.Dataset) -> xr.DataArray:
    """Largest drift of W_(j+1)^T W_(j+1) - W_j W_j^T over a run, over the square of a factor's largest singular value.

    A factor's largest singular value is that of W to the power 1/N; runs and learning rates left open: the largest.
    """
    depth = parameter(dataset, "depth")
    balancedness = dataset["balancedness"]
    drift = abs(balancedness - balancedness.isel(epoch=0)).max("epoch")
    scale = dataset["singular_value"].isel(mode=0, drop=True).max("epoch") ** (2 / depth)
    ratio = drift / scale
    return ratio.max([dim for dim in ratio.dims if dim != "seed"])


def drift_order(dataset: xr.Dataset) -> xr.DataArray:
    """Exponent of the learning rate in the drift of balancedness, after the same time (learning rate times epochs).

    From the runs without a deficit at the smallest and the largest learning rate: 1 is a drift of O(learning rate).

    Raises
    ------
    MissingDataError
        If there is one learning rate only.
    """
    balancedness = dataset["balancedness"].isel(switch_epoch=0, drop=True).sortby("learning_rate")
    if balancedness.sizes["learning_rate"] < 2:
        raise MissingDataError("fewer than two values of learning_rate")
    slow, fast = (balancedness.isel(learning_rate=index).dropna("epoch", how="all") for index in (0, -1))
    rates = [float(run["learning_rate"]) for run in (slow, fast)]
    time = min(float(run["epoch"][-1]) * rate for run, rate in zip((slow, fast), rates, strict=True))
    drifts = [
        abs(run.sel(epoch=time / rate, method="nearest", drop=True) - run.isel(epoch=0, drop=True)).drop_vars(
            "learning_rate"
        )
        for run, rate in zip((slow, fast), rates, strict=True)
    ]
    return np.log(drifts[1] / drifts[0]) / np.log(rates[1] / rates[0])


def drift_order_error(dataset: xr.Dataset) -> xr.DataArray:
    """How far that exponent is from 1."""
    return abs(drift_order(dataset) - 1)


def spread_of_effect(dataset: xr.Dataset, axis: str, at_most: float) -> xr.DataArray:
    """Range of the relative accuracy after the longest deficit over values of an axis up to a largest one."""
    effect = chosen(dataset, "relative_accuracy", switch_epoch="last", **{axis: {"at_most": at_most}})
    return effect.max(axis) - effect.min(axis)


def largest_edge_ratio(dataset: xr.Dataset) -> xr.DataArray:
    """Largest learning rate x sharpness / 2 after training; gradient descent is stable up to 1."""
    sharpness = chosen(dataset, "sharpness")
    if "learning_rate" not in sharpness.dims:
        raise MissingDataError("no learning_rate in the experiment")
    ratio = sharpness["learning_rate"] * sharpness / 2
    return ratio.max([name for name in ratio.dims if name != "seed"])


# Theory beside training (figs 9, 10)


def theory_deviation(
    dataset: xr.Dataset, phase: Literal["pretraining", "final"] | None = None, **where: Value
) -> xr.DataArray:
    """Largest difference of singular values between gradient descent and theory, over the largest one in training.

    Parameters
    ----------
    dataset
        With `singular_value` over `solver`, of which gradient descent is one and the theory the other.
    phase
        The phase looked at; both, if not given.
    where
        Coordinates to select by; the largest deviation over what they leave open.
    """
    chosen = at(dataset, **where)
    if phase is not None:
        chosen = chosen.where(chosen["phase"] == phase)
    values = chosen["singular_value"]
    training = at(values, solver="gradient_descent").drop_vars("solver")
    theories = [name for name in values["solver"].values if name != "gradient_descent"]
    if len(theories) != 1:
        raise MissingDataError(f"one theory beside gradient_descent; found {theories}")
    difference = abs(training - at(values, solver=theories[0]).drop_vars("solver"))
    ratio = difference.max(["epoch", "mode"]) / training.max(["epoch", "mode"])
    return ratio.max([dim for dim in ratio.dims if dim != "seed"])


# When the period closes


def prediction_factor(
    dataset: xr.Dataset,
    which: Literal["median", "largest"] = "median",
    predicted: str = "predicted_closing",
    measured: str = "measured_closing",
    **where: Selection,
) -> float:
    """Factor by which predictions are off, the median or the largest over settings."""
    factors = _agreement(dataset, predicted, measured, where)[1]
    return float(np.median(factors) if which == "median" else np.max(factors))


def prediction_order(
    dataset: xr.Dataset,
    predicted: str = "predicted_closing",
    measured: str = "measured_closing",
    **where: Selection,
) -> float:
    """Spearman's correlation of what was measured with predictions over settings."""
    return _agreement(dataset, predicted, measured, where)[0]


def _agreement(
    dataset: xr.Dataset, predicted: str, measured: str, where: Mapping[str, Selection]
) -> tuple[float, np.ndarray]:
    from critical_periods.analysis.closing import agreement, compared  # which builds on this module

    names = (predicted, measured)
    for name in names:
        if name not in dataset:
            raise MissingDataError(f"no {name} in the experiment")
    pair = dict(zip(names, xr.broadcast(*(dataset[name] for name in names)), strict=True))
    picked = {name: chosen(xr.Dataset(pair), name, **where) for name in names}
    known = {"harm_settled": dataset["harm_settled"]} if "harm_settled" in dataset else {}
    result = agreement(compared(xr.Dataset(picked | known), *names))
    if len(result[1]) < 3:
        raise MissingDataError(f"fewer than three settings with a {measured}")
    return result


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; 0 where one of the two does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])

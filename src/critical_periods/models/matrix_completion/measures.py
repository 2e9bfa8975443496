"""Measures of deep matrix completion and of the other models of one product of factors (figs 4 to 6, 8 to 10, 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from critical_periods.analysis.learning import HARM
from critical_periods.analysis.measures import (
    AxisValue,
    MissingDataError,
    Recorded,
    Selection,
    at,
    by_seed,
    chosen,
    n_large,
    parameter,
    rank_correlation,
    steps,
)

if TYPE_CHECKING:
    import xarray as xr


def change_by_deficit(dataset: xr.Dataset, variable: Recorded, **where: Selection) -> xr.DataArray:
    """A variable after the longest deficit less that without a deficit."""
    with_deficit, without = _with_and_without(dataset, variable, **where)
    return with_deficit - without


def growth_by_deficit(dataset: xr.Dataset, variable: Recorded, **where: Selection) -> xr.DataArray:
    """A variable after the longest deficit over that without a deficit."""
    with_deficit, without = _with_and_without(dataset, variable, **where)
    return with_deficit / without


def final_effect(dataset: xr.Dataset, reduce: Literal["max", "min"] = "max", **where: AxisValue) -> xr.DataArray:
    """Relative accuracy after the longest deficit; the largest or smallest one over what `where` leaves open."""
    return by_seed(at(dataset["relative_accuracy"], **where).isel(switch_epoch=-1), reduce)


def largest_effect(dataset: xr.Dataset, **where: AxisValue) -> xr.DataArray:
    """Largest |relative accuracy| over all durations of the deficit."""
    return by_seed(abs(at(dataset["relative_accuracy"], **where)), "max")


def effect_step(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Largest change of the relative accuracy after the longest deficit, from one value of a parameter to the next."""
    return steps(_longest(dataset), dim).max(dim)


def effect_rise(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Smallest change of that relative accuracy: positive only if it rises at every step."""
    return steps(_longest(dataset), dim).min(dim)


def effect_contrast(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Relative accuracy after the longest deficit: at the smallest value of a parameter minus at the largest one."""
    return _fall(_longest(dataset), dim)


def effect_trend(dataset: xr.Dataset, **where: AxisValue) -> xr.DataArray:
    """Rank correlation of relative accuracy with the duration of the deficit; the largest over what is left open."""
    return by_seed(rank_correlation(at(dataset["relative_accuracy"], **where), "switch_epoch"), "max")


def effect_by_rank(dataset: xr.Dataset, higher: bool) -> xr.DataArray:
    """Relative accuracy after the longest deficit by first tasks of higher, or lower, rank than the final one.

    Returns
    -------
    xarray.DataArray
        The largest value over higher ranks, or the smallest one over lower ranks: the one that says most against
        "high rank harms", and "low rank does not".
    """
    rank = parameter(dataset, "final_rank")
    longest = _longest(dataset)
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


def excess_rank(dataset: xr.Dataset, deficit: Literal["none", "longest"], **where: AxisValue) -> xr.DataArray:
    """Number of singular values above a tenth of the largest one at the end of training, minus the task's rank."""
    values = at(dataset["singular_value"], **where).isel(switch_epoch=0 if deficit == "none" else -1, drop=True)
    values = values.dropna("epoch", how="all").isel(epoch=-1, drop=True).transpose(..., "mode")
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
    import xarray as xr

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
    return steps(harmless_window(dataset["relative_accuracy"]), dim).max(dim)


def window_contrast(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Harmless window, in epochs, at the smallest value of a parameter minus at the largest one."""
    return _fall(harmless_window(dataset["relative_accuracy"]), dim)


def window_order(dataset: xr.Dataset, axis: str) -> xr.DataArray:
    """Spearman's correlation of the longest harmless duration with an axis."""
    return rank_correlation(harmless_window(chosen(dataset, "relative_accuracy")), axis)


def worst_seed_effect(dataset: xr.Dataset) -> float:
    """Relative accuracy after the longest deficit, for the seed that it harms least."""
    return float(_longest(dataset).max())


def seed_similarity(dataset: xr.Dataset) -> float:
    """Smallest correlation of a seed's curve of error against switch epoch with the mean curve of the other seeds.

    Raises
    ------
    critical_periods.analysis.measures.MissingDataError
        If there is one seed only.
    """
    curves = dataset["reconstruction_error"].transpose("seed", "switch_epoch").values.astype(float)
    if len(curves) < 2:
        raise MissingDataError("fewer than two seeds")
    others = (curves.sum(axis=0) - curves) / (len(curves) - 1)
    return min(_correlation(curve, other) for curve, other in zip(curves, others, strict=True))


def relative_imbalance(dataset: xr.Dataset, **where: AxisValue) -> xr.DataArray:
    """Largest drift of `balancedness` in a run, over the square of a factor's largest singular value.

    That is of the largest entry of |W_(j+1)^T W_(j+1) - W_j W_j^T|; smaller entries may change unseen. A factor's
    largest singular value is that of W to the power 1/N. Runs and learning rates left open: the largest.
    """
    depth = parameter(dataset, "depth")
    balancedness, values = (at(dataset[name], **where) for name in ("balancedness", "singular_value"))
    drift = abs(balancedness - balancedness.isel(epoch=0)).max("epoch")
    scale = values.isel(mode=0, drop=True).max("epoch") ** (2 / depth)
    return by_seed(drift / scale, "max")


def drift_order(dataset: xr.Dataset) -> xr.DataArray:
    """Exponent of the learning rate in the drift of balancedness, after the same time (learning rate times epochs).

    From the runs without a deficit at the smallest and the largest learning rate: 1 is a drift of O(learning rate).

    Raises
    ------
    critical_periods.analysis.measures.MissingDataError
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
    return by_seed(sharpness["learning_rate"] * sharpness / 2, "max")


def _with_and_without(dataset: xr.Dataset, variable: str, **where: Selection) -> list[xr.DataArray]:
    """A variable after the longest deficit, and without one."""
    ends = (chosen(dataset, variable, **where, switch_epoch=end) for end in ("last", "first"))
    return [values.drop_vars("switch_epoch") for values in ends]


def _longest(dataset: xr.Dataset) -> xr.DataArray:
    """Relative accuracy after the longest deficit."""
    return dataset["relative_accuracy"].isel(switch_epoch=-1)


def _fall(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Values at the smallest value of a coordinate minus those at the largest one."""
    if values.sizes.get(dim, 0) < 2:
        raise MissingDataError(f"fewer than two values of {dim}")
    values = values.sortby(dim)
    return values.isel({dim: 0}, drop=True) - values.isel({dim: -1}, drop=True)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; 0 where one of the two does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])

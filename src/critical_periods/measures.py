"""Measures on experiment datasets: plain functions of labelled arrays, each a number or one number a seed."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import xarray as xr

from critical_periods import coordinates

#: Axes of a dataset that number runs of the same thing.
RUNS = ("seed", "trajectory")

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


def n_large(singular_values: np.ndarray, fraction: float = 0.1) -> np.ndarray:
    """How many singular values exceed a fraction of the largest one; the last axis counts modes."""
    return (singular_values > fraction * singular_values.max(axis=-1, keepdims=True)).sum(axis=-1)


def pathway_share(pathway_singular_value: xr.DataArray, pathway: str = "b") -> xr.DataArray:
    """Part of what all pathways express together that one of them expresses."""
    return at(pathway_singular_value, pathway=pathway) / pathway_singular_value.sum("pathway")


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


def parameter(dataset: xr.Dataset, name: str) -> Any:
    """A parameter that all cells of an experiment share.

    Raises
    ------
    MissingDataError
        If they do not share it, or have none of that name.
    """
    shared = json.loads(dataset.attrs.get("parameters", "{}"))
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
    from scipy.stats import rankdata  # slow to load, and aggregation needs none of it

    coordinate = values[dim].values

    def correlation(series: np.ndarray) -> float:
        return _correlation(rankdata(series), rankdata(coordinate))

    return xr.apply_ufunc(correlation, values, input_core_dims=[[dim]], vectorize=True)


# Matrix completion (figs 4, 5, 6, 8, 13)


def final_effect(dataset: xr.Dataset, reduce: Literal["max", "min"] = "max", **where: Any) -> xr.DataArray:
    """Relative accuracy after the longest deficit; the largest or smallest one over what `where` leaves open."""
    longest = at(dataset["relative_accuracy"], **where).isel(switch_epoch=-1)
    open_dims = [dim for dim in longest.dims if dim != "seed"]
    return longest.max(open_dims) if reduce == "max" else longest.min(open_dims)


def largest_effect(dataset: xr.Dataset, **where: Any) -> xr.DataArray:
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


def effect_trend(dataset: xr.Dataset, **where: Any) -> xr.DataArray:
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


def final_singular_values(dataset: xr.Dataset, deficit: Literal["none", "longest"], **where: Any) -> xr.DataArray:
    """Singular values at the end of the run without a deficit, or with the longest one."""
    values = at(dataset["singular_value"], **where).isel(switch_epoch=0 if deficit == "none" else -1, drop=True)
    return values.dropna("epoch", how="all").isel(epoch=-1, drop=True)


def excess_rank(dataset: xr.Dataset, deficit: Literal["none", "longest"], **where: Any) -> xr.DataArray:
    """Number of singular values above a tenth of the largest one at the end of training, minus the task's rank."""
    values = final_singular_values(dataset, deficit, **where).transpose(..., "mode")
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


# Theory beside training (figs 9, 10)


def theory_deviation(
    dataset: xr.Dataset, phase: Literal["pretraining", "final"] | None = None, **where: Any
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


# Multi-pathway learning (figs 1, 2, 3, 7, 11, 12)


def trained(dataset: xr.Dataset) -> xr.DataArray:
    """Singular values of each pathway in the trained network, where the dataset holds its scalar reduction too."""
    values = dataset["pathway_singular_value"]
    return at(values, solver="gradient_descent").drop_vars("solver") if "solver" in values.dims else values


def deprived_share(dataset: xr.Dataset, deepest: bool = False) -> xr.DataArray:
    """Mean final share of b after the earliest deficit: the largest over depths, or that of the deepest network."""
    share = _mean_share(dataset, "early")
    if deepest:
        return share.sortby("depth").isel(depth=-1, drop=True)
    return share.max([dim for dim in share.dims if dim != "seed"])


def deprived_share_step(dataset: xr.Dataset) -> xr.DataArray:
    """Largest change of the mean share of b after the earliest deficit, from one depth to the next."""
    return largest_step(_mean_share(dataset, "early"), "depth")


def late_change(dataset: xr.Dataset, deepest_shallow: int = 0) -> xr.DataArray:
    """How far the latest deficit moves what b learns, as a part of what it learns without any deficit.

    Without a deficit the pathways are exchangeable, so that b gets half on average. The largest value over the depths
    above `deepest_shallow`.
    """
    share = _mean_share(dataset, "late")
    share = share.where(share["depth"] > deepest_shallow, drop=True)
    if not share.size:
        raise MissingDataError(f"no depth above {deepest_shallow} in the experiment")
    change = abs(share / 0.5 - 1)
    return change.max([dim for dim in change.dims if dim != "seed"])


def late_change_at(dataset: xr.Dataset, depth: int) -> xr.DataArray:
    """How far the latest deficit moves what b learns at one depth, as a part of what it learns without any."""
    return abs(_mean_share(at(dataset, depth=depth), "late") / 0.5 - 1)


def pathway_extreme(
    dataset: xr.Dataset,
    pathway: str,
    over: Literal["max", "min"],
    onset: Literal["early", "late"] | None = None,
    modes: Literal["all", "lesioned", "other"] = "all",
) -> xr.DataArray:
    """Final K of a pathway over the task's singular value: the largest or smallest one over modes."""
    learned = _relative(dataset, onset)
    values = at(learned, pathway=pathway).isel(epoch=-1)
    if modes != "all":
        lesioned = values["mode"].isin(parameter(dataset, "lesioned_modes"))
        values = values.where(lesioned if modes == "lesioned" else ~lesioned, drop=True)
    return values.max("mode") if over == "max" else values.min("mode")


def movement(
    dataset: xr.Dataset, onset: Literal["middle", "late"], learned: Literal["all", "before"] = "all"
) -> xr.DataArray:
    """Largest change of K_a or K_b over s from the deficit's onset to the end of training.

    Over all modes, or over those learned before: whose pathways express 90 % of s together at the onset.
    """
    values, start = _from_onset(dataset, onset)
    change = abs(values.isel(epoch=-1) - start).max("pathway")
    if learned == "before":
        known = start.sum("pathway") > 0.9
        if not known.any():
            raise MissingDataError("no mode is learned before the deficit")
        change = change.where(known)
    return change.max("mode")


def unlearned_share(dataset: xr.Dataset) -> xr.DataArray:
    """Largest final share of b among the modes that are not half learned when the middle deficit begins."""
    values, start = _from_onset(dataset, "middle")
    unknown = start.sum("pathway") < 0.5
    if not unknown.any():
        raise MissingDataError("every mode is learned before the deficit")
    return pathway_share(values.isel(epoch=-1)).where(unknown).max("mode")


def learning_order(dataset: xr.Dataset) -> xr.DataArray:
    """Smallest wait, in epochs, between a larger and the next smaller singular value of the task, late deficit.

    A mode is learned when both pathways express half of it together; equal singular values are averaged.

    Raises
    ------
    MissingDataError
        If a mode is never learned.
    """
    total = _relative(dataset, "late").sum("pathway")
    learned = total > 0.5
    if not learned.any("epoch").all():
        raise MissingDataError("a mode that is never half learned")
    time = total["epoch"][learned.argmax("epoch")].drop_vars("epoch").astype(float)
    smallness = -total["task_singular_value"].values.round(6)
    grouped = time.assign_coords(smallness=("mode", smallness)).groupby("smallness").mean("mode")
    return -largest_step(-grouped, "smallness")


def solver_deviation(dataset: xr.Dataset) -> xr.DataArray:
    """Largest |K of gradient descent - K of the scalar ODE| over s, of all epochs, modes, pathways and deficits."""
    values = dataset["pathway_singular_value"] / dataset["task_singular_value"]
    difference = abs(
        at(values, solver="gradient_descent").drop_vars("solver") - at(values, solver="ode").drop_vars("solver")
    )
    return difference.max([dim for dim in difference.dims if dim != "seed"])


def scalar_imbalance(dataset: xr.Dataset) -> xr.DataArray:
    """Largest drift of q^2 - p^2 over s^(2/D), the size of p^2 and q^2 once a mode is learned (eq 8)."""
    if "imbalance_drift" not in dataset:
        raise MissingDataError("no imbalance_drift in the experiment")
    drift = dataset["imbalance_drift"] / dataset["task_singular_value"] ** (2 / dataset["depth"])
    return drift.max([dim for dim in drift.dims if dim != "seed"])


def _mean_share(dataset: xr.Dataset, deficit: Literal["early", "late"]) -> xr.DataArray:
    values = trained(dataset)
    if "onset" not in values.coords:
        raise MissingDataError("no onset in the experiment")
    final = values.isel(epoch=-1).sortby("onset").isel(onset=0 if deficit == "early" else -1, drop=True)
    share = pathway_share(final)
    return share.mean([dim for dim in share.dims if dim in ("trajectory", "mode")])


def _relative(dataset: xr.Dataset, onset: Literal["early", "middle", "late"] | None) -> xr.DataArray:
    """K over s of the trained network, for one of the experiment's onsets."""
    values = trained(dataset) / dataset["task_singular_value"]
    if onset is None:
        return values
    if "onset" not in values.dims or values.sizes["onset"] < (3 if onset == "middle" else 2):
        raise MissingDataError(f"no {onset} onset in the experiment")
    values = values.sortby("onset")
    return values.isel(onset={"early": 0, "middle": values.sizes["onset"] // 2, "late": -1}[onset])


def _from_onset(dataset: xr.Dataset, onset: Literal["middle", "late"]) -> tuple[xr.DataArray, xr.DataArray]:
    values = _relative(dataset, onset)
    return values, values.sel(epoch=values["onset"].item(), method="nearest")


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; 0 where one of the two does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])

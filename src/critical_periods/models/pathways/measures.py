"""Measures of multi-pathway learning (figs 1, 2, 3, 7, 11, 12), and of steps at the edge of stability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from critical_periods.analysis.measures import (
    MissingDataError,
    Selection,
    at,
    by_seed,
    chosen,
    parameter,
    steps,
)

if TYPE_CHECKING:
    import xarray as xr

#: Share lost to gating up to which it counts as none: what tolerances of the integrator may leave.
NO_EFFECT = 1e-6


def pathway_share(pathway_singular_value: xr.DataArray, pathway: str = "b") -> xr.DataArray:
    """Part of what all pathways express together that one of them expresses."""
    return at(pathway_singular_value, pathway=pathway) / pathway_singular_value.sum("pathway")


def _trained(dataset: xr.Dataset) -> xr.DataArray:
    """Singular values of each pathway in the trained network, where the dataset holds its scalar reduction too."""
    values = dataset["pathway_singular_value"]
    return at(values, solver="gradient_descent").drop_vars("solver") if "solver" in values.dims else values


def deprived_share(dataset: xr.Dataset, deepest: bool = False) -> xr.DataArray:
    """Mean final share of b after the earliest deficit: the largest over depths, or that of the deepest network."""
    share = _early_share(dataset)
    if deepest:
        return share.sortby("depth").isel(depth=-1, drop=True)
    return by_seed(share, "max")


def deprived_share_step(dataset: xr.Dataset) -> xr.DataArray:
    """Largest change of the mean share of b after the earliest deficit, from one depth to the next."""
    return steps(_early_share(dataset), "depth").max("depth")


def late_change(dataset: xr.Dataset, deepest_shallow: int) -> xr.DataArray:
    """What the latest deficit costs b, from the same initial conditions, as a part of an equal share.

    The mean over initial conditions; the largest value over the depths above `deepest_shallow`.
    """
    change = _late_change(dataset)
    change = change.where(change["depth"] > deepest_shallow, drop=True)
    if not change.size:
        raise MissingDataError(f"no depth above {deepest_shallow} in the experiment")
    return by_seed(change, "max")


def late_change_at(dataset: xr.Dataset, depth: int) -> xr.DataArray:
    """What the latest deficit costs b at one depth, as `late_change`."""
    return by_seed(_late_change(dataset, depth=depth), "mean")


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

    By learning and by the deficit together. Over all modes, or over those learned before: whose pathways express 90 %
    of s together at the onset.
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
    critical_periods.analysis.measures.MissingDataError
        If a mode is never learned.
    """
    total = _relative(dataset, "late").sum("pathway")
    learned = total > 0.5
    if not learned.any("epoch").all():
        raise MissingDataError("a mode that is never half learned")
    time = total["epoch"][learned.argmax("epoch")].drop_vars("epoch").astype(float)
    smallness = -total["task_singular_value"].values.round(6)
    grouped = time.assign_coords(smallness=("mode", smallness)).groupby("smallness").mean("mode")
    return steps(grouped, "smallness").min("smallness")


def scalar_imbalance(dataset: xr.Dataset) -> xr.DataArray:
    """Largest drift of q^2 - p^2 over s^(2/D), the size of p^2 and q^2 once a mode is learned (eq 8)."""
    if "imbalance_drift" not in dataset:
        raise MissingDataError("no imbalance_drift in the experiment")
    drift = dataset["imbalance_drift"] / dataset["task_singular_value"] ** (2 / dataset["depth"])
    return by_seed(drift, "max")


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
    between = (dataset["edge_step"] > 1) & (dataset["edge_step"] < 2 ** (1 - 2 / dataset["depth"]))
    if not between.any():
        raise MissingDataError("no step between the two stable limits")
    return by_seed(abs(dataset["step_over_edge"] - 1).where(between), "median")


def _late_change(dataset: xr.Dataset, **where: Selection) -> xr.DataArray:
    return abs(chosen(dataset, "impairment", onset="last", **where)) * dataset.sizes["pathway"]


def _early_share(dataset: xr.Dataset) -> xr.DataArray:
    values = _trained(dataset)
    if "onset" not in values.coords:
        raise MissingDataError("no onset in the experiment")
    final = values.isel(epoch=-1).sortby("onset").isel(onset=0, drop=True)
    share = pathway_share(final)
    return share.mean([dim for dim in share.dims if dim in ("trajectory", "mode")])


def _relative(dataset: xr.Dataset, onset: Literal["early", "middle", "late"] | None) -> xr.DataArray:
    """K over s of the trained network, for one of the experiment's onsets."""
    values = _trained(dataset) / dataset["task_singular_value"]
    if onset is None:
        return values
    if "onset" not in values.dims or values.sizes["onset"] < (3 if onset == "middle" else 2):
        raise MissingDataError(f"no {onset} onset in the experiment")
    values = values.sortby("onset")
    return values.isel(onset={"early": 0, "middle": values.sizes["onset"] // 2, "late": -1}[onset])


def _from_onset(dataset: xr.Dataset, onset: Literal["middle", "late"]) -> tuple[xr.DataArray, xr.DataArray]:
    values = _relative(dataset, onset)
    return values, values.sel(epoch=values["onset"].item(), method="nearest")


def sharing_gap(dataset: xr.Dataset, **where: Selection) -> xr.DataArray:
    """How far the sharpness of pathways that share equally is from D s^(2 - 2/D) n^-(1 - 2/D), relative to that.

    Returns
    -------
    xarray.DataArray
        The largest over depths and numbers of pathways, both of which the experiment has to vary.
    """
    sharpness, size = chosen(dataset, "sharpness", **where), parameter(dataset, "singular_value")
    if not {"depth", "n_pathways"} <= set(sharpness.dims):
        raise MissingDataError("no depth and n_pathways in the experiment")
    depth, pathways = sharpness["depth"], sharpness["n_pathways"]
    gaps = abs(sharpness * pathways ** (1 - 2 / depth) / (depth * size ** (2 - 2 / depth)) - 1)
    return by_seed(gaps, "max")


def loser_evenness(dataset: xr.Dataset, **where: Selection) -> xr.DataArray:
    """Smallest share of a pathway over the second largest: 1 where what the winner gives up goes to all others alike.

    Returns
    -------
    xarray.DataArray
        The mean over trajectories and what `where` leaves open.
    """
    import xarray as xr

    descending = xr.apply_ufunc(
        lambda share: -np.sort(-share), dataset["share"], input_core_dims=[["pathway"]], output_core_dims=[["order"]]
    )  # fmt: skip
    ratio = descending.min("order") / descending.isel(order=1)
    return by_seed(chosen(ratio.to_dataset(name="evenness"), "evenness", **where), "mean")


def strategy_contrast(
    dataset: xr.Dataset,
    one: str,
    other: str,
    which: Literal["largest", "smallest"],
    over: Literal["range", "worst"] = "range",
) -> xr.DataArray:
    """How much more one strategy of gating costs than another, relative to what gating can cost.

    Parameters
    ----------
    dataset
        With `strategy_impairment` over `strategy`, of which `worst` and `best` are two.
    one, other
        The strategies.
    which
        The largest or the smallest value over settings.
    over
        What it is divided by: the range from the best to the worst schedule, or all that the worst one costs.

    Returns
    -------
    xarray.DataArray
        Not a number where that is no more than `NO_EFFECT` in a setting: without an effect, no strategy is worse.
    """
    costs = {
        name: chosen(dataset, "strategy_impairment", strategy=name).drop_vars("strategy")
        for name in {one, other, "worst", "best"}
    }
    scale = costs["worst"] - costs["best"] if over == "range" else costs["worst"]
    relative = (costs[one] - costs[other]) / scale.where(scale > NO_EFFECT)
    axes = [axis for axis in relative.dims if axis != "seed"]
    return relative.max(axes, skipna=False) if which == "largest" else relative.min(axes, skipna=False)

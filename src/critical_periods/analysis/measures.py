"""Measures on experiment datasets, each a number or one number a seed, and what they are made of.

Public functions whose first argument is `dataset` are what a claim may name as its `measure`, and their other
arguments what it may give (`critical_periods.analysis.measure_signatures`). Measures of what only some models have lie
with these, in `models/*/measures.py`. Planning imports these modules, so that they import xarray where they use it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from critical_periods.analysis import coordinates
from critical_periods.analysis.measure_signatures import RECORDED
from critical_periods.analysis.statistics import spearman

if TYPE_CHECKING:
    import xarray as xr

#: What selects on an axis: one of its values; or a part of them, for measures that say so.
AxisValue = bool | float | str
Selection = AxisValue | Mapping[Literal["at_least", "at_most"], float]

#: Name of a variable that the experiment of a claim has to record.
Recorded = Annotated[str, RECORDED]


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
            inside = (found[axis] >= value.get("at_least", -np.inf)) & (found[axis] <= value.get("at_most", np.inf))
            found = found.isel({axis: np.flatnonzero(inside)})
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


def by_seed(values: xr.DataArray, over_others: Literal["max", "min", "mean", "median"]) -> xr.DataArray:
    """Largest, smallest, mean or median value of each seed, over all other axes."""
    others = [axis for axis in values.dims if axis != "seed"]
    return getattr(values, over_others)(others)


def steps(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Changes from one value of a coordinate to the next.

    Raises
    ------
    MissingDataError
        If there are fewer than two values.
    """
    if dim not in values.dims or values.sizes[dim] < 2:
        raise MissingDataError(f"fewer than two values of {dim}")
    return values.sortby(dim).diff(dim)


def rank_correlation(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Spearman's rank correlation of values with their coordinate; 0 where all values are the same.

    Raises
    ------
    MissingDataError
        If there are fewer than two values.
    """
    if values.sizes[dim] < 2:
        raise MissingDataError(f"fewer than two values of {dim}")
    import xarray as xr

    return xr.apply_ufunc(spearman, values, values[dim], input_core_dims=[[dim], [dim]], vectorize=True)


# Any variable of any experiment


def extreme(
    dataset: xr.Dataset, variable: Recorded, which: Literal["largest", "smallest"], **where: Selection
) -> xr.DataArray:
    """Largest or smallest value of a variable over the axes that `where` leaves open (see `chosen`)."""
    values = chosen(dataset, variable, **where)
    return by_seed(values, "max" if which == "largest" else "min")


def contrast(
    dataset: xr.Dataset,
    variable: Recorded,
    axis: str,
    one: AxisValue | None,
    other: AxisValue | None,
    **where: Selection,
) -> xr.DataArray:
    """A variable at one value of an axis less that at another, null being a value too; the mean over what is open."""
    first, second = (chosen(dataset, variable, **where, **{axis: value}).drop_vars(axis) for value in (one, other))
    return by_seed(first - second, "mean")


def largest_contrast(
    dataset: xr.Dataset,
    variable: Recorded,
    axis: str,
    one: AxisValue | None,
    other: AxisValue | None,
    **where: Selection,
) -> xr.DataArray:
    """Largest distance of a variable at one value of an axis from that at another, over what is open."""
    first, second = (chosen(dataset, variable, **where, **{axis: value}).drop_vars(axis) for value in (one, other))
    return by_seed(abs(first - second), "max")


def smallest_rise(dataset: xr.Dataset, variable: Recorded, axis: str, **where: Selection) -> xr.DataArray:
    """Smallest change of a variable from one value of an axis to the next: positive only if it rises at every step."""
    return by_seed(steps(chosen(dataset, variable, **where), axis), "min")


def order(dataset: xr.Dataset, variable: Recorded, axis: str, **where: Selection) -> xr.DataArray:
    """Spearman's correlation of a variable with an axis, the mean over the axes that `where` leaves open."""
    return by_seed(rank_correlation(chosen(dataset, variable, **where), axis), "mean")


# Theory beside training (figs 9, 10)


def theory_deviation(
    dataset: xr.Dataset, phase: Literal["pretraining", "final"] | None = None, ends: bool = False, **where: AxisValue
) -> xr.DataArray:
    """Largest difference of singular values between gradient descent and theory, over the largest one in training.

    Parameters
    ----------
    dataset
        With `singular_value` over `solver`, of which gradient descent is one and the theory the other.
    phase
        The phase looked at; both, if not given.
    ends
        Look only at the last record of each phase, where modes move no more.
    where
        Coordinates to select by; the largest deviation over what they leave open.
    """
    chosen = at(dataset, **where)
    if phase is not None:
        chosen = chosen.where(chosen["phase"] == phase)
    if ends:
        chosen = chosen.where(chosen["phase"] != chosen["phase"].shift(epoch=-1))
    values = chosen["singular_value"]
    training = at(values, solver="gradient_descent").drop_vars("solver")
    theories = [name for name in values["solver"].values if name != "gradient_descent"]
    if len(theories) != 1:
        raise MissingDataError(f"one theory beside gradient_descent; found {theories}")
    difference = abs(training - at(values, solver=theories[0]).drop_vars("solver"))
    ratio = difference.max(["epoch", "mode"]) / training.max(["epoch", "mode"])
    return by_seed(ratio, "max")


# When the period closes


def prediction_factor(
    dataset: xr.Dataset,
    which: Literal["median", "largest"] = "median",
    predicted: Recorded = "predicted_closing",
    measured: Recorded = "measured_closing",
    **where: Selection,
) -> float:
    """Factor by which predictions are off, the median or the largest over settings."""
    factors = _agreement(dataset, predicted, measured, where)[1]
    return float(np.median(factors) if which == "median" else np.max(factors))


def prediction_order(
    dataset: xr.Dataset,
    predicted: Recorded = "predicted_closing",
    measured: Recorded = "measured_closing",
    **where: Selection,
) -> float:
    """Spearman's correlation of what was measured with predictions over settings."""
    return _agreement(dataset, predicted, measured, where)[0]


def _agreement(
    dataset: xr.Dataset, predicted: str, measured: str, where: Mapping[str, Selection]
) -> tuple[float, np.ndarray]:
    import xarray as xr

    from critical_periods.analysis.closing import agreement, compared  # which imports xarray

    names = (predicted, measured)
    for name in names:
        if name not in dataset:
            raise MissingDataError(f"no {name} in the experiment")
    looked_at = [name for name in (*names, "harm_settled") if name in dataset]
    arrays = xr.broadcast(*(dataset[name] for name in looked_at))
    parts = xr.Dataset(dict(zip(looked_at, arrays, strict=True)))
    picked = {name: chosen(parts, name, **where) for name in looked_at}
    result = agreement(compared(xr.Dataset(picked), *names))
    if len(result[1]) < 3:
        raise MissingDataError(f"fewer than three settings with a {measured}")
    return result

"""What follows from the singular values of a trained product matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import xarray as xr

from critical_periods.analysis.learning import LEARNED, first_and_last


def predict_learning(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
    """A cell with `learned`: whether W ended as large as it has to be for a training loss below `LEARNED`.

    No training loss is recorded. On the observed entries |W - M| is at least |M| - |W|, and the mean square of M's
    entries is 1, so that such a loss takes |W|_F of (1 - LEARNED^(1/2)) n_observed^(1/2) or more. Singular values that
    are not recorded are at most the last one that is. The run is that of the shortest first task.

    Parameters
    ----------
    dataset, parameters
        Dataset and parameters of the cell.
    axes
        Axes of the experiment.
    """
    sides = [parameters[name] for name in ("rows", "columns") if name in parameters] or [parameters["size"]] * 2
    values = dataset["singular_value"].sel(solver="gradient_descent", drop=True)
    if "switch_epoch" in values.dims:
        values = values.isel(switch_epoch=0, drop=True)
    squares = first_and_last(values)[1] ** 2
    norm = squares.sum("mode") + (min(sides) - squares.sizes["mode"]) * squares.isel(mode=-1, drop=True)
    needed = (1 - math.sqrt(LEARNED)) ** 2 * parameters.get("n_observed", math.prod(sides))
    return dataset.assign(learned=norm >= needed)

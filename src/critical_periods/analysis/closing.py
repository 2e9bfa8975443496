"""When the period closes, as measured: how long a deficit may last before it harms, and how well theory tells."""

from __future__ import annotations

import numpy as np
import xarray as xr

from critical_periods.analysis.measures import HARM, RUNS
from critical_periods.analysis.statistics import spearman


def measured_closing(harm: xr.DataArray, dim: str) -> xr.DataArray:
    """Duration at which the harm first reaches half of what the longest deficit does, interpolated in log duration.

    Parameters
    ----------
    harm
        Harm after deficits of all durations.
    dim
        The axis of durations.

    Returns
    -------
    xarray.DataArray
        In the unit of the durations. NaN where the longest deficit does less harm than `measures.HARM`, so that the
        period never closes, and where the shortest one above 0 already does half, so that it is over before.
    """
    harm = harm.sortby(dim)
    durations = harm[dim].values.astype(float)

    def closing(series: np.ndarray) -> float:
        level = series[-1] / 2
        reached = int(np.argmax(series >= level))
        if not series[-1] >= HARM or reached == 0 or durations[reached - 1] <= 0:
            return float("nan")
        around = slice(reached - 1, reached + 1)
        return float(np.exp(np.interp(level, series[around], np.log(durations[around]))))

    return xr.apply_ufunc(closing, harm, input_core_dims=[[dim]], vectorize=True)


def compared(dataset: xr.Dataset, predicted: str, measured: str) -> xr.Dataset:
    """Predictions beside measurements, a point for every setting.

    Parameters
    ----------
    dataset
        Dataset with both variables.
    predicted, measured
        Names of the variables, in the same unit.

    Returns
    -------
    xarray.Dataset
        Over `point`, with the settings as coordinates: `predicted` and `measured` (geometric means over runs), `low`
        and `high` (the smallest and largest run measured), and `known`: whether both are positive numbers.
    """
    both = xr.broadcast(dataset[predicted].where(dataset[predicted] > 0), dataset[measured])
    theory, runs = both[0], both[1].where(both[1] > 0)
    over = [axis for axis in RUNS if axis in runs.dims]
    points = xr.Dataset(
        {
            "predicted": 10 ** xr.ufuncs.log10(theory).mean(over),
            "measured": 10 ** xr.ufuncs.log10(runs).mean(over),
            "low": runs.min(over),
            "high": runs.max(over),
        }
    )
    points["known"] = points["predicted"].notnull() & points["measured"].notnull()
    points = points if points["known"].dims else points.expand_dims("setting")
    return points.stack(point=points["known"].dims).reset_index("point")


def agreement(points: xr.Dataset) -> tuple[float, float, int]:
    """How well predictions hold: Spearman's correlation, the median factor by which they are off, number of points."""
    known = points["known"].values
    x, y = points["predicted"].values[known], points["measured"].values[known]
    if len(x) < 3:
        return float("nan"), float("nan"), len(x)
    return spearman(x, y), float(np.exp(np.median(abs(np.log(y / x))))), len(x)

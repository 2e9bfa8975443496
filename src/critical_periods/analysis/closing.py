"""When the period closes, as measured: how long a deficit may last before it harms, and how well theory tells."""

from __future__ import annotations

import numpy as np
import xarray as xr

from critical_periods.analysis.coordinates import RUNS
from critical_periods.analysis.learning import HARM
from critical_periods.analysis.statistics import spearman

#: Share of the harm of the longest deficit that the second longest has to do, for the harm to count as all there is.
ALL = 0.75


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
        In the unit of the durations. NaN where the longest deficit does less harm than `learning.HARM`, so that the
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


def settled(harm: xr.DataArray, dim: str) -> xr.DataArray:
    """Whether the longest deficit has done all its harm; if not, half of it is no closing, and closings are censored.

    Parameters
    ----------
    harm, dim
        As of `measured_closing`.
    """
    harm = harm.sortby(dim)
    if harm.sizes[dim] < 2:  # without a deficit there is no harm that could have settled
        return xr.zeros_like(harm.isel({dim: -1}, drop=True), dtype=bool)
    return harm.isel({dim: -2}, drop=True) >= ALL * harm.isel({dim: -1}, drop=True)


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
        Over `point`, with the settings as coordinates: `predicted` and `measured` (geometric means over the same runs:
        those whose period closes and, where `harm_settled` says, that are not censored), `low` and `high` (the
        smallest and largest run measured), and `known`: whether both are positive numbers in half of the runs or more.
    """
    both = xr.broadcast(dataset[predicted].where(dataset[predicted] > 0), dataset[measured])
    runs = both[1].where(both[1] > 0).where(dataset.get("harm_settled", True))
    theory = both[0].where(runs.notnull())
    over = [axis for axis in RUNS if axis in runs.dims]
    points = xr.Dataset(
        {
            "predicted": 10 ** xr.ufuncs.log10(theory).mean(over),
            "measured": 10 ** xr.ufuncs.log10(runs).mean(over),
            "low": runs.min(over),
            "high": runs.max(over),
        }
    )
    points["known"] = (theory.notnull().mean(over) >= 0.5) & points["predicted"].notnull()
    points = points if points["known"].dims else points.expand_dims("setting")
    return points.stack(point=points["known"].dims).reset_index("point")


def agreement(points: xr.Dataset) -> tuple[float, np.ndarray]:
    """How well predictions hold: Spearman's correlation, and the factors by which they are off, a point each."""
    known = points["known"].values
    x, y = points["predicted"].values[known], points["measured"].values[known]
    factors = np.exp(abs(np.log(y / x)))
    return spearman(x, y) if len(x) > 2 else float("nan"), factors

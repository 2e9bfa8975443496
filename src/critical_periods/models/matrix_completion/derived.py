"""What follows from the final errors of an experiment in matrix completion."""

from __future__ import annotations

import numpy as np
import xarray as xr

from critical_periods.analysis.closing import measured_closing, settled
from critical_periods.analysis.measures import HARM, relative_accuracy


def derive(dataset: xr.Dataset) -> xr.Dataset:
    """An experiment with what follows from its errors.

    These are `relative_accuracy` (fig 4), `measured_closing`, beside stages `harm_settled`, and by strength of a cure
    `recovery` and `recovery_epochs`.
    """
    error = dataset["reconstruction_error"]
    accuracy = relative_accuracy(error)
    derived = {"relative_accuracy": accuracy, "measured_closing": measured_closing(-accuracy, "switch_epoch")}
    if "staged_closing" in dataset:
        derived["harm_settled"] = settled(-accuracy, "switch_epoch")
    history = dataset.get("reconstruction_error_history")
    if "cure_strength" in error.dims and 0 in error["cure_strength"]:
        uncured = error.sel(cure_strength=0, drop=True)
        lost = uncured - uncured.sel(switch_epoch=0, drop=True)
        lost = lost.where(lost >= HARM)
        derived["recovery"] = (uncured - error) / lost
        derived["recovery_epochs"] = below_for_good(
            *(part.sortby("switch_epoch").isel(switch_epoch=-1) for part in (history, uncured - lost / 2))
        ).drop_vars("switch_epoch")
    return dataset.assign(derived)


def below_for_good(history: xr.DataArray, level: xr.DataArray) -> xr.DataArray:
    """Epochs from the switch on until an error stays below a level, interpolated between records.

    Parameters
    ----------
    history
        The error (..., epoch) after a first task of `switch_epoch`, NaN where it was not recorded.
    level
        The level, (...).

    Returns
    -------
    xarray.DataArray
        NaN where the level is, or where the last record is above it.
    """
    epochs = history["epoch"].values

    def passed(errors: np.ndarray, limit: float, switch: float) -> float:
        known = ~np.isnan(errors) & (epochs >= switch)
        errors, times = errors[known], epochs[known] - switch
        if not len(errors) or not errors[-1] <= limit:
            return float("nan")
        above = np.flatnonzero(errors > limit)
        if not len(above):
            return 0.0
        around = slice(above[-1], above[-1] + 2)
        return float(np.interp(-limit, -errors[around], times[around]))

    core = [["epoch"], [], []]
    return xr.apply_ufunc(passed, history, level, history["switch_epoch"], input_core_dims=core, vectorize=True)

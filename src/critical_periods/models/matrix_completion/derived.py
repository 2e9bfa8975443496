"""What follows from the errors and training losses of an experiment in matrix completion."""

from __future__ import annotations

import numpy as np
import xarray as xr

from critical_periods.analysis.closing import measured_closing, settled
from critical_periods.analysis.learning import HARM, learning
from critical_periods.analysis.measures import relative_accuracy


def derive(dataset: xr.Dataset) -> xr.Dataset:
    """An experiment with what follows from its errors and losses.

    These are `remaining_loss` and `learned`, of the run without a deficit and, among strengths of a cure, without one;
    `relative_accuracy` (fig 4); `measured_closing`, NaN where the network has not learned; beside stages
    `harm_settled`; and by strength of a cure `recovery` and `recovery_epochs`.
    """
    error = dataset["reconstruction_error"]
    accuracy = relative_accuracy(error)
    cured = "cure_strength" in error.dims and 0 in error["cure_strength"]
    nothing = {"switch_epoch": 0, "cure_strength": 0} if cured else {"switch_epoch": 0}
    derived = learning(dataset.sel(nothing, drop=True)) | {"relative_accuracy": accuracy}
    derived["measured_closing"] = measured_closing(-accuracy, "switch_epoch").where(derived["learned"])
    if "staged_closing" in dataset:
        derived["harm_settled"] = settled(-accuracy, "switch_epoch")
    if cured:
        uncured = error.sel(cure_strength=0, drop=True)
        lost = uncured - uncured.sel(switch_epoch=0, drop=True)
        lost = lost.where(lost >= HARM)
        derived["recovery"] = (uncured - error) / lost
        history, level = dataset["reconstruction_error_history"], uncured - lost / 2
        longest = {"switch_epoch": -1}
        derived["recovery_epochs"] = below_for_good(history.isel(longest, drop=True), level.isel(longest, drop=True))
    return dataset.assign(derived)


def below_for_good(history: xr.DataArray, level: xr.DataArray) -> xr.DataArray:
    """Epochs from the end of the first task until an error stays below a level, interpolated between records.

    Parameters
    ----------
    history
        The error (..., epoch), with the coordinate `phase`; NaN where it was not recorded.
    level
        The level (...).

    Returns
    -------
    xarray.DataArray
        NaN where the level is (there was no deficit, or it did no harm), or where the last record is above it.
    """
    epochs = history["epoch"].values

    def passed(errors: np.ndarray, phases: np.ndarray, limit: float) -> float:
        if np.isnan(limit):
            return float("nan")
        switch = int(np.flatnonzero(phases == "pretraining")[-1]) + 1
        known = switch + np.flatnonzero(~np.isnan(errors[switch:]))
        errors, times = errors[known], epochs[known] - epochs[switch]
        if not errors[-1] <= limit:
            return float("nan")
        above = np.flatnonzero(errors > limit)
        around = slice(above[-1], above[-1] + 2) if len(above) else slice(1)
        return float(np.interp(-limit, -errors[around], times[around]))

    core = [["epoch"], ["epoch"], []]
    return xr.apply_ufunc(passed, history, history["phase"], level, input_core_dims=core, vectorize=True)

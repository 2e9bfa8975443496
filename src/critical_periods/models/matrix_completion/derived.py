"""What follows from the final errors of an experiment in matrix completion."""

from __future__ import annotations

import xarray as xr

from critical_periods.analysis.closing import measured_closing, settled
from critical_periods.analysis.measures import HARM, relative_accuracy


def derive(dataset: xr.Dataset) -> xr.Dataset:
    """An experiment with what follows from its errors.

    These are `relative_accuracy` (fig 4), `measured_closing`, beside stages `harm_settled`, and `recovery` by strength
    of a cure.
    """
    error = dataset["reconstruction_error"]
    accuracy = relative_accuracy(error)
    derived = {"relative_accuracy": accuracy, "measured_closing": measured_closing(-accuracy, "switch_epoch")}
    if "staged_closing" in dataset:
        derived["harm_settled"] = settled(-accuracy, "switch_epoch")
    if "cure_strength" in error.dims and 0 in error["cure_strength"]:
        uncured = error.sel(cure_strength=0, drop=True)
        lost = uncured - uncured.sel(switch_epoch=0, drop=True)
        derived["recovery"] = (uncured - error) / lost.where(lost >= HARM)
    return dataset.assign(derived)

"""What follows from the final errors of an experiment in matrix completion."""

from __future__ import annotations

import xarray as xr

from critical_periods.analysis.closing import measured_closing, settled
from critical_periods.analysis.measures import relative_accuracy


def derive(dataset: xr.Dataset) -> xr.Dataset:
    """An experiment with `relative_accuracy` (fig 4) and `measured_closing`; beside stages with `harm_settled` too."""
    accuracy = relative_accuracy(dataset["reconstruction_error"])
    found = dataset.assign(relative_accuracy=accuracy, measured_closing=measured_closing(-accuracy, "switch_epoch"))
    if "staged_closing" not in dataset:
        return found
    return found.assign(harm_settled=settled(-accuracy, "switch_epoch"))

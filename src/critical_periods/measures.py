"""Measures on experiment datasets: plain functions of arrays and of labelled arrays."""

from __future__ import annotations

import numpy as np
import xarray as xr


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

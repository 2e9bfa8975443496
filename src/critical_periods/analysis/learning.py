"""Whether a network has learned, and what counts as harm.

Claims say nothing of a network that has not learned: no deficit can harm it. Light enough for planning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

#: Part of the training loss at the start below which training ends where a network has learned.
LEARNED = 0.01

#: Loss of relative accuracy from which on a deficit counts as harmless no longer (`harmless_window`).
HARM = 0.1


def first_and_last(values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """First and last record, along `epoch`, that is not NaN; NaN where there is none."""
    count = values.notnull().cumsum("epoch")
    return tuple(values.where(count == wanted).max("epoch") for wanted in (1, count.isel(epoch=-1)))  # type: ignore[return-value]


def learning(undisturbed: xr.Dataset) -> dict[str, Any]:
    """What training losses say of learning: `remaining_loss`, the last one over the first one, and `learned`.

    Parameters
    ----------
    undisturbed
        Training without a deficit: `train_loss` over `epoch`, the axes of the experiment and those of runs and modes
        in a cell, of which the worst one counts. A cell that diverged, where `diverged` says so, has not learned.
    """
    first, last = first_and_last(undisturbed["train_loss"])
    remaining = last / first
    remaining = remaining.max([axis for axis in ("trajectory", "mode") if axis in remaining.dims], skipna=False)
    if "diverged" in undisturbed:
        remaining = remaining.where(~undisturbed["diverged"])
    return {"remaining_loss": remaining, "learned": remaining < LEARNED}

"""Curves with their spread: the mean over runs, a band of one standard deviation, single runs faint.

On a logarithmic axis both are of the logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from textwrap import fill
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from critical_periods.figures import style
from critical_periods.measures import HARM, RUNS

#: Up to this many runs are drawn one by one, and up to this many points of a curve marked.
MOST_FAINT, MOST_MARKED = 10, 30


def draw(axes: Axes, values: xr.DataArray, x: str, lines: str | None, log: bool = False) -> None:
    """Draw values against an axis, with a line in the legend for every value of another.

    Parameters
    ----------
    axes
        Where to draw.
    values
        Over `x`, `lines` and any of `RUNS`; where it is NaN, a line has no point.
    x
        The horizontal axis, numbers or words.
    lines
        The axis that tells lines apart; None for a single line.
    log
        Whether the vertical axis is logarithmic; for values of both signs it is so beyond `measures.HARM`.
    """
    if log:
        _set_log(axes, str(values.name) in style.SIGNED)
    geometric = axes.get_yscale() == "log"
    names = [None] if lines is None else list(values[lines].values)
    of_line = [values if lines is None else values.isel({lines: index}) for index in range(len(names))]
    colours = ["0.2"] if lines is None else style.colours(names)
    # Between words there is nothing to join, and the lines' points stand side by side.
    joined = values[x].dtype.kind in "iuf"
    beside = np.zeros(len(names)) if joined else 0.12 * (np.arange(len(names)) - (len(names) - 1) / 2)
    places = [style.positions(values[x].values) + shift for shift in beside]
    faint: dict[str, Any] = {"lw": 0.6} if joined else {"ls": "", "marker": "."}
    if 1 < n_runs(values, lines) <= MOST_FAINT:
        for curve, colour, horizontal in zip(of_line, colours, places, strict=True):
            for run in _runs(curve, x):
                _plot(axes, horizontal, run, color=colour, alpha=0.25, **faint)
    few = x != "epoch" and values[x].size <= MOST_MARKED
    markers = cycle(style.MARKERS if few else [None])
    for name, curve, colour, horizontal, marker in zip(names, of_line, colours, places, markers, strict=False):
        mean, low, high = mean_and_band(curve, geometric)
        _plot(
            axes,
            horizontal,
            mean.values,
            color=colour,
            ls="-" if joined else "",
            marker=marker,
            markeredgecolor="w",
            markeredgewidth=0.4,
            label=None if name is None else style.value_label(name),
        )
        if n_runs(values, lines) > 1:
            known = np.isfinite(mean.values)
            ends = low.values[known], high.values[known]
            if joined:
                axes.fill_between(horizontal[known], *ends, color=colour, alpha=0.2)
            else:
                axes.vlines(horizontal[known], *ends, color=colour, alpha=0.5, lw=1.2)
    if axes.get_yscale() == "linear" and 0 < axes.get_ylim()[1] < 2 * axes.get_ylim()[0]:
        axes.set_ylim(bottom=0)  # so that a small change does not look large
    if str(values.name) in style.SIGNED:
        axes.axhline(0, color="0.6", lw=0.6, zorder=0)


def legend(axes: Axes, title: str) -> None:
    """Name the lines on the right of the axes."""
    axes.legend(title=fill(title, 14), loc="center left", bbox_to_anchor=(1, 0.5))


def n_runs(values: xr.DataArray, lines: str | None) -> int:
    """How many runs a line is the mean of."""
    return int(np.prod([values.sizes[axis] for axis in RUNS if axis in values.dims and axis != lines]))


def mean_and_band(values: xr.DataArray, geometric: bool = False) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Mean over runs, and one standard deviation below and above it; all the same where there is a single run.

    Parameters
    ----------
    values
        Over any of `RUNS`.
    geometric
        Whether to take them of the logarithms; values that have none do not count.
    """
    if geometric:
        logarithms = xr.ufuncs.log(values.where(values > 0))
        mean, low, high = (xr.ufuncs.exp(part) for part in mean_and_band(logarithms))
        return mean, low, high
    over = [axis for axis in RUNS if axis in values.dims]
    mean = values.mean(over)
    spread = values.std(over, ddof=1) if n_runs(values, None) > 1 else 0 * mean
    return mean, mean - spread, mean + spread


def median(values: xr.DataArray) -> xr.DataArray:
    """Median over runs: one run that is far off does not change it."""
    return values.median([axis for axis in RUNS if axis in values.dims], keep_attrs=True)


def _set_log(axes: Axes, signed: bool) -> None:
    if signed:
        axes.set_yscale("symlog", linthresh=HARM, linscale=0.5)
    else:
        axes.set_yscale("log")


def _runs(curve: xr.DataArray, x: str) -> Sequence[np.ndarray]:
    return list(curve.transpose(..., x).values.reshape(-1, curve.sizes[x]))


def _plot(axes: Axes, horizontal: np.ndarray, vertical: np.ndarray, **look: Any) -> None:
    known = np.isfinite(vertical)
    axes.plot(horizontal[known], vertical[known], **look)

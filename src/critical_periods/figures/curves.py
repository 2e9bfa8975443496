"""Curves with their spread: the mean over runs, a band of one standard deviation, single runs faint."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from textwrap import fill
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from critical_periods.figures import style

#: Axes of a dataset over which curves are means.
RUNS = ("seed", "trajectory")
#: Up to this many runs are drawn one by one, and up to this many points of a curve marked.
MOST_FAINT, MOST_MARKED = 10, 30


def draw(axes: Axes, values: xr.DataArray, x: str, lines: str | None) -> None:
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
    """
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
        mean, spread = mean_and_spread(curve)
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
        if spread is not None:
            known = np.isfinite(mean.values)
            low, high = ((mean + sign * spread).values[known] for sign in (-1, 1))
            if joined:
                axes.fill_between(horizontal[known], low, high, color=colour, alpha=0.2)
            else:
                axes.vlines(horizontal[known], low, high, color=colour, alpha=0.5, lw=1.2)
    if str(values.name) in style.SIGNED:
        axes.axhline(0, color="0.6", lw=0.6, zorder=0)


def legend(axes: Axes, title: str) -> None:
    """Name the lines on the right of the axes."""
    axes.legend(title=fill(title, 14), loc="center left", bbox_to_anchor=(1, 0.5))


def n_runs(values: xr.DataArray, lines: str | None) -> int:
    """How many runs a line is the mean of."""
    return int(np.prod([values.sizes[axis] for axis in RUNS if axis in values.dims and axis != lines]))


def mean_and_spread(values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray | None]:
    """Mean over runs, and their standard deviation; None where there is a single run."""
    over = [axis for axis in RUNS if axis in values.dims]
    spread = values.std(over, ddof=1) if n_runs(values, None) > 1 else None
    return values.mean(over), spread


def _runs(curve: xr.DataArray, x: str) -> Sequence[np.ndarray]:
    return list(curve.transpose(..., x).values.reshape(-1, curve.sizes[x]))


def _plot(axes: Axes, horizontal: np.ndarray, vertical: np.ndarray, **look: Any) -> None:
    known = np.isfinite(vertical)
    axes.plot(horizontal[known], vertical[known], **look)

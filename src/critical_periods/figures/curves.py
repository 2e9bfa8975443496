"""Curves with their spread: the mean over runs, a band of one standard deviation, single runs faint.

On a logarithmic axis both are of the logarithms. The line that says so is `note_bands`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from critical_periods.analysis.measures import HARM, RUNS
from critical_periods.figures import style

#: Up to this many runs are drawn one by one, and up to this many points of a curve marked.
MOST_FAINT, MOST_MARKED = 10, 30
#: Opacity of a band.
PALE = 0.2
#: What the axes of `RUNS` number.
COUNTED = {"seed": "seeds", "trajectory": "initial conditions"}


class Band(NamedTuple):
    """What the bands of a panel show: one standard deviation to either side of the mean.

    Parameters
    ----------
    runs
        Over what, as "8 seeds".
    logarithmic
        Whether mean and standard deviation are of the logarithms.
    bars
        Whether they are bars instead, at words.
    """

    runs: str
    logarithmic: bool = False
    bars: bool = False


def draw(axes: Axes, values: xr.DataArray, x: str, lines: str | None, log: bool = False) -> Band | None:
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

    Returns
    -------
    Band or None
        The band drawn around every line, for `note_bands`; None where there is a single run.
    """
    if log:
        _set_log(axes, style.signed(values) != 0)
    geometric = axes.get_yscale() == "log"
    names = [None] if lines is None else list(values[lines].values)
    of_line = [values if lines is None else values.isel({lines: index}) for index in range(len(names))]
    colours = ["0.2"] if lines is None else style.colours(names)
    # Between words there is nothing to join, and the lines' points stand side by side.
    joined = not style.words(values[x].values)
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
            label=None if lines is None else style.value_label(name, lines),
        )
        if len(lost := horizontal[style.diverged(curve, x)]):
            axes.plot(lost, np.full(len(lost), 0.03), transform=axes.get_xaxis_transform(), color=colour, **style.LOST)
        if n_runs(values, lines) > 1:
            known = np.isfinite(mean.values)
            ends = low.values[known], high.values[known]
            if joined:
                axes.fill_between(horizontal[known], *ends, color=colour, alpha=PALE)
            else:
                axes.vlines(horizontal[known], *ends, color=colour, alpha=0.5, lw=1.2)
    if style.diverged(values).any():
        axes.plot([], [], color="0.3", label="diverged", **style.LOST)
    if axes.get_yscale() == "linear" and 0 < axes.get_ylim()[1] < 2 * axes.get_ylim()[0]:
        axes.set_ylim(bottom=0)  # so that a small change does not look large
    if style.signed(values):
        axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    return band(values, x, lines, geometric)


def band(values: xr.DataArray, x: str, lines: str | None = None, geometric: bool = False) -> Band | None:
    """What the band of curves shows; None where there is a single run. Parameters as of `draw`."""
    if n_runs(values, lines) == 1:
        return None
    counts = {axis: values.sizes[axis] for axis in RUNS if axis in values.dims and axis != lines}
    runs = " \N{MULTIPLICATION SIGN} ".join(f"{count} {COUNTED[axis]}" for axis, count in counts.items() if count > 1)
    return Band(runs, geometric, style.words(values[x].values))


def describe_bands(bands: Sequence[Band | None], lettered: bool = True) -> str:
    """Say what the bands of a figure are, in one line; nothing where it has none.

    Parameters
    ----------
    bands
        Those of its panels, in order.
    lettered
        Whether panels have letters, to be told apart by where their bands differ.
    """
    drawn = [band for band in bands if band is not None]
    if not drawn:
        return ""
    panels: dict[str, list[str]] = {}
    for index, band in enumerate(bands):
        if band is not None:
            panels.setdefault(band.runs, []).append(chr(ord("a") + index))
    apart = lettered and len(panels) > 1
    over = [f"{runs} ({', '.join(letters)})" if apart else runs for runs, letters in panels.items()]
    marks = [mark for mark, bars in (("bands", False), ("bars", True)) if any(band.bars == bars for band in drawn)]
    text = f"{' and '.join(marks)}: standard deviation over {', '.join(over)}".capitalize()
    return text + ("; on logarithmic axes, of the logarithms" if any(band.logarithmic for band in drawn) else "")


def note_bands(figure: Figure, bands: Sequence[Band | None], lettered: bool = True) -> None:
    """Write below a figure what the bands of its panels are, if there are any. Parameters as of `describe_bands`."""
    if text := describe_bands(bands, lettered):
        figure.supxlabel(text, fontsize=6.5, color="0.3")


def legend(axes: Axes, title: str) -> None:
    """Name the lines on the right of the axes."""
    axes.legend(title=fill(title, 14), loc="center left", bbox_to_anchor=(1, 0.5))


def n_runs(values: xr.DataArray, lines: str | None) -> int:
    """How many runs a line is the mean of."""
    return int(np.prod([values.sizes[axis] for axis in RUNS if axis in values.dims and axis != lines]))


def mean_and_band(values: xr.DataArray, geometric: bool = False) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Mean over runs, and one standard deviation below and above it; all the same where there is a single run.

    The standard deviation is that of a sample, over n - 1. Runs without a value do not count; where fewer than two
    have one, there is no band (NaN).

    Parameters
    ----------
    values
        Over any of `RUNS`, and anything else.
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

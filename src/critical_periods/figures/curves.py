"""Curves with their spread: the median over runs, few runs one by one, the middle half of many as a band.

Medians and quartiles stay within the range of what is possible, and are the same on a logarithmic axis. The line that
says what is drawn is `described`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from warnings import catch_warnings

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from critical_periods.analysis.coordinates import RUNS
from critical_periods.analysis.learning import HARM
from critical_periods.figures import style

#: Up to this many runs are drawn one by one, and up to this many points of a curve marked.
MOST_FAINT, MOST_MARKED = 10, 30
#: Opacity of a band, and look of a single run.
PALE = 0.2
FAINT: dict[str, Any] = {"lw": 0.5, "alpha": 0.45}
#: Look of a line that is the only one.
SINGLE: dict[str, Any] = {"color": "0.2", "lw": 1.2, "marker": "o", "ms": 3.5}
#: What the axes of `RUNS` number.
COUNTED = {"seed": "seeds", "trajectory": "initial conditions"}


class Spread(NamedTuple):
    """What a panel shows of several runs.

    Parameters
    ----------
    runs
        Over what, as "8 seeds".
    single
        Whether runs are drawn one by one.
    """

    runs: str
    single: bool


def draw(
    axes: Axes,
    values: xr.DataArray,
    x: str,
    lines: str | None,
    looks: Mapping[str, Mapping[str, Any]],
    log: bool = False,
    points: bool = False,
) -> Spread | None:
    """Draw values against an axis, with a line for every value of another.

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
    looks
        Label of a value of `lines` -> its look, as of `style.looks`.
    log
        Whether the vertical axis is logarithmic; for values of both signs it is so beyond `learning.HARM`.
    points
        Whether nothing joins the points.

    Returns
    -------
    Spread or None
        What of the runs is drawn, for `described`; None where there is a single one.
    """
    if log:
        symlog: dict[str, Any] = {"linthresh": HARM, "linscale": 0.5}
        axes.set_yscale("symlog" if style.signed(values) else "log", **symlog if style.signed(values) else {})
    of_line = [values] if lines is None else [values.isel({lines: index}) for index in range(values.sizes[lines])]
    labels = [None] if lines is None else style.labels_in(looks, values[lines])
    # Between words there is nothing to join, and the lines' points stand side by side.
    unordered = style.words(values[x].values)
    beside = 0.12 * (np.arange(len(of_line)) - (len(of_line) - 1) / 2) if unordered else np.zeros(len(of_line))
    few = x != "epoch" and values[x].size <= MOST_MARKED
    for curve, label, shift in zip(of_line, labels, beside, strict=True):
        look = dict(SINGLE) if label is None else {**looks[label], "label": label}
        if unordered or points:
            look["ls"] = ""
        if not few:
            look["marker"] = None
        places = style.positions(values[x].values) + shift
        spread(axes, places, curve, x, look)
        if "failed" in curve.coords:
            of_failed = curve.where(curve["failed"]).transpose(x, ...).values.reshape(len(places), -1)
            axes.plot(places, of_failed, color=look["color"], **style.FAILED)
        if len(lost := places[style.diverged(curve, x)]):
            bottom = axes.get_xaxis_transform()
            axes.plot(lost, np.full(len(lost), 0.03), transform=bottom, color=look["color"], **style.LOST)
    if axes.get_yscale() == "linear" and 0 < axes.get_ylim()[1] < 2 * axes.get_ylim()[0]:
        axes.set_ylim(bottom=0)  # so that a small change does not look large
    if style.signed(values):
        axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    return shown_of(values, lines)


def spread(
    axes: Axes, places: np.ndarray, values: xr.DataArray, x: str, look: Mapping[str, Any], most: int = MOST_FAINT
) -> None:
    """Draw one curve: its median over runs, and the runs, or a band of the middle half of many.

    Parameters
    ----------
    axes
        Where to draw.
    places
        Where the values of `x` lie.
    values
        Over `x` and any of `RUNS`.
    x
        The horizontal axis.
    look
        Colour, line and marker.
    most
        Up to how many runs are drawn one by one.
    """
    known = values.notnull().any([axis for axis in values.dims if axis != x]).values
    values, places = values.isel({x: known}), places[known]
    joined = look.get("ls") != ""
    if 1 < n_runs(values) <= most:
        faint = FAINT | ({} if joined else {"ls": "", "marker": "."})
        for run in values.transpose(..., x).values.reshape(n_runs(values), values.sizes[x]):
            drawn = np.isfinite(run)
            axes.plot(places[drawn], run[drawn], color=look["color"], zorder=1.8, **faint)
    elif n_runs(values) > 1:
        low, high = middle(values)
        if joined:
            axes.fill_between(
                places, low.values, high.values, color=look["color"], alpha=PALE, lw=0, label=look.get("label")
            )
        else:
            axes.vlines(places, low.values, high.values, color=look["color"], alpha=0.5, lw=1.2)
    axes.plot(places, median(values).values, **look)


def shown_of(values: xr.DataArray, lines: str | None = None, most: int = MOST_FAINT) -> Spread | None:
    """What of its runs a panel of values shows, with a line for each value of `lines`; None for a single run."""
    counts = {axis: values.sizes[axis] for axis in RUNS if axis in values.dims and axis != lines}
    runs = " \N{MULTIPLICATION SIGN} ".join(f"{count} {COUNTED[axis]}" for axis, count in counts.items() if count > 1)
    return Spread(runs, int(np.prod(list(counts.values()))) <= most) if runs else None


def described(spreads: Sequence[Spread | None]) -> str:
    """Say what the panels of a figure show of their runs, in one line; nothing where all have a single one.

    Parameters
    ----------
    spreads
        Those of the panels, in order.
    """
    panels: dict[Spread, list[str]] = {}
    for index, shown in enumerate(spreads):
        if shown is not None:
            panels.setdefault(shown, []).append(style.panel_letter(index))
    texts = []
    for shown, letters in panels.items():
        what = "thin lines: single runs" if shown.single else "bands: the middle half"
        where = f" ({', '.join(letters)})" if len(panels) > 1 or len(letters) < len(spreads) else ""
        texts.append(f"{what} of {shown.runs}{where}")
    return f"Medians; {'; '.join(texts)}" if texts else ""


def n_runs(values: xr.DataArray) -> int:
    """How many runs a curve is the median of."""
    return int(np.prod([values.sizes[axis] for axis in RUNS if axis in values.dims]))


def median(values: xr.DataArray) -> xr.DataArray:
    """Median over runs: one run that is far off does not change it, nor does one without a value."""
    return values.median([axis for axis in RUNS if axis in values.dims], keep_attrs=True)


def middle(values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Quartiles over runs, below and above the median; runs without a value do not count."""
    over = [axis for axis in RUNS if axis in values.dims]
    with catch_warnings(action="ignore", category=RuntimeWarning):  # where no run has a value
        low, high = values.quantile([0.25, 0.75], over).transpose("quantile", ...)
    return low, high

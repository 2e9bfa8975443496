"""Scales of axes: where values lie on them, their ticks, and the edges of a map's cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from critical_periods.figures.look import SYMLOG


def transformed(values: Any, scale: str, linthresh: float = 1.0) -> np.ndarray:
    """Where values lie on an axis; on a symlog one with a linear part up to `linthresh`, as Matplotlib has it."""
    values = np.asarray(values, float)
    if scale == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log10(np.where(values > 0, values, np.nan)))
    if scale == "symlog":
        linear = SYMLOG["linscale"] / 0.9
        inside = values / linthresh * linear
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = np.sign(values) * (linear + np.log10(np.abs(values) / linthresh))
        return np.where(np.abs(values) <= linthresh, inside, beyond)
    return values


def untransformed(places: Any, scale: str, linthresh: float = 1.0) -> np.ndarray:
    """Values that lie at these places."""
    places = np.asarray(places, float)
    if scale == "log":
        return np.asarray(10.0**places)
    if scale == "symlog":
        linear = SYMLOG["linscale"] / 0.9
        beyond = np.sign(places) * linthresh * 10.0 ** np.clip(np.abs(places) - linear, 0, 300)
        return np.where(np.abs(places) <= linear, places / linear * linthresh, beyond)
    return places


def threshold(values: Any) -> float:
    """Up to where a symlog axis is linear: the smallest distance from 0 that there is."""
    above = np.abs(np.asarray(values, float))
    above = above[np.isfinite(above) & (above > 0)]
    return float(above.min()) if len(above) else 1.0


def ticks(low: float, high: float, scale: str, linthresh: float = 1.0) -> list[float]:
    """Where an axis has ticks: few, at round numbers."""
    if scale == "linear":
        from matplotlib.ticker import MaxNLocator

        found = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        return [round(float(tick), 12) for tick in found if low <= tick <= high]
    least = linthresh if scale == "symlog" else max(low, 1e-300)
    first, last = int(np.floor(np.log10(least))), int(np.ceil(np.log10(max(abs(low), abs(high), least))))
    decades = [10.0**power for power in range(first, last + 1)]

    def within(values: list[float]) -> list[float]:
        both = [-value for value in values[::-1]] + [0.0] + values if scale == "symlog" else values
        return [value for value in both if low <= value <= high and (value == 0 or abs(value) >= least * 0.999)]

    found = within(decades)
    if len(found) - (0 in found) > 4:
        return [value for value in found if value == 0 or round(np.log10(abs(value))) % 2 == 0]
    for between in ((1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        if len(found) - (0 in found) >= 3:
            break
        found = within(sorted(digit * decade for decade in decades for digit in between))
    return found


def minor_ticks(low: float, high: float, scale: str, linthresh: float = 1.0) -> list[float]:
    """Small ticks of a logarithmic axis, at 2, 3, ... 9 of a decade."""
    if scale == "linear":
        return []
    least = linthresh if scale == "symlog" else max(low, 1e-300)
    powers = range(int(np.floor(np.log10(least))), int(np.ceil(np.log10(max(abs(low), abs(high))))) + 1)
    values = [digit * 10.0**power for power in powers for digit in range(2, 10)]
    both = [*values, *(-value for value in values)] if scale == "symlog" else values
    return [value for value in both if low <= value <= high and abs(value) > least]


def edges(centres: Any, scale: str) -> np.ndarray:
    """Edges of the cells around ascending values, half way between them on the scale of the axis."""
    values = np.asarray(centres, float)
    linthresh = threshold(values)
    places = transformed(values, scale, linthresh)
    if len(places) == 1:
        return untransformed(places[0] + np.array([-0.5, 0.5]), scale, linthresh)
    middles = (places[1:] + places[:-1]) / 2
    ends = 2 * places[0] - middles[0], 2 * places[-1] - middles[-1]
    return untransformed([ends[0], *middles, ends[1]], scale, linthresh)


def border(grid: pd.DataFrame, xscale: str, yscale: str, level: float) -> pd.DataFrame:
    """Edges of cells between values on both sides of a level, a row a corner; a missing value is on neither side."""
    x, y, values = edges(grid.columns, xscale), edges(grid.index, yscale), grid.to_numpy(float)
    side = np.where(np.isfinite(values), values >= level, np.nan)
    below, beside = (np.argwhere(abs(np.diff(side, axis=axis)) == 1) for axis in (0, 1))
    found = [
        *([(x[column], y[row + 1]), (x[column + 1], y[row + 1])] for row, column in below),
        *([(x[column + 1], y[row]), (x[column + 1], y[row + 1])] for row, column in beside),
    ]
    corners = [(edge, *corner) for edge, both in enumerate(found) for corner in both]
    return pd.DataFrame(corners, columns=["edge", "x", "y"])


def apart(places: Any, gap: float) -> np.ndarray:
    """Places at least `gap` apart, as near to the given ones as can be."""
    order = np.argsort(places, kind="stable")
    blocks: list[list[float]] = []
    for place in np.asarray(places, float)[order]:
        blocks.append([place])
        while len(blocks) > 1 and _ends(blocks[-2], gap)[1] + gap > _ends(blocks[-1], gap)[0]:
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    moved = [np.linspace(*_ends(block, gap), len(block)) for block in blocks]
    return np.concatenate(moved)[np.argsort(order)] if moved else np.array([])


def _ends(block: list[float], gap: float) -> tuple[float, float]:
    half = gap * (len(block) - 1) / 2
    return float(np.mean(block)) - half, float(np.mean(block)) + half

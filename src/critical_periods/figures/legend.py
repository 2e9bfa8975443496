"""What names lines, markers and colours of a figure: names at the ends of lines, keys of a legend, and small print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from critical_periods.figures import look, words
from critical_periods.figures.figure import Facet, Figure, Plot
from critical_periods.figures.layers import Layer
from critical_periods.figures.look import Stroke

#: What the axes of `panels.RUNS` number.
COUNTED = {"seed": "seeds", "trajectory": "initial conditions"}

#: Up to this many lines have names at their ends, and up to this many values keys of their own.
MOST_NAMES, MOST_KEYS = 8, 8

#: Lines that end closer than this part of the axis share a name, of up to so many characters.
TOGETHER, LONGEST = 0.02, 18


@dataclass(frozen=True)
class Key:
    """An entry of a legend: a line, a marker, a patch, or a ramp that stands for all colours of an ordered column."""

    label: str
    shape: Literal["line", "marker", "patch", "ramp"]
    stroke: Stroke
    colours: tuple[str, ...] = ()


@dataclass(frozen=True)
class End:
    """A name at the end of a line, or of several that end together."""

    x: float
    y: float
    label: str
    colour: str


def ends(figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> list[End]:
    """Names at the ends of the lines of a layer; the topmost says what it is a value of."""
    if not is_named(figure, facet.plot, layer):
        return []
    order, palette = layer.levels(layer.hue), figure.palette(layer.hue)
    texts, phrases = dict(zip(order, words.said(order), strict=True)), facet.plot.texts(str(layer.hue), order)
    groups = _groups(figure, facet.plot, layer, rows)
    found = []
    for index, (y, values) in enumerate(groups):
        every = len(values) == len(order) > 3 and layer.hue not in look.RAMPS
        text = f"all {len(order)}" if every else words.together([texts[v] for v in values])
        special = len(values) == 1 and texts[values[0]] not in phrases[values[0]]
        if index == len(groups) - 1 or special:
            name = facet.plot.names.get(str(layer.hue), str(layer.hue)).partition(" (")[0]
            text = phrases[values[0]] if len(values) == 1 else words.phrase(str(layer.hue), text, name)
        one_hue = len(values) == 1 or layer.hue in look.RAMPS
        colour = palette[values[len(values) // 2]] if one_hue else figure.style.colour("ink")
        found.append(End(float(rows[layer.x].max()), y, text, colour))
    return found


def is_named(figure: Figure, plot: Plot, layer: Layer) -> bool:
    """Whether lines have names at their ends, and so need no keys: few lines that end side by side and apart."""
    levels = layer.levels(layer.hue)
    if layer.plot != "line" or not layer.hue or len(levels) > MOST_NAMES or figure.axis(plot, "x").categories:
        return False
    if any(len(text) > LONGEST for text in plot.texts(layer.hue, levels).values()):
        return False
    last = layer.table.groupby([*plot.facets, layer.hue])[layer.x].max()
    if np.ptp(last.to_numpy(float)) > 0.02 * np.ptp(layer.table[layer.x].to_numpy(float)):
        return False
    parts = [rows for _, rows in layer.table.groupby(plot.facets)] if plot.facets else [layer.table]
    told = max(len(_groups(figure, plot, layer, rows)) for rows in parts)
    return told >= len(levels) / 2 or _coincide(layer)


def _groups(figure: Figure, plot: Plot, layer: Layer, rows: pd.DataFrame) -> list[tuple[float, list[Any]]]:
    """Where lines end, from below, and which ones end there."""
    last = rows[rows[layer.x] == rows.groupby(layer.hue)[layer.x].transform("max")]
    at = last.groupby(layer.hue)[layer.y].median().dropna().sort_values()
    axis, order = figure.axis(plot, "y"), layer.levels(layer.hue)
    places = pd.Series(axis.places(at.to_numpy()), at.index)
    steps = places.diff() > TOGETHER * abs(np.ptp(axis.places(axis.limits)))
    parts = [part for _, part in at.groupby(steps.cumsum().to_numpy())]
    return [(float(part.median()), sorted(part.index, key=order.index)) for part in parts]


def _coincide(layer: Layer) -> bool:
    """Whether all lines lie on one another everywhere."""
    medians = layer.table.groupby([layer.x, layer.hue])[layer.y].median().unstack()
    apart = (medians.max(axis=1) - medians.min(axis=1)).max()
    return bool(apart <= TOGETHER * np.ptp(layer.table[layer.y].to_numpy(float)))


def keys(figure: Figure, every: bool = False) -> list[Key]:
    """Entries of the legend: values column by column, then what else is drawn.

    Parameters
    ----------
    figure
        The figure.
    every
        Whether there is one for lines that have names at their ends, too.
    """
    layers = [(plot, layer) for plot in figure.plots for layer in plot.layers]
    columns: dict[tuple[str, str], Plot] = {}
    shapes: dict[tuple[str, str], str] = {}
    for plot, layer in layers:
        unnamed = every or not is_named(figure, plot, layer)
        if layer.hue and layer.plot in ("line", "scatter") and not layer.stroke.label and unnamed:
            columns.setdefault(("hue", layer.hue), plot)
            shapes.setdefault(("hue", layer.hue), layer.plot)
        if layer.plot == "scatter":
            for role, column in (("style", layer.style), ("size", layer.size)):
                if column and column != layer.hue:
                    columns.setdefault((role, column), plot)
    found = [
        key
        for (role, column), plot in columns.items()
        for key in _of_column(figure, plot, role, column, shapes.get((role, column), ""))
    ]
    return list(dict.fromkeys([*found, *(key for _, layer in layers for key in _of_stroke(layer))]))


def _of_column(figure: Figure, plot: Plot, role: str, column: str, shape: str) -> Iterator[Key]:
    """Keys of the values of a column."""
    levels = figure.levels(column)
    texts, palette, markers = plot.texts(column, levels), figure.colours(column), figure.markers(column)
    if role == "style":
        yield from (Key(texts[value], "marker", Stroke("soft", marker=markers.get(value, "o"))) for value in levels)
    elif role == "size":
        sizes = figure.sizes(column)
        yield from (Key(texts[value], "marker", Stroke("soft", size=sizes[value], marker="o")) for value in levels)
    elif len(levels) > MOST_KEYS and all(isinstance(value, int | float | np.number) for value in levels):
        name = plot.names.get(column, column).partition(" (")[0]
        first, last = words.said([levels[0], levels[-1]])
        colours = tuple(palette[value] for value in levels)
        yield Key(words.phrase(column, f"{first} to {last}", name), "ramp", Stroke(width=2.5), colours)
    elif shape == "scatter":
        yield from (Key(texts[v], "marker", Stroke(palette[v], marker=markers.get(v, "o"))) for v in levels)
    else:
        yield from (Key(texts[v], "line", Stroke(palette[v], marker=markers.get(v, ""))) for v in levels)


def _of_stroke(layer: Layer) -> Iterator[Key]:
    """Keys of what a layer is, and of training and theory in it."""
    if layer.plot == "line":
        strokes = (layer.stroke_of(level) for level in layer.levels(layer.style))
        yield from (Key(stroke.label, "line", stroke.but(colour="soft")) for stroke in strokes)
    stroke = layer.stroke if layer.stroke.colour else layer.stroke.but(colour="soft")
    if not stroke.label:
        return
    if layer.plot == "span":
        yield Key(stroke.label, "patch", stroke)
    elif layer.plot == "scatter":
        yield Key(stroke.label, "marker", stroke.but(marker=stroke.marker or "o"))
    else:
        yield Key(stroke.label, "line", stroke)


def note(figure: Figure) -> str:
    """What lines and bands show of several runs; "" where every line is a single one."""
    shown: dict[str, list[str]] = {}
    for facet in figure.facets:
        for layer, rows in facet.layers:
            spread = layer.spread() if layer.plot == "line" else "none"
            counts = [(run, rows[run].nunique()) for run in layer.runs]
            runs = " \N{MULTIPLICATION SIGN} ".join(f"{count} {COUNTED[run]}" for run, count in counts if count > 1)
            if spread != "none" and runs:
                what = "thin lines: single runs" if spread == "runs" else "bands: the middle half"
                shown.setdefault(f"{what} of {runs}", []).append(facet.letter)
    several = len(shown) > 1 or sum(map(len, shown.values())) < len(figure.facets)
    texts = [f"{text} ({', '.join(where)})" if several and where[0] else text for text, where in shown.items()]
    return f"Lines are medians; {'; '.join(texts)}." if texts else ""

"""A figure as all renderers draw it: which axes there are, their limits and ticks, colours, markers, keys and names.

Everything that two renderers would have to decide alike is decided here, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from string import ascii_uppercase
from textwrap import wrap
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from critical_periods.analysis import coordinates
from critical_periods.analysis.learning import HARM
from critical_periods.figures import look, scales, words
from critical_periods.figures.kinds import marks, panel_of, phrases
from critical_periods.figures.layers import Layer
from critical_periods.figures.look import Style
from critical_periods.figures.panels import Panel


@dataclass(frozen=True)
class Axis:
    """What is along x or y, from where to where, and its ticks."""

    name: str
    scale: str
    linthresh: float
    limits: tuple[float, float]
    ticks: list[float]
    labels: list[str]
    minor: list[float]
    categories: tuple[Any, ...] = ()

    def numbers(self, values: Any) -> np.ndarray:
        """Values as numbers: words by their order."""
        if self.categories:
            known = {value: place for place, value in enumerate(self.categories)}
            return np.array([known.get(value, np.nan) for value in values], float)
        return np.asarray(values, float)

    def places(self, values: Any) -> np.ndarray:
        """Where values lie on the axis."""
        return scales.transformed(self.numbers(values), self.scale, self.linthresh)


@dataclass(frozen=True)
class Norm:
    """Colours of what maps show, from its lowest value to its highest."""

    name: str
    low: float
    high: float
    colours: tuple[str, ...]
    beyond: bool


@dataclass(frozen=True, eq=False)
class Plot:
    """A panel with its dataset and the layers made of it."""

    panel: Panel
    dataset: xr.Dataset
    layers: list[Layer]
    names: Mapping[str, str]

    @property
    def x(self) -> str:
        """Column along the horizontal axis."""
        return self.panel.columns().get("x", self.layers[0].x)

    @property
    def y(self) -> str:
        """Column along the vertical axis."""
        return self.panel.columns().get("y", self.layers[0].y)

    @property
    def facets(self) -> list[str]:
        """Columns that tell its axes apart."""
        return [column for column in (self.panel.col, self.panel.row) if column]

    def values(self, column: str | None) -> list[Any]:
        """Values of the column of facets, in the order of the dataset; None where there is no such column."""
        tables = (layer.table for layer in self.layers if column in layer.table)
        return next((list(pd.unique(table[column])) for table in tables), [None])

    def texts(self, column: str, values: Sequence[Any]) -> dict[Any, str]:
        """Values of a column in words."""
        return heads(self.dataset, column, list(values), self.names)

    def name(self, which: Literal["x", "y"]) -> str:
        """What an axis is called; of a variable on a logarithmic one it says so."""
        own = self.panel.xlabel if which == "x" else self.panel.ylabel
        column = getattr(self, which)
        scale = self.panel.scale(which)
        logarithmic = which == "y" and column in self.dataset.data_vars and not self.panel.square
        beyond = {"log": ", log scale", "symlog": f", log scale beyond ±{HARM:g}"}.get(scale, "") * logarithmic
        return (own or self.names.get(column, column)) + beyond

    def along(self, which: Literal["x", "y"]) -> tuple[str, ...]:
        """What an axis is: of equal ones, limits are equal; epochs of another model are something else."""
        column = getattr(self, which)
        own = self.dataset[column].attrs.get("long_name", "") if column in self.dataset.variables else ""
        return column, str(own), self.panel.scale(which), self.name(which)

    @property
    def is_map(self) -> bool:
        """Whether it has a heatmap."""
        return any(layer.plot == "heatmap" for layer in self.layers)

    @property
    def is_matrix(self) -> bool:
        """Whether it is a matrix, with rows from the top."""
        return bool(getattr(self.panel, "matrix", False))


@dataclass(frozen=True)
class Facet:
    """One axes of a plot: where it is in the figure, and its values of the panel's `row` and `col`."""

    plot: Plot
    band: int
    i: int
    j: int
    left: bool
    top: bool
    bottom: bool
    row: Any
    col: Any
    letter: str = ""

    @property
    def head(self) -> str:
        """What stands above it: the panel's title, and its values of `col` and `row`."""
        panel = self.plot.panel
        parts = [panel.title] if panel.title else []
        parts += [self.plot.texts(panel.col, [self.col])[self.col]] if panel.col else []
        return ", ".join(parts)

    @property
    def side(self) -> str:
        """What stands beside a row of axes."""
        row = self.plot.panel.row
        return self.plot.texts(row, [self.row])[self.row] if row else ""

    @cached_property
    def layers(self) -> list[tuple[Layer, pd.DataFrame]]:
        """Every layer that has rows here, with these; one without the column is everywhere."""
        found = []
        for layer in self.plot.layers:
            rows = layer.table
            for column, value in ((self.plot.panel.row, self.row), (self.plot.panel.col, self.col)):
                if column in rows:
                    rows = rows[rows[column] == value]
            if len(rows):
                found.append((layer, rows))
        return found


@dataclass(frozen=True, eq=False)
class Figure:
    """Plots with a common title, legend, colours and limits.

    Parameters
    ----------
    title
        What it says.
    plots
        Its panels, in order.
    style
        What is asked of its look.
    """

    title: str
    plots: list[Plot]
    style: Style = look.PAPER
    _axes: dict[Any, Axis] = field(default_factory=dict, repr=False)

    # Where axes are.

    @cached_property
    def width(self) -> float:
        """Inches across: a column for a single axes, else a page, unless the style asks for another."""
        single = len(self.plots) == 1 and len(self._cells(self.plots[0])) == 1
        return self.style.width or (look.COLUMN if single else look.PAGE)

    @cached_property
    def bands(self) -> list[list[Plot]]:
        """Plots that stand side by side."""
        sizes = [self._columns(plot) for plot in self.plots]
        if max(sizes) == 1:
            count = len(self.plots)
            most = min(2 if count == 4 else min(count, 3), self._fitting)
        else:
            most = min(max(*sizes, 4), self._fitting)
        found: list[list[Plot]] = [[]]
        for plot, size in zip(self.plots, sizes, strict=True):
            if found[-1] and sum(map(self._columns, found[-1])) + size > most:
                found.append([])
            found[-1].append(plot)
        return found

    @cached_property
    def _fitting(self) -> int:
        width = self.style.width or look.PAGE
        return 8 if width >= look.PAGE else max(1, int(width / look.NARROWEST))

    def _columns(self, plot: Plot) -> int:
        return min(len(plot.values(plot.panel.col)), self._fitting)

    def _cells(self, plot: Plot) -> list[tuple[Any, Any]]:
        """Row and column values of the axes of a plot."""
        return [(row, col) for row in plot.values(plot.panel.row) for col in plot.values(plot.panel.col)]

    @cached_property
    def facets(self) -> list[Facet]:
        """All axes, in the order in which they are lettered."""
        found = []
        for band, plots in enumerate(self.bands):
            first = 0
            for plot in plots:
                rows, cols, across = plot.values(plot.panel.row), plot.values(plot.panel.col), self._columns(plot)
                folds = -(-len(cols) // across)
                for r, row in enumerate(rows):
                    for c, col in enumerate(cols):
                        i, j = (c // across) * len(rows) + r, c % across
                        # The lowest of its column, as the last fold may have fewer.
                        bottom = i >= folds * len(rows) - 1 or (c + across >= len(cols) and r == len(rows) - 1)
                        found.append(Facet(plot, band, i, first + j, j == 0, r == 0, bottom, row, col))
                first += across
        found.sort(key=lambda facet: (facet.band, facet.i, facet.j))
        if len(found) == 1:
            return found
        return [replace(facet, letter=letter(number)) for number, facet in enumerate(found)]

    def shape(self, band: int) -> tuple[int, list[float]]:
        """Rows of a band, and relative widths of its columns: matrices are narrower than curves."""
        rows = max(facet.i for facet in self.facets if facet.band == band) + 1
        curves = any(not plot.is_matrix for plot in self.bands[band])
        return rows, [
            0.5 if plot.is_matrix and curves else 1.0 for plot in self.bands[band] for _ in range(self._columns(plot))
        ]

    def row_height(self, band: int) -> float:
        """Inches of a row of axes."""
        across = self.width / sum(self.shape(band)[1])
        if any(plot.panel.square for plot in self.bands[band]):
            return float(np.clip(0.93 * across, 1.5, 2.9))
        if any(plot.is_matrix for plot in self.bands[band]):
            return 1.6
        return float(np.clip(0.66 * across, 1.5, 2.0))

    # What colours, markers and scales stand for.

    def levels(self, column: str) -> list[Any]:
        """Values of a column in all plots: numbers in order, words as they come."""
        layers = [
            layer for plot in self.plots for layer in plot.layers if layer.plot != "heatmap" and column in layer.table
        ]
        values = dict.fromkeys(
            value
            for layer in layers
            if column in (layer.hue, layer.style, layer.size)
            for value in layer.levels(column)
        )
        numeric = all(isinstance(value, int | float | np.number) for value in values)
        return sorted(values) if numeric else list(values)

    @cached_property
    def _palettes(self) -> dict[str, dict[Any, str]]:
        columns = {layer.hue for plot in self.plots for layer in plot.layers if layer.hue}
        return {column: self._palette(column, levels) for column in columns if (levels := self.levels(column))}

    def _palette(self, column: str, levels: list[Any]) -> dict[Any, str]:
        """Colours of values; where some are words, as null is among them, equal ones have that of the word."""
        texts = words.said(levels) if any(isinstance(value, str) for value in levels) else levels
        colours = look.palette(column, dict.fromkeys(texts))
        return {value: colours[text] for value, text in zip(levels, texts, strict=True)}

    def colours(self, column: str | None) -> dict[Any, str]:
        """Colour of every value of a column on white paper, the same in all panels."""
        return self._palettes.get(column, {}) if column else {}

    def palette(self, column: str | None) -> dict[Any, str]:
        """The same on the paper of the figure's style."""
        return {value: self.style.colour(colour) for value, colour in self.colours(column).items()}

    @cached_property
    def _markers(self) -> dict[str, dict[Any, str]]:
        found: dict[str, dict[Any, str]] = {}
        used = 0
        for plot in self.plots:
            for layer in plot.layers:
                column = layer.style if layer.plot == "scatter" and layer.style else layer.hue
                marked = layer.plot == "scatter" or (layer.plot == "line" and layer.marked(layer.table))
                if column and column not in found and marked and layer.stroke.marker is None:
                    levels = self.levels(column)
                    found[column] = {
                        value: look.MARKERS[(used + index) % len(look.MARKERS)] for index, value in enumerate(levels)
                    }
                    used += len(levels)
        return found

    def markers(self, column: str | None) -> dict[Any, str]:
        """Marker of every value of a column; a marker stands for one value in all of the figure."""
        return self._markers.get(column, {}) if column else {}

    def sizes(self, column: str | None) -> dict[Any, float]:
        """Size of the markers of every value of a column, points."""
        levels = self.levels(column) if column else []
        return dict(zip(levels, np.linspace(3.2, 7, len(levels)), strict=True))

    def axis(self, plot: Plot, which: Literal["x", "y"]) -> Axis:
        """An axis of a plot: the same variable has the same limits in all of a figure."""
        place = (id(plot), which)
        if place not in self._axes:
            self._axes[place] = self._axis(plot, which)
        return self._axes[place]

    def _axis(self, plot: Plot, which: Literal["x", "y"]) -> Axis:
        column, scale, name = getattr(plot, which), plot.panel.scale(which), plot.name(which)
        square = plot.panel.square  # the same limits along x and y
        alike = [
            other
            for other in self.plots
            if (square and type(other.panel) is type(plot.panel))
            or (other.is_map == plot.is_map and other.along(which) == plot.along(which))
        ]
        layers = [layer for other in alike for layer in other.layers]
        if (found := self._categories(layers, column, plot)) is not None:
            spread = (-0.5, len(found) - 0.5)
            return Axis(name, "linear", 1.0, spread, [*range(len(found))], words.said(found), [], found)
        if plot.is_map:
            layers = [layer for layer in layers if layer.plot == "heatmap"]
        shown = [layer.shown(each) for layer in layers for each in ({layer.x, layer.y} if square else {column})]
        values = np.concatenate(shown)
        values = np.unique(values[np.isfinite(values)])
        linthresh = HARM if column in plot.dataset.data_vars and which == "y" else scales.threshold(values)
        given = getattr(plot.panel, f"{which}lim", None)
        if given is not None:
            low, high = given
        elif plot.is_map:
            low, high = scales.edges(values, scale)[[0, -1]]
        else:
            low, high = _margins(values, scale, linthresh, from_zero=which == "y")
        if plot.is_matrix:
            marked = [float(value) for value in values]
            return Axis(
                *(name, scale, linthresh, (high, low) if which == "y" else (low, high), marked),
                *(words.said([int(value) for value in marked]), []),
            )
        marked = scales.ticks(low, high, scale, linthresh)
        places = scales.transformed(values, scale, linthresh)
        if plot.is_map and 1 < len(values) <= 6 and np.diff(places).min() > 0.12 * np.ptp(places):
            marked = [float(value) for value in values]
        minor = scales.minor_ticks(low, high, scale, linthresh)
        return Axis(name, scale, linthresh, (float(low), float(high)), marked, words.said(marked), minor)

    def _categories(self, layers: list[Layer], column: str, plot: Plot) -> tuple[Any, ...] | None:
        """Words along an axis, where they are no numbers."""
        tables = [layer.table for layer in layers if column in (layer.x, layer.y) and column in layer.table]
        values = list(dict.fromkeys(value for table in tables for value in pd.unique(table[column])))
        return tuple(values) if any(isinstance(value, str) for value in values) else None

    @cached_property
    def norms(self) -> dict[str, Norm]:
        """Colours of each variable that maps show, the same in all of them."""
        found: dict[str, Norm] = {}
        for plot in self.plots:
            for layer in plot.layers:
                if layer.plot == "heatmap" and layer.hue and layer.hue not in found:
                    found[layer.hue] = self._norm(layer.hue, plot)
        return found

    def _norm(self, column: str, plot: Plot) -> Norm:
        values, given = [], None
        for other in self.plots:
            for layer in other.layers:
                if layer.plot == "heatmap" and layer.hue == column:
                    facets = [axis for axis in (other.panel.col, other.panel.row) if axis]
                    settings = list(dict.fromkeys([layer.x, layer.y, *facets]))
                    values.append(layer.table.groupby(settings)[column].median().to_numpy())
                    given = getattr(other.panel, "hue_norm", None) or given
        shown = np.concatenate(values)
        shown = shown[np.isfinite(shown)]
        sign = int(plot.dataset[column].attrs.get("signed", 0))
        name = f"loss of {plot.names[column]}" if sign < 0 else plot.names.get(column, column)
        least, most = (shown.min(), shown.max()) if len(shown) else (0.0, 1.0)
        low, high = given or (min(least, 0.0) if sign or least < 0 else least, most)
        if not given and -0.1 * high < low < 0:
            low = 0.0  # so little is noise
        high = high if high > low else low + 1.0
        both = low < 0 < high
        kind = "both" if both else "harm" if sign else "plain"
        at, largest = np.linspace(low, high, 65), max(-low, high)
        where = (at / largest + 1) / 2 if both else np.linspace(0, 1, 65)
        colours = tuple(look.blend(look.MAPS[kind], place) for place in where)
        return Norm(name, float(low), float(high), colours, bool(most > high or (least < low and low < 0)))

    # What is written.

    def csv(self) -> pd.DataFrame:
        """All that is drawn, a row a point; which panel and layer it is in the first columns."""
        parts = [
            layer.table.assign(panel=number, layer=f"{index} {layer.plot}", what=layer.stroke.label)
            for number, plot in enumerate(self.plots, start=1)
            for index, layer in enumerate(plot.layers, start=1)
        ]
        table = pd.concat([part for part in parts if len(part)], ignore_index=True)
        return table[["panel", "layer", "what", *table.columns.difference(["panel", "layer", "what"], sort=False)]]

    def remark(self, facet: Facet) -> list[str]:
        """What stands below the head of an axes, in lines: numbers of its panel, or what a mark says of it."""
        texts = [text for layer, rows in facet.layers if layer.plot == "text" for text in rows[layer.hue].unique()]
        text = "; ".join(filter(None, [facet.plot.panel.remark(facet.plot.dataset), *texts]))
        return wrap(text, int((15 if facet.plot.panel.square else 18) * self._across(facet)))

    def head(self, facet: Facet) -> list[str]:
        """What stands above an axes, in lines as wide as it is."""
        text = "   ".join(filter(None, (facet.letter, facet.head if facet.top else "")))
        return wrap(text, int(14 * self._across(facet)), drop_whitespace=False)

    def _across(self, facet: Facet) -> float:
        """Inches across the part of the figure that an axes has."""
        widths = self.shape(facet.band)[1]
        return self.width * widths[facet.j] / sum(widths)

    def wrapped(self) -> list[str]:
        """The title, in lines of the figure's width."""
        return wrap(self.title, int(self.width * 16.5))


def letter(index: int) -> str:
    """Letter of an axes: A to Z, then AA."""
    return ascii_uppercase[index] if index < 26 else letter(index // 26 - 1) + letter(index % 26)


def names(dataset: xr.Dataset, select: Mapping[str, Any]) -> dict[str, str]:
    """What columns are called; of which pathway, where one is selected."""
    found = {str(name): words.name_of(values.attrs, str(name)) for name, values in dataset.variables.items()}
    if isinstance(pathway := select.get("pathway"), str):
        found = {name: text.replace("the pathway", f"pathway {pathway}") for name, text in found.items()}
    return found | {"since_switch": "epochs since the switch"}


def heads(dataset: xr.Dataset, column: str, values: list[Any], called: Mapping[str, str]) -> dict[Any, str]:
    """Values of a column in words, as heads of panels, keys and names of lines say them."""
    if column in phrases() and (own := phrases()[column](dataset, values)) is not None:
        return own
    null = dataset[column].attrs.get("null", coordinates.NONE) if column in dataset.variables else coordinates.NONE
    texts = words.said(values, null)
    return {
        value: words.phrase(column, text, called.get(column, column).partition(" (")[0])
        for value, text in zip(values, texts, strict=True)
    }


def _margins(values: np.ndarray, scale: str, linthresh: float, from_zero: bool) -> tuple[float, float]:
    """Ends of an axis, a little beyond what it shows; from 0 on where changes would look large otherwise."""
    if not len(values):
        return 0.0, 1.0
    least, most = float(values[0]), float(values[-1])
    if scale == "linear" and from_zero and 0 < most < 2 * least:
        least = 0.0
    if least == most:
        least, most = (least / 2, most * 2) if scale == "log" else (least - 0.5, most + 0.5)
    places = scales.transformed([least, most], scale, linthresh)
    if scale == "log" and not np.isfinite(places[0]):
        places[0] = scales.transformed([values[values > 0].min()], scale)[0]
    margin = 0.04 * float(np.ptp(places))
    low, high = scales.untransformed([places[0] - margin, places[-1] + margin], scale, linthresh)
    return float(low), float(high)


def figure(
    title: str,
    panels: Sequence[Mapping[str, Any] | Panel],
    datasets: Mapping[str, xr.Dataset],
    style: Mapping[str, Any] | Style = look.PAPER,
) -> Figure:
    """A figure, from what the configuration says of its panels and from the datasets of their experiments.

    Parameters
    ----------
    title
        Its title.
    panels
        Panels, or their keys.
    datasets
        Experiment -> dataset.
    style
        What is asked of its look.
    """
    plots = []
    for number, settings in enumerate(panels):
        panel = settings if isinstance(settings, Panel) else panel_of(settings, f"panels[{number}]")
        dataset = datasets[panel.experiment]
        layers = panel.layers(dataset)
        if panel.marks:
            table = panel.table(dataset)
            made = [marks()[name].make(panel, table, dataset) for name in panel.marks]
            layers += [layer for layer in made if layer is not None]
        plots.append(Plot(panel, dataset, layers, names(dataset, panel.select)))
    asked = style if isinstance(style, Style) else Style(**style)
    return Figure(title, plots, asked)

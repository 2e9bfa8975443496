"""Kinds of panels that draw any experiment, by the name under `plot`; models and plugins bring more of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from critical_periods import plugins
from critical_periods.analysis.coordinates import RUNS
from critical_periods.configuration.fields import ConfigError, key, one_of, validated
from critical_periods.figures.look import Stroke
from critical_periods.figures.panels import Column, Limits, Mark, Panel, Scale, Template
from critical_periods.models.registry import families

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from critical_periods.figures.layers import Layer


class Line(Panel):
    """A variable against an axis: the median over runs, few runs one by one, the middle half of many as a band."""

    x: Column = key("Axis along which lines run.")
    y: Column = key("Variable drawn.")
    hue: Column | None = key("Axis with a colour for each of its values.", None)
    style: Column | None = key("Axis with a dash for each of its values: theory is thin on training.", None)
    xscale: Scale = key("Scale of the horizontal axis; symlog has a place for 0.", "linear")
    yscale: Scale = key("Scale of the vertical axis.", "linear")
    xlim: Limits | None = key("Ends of the horizontal axis; what lies beyond is not drawn.", None)
    ylim: Limits | None = key("Ends of the vertical axis.", None)

    def layers(self, dataset: xr.Dataset) -> list[Layer]:
        """Lines, rings where most runs fail even without a deficit, crosses where they diverged."""
        from critical_periods.figures.layers import Layer

        table = self.table(dataset)
        runs = tuple(run for run in RUNS if run in table and run not in self.columns().values())
        lost = _lost(table)
        line = Layer("line", table[~lost].reset_index(drop=True), self.x, self.y, self.hue, self.style, runs=runs)
        bottom = float(line.table[self.y].min()) if len(line.table) else 0.0
        return [line, *_failing(line), *_diverged(table[lost], self.x, self.y, self.hue, bottom)]


def _lost(table: pd.DataFrame) -> pd.Series[bool]:
    """Rows of runs that diverged."""
    return (table["status"] if "status" in table else table.index.to_series()) == "diverged"


def _failing(line: Layer) -> list[Layer]:
    """Medians that are those of runs most of which fail even without a deficit, to be ringed."""
    from critical_periods.figures.layers import Layer

    table = line.table
    if "status" not in table or not (table["status"] == "fails").any():
        return []
    facets = [axis for axis in table.columns if axis not in (*line.runs, line.y, "status", "since_switch")]
    points = table.assign(fails=table["status"] == "fails").groupby(facets, sort=False)
    median = points.agg(**{line.y: (line.y, "median"), "fails": ("fails", "mean")}).reset_index()
    ringed = median[median.pop("fails") >= 0.5].reset_index(drop=True)
    stroke = Stroke(hollow=True, size=5, label="most runs fail even without a deficit")
    return [Layer("scatter", ringed, line.x, line.y, line.hue, stroke=stroke)] if len(ringed) else []


def _diverged(lost: pd.DataFrame, x: str, y: str, hue: str | None = None, bottom: float | None = None) -> list[Layer]:
    """Crosses where runs diverged, so that there is no value: at the bottom of lines, or in the cells of a map."""
    from critical_periods.figures.layers import Layer

    if not len(lost):
        return []
    points = lost.drop(columns=[run for run in RUNS if run in lost]).drop_duplicates()
    points = points if bottom is None else points.assign(**{y: bottom})
    return [Layer("scatter", points, x, y, hue, stroke=Stroke(marker="x", size=4.5, label="diverged"))]


class Scatter(Panel):
    """Points that nothing joins: medians over runs, and bars over their middle half."""

    x: Column = key("Axis or variable along x.")
    y: Column = key("Variable along y.")
    hue: Column | None = key("Axis with a colour for each of its values.", None)
    style: Column | None = key("Axis with a marker for each of its values.", None)
    xscale: Scale = key("Scale of the horizontal axis.", "linear")
    yscale: Scale = key("Scale of the vertical axis.", "linear")

    def layers(self, dataset: xr.Dataset) -> list[Layer]:
        """Points and their bars."""
        from critical_periods.figures.layers import Layer

        table = self.table(dataset)
        values = [name for name in (self.x, self.y) if name in dataset.data_vars]
        runs = [run for run in RUNS if run not in self.columns().values()]
        settings = [name for name in table if name not in (*values, *runs, "status")]
        points = (
            table.groupby(settings, sort=False)[values] if settings else table.assign(all=0).groupby("all")[values]
        )
        median = points.median().reset_index()
        layers = [Layer("scatter", median, self.x, self.y, self.hue, self.style)]
        if self.x not in values:
            ends = [points.quantile(q).reset_index().assign(end=q) for q in (0.25, 0.75)]
            layers.insert(0, _bars(ends, settings, self.x, self.y, self.hue, Stroke(width=0.7, alpha=0.5)))
        return layers


def _bars(ends: list[pd.DataFrame], settings: list[str], x: str, y: str, hue: str | None, stroke: Any) -> Layer:
    """Bars between two ends, one for every setting."""
    import pandas as pd

    from critical_periods.figures.layers import Layer

    both = pd.concat(ends, ignore_index=True).dropna(subset=[x, y])
    return Layer("path", both, x, y, hue, units=tuple(settings), stroke=stroke)


class Heatmap(Panel):
    """A variable over two axes, the median over runs, in colours that are the same in all maps of a figure."""

    x: Column = key("Axis along x.")
    y: Column = key("Axis along y.")
    hue: Column = key("Variable that the colours show.")
    xscale: Scale = key("Scale of the horizontal axis; symlog has a place for 0.", "linear")
    yscale: Scale = key("Scale of the vertical axis.", "linear")
    hue_norm: Limits | None = key("Values at both ends of the colours; beyond, they are those of the ends.", None)
    contour: Annotated[float, Field(ge=-1e9, le=1e9)] | None = key("Value along which the map has a line.", None)
    matrix: bool = key("Whether it is a matrix: square cells, rows from the top.", False)

    def layers(self, dataset: xr.Dataset) -> list[Layer]:
        """The map, and the line between cells on both sides of a value."""
        from critical_periods.figures.layers import Layer

        table = self.table(dataset)
        if (sign := int(dataset[self.hue].attrs.get("signed", 0))) < 0:
            table = table.assign(**{self.hue: -table[self.hue]})
        runs = tuple(run for run in RUNS if run in table and run not in self.columns().values())
        layers = [Layer("heatmap", table, self.x, self.y, self.hue, runs=runs)]
        layers += _diverged(table[_lost(table)], self.x, self.y)
        if self.contour is not None:
            layers += self._contour(layers[0], -self.contour if sign < 0 else self.contour)
        return layers

    def _contour(self, cells: Layer, level: float) -> list[Layer]:
        import pandas as pd

        from critical_periods.figures.layers import Layer
        from critical_periods.figures.scales import border
        from critical_periods.figures.words import number

        facets = [axis for axis in (self.col, self.row) if axis]
        parts = []
        for at, rows in cells.table.groupby(facets) if facets else [((), cells.table)]:
            lines = border(cells.grid(rows), self.xscale, self.yscale, level)
            for axis, value in zip(facets, at, strict=True):
                lines[axis] = value
            parts.append(lines.rename(columns={"x": self.x, "y": self.y}))
        lines = pd.concat(parts, ignore_index=True)
        if not len(lines):
            return []
        edge = Layer("path", lines, self.x, self.y, units=("edge", *facets), stroke=Stroke("ink", 1.2))
        white = edge.stroke.but(colour="paper", width=2.6)
        label = f"line: {number(level)}"
        return [
            Layer("path", lines, self.x, self.y, units=edge.units, stroke=white),
            Layer("path", lines, self.x, self.y, units=edge.units, stroke=edge.stroke.but(label=label)),
        ]


class Prediction(Panel):
    """What theory predicts against what was measured, every setting a point."""

    x: Column = key("Variable predicted.")
    y: Column = key("Variable measured, in the same unit.")
    hue: Column | None = key("Axis with a colour for each of its values.", None)
    style: Column | None = key("Axis with a marker for each of its values.", None)
    size: Column | None = key("Axis with a size of markers for each of its values.", None)

    every_setting: ClassVar[bool] = True
    square: ClassVar[bool] = True
    xscale: ClassVar[Scale] = "log"
    yscale: ClassVar[Scale] = "log"

    def check(self, place: str, template: Template) -> None:
        """Refuse, beside what is not there, variables in different units."""
        super().check(place, template)
        units = {name: template.units.get(name, "1") for name in (self.x, self.y)}
        if len(set(units.values())) > 1:
            allowed = f"variables in the same unit, not in {' and '.join(sorted(set(units.values())))}"
            raise ConfigError(place, {"x": self.x, "y": self.y}, allowed)

    def _points(self, dataset: xr.Dataset) -> pd.DataFrame:
        from critical_periods.analysis.closing import compared
        from critical_periods.figures.tables import selected, worded

        part = selected(dataset, self.select)
        points = worded(compared(part, self.x, self.y).reset_coords().to_dataframe(), part)
        # Both are means over the runs that have both, and so no values of the dataset.
        return points.rename(columns={"predicted": self.x, "measured": self.y}).reset_index(drop=True)

    def layers(self, dataset: xr.Dataset) -> list[Layer]:
        """Points, bars from the smallest run to the largest, and lines of equal values and of a factor of two."""
        import numpy as np
        import pandas as pd

        from critical_periods.figures.layers import Layer

        points = self._points(dataset)
        known = points[points["known"]].reset_index(drop=True)
        settings = [name for name in (self.hue, self.style, self.size) if name]
        ends = [known.assign(**{self.y: known[end], "setting": known.index}) for end in ("low", "high")]
        both = known[[self.x, self.y, "low", "high"]].to_numpy()
        reach = np.array([both.min() / 1.5, both.max() * 1.5]) if len(known) else np.array([1.0, 10.0])
        lines = [pd.DataFrame({self.x: reach, self.y: reach * factor, "factor": factor}) for factor in (0.5, 1.0, 2.0)]
        diagonals = pd.concat(lines, ignore_index=True)
        of_two, equal = diagonals[diagonals["factor"] != 1], diagonals[diagonals["factor"] == 1]
        return [
            Layer("path", of_two, self.x, self.y, units=("factor",), stroke=_FACTOR),
            Layer("path", equal, self.x, self.y, units=("factor",), stroke=_EQUAL),
            _bars(ends, ["setting"], self.x, self.y, self.hue, Stroke(width=0.8, alpha=0.5)),
            Layer(
                "scatter",
                points[[*dict.fromkeys(settings), *points.columns.difference(settings, sort=False)]],
                *(self.x, self.y, self.hue, self.style, self.size),
                stroke=Stroke("ink", size=5),
            ),
        ]

    def remark(self, dataset: xr.Dataset) -> str:
        """By which factors predictions are off, and of how many settings there is one."""
        import numpy as np

        points = self._points(dataset)
        known = points[points["known"]]
        factors = np.exp(abs(np.log(known[self.y] / known[self.x])))
        if not len(factors):
            return f"no value in any of {len(points)} settings"
        some = f"; {len(known)} of {len(points)} settings" if len(known) < len(points) else ""
        return f"off by a factor of {factors.median():.2f} (median), {factors.max():.2f} at most{some}"


#: Looks of the lines beside predictions.
_EQUAL = Stroke("soft", 0.7, label="measured as predicted")
_FACTOR = _EQUAL.but(dash=(4, 2), label="off by a factor of 2")

KINDS: Mapping[str, type[Panel]] = {"line": Line, "scatter": Scatter, "heatmap": Heatmap, "prediction": Prediction}


def kinds() -> dict[str, type[Panel]]:
    """All kinds by name: those above, and those of models and plugins, in their dictionaries `KINDS`."""
    return _brought("KINDS", KINDS, Panel, "kind of panel")


def marks() -> dict[str, Mark]:
    """All marks by name: the built-in ones, and those of models and plugins, in their dictionaries `MARKS`."""
    from critical_periods.figures.marks import MARKS

    return _brought("MARKS", MARKS, Mark, "mark")


def phrases() -> dict[str, Callable[[xr.Dataset, list[Any]], dict[Any, str] | None]]:
    """How models say values of a column where they know better: a function of the dataset and the values."""
    return _built_in("PHRASES")


def _brought(attribute: str, own: Mapping[str, Any], item: type, what: str) -> dict[str, Any]:
    found = _built_in(attribute) | dict(own)
    for plugin in plugins.LOADED:
        for name, each in plugins.brought(plugin, attribute, Mapping, item).items():
            plugins.refuse_taken(plugin, what, name, found)
            found[name] = each
    return found


@cache
def _of_families(attribute: str) -> tuple[tuple[str, Any], ...]:
    return tuple(pair for family in families() for pair in getattr(family, attribute, {}).items())


def _built_in(attribute: str) -> dict[str, Any]:
    return dict(_of_families(attribute))


def panel_of(settings: Mapping[str, Any], place: str) -> Panel:
    """A panel as the configuration says it, of its kind.

    Parameters
    ----------
    settings
        Its keys.
    place
        Its key in the configuration, for errors.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If there is no such kind, or the kind has not these keys; of a word of earlier versions it gives the new one.
    """
    name = settings.get("plot")
    if name is not None and name not in kinds():
        raise ConfigError(f"{place}.plot", name, one_of(name, kinds()))
    # Without a kind, an unknown key is told first, as it may be a word of an earlier version.
    return validated(kinds()[name] if name is not None else Line, settings, place)


def checked_panel(settings: Mapping[str, Any], place: str, templates: Mapping[str, Callable[[], Template]]) -> Panel:
    """A panel as the configuration says it, whose experiment has what it asks for.

    Parameters
    ----------
    settings, place
        As of `panel_of`.
    templates
        Experiment -> a function that says what its dataset has.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        On the first thing that is not there, with key, value and what is allowed.
    """
    panel = panel_of(settings, place)
    if panel.experiment not in templates:
        raise ConfigError(f"{place}.experiment", panel.experiment, one_of(panel.experiment, templates))
    template = templates[panel.experiment]()
    panel.check(place, template)
    for index, name in enumerate(panel.marks):
        if name not in marks():
            raise ConfigError(f"{place}.marks[{index}]", name, one_of(name, marks()))
        known = (*template.variables, *template.axes, *template.shared)
        for needed in marks()[name].needs:
            if needed not in known or template.axes.get(needed) == ():
                raise ConfigError(f"{place}.marks[{index}]", name, f"none of an experiment without {needed}")
    return panel

"""A figure is tables: a panel is a few layers on common axes, and a layer a table and what its columns are.

Marks, such as the span of a deficit, a line at 0 or a name, are layers with few rows. Renderers know primitives only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from critical_periods.figures import look
from critical_periods.figures.look import Stroke

#: What a renderer has to draw: `line`, summarised over runs; `path`, points in their order, one for each of `units`;
#: `scatter`; `heatmap`, whose colour is `hue`; `span`, from x to y along the horizontal axis; `rule`, at x or at y;
#: `text`, whose words are `hue`.
Primitive = Literal["line", "path", "scatter", "heatmap", "span", "rule", "text"]

#: Up to this many runs are drawn one by one, and up to this many lines in a panel.
MOST_RUNS, MOST_LINES = 5, 40

#: Up to this many points of a line have markers.
MOST_MARKED = 30


@dataclass(frozen=True)
class Layer:
    """A table, the primitive that draws it, and what its columns are.

    Parameters
    ----------
    plot
        The primitive.
    table
        A row a point and run.
    x, y
        Columns along the axes; of a span, where it begins and ends.
    hue, style, size
        Columns that colour, look and size of markers follow; `hue` of a heatmap is what it shows.
    units
        Columns that tell the lines of a path apart.
    runs
        Columns that number runs of the same thing.
    stroke
        How it is drawn, as far as no column says.
    """

    plot: Primitive
    table: pd.DataFrame
    x: str = ""
    y: str = ""
    hue: str | None = None
    style: str | None = None
    size: str | None = None
    units: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    stroke: Stroke = look.PLAIN

    def levels(self, column: str | None) -> list[Any]:
        """Values of a column: numbers in order, words as they come; none without a column."""
        if column is None:
            return []
        values = [value for value in pd.unique(self.table[column]) if not pd.isna(value)]
        return sorted(values) if all(isinstance(value, int | float | np.number) for value in values) else values

    def strokes(self, rows: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, Stroke]]:
        """Rows of each level of `style`, and how they are drawn: training before theory, which lies upon it."""
        if self.style is None or self.plot == "scatter":
            yield rows, self.stroke
            return
        for level in self.levels(self.style):
            yield rows[rows[self.style] == level], self.stroke_of(level)

    def stroke_of(self, level: Any) -> Stroke:
        """How a level of `style` is drawn."""
        if level in look.STROKES:
            return look.STROKES[level]
        index = self.levels(self.style).index(level)
        return self.stroke.but(dash=look.DASHES[index % len(look.DASHES)], label=str(level).replace("_", " "))

    def by(self) -> list[str]:
        """Columns that tell the points of a line apart, but for runs: all that is not what is drawn."""
        return [column for column in self.table if column not in (self.y, *self.runs, "status")]

    def n_runs(self) -> int:
        """How many runs a point of a line is the median of, at most."""
        return int(np.prod([self.table[run].nunique() for run in self.runs], initial=1))

    def spread(self) -> Literal["none", "runs", "band"]:
        """How runs are shown beside their median: not at all, one by one, or by the middle half of them."""
        count = self.n_runs()
        lines = max(len(self.levels(self.hue)), 1) * max(len(self.levels(self.style)), 1)
        if count == 1:
            return "none"
        return "runs" if count <= MOST_RUNS and count * lines <= MOST_LINES else "band"

    def marked(self, rows: pd.DataFrame) -> bool:
        """Whether the points of a line have markers."""
        return self.stroke.marker != "" and self.x != "epoch" and rows[self.x].nunique() <= MOST_MARKED

    def single(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of runs that are drawn one by one: those that have something to lose."""
        return rows[rows["status"] != "fails"] if "status" in rows else rows

    def summary(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Median and middle half of the runs at every point, as seaborn computes them."""
        if not self.runs:
            return rows.assign(low=rows[self.y], high=rows[self.y])
        by = rows.groupby(self.by(), sort=False, dropna=False)[self.y]
        quartiles = by.quantile([0.25, 0.5, 0.75]).unstack().set_axis(["low", self.y, "high"], axis=1)
        return quartiles.reset_index()

    def shown(self, column: str) -> np.ndarray:
        """Values of a column that have to lie within the axes."""
        if self.plot in ("span", "text") or column not in (self.x, self.y):
            return np.array([])
        if column != self.y or self.plot != "line" or self.spread() == "none":
            return self.table[column].to_numpy(float)
        values = self.summary(self.table)
        single = self.single(self.table)[column] if self.spread() == "runs" else []
        return np.concatenate([values[["low", column, "high"]].to_numpy(float).ravel(), np.asarray(single, float)])

    def grid(self, rows: pd.DataFrame) -> pd.DataFrame:
        """A heatmap's values, the median over runs, by y and x."""
        assert self.hue is not None
        return rows.pivot_table(index=self.y, columns=self.x, values=self.hue, aggfunc="median", dropna=False)

    def lines(self, rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """The lines of a path, one for each of its units."""
        yield from (part for _, part in rows.groupby(list(self.units), sort=False)) if self.units else (rows,)

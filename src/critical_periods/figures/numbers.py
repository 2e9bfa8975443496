"""The numbers of a figure as a table, taken from what is drawn: to plot them again with other tools."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

#: Columns: the panel, counted as they are lettered, and what is said at its axes; a curve, a single run behind it, a
#: band or a map; what the legend calls it and its colour; the numbers, `value` being the colour of a map, `low` and
#: `high` the edges of a band; the piece that a point belongs to, counted in its panel: a curve, a run, a band, a map.
COLUMNS = (
    *("panel", "title", "x_label", "y_label", "drawn", "name", "colour", "x", "y", "value"),
    *("low", "high", "piece"),
)  # fmt: skip

#: Numbers of a point, by their columns.
Point = dict[str, float]


def plotted(figure: Figure) -> Iterator[dict[str, Any]]:
    """Numbers of a figure, a row for each point of a curve, of a band, or of a map.

    Parameters
    ----------
    figure
        The figure; colour bars are no panels, and what lies in coordinates of the page is no data.
    """
    called = _legend(figure)
    panels = [axes for axes in figure.axes if not hasattr(axes, "_colorbar") and axes.get_label() != "<colorbar>"]
    for index, axes in enumerate(panels, start=1):
        place = {
            "panel": index,
            "title": _line(" ".join(axes.get_title(loc=where) for where in ("left", "center"))),
            "x_label": _line(axes.get_xlabel()),
            "y_label": _line(axes.get_ylabel()),
        }
        pieces = ((artist, piece) for artist in axes.get_children() for piece in _pieces(axes, artist))
        for count, (artist, (drawn, points)) in enumerate(pieces, start=1):
            colour = "" if drawn == "map" else _colour(artist)
            name = str(artist.get_label())
            name = called.get(colour, "") if name.startswith("_") else name
            for point in points:
                yield place | {"drawn": drawn, "name": name, "colour": colour, "piece": count} | point


def _legend(figure: Figure) -> dict[str, str]:
    """What legends call a colour, where they call it one thing."""
    found: dict[str, set[str]] = {}
    for legend in filter(None, [*figure.legends, *(axes.get_legend() for axes in figure.axes)]):
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            if handle is not None:
                found.setdefault(_colour(handle), set()).add(text.get_text().strip())
    return {colour: names.pop() for colour, names in found.items() if len(names) == 1}


def _line(text: str) -> str:
    """A text of a figure without its letter in bold and its ends of lines."""
    return " ".join(re.sub(r"\$\\mathbf\{\S*\}\$", "", text).split())


def _colour(artist: Any) -> str:
    line = isinstance(artist, Line2D | LineCollection)
    colours = to_rgba_array(artist.get_color() if line else artist.get_facecolor())
    return to_hex(colours[0]) if len(colours) else ""


def _values(artist: Any) -> Any:
    """Values behind the colours of a map, masked ones as NaN."""
    return np.ma.filled(np.ma.asarray(artist.get_array(), dtype=float), np.nan)


def _pieces(axes: Axes, artist: Any) -> Iterator[tuple[str, Iterable[Point]]]:
    """What each piece of an artist is, and its points."""
    if isinstance(artist, QuadMesh):
        corners = np.asarray(artist.get_coordinates())
        centres: Any = (corners[:-1, :-1] + corners[1:, 1:]) / 2
        yield "map", _points(("x", "y", "value"), [*centres.reshape(-1, 2).T, _values(artist).ravel()])
    elif isinstance(artist, AxesImage):
        values = _values(artist)
        left, right, bottom, top = artist.get_extent()
        rows, columns = np.indices(values.shape[:2]) + 0.5
        x = left + columns * (right - left) / values.shape[1]
        y = top + rows * (bottom - top) / values.shape[0]
        yield "map", _points(("x", "y", "value"), [x.ravel(), y.ravel(), values.ravel()])
    elif getattr(artist, "get_transform", lambda: None)() == axes.transData:
        if isinstance(artist, Line2D):
            yield "run" if artist.get_alpha() else "curve", _points(("x", "y"), np.asarray(artist.get_xydata()).T)
        elif isinstance(artist, LineCollection):
            for line in _joined(filter(len, map(np.asarray, artist.get_segments()))):
                yield "curve", _points(("x", "y"), line.T)
        elif getattr(artist, "t_direction", "") == "x":  # of fill_between
            for path in artist.get_paths():
                # Closed: a corner, there along one edge, another corner, and back along the other edge.
                there, back = np.asarray(path.vertices)[:-1].reshape(2, -1, 2)[:, 1:]
                edges = np.sort([there[:, 1], back[::-1, 1]], axis=0)
                yield "band", _points(("x", "low", "high"), [there[:, 0], *edges])
        elif isinstance(artist, PolyCollection):
            for path in artist.get_paths():
                yield "band", _points(("x", "y"), np.asarray(path.vertices).T)


def _points(names: Sequence[str], numbers: Iterable[np.ndarray]) -> list[Point]:
    return [dict(zip(names, map(float, point), strict=True)) for point in zip(*numbers, strict=True)]


def _joined(segments: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Lines of segments, each of which goes on with the one before where that ends."""
    line: list[np.ndarray] = []
    for segment in segments:
        if line and (segment[0] == line[-1]).all():
            line += [*segment[1:]]
            continue
        if line:
            yield np.array(line)
        line = [*segment]
    if line:
        yield np.array(line)


def as_csv(figure: Figure) -> str:
    """Numbers of a figure as CSV, to nine significant digits."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in plotted(figure):
        writer.writerow({name: f"{value:.9g}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue()

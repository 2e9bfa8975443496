"""The numbers of a figure as a table, taken from what is drawn: to plot them again with other tools."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

#: Columns: the panel, counted as they are lettered, and what is said at its axes; a curve, a single run behind it, the
#: edges of a band or a map;
#: what the legend calls it and its colour; the numbers, `value` being the colour of a map. Curves that share a row of
#: the table's other columns are apart by a point without numbers.
COLUMNS = ("panel", "title", "x_label", "y_label", "drawn", "name", "colour", "x", "y", "value")


def plotted(figure: Figure) -> Iterator[dict[str, Any]]:
    """Numbers of a figure, a row for each point of a curve, of the edge of a band, or of a map.

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
        for artist in axes.get_children():
            for drawn, colour, x, y, value in _points(axes, artist):
                name = str(artist.get_label())
                name = called.get(colour, "") if name.startswith("_") else name
                yield place | {"drawn": drawn, "name": name, "colour": colour, "x": x, "y": y, "value": value}


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


def _points(axes: Axes, artist: Any) -> Iterator[tuple[str, str, float, float, float | str]]:
    """What is drawn, its colour, and the numbers of every point of an artist."""
    if isinstance(artist, QuadMesh):
        corners = np.asarray(artist.get_coordinates())
        centres: Any = (corners[:-1, :-1] + corners[1:, 1:]) / 2
        values = _values(artist).reshape(centres.shape[:2])
        for (x, y), value in zip(centres.reshape(-1, 2), values.ravel(), strict=True):
            yield "map", "", float(x), float(y), float(value)
    elif isinstance(artist, AxesImage):
        values = _values(artist)
        left, right, bottom, top = artist.get_extent()
        rows, columns = values.shape[:2]
        for row, column in np.ndindex(rows, columns):
            x = left + (column + 0.5) * (right - left) / columns
            y = top + (row + 0.5) * (bottom - top) / rows
            yield "map", "", x, y, values[row, column]
    elif getattr(artist, "get_transform", lambda: None)() == axes.transData:
        if isinstance(artist, Line2D):
            drawn = "run" if artist.get_alpha() else "curve"
            yield from ((drawn, _colour(artist), x, y, "") for x, y in np.asarray(artist.get_xydata()))
        elif isinstance(artist, LineCollection):
            last = None
            for segment in filter(len, map(np.asarray, artist.get_segments())):
                if last is not None and (segment[0] != last).any():
                    yield "curve", _colour(artist), np.nan, np.nan, ""
                joined = segment[1:] if last is not None and (segment[0] == last).all() else segment
                yield from (("curve", _colour(artist), x, y, "") for x, y in joined)
                last = segment[-1]
        elif isinstance(artist, PolyCollection):
            for path in artist.get_paths():
                yield from (("band", _colour(artist), x, y, "") for x, y in np.asarray(path.vertices))


def as_csv(figure: Figure) -> str:
    """Numbers of a figure as CSV, to nine significant digits."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in plotted(figure):
        writer.writerow({name: f"{value:.9g}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue()

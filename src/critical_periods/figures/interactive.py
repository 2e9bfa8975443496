"""Figures to hover over, zoom into and toggle: pages that need no network and no Python, and what all of them have."""

from __future__ import annotations

import gzip
import html
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template
from textwrap import fill
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from critical_periods.figures import style
from critical_periods.figures.style import MINUS
from critical_periods.publishing.markup import plotly_text
from critical_periods.storage.files import write_whole

#: The part of plotly.js that draws lines and maps, of the package's version: `make library`.
LIBRARY = Path(__file__).with_name("plotly.min.js.gz")
PAGE = Path(__file__).with_name("page.html")

#: Heights of a row of panels, of what stands above the first one and below the last, and of a row of keys; pixels.
ROW, ABOVE, BELOW, KEYS = 300, 90, 75, 30
#: Least width for a panel, of which there is room for two at least; a narrower screen scrolls.
PANEL = 320
#: Characters of a row of keys at half the width of a screen.
CHARACTERS = 90
#: Characters of a panel's title in a line, by panels in a row.
TITLES = {1: 70, 2: 40, 3: 26, 4: 20}
#: Look of gradient descent where theory is drawn upon it.
PALE: dict[str, Any] = {"line_width": 4, "opacity": 0.5}


def save(figure: go.Figure, title: str, name: str, path: str) -> None:
    """Write an interactive figure as a page that needs nothing else.

    Parameters
    ----------
    figure
        The figure; its look is set.
    title
        Title of the figure, a text.
    name
        Name of the element that holds the figure.
    path
        The file.

    Raises
    ------
    OSError
        If the file cannot be written; then nothing of it is left.
    """
    figure.update_layout(template="plotly_white", hoverlabel={"namelength": -1})
    packed = b64encode(gzip.compress(figure.to_json().encode(), mtime=0)).decode()
    library = b64encode(LIBRARY.read_bytes()).decode()
    width = PANEL * max(len({axis.domain for axis in figure.select_xaxes()}), 2)
    page = Template(PAGE.read_text(encoding="utf-8"))
    parts = {"title": html.escape(title), "name": name, "width": width, "library": library, "figure": packed}
    write_whole(page.substitute(parts), path)


def subplots(rows: int, columns: int, titles: Iterable[str], words: Callable[[str], str], **layout: Any) -> go.Figure:
    """Panels with letters, and titles, which are wrapped, in the words that a function makes of them."""
    width = TITLES.get(columns, TITLES[4])
    lettered = [
        f"({style.panel_letter(index)}) {title}" if rows * columns > 1 else title for index, title in enumerate(titles)
    ]
    broken = [wrapped(title, width, words) for title in lettered]
    figure = make_subplots(rows=rows, cols=columns, subplot_titles=broken, **layout)
    figure.update_annotations(font_size=13)
    figure.update_xaxes(title_font_size=12)
    figure.update_yaxes(title_font_size=12, exponentformat="power")
    return figure.update_layout(height=ROW * rows + ABOVE + BELOW, margin={"t": ABOVE, "l": 60, "r": 20, "b": BELOW})


def legends(figure: go.Figure, titles: Sequence[str]) -> go.Figure:
    """Legends below a figure, one for each title, a row each; what several panels show is named once."""
    known: set[str] = set()
    for trace in figure.data:
        if trace.legendgroup and (trace.x is None or len(trace.x)):  # a trace without points has no key
            trace.showlegend = trace.legendgroup not in known
            known.add(trace.legendgroup)
    height, more = figure.layout.height - ABOVE - BELOW, 0
    for index, title in enumerate(titles):
        name = numbered("legend", index)
        place = {"orientation": "h", "x": 0, "xanchor": "left", "yanchor": "top", "y": -(BELOW + more) / height}
        named = [trace.name for trace in figure.data if trace.showlegend and (trace.legend or "legend") == name]
        room, called = (sum(len(re.sub("<.*?>", "", text)) + 8 for text in texts) for texts in (named, [title]))
        beside = room + called <= CHARACTERS  # keys of several rows would begin after the title, and end outside
        key = {"title": {"text": title, "side": "left" if beside else "top"}, "groupclick": "togglegroup"}
        figure.update_layout({name: place | key})
        more += KEYS * (1 if beside else bool(title) - (-room // CHARACTERS))
    return figure.update_layout(height=figure.layout.height + more, margin_b=BELOW + more)


def numbered(kind: str, index: int) -> str:
    """What plotly calls the axis or the legend of an index: the first has no number."""
    return f"{kind}{index + 1 if index else ''}"


def hover(name: str, value: str) -> str:
    """What is said of a point along training."""
    return f"{name}<br>epoch %{{x:,}}<br>{value} %{{y:.4g}}<extra></extra>"


def epochs(values: np.ndarray) -> dict[str, Any]:
    """Places along training; evenly spaced ones need not be listed, which halves a page."""
    step = values[1] - values[0] if len(values) > 1 else 0
    even = step > 0 and bool((np.diff(values) == step).all())
    return {"x0": int(values[0]), "dx": int(step)} if even else {"x": numbers(values)}


def numbers(values: np.ndarray) -> np.ndarray:
    """Values in as many digits as a picture shows."""
    return values.astype(np.float32) if values.dtype.kind in "iuf" else values


def plain(text: str) -> str:
    """A label with tags in place of mathematics, which plotly would need the network for."""

    def tagged(mathematics: re.Match[str]) -> str:
        named = re.sub(r"\\(\w+)", lambda name: html.unescape(f"&{name[1]};"), mathematics[1].replace("-", MINUS))
        lowered = re.sub(r"_(\w)", r"<sub>\1</sub>", named)
        return "<i>" + re.sub(r"\^(\w)", r"<sup>\1</sup>", lowered) + "</i>"

    return re.sub(r"\$(.+?)\$", tagged, plotly_text(text), flags=re.DOTALL)


def wrapped(text: str, width: int, words: Callable[[str], str] = plain) -> str:
    """A text in lines of so many characters, in the words that a function makes of it."""
    return words(fill(text, width)).replace("\n", "<br>")

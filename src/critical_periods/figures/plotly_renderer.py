"""Figures to hover over, zoom into and toggle: pages that need no network and no Python.

Each axes is a chart of its own in a grid of the page, so that a phone shows all of them, one below the other.
"""

from __future__ import annotations

import gzip
import html
import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from critical_periods.figures import legend, look, scales
from critical_periods.figures.figure import Facet, Figure
from critical_periods.figures.layers import Layer
from critical_periods.figures.legend import Key
from critical_periods.figures.look import Stroke
from critical_periods.publishing.markup import plotly_text
from critical_periods.storage.files import write_whole

#: The part of plotly.js that draws lines and maps, of the package's version: `make library`.
LIBRARY = Path(__file__).with_name("plotly.min.js.gz")
PAGE = Path(__file__).with_name("page.html")

#: Pixels to a point of a stroke, and of a chart: its height and what lies above and below its axes.
THICKER, HEIGHT, ABOVE, BELOW = 1.5, 250, 10, 42

#: Up to about this many points of a line are on a page; the table beside it has all.
MOST_POINTS = 300

#: What plotly calls markers.
SYMBOLS = {
    **{"o": "circle", "s": "square", "D": "diamond", "p": "pentagon", "h": "hexagon", "d": "diamond-tall"},
    **{"^": "triangle-up", "v": "triangle-down", "<": "triangle-left", ">": "triangle-right"},
    **{"*": "star", "P": "cross", "X": "x", "x": "x-thin"},
}


def charts_of(figure: Figure) -> list[go.Figure]:
    """A chart for every axes of a figure, in the order of its facets.

    Parameters
    ----------
    figure
        What is drawn.
    """
    return [_chart(figure, facet) for facet in figure.facets]


def save_page(figure: Figure, caption: str, files: Mapping[str, str], path: str) -> None:
    """Write a figure as a page that needs nothing else.

    Parameters
    ----------
    figure
        What is drawn.
    caption
        What stands below it, a text.
    files
        What lies beside it: words -> address.
    path
        The file.

    Raises
    ------
    OSError
        If the file cannot be written; then nothing of it is left.
    """
    charts: list[dict[str, Any]] = []
    for facet, chart in zip(figure.facets, charts_of(figure), strict=True):
        drawn = json.loads(chart.to_json())
        together = {which: " ".join(facet.plot.along(which)) for which in ("x", "y")}
        charts.append({"data": drawn["data"], "layout": drawn["layout"], "links": together})
    packed = b64encode(gzip.compress(json.dumps(charts).encode(), mtime=0)).decode()
    note = " ".join(filter(None, [legend.note(figure), caption]))
    links = "".join(f'<a href="{html.escape(address)}">{html.escape(words)}</a>' for words, address in files.items())
    parts = {
        "title": html.escape(figure.title),
        "bands": "".join(_band(figure, band) for band in range(len(figure.bands))),
        "keys": "".join(map(_key, legend.keys(figure, every=True))),
        "note": html.escape(note),
        "links": links,
        "library": b64encode(LIBRARY.read_bytes()).decode(),
        "figure": packed,
        "dark": str(look.DARK),
        "ink": look.TOKENS["ink"],
        "soft": look.TOKENS["soft"],
    }
    write_whole(Template(PAGE.read_text(encoding="utf-8")).substitute(parts), path)


def _band(figure: Figure, band: int) -> str:
    """The grid of a band of axes, in HTML."""
    charts = []
    for index, facet in enumerate(figure.facets):
        if facet.band == band:
            words = " · ".join(filter(None, (facet.letter, facet.head, facet.side)))
            remark = " ".join(figure.remark(facet))
            small = f"<small>{html.escape(remark)}</small>" if remark else ""
            charts.append(
                f'<section><h2>{html.escape(words)}</h2>{small}<div class="chart" id="c{index}"></div></section>'
            )
    columns = " ".join(f"minmax(0, {width}fr)" for width in figure.shape(band)[1])
    return f'<div class="band" style="--columns: {columns}">{"".join(charts)}</div>'


def _chart(figure: Figure, facet: Facet) -> go.Figure:
    """One axes with all its layers."""
    drawn, longest = go.Figure(), 0
    for which in ("x", "y"):
        axis = figure.axis(facet.plot, which)
        label = plotly_text(axis.name)
        words = {"title": {"text": label, "standoff": 6}, "tickvals": axis.places(axis.ticks), "ticktext": axis.labels}
        if axis.categories:
            words["tickvals"] = np.array(axis.ticks, float)
        limits = scales.transformed(axis.limits, axis.scale, axis.linthresh)
        lines = {"showline": True, "ticks": "outside", "ticklen": 4, "zeroline": False, "showgrid": False}
        colours = {"linecolor": look.TOKENS["soft"], "color": look.TOKENS["soft"], "tickcolor": look.TOKENS["soft"]}
        drawn.update_layout({f"{which}axis": {**lines, **colours, **words, "range": list(limits)}})
    for layer, rows in facet.layers:
        PRIMITIVES[layer.plot](drawn, figure, facet, layer, rows)
        longest = max(longest, _ends(drawn, figure, facet, layer, rows))
    if facet.plot.panel.square or facet.plot.is_matrix:
        drawn.update_yaxes(scaleanchor="x", constrain="domain").update_xaxes(constrain="domain")
    margin = {"l": 54, "r": 14 + 7 * longest, "t": ABOVE, "b": BELOW}
    font = {"family": f"{look.FONT}, system-ui, sans-serif", "color": look.TOKENS["ink"], "size": 12}
    height = HEIGHT + 80 * facet.plot.panel.square
    clear = {"plot_bgcolor": "rgba(0,0,0,0)", "paper_bgcolor": "rgba(0,0,0,0)"}
    return drawn.update_layout(height=height, margin=margin, font=font, showlegend=False, template="none", **clear)


# The primitives.


def _line_of(figure: Figure, stroke: Stroke, colour: str | None = None) -> dict[str, Any]:
    """A stroke in plotly's words."""
    dash = ",".join(f"{step * stroke.width * THICKER:.3g}px" for step in stroke.dash) if stroke.dash else "solid"
    own = look.TOKENS.get(stroke.colour or "run", stroke.colour)
    return {"color": colour or own, "width": stroke.width * THICKER, "dash": dash}


def _points(figure: Figure, facet: Facet, rows: pd.DataFrame, x: str, y: str) -> dict[str, Any]:
    """Where points lie on the axes."""
    axes = figure.axis(facet.plot, "x"), figure.axis(facet.plot, "y")
    return {
        name: axis.places(rows[column]).astype("float32")
        for name, axis, column in zip("xy", axes, (x, y), strict=True)
    }


def _hover(figure: Figure, facet: Facet, rows: pd.DataFrame, x: str, y: str, words: str) -> dict[str, Any]:
    """What the pointer is told: the values themselves, wherever they lie."""
    told, customdata = [], {}
    for index, (which, column) in enumerate((("x", x), ("y", y))):
        axis, name = figure.axis(facet.plot, which), plotly_text(facet.plot.names.get(column, column))  # type: ignore[arg-type]
        if axis.scale == "linear" and not axis.categories:
            told.append(f"{name} %{{{which}:.4~g}}")
            continue
        told.append(f"{name} %{{customdata[{index}]{'' if axis.categories else ':.4~g'}}}")
        values = [list(pair) for pair in zip(rows[x].tolist(), rows[y].tolist(), strict=True)]
        customdata["customdata"] = values
    return {**customdata, "hovertemplate": "<br>".join(told) + f"<extra>{plotly_text(words)}</extra>"}


def _by_hue(figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> Any:
    """Rows of each value of the hue, what it is called, its colour and its marker."""
    if not layer.hue:
        colour = look.TOKENS.get(layer.stroke.colour or "run", layer.stroke.colour)
        yield rows, layer.stroke.label, colour, layer.stroke.marker or "o"
        return
    texts, palette, markers = (
        facet.plot.texts(layer.hue, layer.levels(layer.hue)),
        figure.palette(layer.hue),
        figure.markers(layer.hue),
    )
    for value in layer.levels(layer.hue):
        part = rows[rows[layer.hue] == value]
        if len(part):
            yield part, texts[value], palette[value], layer.stroke.marker or markers.get(value, "o")


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Several lines in one trace, with a row of NaN between them."""
    gap = pd.DataFrame(np.nan, index=[0], columns=parts[0].select_dtypes("number").columns)
    return pd.concat([each for part in parts for each in (part, gap)][:-1], ignore_index=True)


def _line(drawn: go.Figure, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> None:
    x, y, spread = layer.x, layer.y, layer.spread()
    for part, stroke in layer.strokes(rows):
        for each, words, colour, marker in _by_hue(figure, facet, layer, part):
            if spread == "runs":
                single = layer.single(each)
                if len(single):
                    runs = [run[[x, y]].sort_values(x) for _, run in single.groupby(list(layer.runs))]
                    thin = _line_of(figure, look.FAINT, colour)
                    at = _points(figure, facet, _joined(runs), x, y)
                    faint = {"mode": "lines", "line": thin, "opacity": look.FAINT.alpha, "hoverinfo": "skip"}
                    drawn.add_scatter(**at, **faint, meta=words)
            values = layer.summary(each).dropna(subset=[y]).sort_values(x, key=figure.axis(facet.plot, "x").numbers)
            values = values.iloc[:: max(len(values) // MOST_POINTS, 1)]
            if spread == "band":
                there = values[[x, "low"]].rename(columns={"low": y})
                back = values[::-1][[x, "high"]].rename(columns={"high": y})
                at = _points(figure, facet, pd.concat([there, back]), x, y)
                fill = {"fill": "toself", "fillcolor": colour, "line": {"width": 0}, "opacity": look.BAND}
                drawn.add_scatter(**at, **fill, mode="lines", hoverinfo="skip", meta=words)
            marked = layer.marked(values) and stroke.marker is None
            mode = "lines+markers" if marked else "lines"
            if figure.axis(facet.plot, "x").categories:
                mode = "markers"
            drawn.add_scatter(
                **_points(figure, facet, values, x, y),
                **_hover(figure, facet, values, x, y, ", ".join(filter(None, (words, stroke.label)))),
                mode=mode,
                marker={"color": colour, "symbol": SYMBOLS[marker], "size": stroke.size * THICKER},
                line=_line_of(figure, stroke, colour),
                opacity=stroke.alpha,
                meta=words,
            )


def _path(drawn: go.Figure, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> None:
    for each, words, colour, _ in _by_hue(figure, facet, layer, rows):
        at = _points(
            figure, facet, _joined([line[[layer.x, layer.y]] for line in layer.lines(each)]), layer.x, layer.y
        )
        look_of: dict[str, Any] = {
            "mode": "lines",
            "line": _line_of(figure, layer.stroke, colour if layer.hue else None),
        }
        if layer.stroke.marker:
            look_of |= {"mode": "lines+markers", "marker": {"symbol": SYMBOLS[layer.stroke.marker]}}
        drawn.add_scatter(**at, **look_of, opacity=layer.stroke.alpha, hoverinfo="skip", meta=words)


def _scatter(drawn: go.Figure, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> None:
    rows = rows.dropna(subset=[layer.x, layer.y])
    shapes, sizes = figure.markers(layer.style), figure.sizes(layer.size)
    for each, words, colour, marker in _by_hue(figure, facet, layer, rows):
        symbols = [SYMBOLS[shapes.get(value, marker)] for value in each[layer.style]] if layer.style else [
            SYMBOLS[marker]
        ] * len(each)  # fmt: skip
        size = [sizes[value] * 2 for value in each[layer.size]] if layer.size else layer.stroke.size * 1.8
        if layer.stroke.hollow:
            symbols = [f"{symbol}-open" for symbol in symbols]
        texts = [column for column in dict.fromkeys((layer.hue, layer.style, layer.size)) if column]
        said = [facet.plot.texts(column, figure.levels(column)) for column in texts]
        beside = (
            [
                "<br>".join(say[value] for say, value in zip(said, row, strict=True))
                for row in zip(*(each[column] for column in texts), strict=True)
            ]
            if texts
            else [words] * len(each)
        )
        drawn.add_scatter(
            **_points(figure, facet, each, layer.x, layer.y),
            **_hover(figure, facet, each, layer.x, layer.y, "%{text}"),
            text=[plotly_text(text) for text in beside],
            mode="markers",
            marker={"color": colour, "symbol": symbols, "size": size},
            meta=words,
        )


def _heatmap(drawn: go.Figure, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> None:
    assert layer.hue is not None
    grid, norm = layer.grid(rows), figure.norms[layer.hue]
    x, y = figure.axis(facet.plot, "x"), figure.axis(facet.plot, "y")
    columns, index = np.meshgrid(grid.columns, grid.index)
    names = facet.plot.names
    called = (names.get(layer.x, layer.x), names.get(layer.y, layer.y), norm.name)
    values = ("%{customdata[0]}", "%{customdata[1]}", "%{z:.4~g}")
    words = "<br>".join(f"{plotly_text(name)} {value}" for name, value in zip(called, values, strict=True))
    places = np.linspace(0, 1, len(norm.colours)).tolist()
    drawn.add_heatmap(
        x=x.places(grid.columns),
        y=y.places(grid.index),
        z=grid.to_numpy(float),
        customdata=np.stack([columns, index], axis=-1),
        hovertemplate=words + "<extra></extra>",
        zmin=norm.low,
        zmax=norm.high,
        colorscale=[list(pair) for pair in zip(places, norm.colours, strict=True)],
        colorbar={"thickness": 8, "outlinewidth": 0, "title": {"text": plotly_text(norm.name), "side": "right"}},
    )


def _span(drawn: go.Figure, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> None:
    axis = figure.axis(facet.plot, "x")
    fill = {"fillcolor": look.TOKENS[layer.stroke.colour or "deficit"], "opacity": layer.stroke.alpha, "line_width": 0}
    for begin, end in rows[[layer.x, layer.y]].drop_duplicates().itertuples(index=False):
        drawn.add_vrect(*axis.places([begin, end]), layer="below", **fill)


def _rule(drawn: go.Figure, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> None:
    axis = figure.axis(facet.plot, "x" if layer.x else "y")
    for at in axis.places(rows[layer.x or layer.y].unique()):
        (drawn.add_vline if layer.x else drawn.add_hline)(at, line=_line_of(figure, layer.stroke), layer="below")


def _text(drawn: go.Figure, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> None:
    """Nothing in the chart: the page has it below the head."""


PRIMITIVES = {
    "line": _line,
    "path": _path,
    "scatter": _scatter,
    "heatmap": _heatmap,
    "span": _span,
    "rule": _rule,
    "text": _text,
}


# Around them.


def _ends(drawn: go.Figure, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> int:
    """Names at the ends of lines, moved apart; gives the length of the longest."""
    ends = legend.ends(figure, facet, layer, rows)
    if not ends:
        return 0
    x, y = figure.axis(facet.plot, "x"), figure.axis(facet.plot, "y")
    at = y.places([end.y for end in ends])
    pixels = at / np.ptp(y.places(y.limits)) * (HEIGHT - ABOVE - BELOW)
    for end, place, shift in zip(ends, at, scales.apart(pixels, 14) - pixels, strict=True):
        font = {"color": look.readable(end.colour), "weight": 700}
        words = plotly_text(end.label)
        where = {"showarrow": False, "xanchor": "left", "xshift": 6, "yshift": shift}
        drawn.add_annotation(x=x.places([end.x])[0], y=place, text=words, font=font, **where)
    return max(len(end.label) for end in ends)


def _key(key: Key) -> str:
    """An entry of the legend in HTML; a click on it hides what it stands for."""
    stroke = key.stroke
    colour = look.TOKENS.get(stroke.colour or "soft", stroke.colour)
    if key.shape == "ramp":
        step = 30 / len(key.colours)
        bars = (
            f'<path d="M{i * step:.1f} 6h{step:.1f}" stroke="{c}" stroke-width="5"/>'
            for i, c in enumerate(key.colours)
        )
        inside = "".join(bars)
    elif key.shape == "marker":
        fill = "none" if stroke.hollow else colour
        inside = f'<circle cx="15" cy="6" r="{stroke.size * 0.8:.1f}" fill="{fill}" stroke="{colour}"/>'
    else:
        width = 10.0 if key.shape == "patch" else stroke.width * THICKER
        dash = " ".join(f"{step * stroke.width * THICKER:.1f}" for step in stroke.dash) if stroke.dash else "none"
        inside = f'<path d="M0 6H30" stroke="{colour}" stroke-width="{width:.1f}" stroke-dasharray="{dash}"/>'
    label = html.escape(key.label)
    return f'<button><svg width="30" height="12" opacity="{stroke.alpha}">{inside}</svg>{label}</button>'

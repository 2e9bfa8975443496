"""Figures on paper: seaborn draws the tables, and Matplotlib what seaborn has no word for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib

if matplotlib.get_backend(auto_select=False) is None:  # no notebook and no user has chosen one
    matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Picture
from matplotlib.font_manager import fontManager
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from critical_periods.figures import legend, look, scales, words
from critical_periods.figures.figure import Axis, Facet, Figure
from critical_periods.figures.layers import Layer
from critical_periods.figures.legend import End, Key
from critical_periods.figures.look import Stroke, Style
from critical_periods.storage.files import write_whole

for _font in Path(__file__).with_name("fonts").glob("*.ttf"):
    fontManager.addfont(str(_font))

#: About how many markers a line has at most.
MOST_MARKERS = 10

#: Markers without a face.
UNFILLED = ("x", "+")

#: What says when a file was made, by what a file is called.
_TIMELESS: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


def drawn(figure: Figure) -> Picture:
    """A figure as Matplotlib has it.

    Parameters
    ----------
    figure
        What is drawn.
    """
    with theme(figure.style):
        picture = plt.figure(figsize=_size(figure), layout="constrained")
        picture.get_layout_engine().set(w_pad=0.03, h_pad=0.03)  # type: ignore[union-attr, call-arg]
        heights = [figure.shape(band)[0] * figure.row_height(band) for band in range(len(figure.bands))]
        bands = picture.add_gridspec(len(figure.bands), 1, height_ratios=heights)
        grids = [
            bands[band].subgridspec(rows, len(widths), width_ratios=widths)
            for band in range(len(figure.bands))
            for rows, widths in [figure.shape(band)]
        ]
        ends: list[Annotation] = []
        maps: dict[str, list[Axes]] = {}
        for facet in figure.facets:
            axes = picture.add_subplot(grids[facet.band][facet.i, facet.j])
            axes.set_facecolor("none")
            for order, (layer, rows) in enumerate(facet.layers):
                PRIMITIVES[layer.plot](axes, figure, facet, layer, rows, 2 + 0.1 * order)
                ends += [_end(axes, figure, facet, end) for end in legend.ends(figure, facet, layer, rows)]
                if layer.plot == "heatmap" and layer.hue:
                    maps.setdefault(layer.hue, []).append(axes)
            _dress(axes, figure, facet)  # last, as seaborn writes the names of columns
        for column, of_map in maps.items():
            _bar(picture, figure, column, of_map)
        _around(picture, figure)
        if figure.style.usetex:
            for text in picture.findobj(Text):
                text.set_text(words.tex(text.get_text()))
        for _ in range(2 if any(plot.panel.square for plot in figure.plots) else 1):
            picture.draw_without_rendering()  # where axes are square, their layout takes a second pass
        picture.set_layout_engine("none")
        _spread(picture, ends)
        return picture


def save_picture(picture: Picture, title: str, *paths: str, dpi: int = 200) -> None:
    """Write a figure as PDF, PNG or SVG, without the time of day, so that equal figures are equal files.

    Raises
    ------
    OSError
        If a file cannot be written; then nothing of it is left.
    """
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # a line for every table of every font of a PDF
    for path in paths:
        drawn, kind = BytesIO(), path.rpartition(".")[2]
        settings: dict[Any, Any] = {"svg.hashsalt": title, "pdf.fonttype": 42, "text.parse_math": False}
        with matplotlib.rc_context(settings):
            picture.savefig(drawn, format=kind, dpi=dpi, metadata={"Title": title} | _TIMELESS[kind])
        write_whole(drawn.getvalue(), path)
    plt.close(picture)


@contextmanager
def theme(style: Style) -> Iterator[None]:
    """Seaborn's theme with the tokens of `look`, put back afterwards."""
    ink, soft, paper = (style.colour(token) for token in ("ink", "soft", "paper"))
    sizes = dict.fromkeys(("font.size", "axes.labelsize", "axes.titlesize"), look.TEXT)
    ticks = {"labelsize": look.SMALL, "color": soft, "labelcolor": soft, "major.width": 0.6, "major.size": 3}
    ticks |= {"minor.width": 0.4, "minor.size": 1.8}
    fonts: dict[str, Any] = {"font.family": [style.font, look.FALLBACK]}
    if style.usetex:
        fonts = {"text.usetex": True, "font.family": [style.font if style.font != look.FONT else "sans-serif"]}
    settings = {
        **fonts,
        **sizes,
        **{"figure.facecolor": paper, "savefig.facecolor": paper, "axes.facecolor": paper},
        **{"legend.fontsize": look.SMALL, "legend.frameon": False, "figure.dpi": 100, "savefig.dpi": style.dpi},
        **{"axes.linewidth": 0.6, "axes.edgecolor": soft, "axes.labelcolor": ink, "text.color": ink},
        **{"axes.titlelocation": "left", "axes.titleweight": "bold", "axes.titlepad": 4, "axes.labelpad": 2},
        **{"pdf.fonttype": 42, "text.parse_math": False, "lines.solid_capstyle": "butt"},
        **{f"{axis}tick.{name}": value for axis in "xy" for name, value in ticks.items()},
    }
    with matplotlib.rc_context():
        sns.set_theme(context="paper", style="ticks", rc=settings)
        yield


def _size(figure: Figure) -> tuple[float, float]:
    """Inches across, and upwards: rows of axes with their heads, title, legend and small print."""
    height = 0.0
    for band in range(len(figure.bands)):
        facets = [facet for facet in figure.facets if facet.band == band]
        height += figure.shape(band)[0] * figure.row_height(band) + 0.4
        height += 0.14 * figure.shape(band)[0] * max(len(figure.remark(facet)) for facet in facets)
        height += 0.13 * (max(len(figure.head(facet)) for facet in facets) - 1)
    rows = len(_legend_rows(legend.keys(figure), figure.width))
    return figure.width, height + 0.18 * len(figure.wrapped()) + 0.17 * rows + 0.15 * bool(legend.note(figure))


# The primitives.


def _artist(figure: Figure, stroke: Stroke) -> dict[str, Any]:
    """A stroke in Matplotlib's words."""
    found: dict[str, Any] = {"lw": stroke.width, "alpha": stroke.alpha}
    if stroke.colour:
        found["color"] = figure.style.colour(stroke.colour)
    if stroke.dash:
        found["ls"] = (0, stroke.dash)
    return found


def _numeric(figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with numbers in place of words along the axes."""
    found = {}
    for which, column in (("x", layer.x), ("y", layer.y)):
        axis = figure.axis(facet.plot, which)  # type: ignore[arg-type]
        if axis.categories:
            found[column] = axis.numbers(rows[column])
    return rows.assign(**found)


def _line(axes: Axes, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame, z: float) -> None:
    side_by_side = bool(figure.axis(facet.plot, "x").categories)
    rows = _numeric(figure, facet, layer, rows)
    levels = layer.levels(layer.hue)
    mapping: dict[str, Any] = {
        "x": layer.x,
        "y": layer.y,
        "hue": layer.hue,
        "hue_order": levels or None,
        "legend": False,
        "ax": axes,
    }
    mapping["palette"] = {level: figure.palette(layer.hue)[level] for level in levels} or None
    if not layer.hue:
        mapping["color"] = figure.style.colour(layer.stroke.colour or "run")
    spread = layer.spread()
    for part, stroke in layer.strokes(rows):
        if not len(part):
            continue
        look_of = _artist(figure, stroke)
        if layer.hue:
            look_of.pop("color", None)
        if spread == "runs":
            unit = part.groupby(list(layer.runs), sort=False).ngroup()
            faint = _artist(figure, look.FAINT)
            single = layer.single(part.assign(run=unit))
            if len(single):
                sns.lineplot(single, **mapping, units="run", estimator=None, zorder=z - 0.05, **faint)
        marked = {}
        if layer.marked(part) and layer.hue and figure.markers(layer.hue):
            shapes = figure.markers(layer.hue)
            marked = {"style": layer.hue, "markers": {level: shapes[level] for level in levels}, "dashes": False}
            marked |= {"ms": stroke.size, "mew": 0.4, "mec": figure.style.colour("paper")}
        elif layer.marked(part) and not layer.hue:
            marked = {"marker": "o", "ms": stroke.size, "mew": 0.4, "mec": figure.style.colour("paper")}
        if marked:
            marked["markevery"] = max(part[layer.x].nunique() // MOST_MARKERS, 1)
        if side_by_side:
            look_of["lw"] = 0
        band: dict[str, Any] = {"estimator": None}
        if spread != "none":
            band = {"estimator": "median", "errorbar": None}
        if spread == "band":
            band |= {"errorbar": ("pi", 50), "err_kws": {"lw": 0, "alpha": look.BAND}}
        sns.lineplot(part, **mapping, **band, **marked, **look_of, zorder=z)


def _path(axes: Axes, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame, z: float) -> None:
    rows = _numeric(figure, facet, layer, rows)
    unit = rows.groupby(list(layer.units), sort=False).ngroup() if layer.units else 0
    mapping: dict[str, Any] = {"x": layer.x, "y": layer.y, "units": "unit", "estimator": None, "sort": False}
    look_of = _artist(figure, layer.stroke)
    if layer.hue:
        mapping |= {"hue": layer.hue, "palette": figure.palette(layer.hue), "legend": False}
        look_of.pop("color", None)
    if layer.stroke.marker:
        look_of |= {"marker": layer.stroke.marker, "ms": layer.stroke.size, "mew": 0.3, "markevery": 2}
    sns.lineplot(rows.assign(unit=unit), **mapping, **look_of, zorder=z, ax=axes)


def _scatter(axes: Axes, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame, z: float) -> None:
    rows = _numeric(figure, facet, layer, rows).dropna(subset=[layer.x, layer.y])
    if not len(rows):
        return
    stroke, column = layer.stroke, layer.style or layer.hue
    shapes = figure.markers(column) if stroke.marker is None else {}
    drawn: dict[str, Any] = {"x": layer.x, "y": layer.y, "zorder": z + 0.5, "legend": False, "ax": axes}
    if layer.hue:
        levels = [level for level in layer.levels(layer.hue) if level in set(rows[layer.hue])]
        drawn |= {"hue": layer.hue, "palette": {level: figure.palette(layer.hue)[level] for level in levels}}
    else:
        drawn["color"] = figure.style.colour(stroke.colour or "ink")
    if shapes:
        drawn |= {"style": column, "markers": {level: shapes[level] for level in set(rows[column])}}
    else:
        drawn["marker"] = stroke.marker or "o"
    if layer.size:
        drawn |= {"size": layer.size, "sizes": {level: size**2 for level, size in figure.sizes(layer.size).items()}}
    else:
        drawn["s"] = stroke.size**2
    edges = {"linewidth": 0.4, "edgecolor": figure.style.colour("paper")}
    if stroke.marker in UNFILLED:
        edges = {"linewidth": 0.9}
    sns.scatterplot(rows, **drawn, **edges)
    if stroke.hollow:
        ring = axes.collections[-1]
        ring.set_edgecolor(ring.get_facecolor())
        ring.set_facecolor(figure.style.colour("paper"))
        ring.set_linewidth(1.0)


def _heatmap(axes: Axes, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame, z: float) -> None:
    # Not sns.heatmap, whose axes are categories: neither marks nor shared limits fit them.
    assert layer.hue is not None
    grid, norm = layer.grid(_numeric(figure, facet, layer, rows)), figure.norms[layer.hue]
    x, y = (figure.axis(facet.plot, which) for which in ("x", "y"))
    edges = (scales.edges(values, axis.scale) for values, axis in ((grid.columns, x), (grid.index, y)))
    axes.set_facecolor(figure.style.colour("missing"))
    colours: dict[str, Any] = {"cmap": ListedColormap(norm.colours), "vmin": norm.low, "vmax": norm.high}
    axes.pcolormesh(*edges, grid.to_numpy(float), rasterized=True, zorder=z, **colours)


def _span(axes: Axes, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame, z: float) -> None:
    for begin, end in rows[[layer.x, layer.y]].drop_duplicates().itertuples(index=False):
        axes.axvspan(begin, end, **_artist(figure, layer.stroke.but(width=0)), zorder=0)


def _rule(axes: Axes, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame, z: float) -> None:
    for at in rows[layer.x or layer.y].unique():
        (axes.axvline if layer.x else axes.axhline)(at, **_artist(figure, layer.stroke), zorder=1)


def _text(axes: Axes, figure: Figure, facet: Facet, layer: Layer, rows: pd.DataFrame, z: float) -> None:
    """Nothing in the axes, where it would lie on data: `_dress` writes it below the head."""


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


def _dress(axes: Axes, figure: Figure, facet: Facet) -> None:
    """Head and axes of a facet; labels are written once where neighbours share them."""
    before = figure.bands[facet.band][0]
    alike = facet.plot is not before and before.along("y") == facet.plot.along("y")
    x, y = (figure.axis(facet.plot, which) for which in ("x", "y"))
    upright = fill(y.name, int(17 * figure.row_height(facet.band)))
    _dress_axis(axes, "x", x, x.name if facet.bottom else "", facet.bottom)
    side = f"{facet.side}\n" if facet.side and facet.left else ""
    _dress_axis(axes, "y", y, side + upright if facet.left and not alike else "", facet.left and not alike)
    remark = figure.remark(facet)
    axes.set_title("\n".join(map(str.rstrip, figure.head(facet))), pad=4 + 9 * len(remark))
    if remark:
        at: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
        drawn: dict[str, Any] = {"size": look.SMALL, "color": figure.style.colour("soft"), "linespacing": 1.1}
        axes.annotate("\n".join(remark), (0, 1), xytext=(0, 3), **at, **drawn).set_in_layout(False)
    if facet.plot.panel.square or facet.plot.is_matrix:
        axes.set_aspect("equal")
    if facet.plot.is_map:
        axes.spines[:].set_visible(False)
    else:
        sns.despine(ax=axes)


def _dress_axis(axes: Axes, which: str, axis: Axis, label: str, numbered: bool) -> None:
    own = getattr(axes, f"{which}axis")
    scale = look.SYMLOG | {"linthresh": axis.linthresh} if axis.scale == "symlog" else {}
    getattr(axes, f"set_{which}scale")(axis.scale, **scale)
    getattr(axes, f"set_{which}lim")(axis.limits)
    own.set_major_locator(FixedLocator(axis.ticks))
    own.set_ticks(axis.ticks, axis.labels if numbered else [""] * len(axis.ticks))
    own.set_minor_locator(FixedLocator(axis.minor) if axis.minor else NullLocator())
    own.set_minor_formatter(NullFormatter())
    own.set_label_text(label)


def _bar(picture: Picture, figure: Figure, column: str, of_map: list[Axes]) -> Colorbar:
    """One bar for all maps of a variable."""
    norm = figure.norms[column]
    mesh = next(each for each in of_map[0].collections if each.get_array() is not None)
    ends = "max" if norm.beyond else "neither"
    bar = picture.colorbar(mesh, ax=of_map, aspect=28, pad=0.015, fraction=0.05, label=norm.name, extend=ends)
    at = scales.ticks(norm.low, norm.high, "linear")
    bar.set_ticks(at, labels=words.said(at))
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.minorticks_off()
    return bar


def _end(axes: Axes, figure: Figure, facet: Facet, end: End) -> Annotation:
    """A name at the end of a line."""
    colour = end.colour if figure.style.dark else look.readable(end.colour)
    drawn: dict[str, Any] = {"size": look.SMALL, "weight": "bold", "va": "center", "color": colour}
    return axes.annotate(end.label, (end.x, end.y), xytext=(5, 0), textcoords="offset points", **drawn)


def _spread(picture: Picture, ends: list[Annotation]) -> None:
    """Move names apart that lie on one another."""
    for axes in dict.fromkeys(each.axes for each in ends):
        assert axes is not None
        here = [each for each in ends if each.axes is axes]
        points = np.array([axes.transData.transform(each.xy)[1] for each in here]) * 72 / picture.dpi
        for each, shift in zip(here, scales.apart(points, look.SMALL + 0.8) - points, strict=True):
            each.xyann = (5, shift)


def _around(picture: Picture, figure: Figure) -> None:
    """Title above, legend and what lines and bands mean below."""
    title = "\n".join(figure.wrapped())
    picture.suptitle(title, x=0.012, ha="left", size=look.TITLE, weight="bold")
    rows, note = _legend_rows(legend.keys(figure), figure.width), legend.note(figure)
    width, height = picture.get_size_inches()
    below = 0.17 * len(rows) + 0.15 * bool(note) + 0.04
    picture.get_layout_engine().set(rect=(0, below / height, 1, 1 - below / height))  # type: ignore[union-attr, call-arg]
    if note:
        at = (0.12 / width, 0.04 / height)
        picture.text(*at, note, size=look.SMALL, color=figure.style.colour("soft"), va="bottom")
    for index, row in enumerate(rows):
        top = (0.1 / width, (below - 0.02 - 0.17 * index) / height)
        layout = {"handler_map": {tuple: HandlerTuple(ndivide=None, pad=0)}, "handlelength": 2, "columnspacing": 1.3}
        handles = [_handle(figure, key) for key in row]
        labels = [key.label for key in row]
        made = picture.legend(
            handles,
            labels,
            loc="upper left",
            ncols=len(row),
            bbox_to_anchor=top,
            borderaxespad=0,
            borderpad=0,
            **layout,
        )
        made.set_in_layout(False)


def _legend_rows(keys: list[Key], width: float) -> list[list[Key]]:
    """Keys in rows as wide as the figure, about."""
    rows: list[list[Key]] = []
    used = width
    for key in keys:
        needed = 0.45 + 0.05 * len(key.label)
        if used + needed > width - 0.1:
            rows.append([])
            used = 0.0
        rows[-1].append(key)
        used += needed
    return rows


def _handle(figure: Figure, key: Key) -> Any:
    """A legend's picture of a key."""
    if key.shape == "ramp":
        colours = map(figure.style.colour, key.colours)
        return tuple(Line2D([], [], color=colour, lw=key.stroke.width) for colour in colours)
    if key.shape == "patch":
        return Patch(**_artist(figure, key.stroke.but(width=0)))
    drawn = _artist(figure, key.stroke)
    if key.stroke.marker:
        face = figure.style.colour("paper") if key.stroke.hollow else drawn["color"]
        edge = drawn["color"] if key.stroke.hollow or key.stroke.marker in UNFILLED else figure.style.colour("paper")
        drawn |= {"marker": key.stroke.marker, "ms": key.stroke.size, "mfc": face, "mec": edge, "mew": 0.8}
    if key.shape == "marker":
        drawn["ls"] = ""
    else:
        drawn["lw"] = max(key.stroke.width, 0.8)
    return Line2D([], [], **drawn)

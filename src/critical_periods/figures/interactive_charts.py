"""Interactive twins of charts: panels as in the figure; a line is toggled in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from matplotlib.colors import to_hex

from critical_periods.analysis import coordinates
from critical_periods.analysis.closing import compared
from critical_periods.figures import charts, curves, style
from critical_periods.figures.interactive import legends, numbered, numbers, plain, subplots, wrapped
from critical_periods.publishing.markup import plotly_text

#: Characters of what an axis is called in a line, by panels in a row.
NAMES = {1: 80, 2: 40, 3: 20}
#: Pixels for a point of lines and markers in a figure.
LARGER = 1.5
#: What plotly calls the markers.
SYMBOLS = {
    **{"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross"},
    **{"X": "x", "*": "star", "<": "triangle-left", ">": "triangle-right"},
}
#: What is added to that for how they are filled.
FILLED = dict(zip(charts.FILLS, ("", "-open", "-dot", "-open-dot"), strict=True))

#: Axis that tells lines apart -> label of a value -> its look.
Looks = Mapping[str, Mapping[str, Mapping[str, Any]]]


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Draw the panels as in the figure; axes of positive values can be made logarithmic.

    Parameters
    ----------
    panels, datasets
        As of `charts.draw`.
    """
    rows, columns = charts.grid(len(panels))
    titles = [panel.get("title") or datasets[panel["experiment"]].attrs.get("title", "") for panel in panels]
    parts = [charts.chosen(datasets[panel["experiment"]], panel) for panel in panels]
    titles = [
        f"{title}: {charts.shown_in_map(part, panel)[1]}" if panel["chart"] == "map" else title
        for title, panel, part in zip(titles, panels, parts, strict=True)
    ]
    bars = any(panel["chart"] == "map" for panel in panels)
    between = (0.57 if bars else 0.39) if columns > 2 else 0.45 if bars else 0.3
    spacing = {"horizontal_spacing": between / columns, "vertical_spacing": 0.36 / rows}
    figure = subplots(rows, columns, titles, plotly_text, **spacing)
    looks, called = charts.looks_of(panels, parts), charts.titles_of(panels, parts)
    scales, letters, symbols = {}, [], dict[str, dict[str, str]]()
    for index, (panel, dataset) in enumerate(zip(panels, parts, strict=True)):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        if panel["chart"] == "map":
            _map(figure, dataset, panel, place)
        elif panel["chart"] == "prediction":
            for axis, of_labels in _prediction(figure, dataset, panel, place, looks).items():
                symbols.setdefault(axis, {}).update(of_labels)
        else:
            _curves(figure, dataset, panel, place, looks)
        of_curves = panel["chart"] == "curves"
        across, along = panel["x"], panel["show"] if of_curves else panel["y"]
        scale, upright = _scale(dataset, panel, "x", across), _scale(dataset, panel, "y", along)
        name = charts.name_shown(dataset, panel) if of_curves else charts.name_of(along, dataset)
        both = (across, along) if panel["chart"] == "prediction" else ()  # the diagonal goes as far as either
        ticks = _ticks(dataset, scale, both or (across,), 4), _ticks(dataset, upright, both or (along,), 6)
        figure.update_xaxes(title_text=wrapped(charts.name_of(across, dataset), NAMES[columns]), **place)
        figure.update_yaxes(title_text=plain(name), **place)
        figure.update_xaxes(type=scale, **ticks[0], **_figures(dataset[across]), **place)
        figure.update_yaxes(type=upright, **ticks[1], **_figures(dataset[along]), **place)
        if of_curves and float(dataset[along].min()) > 0:
            scales[f"{numbered('yaxis', index)}.type"] = upright or "linear"
            letters.append(style.panel_letter(index))
    if scales:
        kinds, which = ["linear", "log"], "" if len(letters) == len(panels) else f" ({', '.join(letters)})"
        buttons = [
            {"label": kind + which, "method": "relayout", "args": [dict.fromkeys(scales, kind)]} for kind in kinds
        ]
        active = kinds.index(next(iter(scales.values()))) if len(set(scales.values())) == 1 else -1
        menu = {"type": "buttons", "direction": "left", "buttons": buttons, "active": active}
        corner = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 42}}
        figure.update_layout(updatemenus=[menu | corner])
    for index, of_labels in enumerate(symbols.values(), start=len(looks)):
        name = numbered("legend", index)
        for label, symbol in of_labels.items():
            marker = {"symbol": symbol, "size": 8, "color": "grey"}
            figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=plotly_text(label), legend=name)
        figure.update_layout({name: {"itemclick": False, "itemdoubleclick": False}})
    return legends(figure, [plain(called[axis]) for axis in (*looks, *symbols)])


def _figures(values: xr.DataArray) -> dict[str, str]:
    """How the numbers of an axis are written: 10k where they are large, powers where they are small; never 100µ."""
    small = values.dtype.kind == "f" and bool((abs(values.where(values != 0)) < 1e-3).any())
    return {"exponentformat": "power" if small else "SI", "minorloglabels": "small digits" if small else "complete"}


def _ticks(dataset: xr.Dataset, scale: str | None, names: Sequence[str], most: int) -> dict[str, Any]:
    """Ticks of a logarithmic axis of some variables: 1, 2 and 5 of one to three decades, else what plotly chooses."""
    if scale != "log":
        return {}
    values = np.concatenate([dataset[name].values.ravel() for name in names])
    above = values[values > 0]
    few = len(above) > 0 and 10 < above.max() / above.min() < 1000
    return {"dtick": "D2"} if few else {"nticks": most}


def _scale(dataset: xr.Dataset, panel: Mapping[str, Any], axis: str, name: str) -> str | None:
    """A logarithmic axis, unless it would lose 0 or values below: then that of a map has cells of one size.

    None where nothing is asked for.
    """
    if panel["chart"] == "prediction":
        return "log"
    if panel.get("log") not in (axis, "both"):
        return None
    if name in dataset.dims and style.words(dataset[name].values):
        return "category"
    if not float(dataset[name].min()) > 0:
        return "category" if panel["chart"] == "map" else "linear"
    return "log"


def _curves(
    figure: go.Figure,
    dataset: xr.Dataset,
    panel: Mapping[str, Any],
    place: Mapping[str, int],
    looks: Looks,
) -> None:
    """Medians over runs; bars are all of them, or the middle half of many, where there are not too many points.

    Runs that fail without the deficit have rings; then bars are those of the others, and the axis that of the medians,
    until a double click.
    """
    show, x, lines = panel["show"], panel["x"], panel.get("lines")
    labels = [charts.name_shown(dataset, panel)]
    if lines is not None:
        labels = style.labels_in(looks[lines], dataset[lines])
    number = "" if style.words(dataset[x].values) else ":,"
    rings: list[tuple[Mapping[str, Any], str, xr.DataArray]] = []
    medians: list[xr.DataArray] = []
    for index, label in enumerate(labels):
        values = dataset[show] if lines is None else dataset[show].isel({lines: index})
        look: Mapping[str, Any] = looks[lines][label] if lines else {"color": "0.2", "marker": "o"}
        runs = [axis for axis in curves.RUNS if axis in values.dims]
        median, sound = curves.median(values), values
        there = median.notnull().values
        few = int(there.sum()) <= curves.MOST_MARKED
        if "failed" in values.coords and values["failed"].any():
            sound = values.where(~values["failed"])
            rings.append((look, label, values.where(values["failed"]).transpose(x, ...)))
        medians.append(median)
        error = None
        if few and curves.n_runs(values) > 1:
            single = curves.n_runs(values) <= curves.MOST_FAINT
            low, high = (sound.min(runs), sound.max(runs)) if single else curves.middle(sound)
            below, above = (
                numbers((way * (end - median)).values[there].clip(0)) for way, end in ((-1, low), (1, high))
            )
            error = {"array": above, "arrayminus": below, "symmetric": False, "thickness": 1}
        figure.add_scatter(
            x=numbers(_places(dataset, x)[there]),
            y=numbers(median.values[there]),
            error_y=error,
            mode="markers" if panel.get("points") else "lines+markers" if few else "lines",
            line={"color": to_hex(look["color"]), "width": LARGER * look.get("lw", 1.4)},
            marker={"symbol": SYMBOLS[look["marker"]], "size": LARGER * look.get("ms", 4)},
            name=plotly_text(label),
            **_key(looks, lines, label),
            hovertemplate=plain(charts.name_of(x, dataset))
            + f" %{{x{number}}}<br>"
            + plain(charts.name_shown(dataset, panel))
            + " %{y:.4g}",
            **place,
        )
    for look, label, values in rings:
        points = values.values.reshape(values.sizes[x], -1)
        there = np.isfinite(points)
        figure.add_scatter(
            x=numbers(np.repeat(_places(dataset, x)[:, None], points.shape[1], 1)[there]),
            y=numbers(points[there]),
            mode="markers",
            marker={"symbol": "circle-open", "size": 8, "color": to_hex(look["color"])},
            **_key(looks, lines, label) | {"showlegend": False},
            hovertemplate=f"{style.FAILS}<br>%{{y:.4g}}<extra></extra>",
            **place,
        )
    if rings:
        ends = [float(fold([fold(median) for median in medians])) for fold in (np.nanmin, np.nanmax)]
        margin = (ends[1] - ends[0]) / 4 or 1.0
        figure.update_yaxes(range=[ends[0] - margin, ends[1] + margin], **place)
        ring = {"symbol": "circle-open", "size": 8, "color": "grey"}
        key = {"name": style.FAILS, "legendgroup": style.FAILS, "legendrank": 2000}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=ring, **key, **place)


def _key(looks: Looks, lines: str | None, label: str) -> dict[str, Any]:
    """The place of a line in the legend of what tells lines apart; it is toggled in all panels."""
    if lines is None:
        return {"showlegend": False}
    legend, rank = list(looks).index(lines), list(looks[lines]).index(label)
    return {
        "legend": numbered("legend", legend),
        "legendrank": rank + 1,
        "legendgroup": f"{lines} {label}",
    }


def _map(figure: go.Figure, dataset: xr.Dataset, panel: Mapping[str, Any], place: Mapping[str, int]) -> None:
    x, y = panel["x"], panel["y"]
    values, name, palette = charts.shown_in_map(dataset, panel)
    cell = figure.get_subplot(**place)
    right, (bottom, top) = cell.xaxis.domain[1], cell.yaxis.domain
    figure.add_heatmap(
        x=_places(values, x, _scale(dataset, panel, "x", x) == "category"),
        y=_places(values, y, _scale(dataset, panel, "y", y) == "category"),
        z=values.values.astype(float),
        **_shades(values, palette),
        colorbar={"x": right, "len": top - bottom, "y": (top + bottom) / 2, "thickness": 12, "xpad": 4},
        hovertemplate=f"{plain(charts.name_of(x, dataset))} %{{x}}<br>{plain(charts.name_of(y, dataset))} %{{y}}<br>"
        + f"{plain(name)} %{{z:.4g}}<extra></extra>",
        **place,
    )


def _shades(values: xr.DataArray, palette: str | None) -> dict[str, Any]:
    """The colours of a map as in the figure."""
    if palette is None:
        return {"colorscale": charts.COLOURS.capitalize()}
    look, places = charts.colours(values, palette), np.linspace(0, 1, 101)
    low, high = look["norm"].vmin, look["norm"].vmax
    shades = look["cmap"](look["norm"](low + places * (high - low)))
    return {"colorscale": list(zip(places, map(to_hex, shades), strict=True)), "zmin": low, "zmax": high}


def _prediction(
    figure: go.Figure,
    dataset: xr.Dataset,
    panel: Mapping[str, Any],
    place: Mapping[str, int],
    looks: Looks,
) -> dict[str, dict[str, str]]:
    """Every setting a point that tells its values; the diagonal is where a prediction is exact.

    Returns what symbols stand for: axis -> label of a value -> symbol.
    """
    points = compared(dataset, panel["x"], panel["y"])
    points = points.isel(point=points["known"].values)
    texts = ["<br>".join(map(plain, settings)) for settings in charts.settings_of(points, dataset, charts.name_of)]
    drawn, keys = charts.looks_of_points(panel, dataset, looks, points)
    lines = panel.get("lines")
    names = [None] if lines is None else list(dataset[lines].values)
    labels = ["setting"] if lines is None else style.labels_in(looks[lines], dataset[lines])
    for name, label in zip(names, labels, strict=True):
        shown = np.arange(len(texts)) if lines is None else coordinates.find(points[lines].values, name)
        color = to_hex(looks[lines][label]["color"] if lines else "0.2")
        known: dict[str, Any] = {"mode": "markers", "name": plotly_text(label), **_key(looks, lines, label), **place}
        if len(shown):  # the key has the colour, and no symbol of a point
            figure.add_scatter(x=[None], y=[None], marker_color=color, **known)
        figure.add_scatter(
            x=points["predicted"].values[shown],
            y=points["measured"].values[shown],
            marker={"color": color, "symbol": [_symbol(drawn[index]) for index in shown]},
            text=[texts[index] for index in shown],
            **known,
            hovertemplate="%{text}<br>predicted %{x:.4g}<br>measured %{y:.4g}<extra></extra>",
        )
    if points.sizes["point"]:
        ends = [float(fold([points["predicted"].values, points["measured"].values])) for fold in (np.min, np.max)]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", line={"color": "grey"}, showlegend=False, hoverinfo="skip", **place
        )
    return {
        axis: {label: _symbol(part) for label, part in of_labels.items()}
        for axis, of_labels in keys.items()
        if axis != lines
    }


def _symbol(look: Mapping[str, Any]) -> str:
    return SYMBOLS[look.get("marker", "o")] + FILLED[look.get("fillstyle", "full")]


def _places(dataset: Any, axis: str, named: bool = False) -> np.ndarray:
    """Values of an axis: numbers, or the words that stand for what is none, or for all where they are named."""
    values = dataset[axis]
    return np.array(style.value_labels(values)) if named or style.words(values) else values.values

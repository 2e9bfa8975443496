"""Curves to hover over, zoom into and toggle: pages that need no network and no Python (all figures but 1 and 7)."""

from __future__ import annotations

import gzip
import html
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from textwrap import fill
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from matplotlib.colors import to_hex
from plotly.subplots import make_subplots

from critical_periods.analysis import coordinates
from critical_periods.analysis.closing import compared
from critical_periods.figures import charts, curves, pathway_panels, spectra, style
from critical_periods.figures.style import MINUS
from critical_periods.publishing.markup import plotly_text
from critical_periods.storage.files import write_whole

#: The part of plotly.js that draws lines and maps, of the package's version: `make library`.
LIBRARY = Path(__file__).with_name("plotly.min.js.gz")
PAGE = Path(__file__).with_name("page.html")

#: Heights of a row of panels, of what stands above the first one and below the last, and of a row of keys; pixels.
ROW, ABOVE, BELOW, KEYS = 300, 90, 75, 30
#: Characters of a row of keys at half the width of a screen.
CHARACTERS = 90
#: Characters of a panel's title in a line, by panels in a row.
TITLES = {1: 70, 2: 40, 3: 26, 4: 20}
#: Characters of what an axis is called in a line, by panels in a row.
NAMES = {1: 80, 2: 40, 3: 20}
#: Pixels for a point of lines and markers in a figure.
LARGER = 1.5
#: What plotly calls the markers.
SYMBOLS = {
    **{"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down", "P": "cross"},
    **{"X": "x", "*": "star", "<": "triangle-left", ">": "triangle-right"},
}
#: Looks of gradient descent where theory is drawn upon it, and of theory.
PALE: dict[str, Any] = {"line_width": 4, "opacity": 0.5}
LESION = pathway_panels.LESION["ec"]
THEORY: dict[str, Any] = {"line": {"color": spectra.THEORY["color"], "width": 1.5, "dash": "dash"}}


#: Axis that tells lines apart -> label of a value -> its look.
Looks = Mapping[str, Mapping[str, Mapping[str, Any]]]


def draw(kind: str, panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Draw the interactive twin of a figure.

    Parameters
    ----------
    kind
        `spectra`, `charts` or `pathway_panels`.
    panels
        As the module of that kind takes them.
    datasets
        Experiment name -> dataset.
    """
    figure = {"spectra": _spectra, "charts": _charts, "pathway_panels": _pathway_panels}[kind](panels, datasets)
    return figure.update_layout(template="plotly_white", hoverlabel={"namelength": -1})


def save(figure: go.Figure, title: str, name: str, path: str) -> None:
    """Write an interactive figure as a page that needs nothing else.

    Parameters
    ----------
    figure
        What `draw` returned.
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
    packed = b64encode(gzip.compress(figure.to_json().encode(), mtime=0)).decode()
    library = b64encode(LIBRARY.read_bytes()).decode()
    page = Template(PAGE.read_text(encoding="utf-8"))
    write_whole(page.substitute(title=html.escape(title), name=name, library=library, figure=packed), path)


def _panels(rows: int, columns: int, titles: Iterable[str], words: Callable[[str], str], **layout: Any) -> go.Figure:
    """Panels with letters, and titles, which are wrapped, in the words that a function makes of them."""
    width = TITLES.get(columns, TITLES[4])
    lettered = [
        f"({style.panel_letter(index)}) {title}" if rows * columns > 1 else title for index, title in enumerate(titles)
    ]
    broken = [_wrapped(title, width, words) for title in lettered]
    figure = make_subplots(rows=rows, cols=columns, subplot_titles=broken, **layout)
    figure.update_annotations(font_size=13)
    figure.update_xaxes(title_font_size=12)
    figure.update_yaxes(title_font_size=12, exponentformat="power")
    return figure.update_layout(height=ROW * rows + ABOVE + BELOW, margin={"t": ABOVE, "l": 60, "r": 20, "b": BELOW})


def _keys(figure: go.Figure, titles: Sequence[str]) -> go.Figure:
    """Legends below a figure, one for each title, a row each; what several panels show is named once."""
    known: set[str] = set()
    for trace in figure.data:
        if trace.legendgroup and (trace.x is None or len(trace.x)):  # a trace without points has no key
            trace.showlegend = trace.legendgroup not in known
            known.add(trace.legendgroup)
    height, more = figure.layout.height - ABOVE - BELOW, 0
    for index, title in enumerate(titles):
        name = f"legend{index + 1 if index else ''}"
        place = {"orientation": "h", "x": 0, "xanchor": "left", "yanchor": "top", "y": -(BELOW + more) / height}
        named = [trace.name for trace in figure.data if trace.showlegend and (trace.legend or "legend") == name]
        room, called = (sum(len(re.sub("<.*?>", "", text)) + 8 for text in texts) for texts in (named, [title]))
        beside = room + called <= CHARACTERS  # keys of several rows would begin after the title, and end outside
        key = {"title": {"text": title, "side": "left" if beside else "top"}, "groupclick": "togglegroup"}
        figure.update_layout({name: place | key})
        more += KEYS * (1 if beside else bool(title) - (-room // CHARACTERS))
    return figure.update_layout(height=figure.layout.height + more, margin_b=BELOW + more)


def _charts(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Panels as in the figure; a line is toggled in all of them, axes of positive values can be logarithmic."""
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
    figure = _panels(rows, columns, titles, plotly_text, **spacing)
    looks, called = charts.looks_of(panels, parts), charts.titles_of(panels, parts)
    scales = {}
    for index, (panel, dataset) in enumerate(zip(panels, parts, strict=True)):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        if panel["chart"] == "map":
            _map(figure, dataset, panel, place)
        elif panel["chart"] == "prediction":
            _prediction(figure, dataset, panel, place, looks)
        else:
            _curves(figure, dataset, panel, place, looks)
        name = _wrapped(charts.name_of(panel["x"], dataset), NAMES[columns])
        figure.update_xaxes(title_text=name, **place)
        scale, upright = (_scale(dataset, panel, axis) for axis in "xy")
        across, along = panel["x"], panel["show"] if panel["chart"] == "curves" else panel["y"]
        figure.update_xaxes(type=scale, nticks=4 if scale == "log" else None, **_figures(dataset[across]), **place)
        figure.update_yaxes(type=upright, nticks=6 if upright == "log" else None, **_figures(dataset[along]), **place)
        if panel["chart"] == "curves" and float(dataset[panel["show"]].min()) > 0:
            scales[f"yaxis{index + 1 if index else ''}.type"] = upright or "linear"
    if scales:
        kinds = ["linear", "log"]
        buttons = [{"label": kind, "method": "relayout", "args": [dict.fromkeys(scales, kind)]} for kind in kinds]
        active = kinds.index(next(iter(scales.values()))) if len(set(scales.values())) == 1 else -1
        menu = {"type": "buttons", "direction": "left", "buttons": buttons, "active": active}
        corner = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 42}}
        figure.update_layout(updatemenus=[menu | corner])
    return _keys(figure, [_plain(called[lines]) for lines in looks])


def _figures(values: xr.DataArray) -> dict[str, str]:
    """How the numbers of an axis are written: 10k where they are large, powers where they are small; never 100µ."""
    small = values.dtype.kind == "f" and bool((abs(values.where(values != 0)) < 1e-3).any())
    return {"exponentformat": "power" if small else "SI", "minorloglabels": "small digits" if small else "complete"}


def _scale(dataset: xr.Dataset, panel: Mapping[str, Any], axis: str) -> str | None:
    """A logarithmic axis, unless it would lose 0 or values below: then that of a map has cells of one size.

    None where nothing is asked for.
    """
    name = panel.get(axis)
    if panel["chart"] != "prediction" and panel.get("log") not in (axis, "both"):
        return None
    if panel["chart"] == "curves" and axis == "y":
        return "log" if float(dataset[panel["show"]].min()) > 0 else "linear"
    if name in dataset.dims and style.words(dataset[name].values):
        return "category"
    if name in dataset.dims and float(dataset[name].min()) <= 0:
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
                _numbers((way * (end - median)).values[there].clip(0)) for way, end in ((-1, low), (1, high))
            )
            error = {"array": above, "arrayminus": below, "symmetric": False, "thickness": 1}
        figure.add_scatter(
            x=_numbers(_places(dataset, x)[there]),
            y=_numbers(median.values[there]),
            error_y=error,
            mode="markers" if panel.get("points") else "lines+markers" if few else "lines",
            line={"color": to_hex(look["color"]), "width": LARGER * look.get("lw", 1.4)},
            marker={"symbol": SYMBOLS[look["marker"]], "size": LARGER * look.get("ms", 4)},
            name=plotly_text(label),
            **_key(looks, lines, label),
            hovertemplate=_plain(charts.name_of(x, dataset))
            + f" %{{x{number}}}<br>"
            + _plain(charts.name_shown(dataset, panel))
            + " %{y:.4g}",
            **place,
        )
    for look, label, values in rings:
        points = values.values.reshape(values.sizes[x], -1)
        there = np.isfinite(points)
        figure.add_scatter(
            x=_numbers(np.repeat(_places(dataset, x)[:, None], points.shape[1], 1)[there]),
            y=_numbers(points[there]),
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
    figure.update_yaxes(title_text=_plain(charts.name_shown(dataset, panel)), **place)


def _key(looks: Looks, lines: str | None, label: str) -> dict[str, Any]:
    """The place of a line in the legend of what tells lines apart; it is toggled in all panels."""
    if lines is None:
        return {"showlegend": False}
    legend, rank = list(looks).index(lines), list(looks[lines]).index(label)
    return {
        "legend": f"legend{legend + 1}" if legend else "legend",
        "legendrank": rank + 1,
        "legendgroup": f"{lines} {label}",
    }


def _map(figure: go.Figure, dataset: xr.Dataset, panel: Mapping[str, Any], place: Mapping[str, int]) -> None:
    x, y = panel["x"], panel["y"]
    values, name, palette = charts.shown_in_map(dataset, panel)
    cell = figure.get_subplot(**place)
    right, (bottom, top) = cell.xaxis.domain[1], cell.yaxis.domain
    figure.add_heatmap(
        x=_places(values, x, _scale(dataset, panel, "x") == "category"),
        y=_places(values, y, _scale(dataset, panel, "y") == "category"),
        z=values.values.astype(float),
        **_shades(values, palette),
        colorbar={"x": right, "len": top - bottom, "y": (top + bottom) / 2, "thickness": 12, "xpad": 4},
        hovertemplate=f"{_plain(charts.name_of(x, dataset))} %{{x}}<br>{_plain(charts.name_of(y, dataset))} %{{y}}<br>"
        + f"{_plain(name)} %{{z:.4g}}<extra></extra>",
        **place,
    )
    figure.update_yaxes(title_text=_plain(charts.name_of(y, dataset)), **place)


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
) -> None:
    """Every setting a point that tells its values; the diagonal is where a prediction is exact."""
    points = compared(dataset, panel["x"], panel["y"])
    points = points.isel(point=points["known"].values)
    settings = [str(name) for name in points.coords if points[name].dims == ("point",)]
    texts = [
        "<br>".join(
            _plain(f"{charts.name_of(name, dataset)} {style.value_label(points[name].values[index], dataset[name])}")
            for name in settings
        )
        for index in range(points.sizes["point"])
    ]
    lines = panel.get("lines")
    names = [None] if lines is None else list(dataset[lines].values)
    labels = ["setting"] if lines is None else style.labels_in(looks[lines], dataset[lines])
    for name, label in zip(names, labels, strict=True):
        shown = np.arange(len(texts)) if lines is None else coordinates.find(points[lines].values, name)
        figure.add_scatter(
            x=points["predicted"].values[shown],
            y=points["measured"].values[shown],
            mode="markers",
            marker={"color": to_hex(looks[lines][label]["color"] if lines else "0.2")},
            text=[texts[index] for index in shown],
            name=plotly_text(label),
            **_key(looks, lines, label),
            hovertemplate="%{text}<br>predicted %{x:.4g}<br>measured %{y:.4g}<extra></extra>",
            **place,
        )
    if points.sizes["point"]:
        ends = [float(fold([points["predicted"].values, points["measured"].values])) for fold in (np.min, np.max)]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", line={"color": "grey"}, showlegend=False, hoverinfo="skip", **place
        )
    figure.update_yaxes(title_text=_plain(charts.name_of(panel["y"], dataset)), **place)


def _pathway_panels(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """A row of panels for every pathway, as in the figure; a click on a mode hides its curves in all of them.

    Gradient descent is broad and pale where the ODE is drawn upon it.
    """
    parts = pathway_panels.parts_of(panels, datasets)
    pathways = max((part["pathway"].values for _, part in parts), key=len)
    titles = [pathway_panels.title_of(panel, part, pathway) for pathway in pathways for panel, part in parts]
    widths = [0.5 if panel["show"] == "matrices" else 1.0 for panel, _ in parts]
    spacing = {"horizontal_spacing": 0.1 if 0.5 in widths else 0.06, "vertical_spacing": 0.16}
    figure = _panels(len(pathways), len(parts), titles, _plain, column_widths=widths, **spacing)
    for row, pathway in enumerate(pathways, start=1):
        for column, (panel, part) in enumerate(parts, start=1):
            place = {"row": row, "col": column}
            if panel["show"] == "matrices":
                matrix = (
                    part["pathway_matrix"].sel(pathway=pathway).mean("seed").transpose("output_mode", "input_mode")
                )
                figure.add_heatmap(
                    x=part["input_mode"].values,
                    y=part["output_mode"].values,
                    z=matrix.values.astype(float),
                    coloraxis="coloraxis",
                    hovertemplate="input mode %{x}<br>output mode %{y}<br>K %{z:.4g}<extra></extra>",
                    **place,
                )
                for mode in pathway_panels.lesioned_modes(part, str(pathway)):
                    box = {"x0": mode - 0.5, "x1": mode + 0.5, "y0": mode - 0.5, "y1": mode + 0.5}
                    figure.add_shape(type="rect", **box, line={"color": LESION, "width": 3}, **place)
                    marker = {"symbol": "square-open", "size": 12, "color": LESION}
                    name = f"lesion: mode {mode} of {pathway}"
                    figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, **place)
                figure.update_xaxes(title_text="input mode", **place)
                figure.update_yaxes(title_text="output mode", autorange="reversed", **place)
                figure.update_layout(coloraxis={"colorscale": "Viridis", "colorbar": {"x": 1.0, "thickness": 12}})
                continue
            values = part["pathway_singular_value"].sel(pathway=pathway).isel(mode=slice(panel.get("modes")))
            onset, duration = style.parameter(part, "onset"), style.parameter(part, "duration")
            shade: dict[str, Any] = {"fillcolor": "grey", "opacity": 0.25, "line_width": 0, "layer": "below"}
            figure.add_vrect(onset, onset + duration, exclude_empty_subplots=False, **shade, **place)
            groups = pathway_panels.alike(values["task_singular_value"].values)
            colours = style.ordered_colours(len(groups))
            for colour, (name, modes) in zip(colours, groups.items(), strict=True):
                for mode in range(modes.start, modes.stop):
                    for source, curve in spectra.sources(values.isel(mode=mode), "ODE").items():
                        broad = PALE if source == "training" and "solver" in values.dims else {"line_width": 1.5}
                        figure.add_scatter(
                            **_epochs(part["epoch"].values),
                            y=_numbers(curves.median(curve).values),
                            mode="lines",
                            line_color=to_hex(colour),
                            **broad,
                            name=f"mode {_plain(name)}",
                            legendgroup=name,
                            hovertemplate=_hover(f"mode {mode + 1}, {source}", "K"),
                            **place,
                        )
            figure.update_xaxes(title_text="epoch" if row == len(pathways) else None, **place)
            figure.update_yaxes(title_text=_plain(f"$K_{pathway}$") if column == 1 else None, matches="y", **place)
    grey: dict[str, Any] = {"x": [None], "y": [None], "line_color": "grey"}
    if any("solver" in part["pathway_singular_value"].dims for _, part in parts):
        figure.add_scatter(**grey, mode="lines", **PALE, name="gradient descent")
        figure.add_scatter(**grey, mode="lines", line_width=1.5, name="ODE")
    square = {"symbol": "square", "size": 14, "color": "lightgrey"}
    figure.add_scatter(x=[None], y=[None], mode="markers", marker=square, name="deficit")
    return _keys(figure, [""])


def _spectra(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """One trajectory at a time, chosen from a list of panels and switch epochs; every mode can be toggled."""
    figure, names, owners, lines = go.Figure(), [], [], []
    for panel in panels:
        dataset = style.select(datasets[panel["experiment"]], panel)
        chosen = spectra.chosen(panel, dataset)
        for title, runs, switch in spectra.spectrum_columns(dataset, panel):
            names.append(f"{chosen}, {title}" if chosen else title)
            colours = style.ordered_colours(runs.sizes["mode"])
            learned = zip(spectra.learned_epochs(runs), colours, strict=False)
            marks = [_vertical(epoch, to_hex(colour), "dash") for epoch, colour in learned if np.isfinite(epoch)]
            lines.append([*marks, *([_switch_line(switch)] if switch else [])])
            for source, values in spectra.sources(runs).items():
                recorded = curves.median(values).dropna("epoch", how="all")
                compared_with = PALE if source == "training" and "solver" in runs.dims else {"line_width": 1.5}
                for index, colour in enumerate(style.ordered_colours(recorded.sizes["mode"])):
                    mode = recorded["mode"].values[index]
                    theory = source == "theory"
                    look = THEORY if theory else compared_with | {"line_color": to_hex(colour)}
                    owners.append(len(names) - 1)
                    figure.add_scatter(
                        **_epochs(recorded["epoch"].values),
                        y=_numbers(recorded.isel(mode=index).values),
                        name="theory" if theory else f"mode {mode}",
                        legendgroup="theory" if theory else f"mode {mode}",
                        showlegend=not theory or index == 0,
                        legendrank=0 if theory else index + 1,
                        mode="lines",
                        visible=len(names) == 1,
                        hovertemplate=_hover(f"mode {mode}, {source}", "singular value"),
                        **look,
                    )
    buttons = [
        {
            "label": _plain(name),
            "method": "update",
            "args": [{"visible": [owner == index for owner in owners]}, {"shapes": lines[index]}],
        }
        for index, name in enumerate(names)
    ]
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 10}}
    return figure.update_layout(
        legend={"title": {"text": "the largest modes"}},
        updatemenus=[menu],
        shapes=lines[0],
        xaxis_title="epoch",
        yaxis_title="singular value of W",
        height=540,
        margin={"t": ABOVE},
    )


def _switch_line(epoch: int) -> dict[str, Any]:
    """The switch between the tasks, from the bottom to the top."""
    label = {"text": "switch", "textposition": "end", "font": {"size": 11}}
    return _vertical(epoch, "grey", "dot") | {"label": label}


def _vertical(epoch: float, color: str, dash: str) -> dict[str, Any]:
    """A line at an epoch, from the bottom to the top."""
    line = {"color": color, "dash": dash, "width": 1}
    return {"type": "line", "x0": epoch, "x1": epoch, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _hover(name: str, value: str) -> str:
    """What is said of a point along training."""
    return f"{name}<br>epoch %{{x:,}}<br>{value} %{{y:.4g}}<extra></extra>"


def _places(dataset: Any, axis: str, named: bool = False) -> np.ndarray:
    """Values of an axis: numbers, or the words that stand for what is none, or for all where they are named."""
    values = dataset[axis]
    return np.array(style.value_labels(values)) if named or style.words(values) else values.values


def _epochs(values: np.ndarray) -> dict[str, Any]:
    """Places along training; evenly spaced ones need not be listed, which halves a page."""
    step = values[1] - values[0] if len(values) > 1 else 0
    even = step > 0 and bool((np.diff(values) == step).all())
    return {"x0": int(values[0]), "dx": int(step)} if even else {"x": _numbers(values)}


def _numbers(values: np.ndarray) -> np.ndarray:
    """Values in as many digits as a picture shows."""
    return values.astype(np.float32) if values.dtype.kind in "iuf" else values


def _plain(text: str) -> str:
    """A label with tags in place of mathematics, which plotly would need the network for."""

    def tagged(mathematics: re.Match[str]) -> str:
        named = re.sub(r"\\(\w+)", lambda name: html.unescape(f"&{name[1]};"), mathematics[1].replace("-", MINUS))
        lowered = re.sub(r"_(\w)", r"<sub>\1</sub>", named)
        return "<i>" + re.sub(r"\^(\w)", r"<sup>\1</sup>", lowered) + "</i>"

    return re.sub(r"\$(.+?)\$", tagged, plotly_text(text), flags=re.DOTALL)


def _wrapped(text: str, width: int, words: Callable[[str], str] = _plain) -> str:
    """A text in lines of so many characters, in the words that a function makes of it."""
    return words(fill(text, width)).replace("\n", "<br>")

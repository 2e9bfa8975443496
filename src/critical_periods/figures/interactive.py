"""Curves to hover over, zoom into and toggle: pages that need no network and no Python (all figures but 1 and 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from matplotlib.colors import to_hex
from plotly.subplots import make_subplots

from critical_periods.analysis import coordinates
from critical_periods.analysis.closing import compared
from critical_periods.analysis.measures import HARM
from critical_periods.figures import charts, curves, pathway_panels, style
from critical_periods.figures.spectra import spectrum_columns
from critical_periods.publishing.markup import plotly_text
from critical_periods.storage.files import write_whole

#: Lines of the pathways, in order, and what the sources of curves are called.
DASHES, SOLVERS = ("solid", "dash", "dashdot", "dot"), {"ode": "ODE", "gradient_descent": "gradient descent"}


def draw(kind: str, panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Draw the interactive twin of a figure.

    Parameters
    ----------
    kind
        `error_curves`, `spectra`, `charts` or `pathway_panels`.
    panels
        As the module of that kind takes them.
    datasets
        Experiment name -> dataset.
    """
    kinds = {"error_curves": _error_curves, "spectra": _spectra, "charts": _charts, "pathway_panels": _pathway_panels}
    figure = kinds[kind](panels, datasets)
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
    page = figure.update_layout(title=plotly_text(title)).to_html(include_plotlyjs=True, div_id=name)
    write_whole(page, path)


def _error_curves(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """As charts of curves against the switch epoch."""
    log = [{"log": "y"} if panel.get("log") else {"log": ""} for panel in panels]
    chart = {"chart": "curves", "x": "switch_epoch"}
    figure = _charts([chart | dict(panel) | axes for panel, axes in zip(panels, log, strict=True)], datasets)
    return figure.update_xaxes(title=style.label("switch_epoch", datasets[panels[0]["experiment"]]))


def _charts(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Panels as in the figure; every line can be toggled, and the vertical axes of curves be made logarithmic."""
    rows, columns = charts.grid(len(panels))
    titles = [panel.get("title") or datasets[panel["experiment"]].attrs.get("title", "") for panel in panels]
    titles = [plotly_text(title) for title in titles]
    figure = make_subplots(rows=rows, cols=columns, subplot_titles=titles, horizontal_spacing=0.3 / columns)
    for index, panel in enumerate(panels):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        dataset = charts.chosen(datasets[panel["experiment"]], panel)
        {"curves": _curves, "map": _map, "prediction": _prediction}[panel["chart"]](figure, dataset, panel, place)
        figure.update_xaxes(title=_plain(charts.name_of(panel["x"], dataset)), **place)
        log = "both" if panel["chart"] == "prediction" else panel.get("log", "")
        for update, axis in ((figure.update_xaxes, "x"), (figure.update_yaxes, "y")):
            if log in (axis, "both"):
                update(type=_scale(dataset, panel, axis), **place)
    axes = [f"yaxis{index or ''}" for index in range(len(panels) + 1) if index != 1]
    of_curves = [axis for axis, panel in zip(axes, panels, strict=True) if panel["chart"] == "curves"]
    buttons = [
        {"label": kind, "method": "relayout", "args": [{f"{axis}.type": kind for axis in of_curves}]}
        for kind in ("linear", "log")
    ]
    menu = {"type": "buttons", "direction": "left", "buttons": buttons, "x": 1, "xanchor": "right"}
    above = {"y": 1, "yanchor": "bottom", "pad": {"b": 30}}
    beside = 1.08 if any(panel["chart"] == "map" for panel in panels) else 1.02
    return figure.update_layout(
        updatemenus=[menu | above] if of_curves else [],
        legend={"groupclick": "toggleitem", "x": beside},
        margin={"t": 130},
        height=None if rows == 1 else 400 * rows,
    )


def _scale(dataset: xr.Dataset, panel: Mapping[str, Any], axis: str) -> str:
    """A logarithmic axis, unless it would lose 0 or values below: then that of a map has cells of one size."""
    name = panel.get(axis)
    if panel["chart"] == "curves" and axis == "y" and style.signed(dataset[panel["show"]]):
        return "linear"
    if name in dataset.dims and style.words(dataset[name].values):
        return "category"
    if name in dataset.dims and float(dataset[name].min()) <= 0:
        return "category" if panel["chart"] == "map" else "linear"
    return "log"


def _curves(figure: go.Figure, dataset: xr.Dataset, panel: Mapping[str, Any], place: Mapping[str, int]) -> None:
    """Mean over runs; its standard deviation as bars where there are not too many points."""
    show, x, lines = panel["show"], panel["x"], panel.get("lines")
    geometric = panel.get("log", "") in ("y", "both") and _scale(dataset, panel, "y") == "log"
    names = [None] if lines is None else list(dataset[lines].values)
    number = "" if style.words(dataset[x].values) else ":,"
    for index, (name, colour) in enumerate(zip(names, _colours(names), strict=True)):
        values = dataset[show] if lines is None else dataset[show].isel({lines: index})
        mean, low, high = curves.mean_and_band(values, geometric)
        known = mean.notnull().values
        few = int(known.sum()) <= curves.MOST_MARKED
        error = None
        if few and curves.n_runs(values, None) > 1:
            above, below = ((end - mean).values[known].astype(float) for end in (high, low))
            error = {"array": above, "arrayminus": -below, "symmetric": False, "thickness": 1}
        figure.add_scatter(
            x=_places(dataset, x)[known],
            y=mean.values[known].astype(float),
            error_y=error,
            mode="lines+markers" if few else "lines",
            line={"color": colour},
            name=show if lines is None else plotly_text(style.value_label(name, lines)),
            showlegend=lines is not None,
            legendgroup=str(place),
            legendgrouptitle={"text": "" if lines is None else _plain(charts.name_of(lines, dataset))},
            hovertemplate=_plain(charts.name_of(x, dataset))
            + f" %{{x{number}}}<br>"
            + _plain(charts.name_of(show, dataset))
            + " %{y:.4g}",
            **place,
        )
    figure.update_yaxes(title=_plain(charts.name_of(show, dataset)), **place)


def _map(figure: go.Figure, dataset: xr.Dataset, panel: Mapping[str, Any], place: Mapping[str, int]) -> None:
    show, x, y = panel["show"], panel["x"], panel["y"]
    values = curves.median(dataset[show]).transpose(y, x)
    palette = charts.signed_palette(values)
    largest = min(float(abs(values).max()), charts.MOST_LINEAR * HARM)
    cell = figure.get_subplot(**place)
    right, (bottom, top) = cell.xaxis.domain[1], cell.yaxis.domain
    figure.add_heatmap(
        x=_places(dataset, x),
        y=_places(dataset, y),
        z=values.values.astype(float),
        colorscale=palette or "Viridis",
        **({"zmin": -largest, "zmax": largest} if palette else {}),
        colorbar={"x": right, "len": top - bottom, "y": (top + bottom) / 2, "thickness": 12},
        hovertemplate=f"{_plain(charts.name_of(x, dataset))} %{{x}}<br>{_plain(charts.name_of(y, dataset))} %{{y}}<br>"
        + f"{_plain(charts.name_of(show, dataset))} %{{z:.4g}}<extra></extra>",
        **place,
    )
    figure.update_yaxes(title=_plain(charts.name_of(y, dataset)), **place)


def _prediction(figure: go.Figure, dataset: xr.Dataset, panel: Mapping[str, Any], place: Mapping[str, int]) -> None:
    """Every setting a point that tells its values; the diagonal is where a prediction is exact."""
    points = compared(dataset, panel["x"], panel["y"])
    points = points.isel(point=points["known"].values)
    settings = [str(name) for name in points.coords if points[name].dims == ("point",)]
    texts = [
        "<br>".join(
            _plain(f"{charts.name_of(name, dataset)} {style.value_label(points[name].values[index], name)}")
            for name in settings
        )
        for index in range(points.sizes["point"])
    ]
    lines = panel.get("lines")
    names = [None] if lines is None else list(dataset[lines].values)
    for name, colour in zip(names, _colours(names), strict=True):
        shown = np.arange(len(texts)) if lines is None else coordinates.find(points[lines].values, name)
        figure.add_scatter(
            x=points["predicted"].values[shown],
            y=points["measured"].values[shown],
            mode="markers",
            marker={"color": colour},
            text=[texts[index] for index in shown],
            name="setting" if lines is None else plotly_text(style.value_label(name, lines)),
            legendgroup=str(place),
            legendgrouptitle={"text": "" if lines is None else _plain(charts.name_of(lines, dataset))},
            hovertemplate="%{text}<br>predicted %{x:.4g}<br>measured %{y:.4g}<extra></extra>",
            **place,
        )
    if points.sizes["point"]:
        ends = [float(fold([points["predicted"].values, points["measured"].values])) for fold in (np.min, np.max)]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", line={"color": "grey"}, showlegend=False, hoverinfo="skip", **place
        )
    figure.update_yaxes(title=_plain(charts.name_of(panel["y"], dataset)), **place)


def _pathway_panels(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """K of every mode and pathway against the epoch; a click on a mode hides its curves in all panels.

    Gradient descent is broad and pale where the ODE is drawn upon it.
    """
    parts = [(panel, dataset) for panel, dataset, pathway in pathway_panels.parts_of(panels, datasets) if not pathway]
    titles = [f"gating in {style.window(dataset)}" for _, dataset in parts]
    figure = make_subplots(rows=1, cols=len(parts), subplot_titles=titles, shared_yaxes=True)
    known: set[int] = set()
    for column, (panel, dataset) in enumerate(parts, start=1):
        values = dataset["pathway_singular_value"].isel(mode=slice(panel.get("modes"))).mean("seed")
        solvers: list[Any] = list(values["solver"].values) if "solver" in values.dims else [None]
        for colour, mode in zip(_colours(list(values["mode"].values)), values["mode"].values, strict=True):
            for index, pathway in enumerate(values["pathway"].values):
                for solver in solvers:
                    curve = values.sel(mode=mode, pathway=pathway)
                    figure.add_scatter(
                        x=dataset["epoch"].values,
                        y=(curve if solver is None else curve.sel(solver=solver)).values.astype(float),
                        mode="lines",
                        line={
                            "color": colour,
                            "width": 4 if solver == "gradient_descent" else 1.5,
                            "dash": DASHES[index % len(DASHES)],
                        },
                        opacity=0.4 if solver == "gradient_descent" else 1,
                        name=f"mode {mode}",
                        legendgroup=f"mode {mode}",
                        showlegend=mode not in known,
                        hovertemplate=f"mode {mode}, pathway {pathway}, {SOLVERS.get(solver, 'training')}"
                        "<br>epoch %{x:,}<br>K %{y:.4g}<extra></extra>",
                        row=1,
                        col=column,
                    )
                    known.add(mode)
        figure.update_xaxes(title="epoch", row=1, col=column)
    return figure.update_yaxes(title="pathway singular value K", col=1).update_layout(
        legend={"groupclick": "togglegroup"}
    )


def _spectra(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """One trajectory at a time, chosen from a list of panels and switch epochs; every mode can be toggled."""
    figure, names, owners = go.Figure(), [], []
    for panel in panels:
        dataset = style.select(datasets[panel["experiment"]], panel)
        chosen = ", ".join(style.setting(value, name, dataset) for name, value in panel.get("select", {}).items())
        for title, runs, _ in spectrum_columns(dataset, panel):
            names.append(f"{chosen}, {title}" if chosen else f"{panel['experiment']}, {title}")
            values = runs.mean("seed") if "seed" in runs.dims else runs
            solvers: list[Any] = list(values["solver"].values) if "solver" in values.dims else [None]
            for index, solver in enumerate(solvers):
                of_solver = values if solver is None else values.sel(solver=solver)
                recorded = of_solver.dropna("epoch", how="all")
                for colour, mode in zip(_colours(list(recorded["mode"].values)), recorded["mode"].values, strict=True):
                    curve = recorded.sel(mode=mode)
                    owners.append(len(names) - 1)
                    figure.add_scatter(
                        x=curve["epoch"].values,
                        y=curve.values.astype(float),
                        name=f"mode {mode}" if index == 0 else f"mode {mode}, theory",
                        line={"color": colour if index == 0 else "black", "dash": "solid" if index == 0 else "dash"},
                        visible=len(names) == 1,
                        hovertemplate="epoch %{x:,}<br>singular value %{y:.4g}",
                    )
    buttons = [
        {"label": _plain(name), "method": "update", "args": [{"visible": [owner == index for owner in owners]}]}
        for index, name in enumerate(names)
    ]
    return figure.update_layout(
        legend={"groupclick": "toggleitem"},
        updatemenus=[{"buttons": buttons, "x": 0.0, "xanchor": "left", "y": 1.15}],
        xaxis_title="epoch",
        yaxis_title="singular value of W",
    )


def _places(dataset: xr.Dataset, axis: str) -> np.ndarray:
    """Values of an axis: numbers, or the words that stand for what is none."""
    values = dataset[axis].values
    return np.array([style.value_label(value, axis) for value in values]) if style.words(values) else values


def _colours(values: Sequence[Any]) -> list[str]:
    return [to_hex(colour) for colour in style.colours(values)]


def _plain(text: str) -> str:
    """A label without the marks of mathematics, which plotly would need the network for."""
    return plotly_text(text.replace("$", ""))

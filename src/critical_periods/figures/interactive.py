"""Curves to hover over, zoom into and toggle: pages that need no network and no Python (figs 4 to 6, 8 to 10, 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import seaborn as sns
import xarray as xr
from plotly.subplots import make_subplots

from critical_periods.figures import style
from critical_periods.figures.spectra import spectrum_columns


def draw(kind: str, panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Draw the interactive twin of a figure.

    Parameters
    ----------
    kind
        `error_curves` or `spectra`.
    panels
        As the module of that kind takes them.
    datasets
        Experiment name -> dataset.
    """
    figure = {"error_curves": _error_curves, "spectra": _spectra}[kind](panels, datasets)
    return figure.update_layout(
        template="plotly_white", hoverlabel={"namelength": -1}, legend={"groupclick": "toggleitem"}
    )


def _error_curves(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """Panels side by side; every line can be toggled, and the vertical axes be made logarithmic."""
    titles = [str(datasets[panel["experiment"]].attrs.get("title", panel["experiment"])) for panel in panels]
    figure = make_subplots(rows=1, cols=len(panels), subplot_titles=titles)
    for column, panel in enumerate(panels, start=1):
        dataset = style.select(datasets[panel["experiment"]], panel)
        show, lines = panel["show"], panel["lines"]
        values = dataset[lines].values
        for colour, value in zip(_colours(len(values)), values, strict=True):
            curve = dataset[show].sel({lines: value})
            spread = curve.std("seed") if "seed" in curve.dims and curve.sizes["seed"] > 1 else None
            mean = curve.mean("seed") if "seed" in curve.dims else curve
            figure.add_scatter(
                x=mean["switch_epoch"].values,
                y=mean.values.astype(float),
                error_y=None if spread is None else {"array": spread.values.astype(float), "thickness": 1},
                mode="lines+markers",
                line={"color": colour},
                name=style.value_label(value.item()),
                legendgroup=panel["experiment"],
                legendgrouptitle={"text": _plain(style.label(lines, dataset))},
                hovertemplate="switch epoch %{x:,}<br>" + _plain(style.label(show)) + " %{y:.4g}",
                row=1,
                col=column,
            )
        figure.update_xaxes(title=_plain(style.label("switch_epoch")), row=1, col=column)
        figure.update_yaxes(title=_plain(style.label(show)), row=1, col=column)
    axes = [f"yaxis{index if index > 1 else ''}.type" for index in range(1, len(panels) + 1)]
    buttons = [
        {"label": kind, "method": "relayout", "args": [dict.fromkeys(axes, kind)]} for kind in ("linear", "log")
    ]
    return figure.update_layout(updatemenus=[{"type": "buttons", "buttons": buttons, "x": 1.0, "y": 1.2}])


def _spectra(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> go.Figure:
    """One trajectory at a time, chosen from a list of panels and switch epochs; every mode can be toggled."""
    figure, names, owners = go.Figure(), [], []
    for panel in panels:
        dataset = style.select(datasets[panel["experiment"]], panel)
        chosen = ", ".join(f"{value} {_plain(style.label(name))}" for name, value in panel.get("select", {}).items())
        for title, runs, _ in spectrum_columns(dataset, panel):
            names.append(f"{chosen}, {title}" if chosen else f"{panel['experiment']}, {title}")
            values = runs.mean("seed") if "seed" in runs.dims else runs
            solvers = list(values["solver"].values) if "solver" in values.dims else [None]
            for index, solver in enumerate(solvers):
                of_solver = values if solver is None else values.sel(solver=solver)
                recorded = of_solver.dropna("epoch", how="all")
                for colour, mode in zip(_colours(recorded.sizes["mode"]), recorded["mode"].values, strict=True):
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
        {"label": name, "method": "update", "args": [{"visible": [owner == index for owner in owners]}]}
        for index, name in enumerate(names)
    ]
    return figure.update_layout(
        updatemenus=[{"buttons": buttons, "x": 0.0, "xanchor": "left", "y": 1.15}],
        xaxis_title="epoch",
        yaxis_title="singular value of W",
    )


def _colours(count: int) -> list[str]:
    return list(sns.color_palette("viridis", count + 1).as_hex())[:count]


def _plain(text: str) -> str:
    """Without the marks of mathematics, which plotly would need the network for."""
    return text.replace("$", "")

"""Largest singular values of W against epoch, a row for each panel, a column for each switch epoch (figs 6, 9, 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from critical_periods.figures import curves, style

#: Colour of theory, drawn dashed over the colours of training.
THEORY = "black"


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw one row of axes for each panel, one column for each of its switch epochs, or values of its `columns`.

    Where a dataset has theory beside training, theory is dashed.

    Parameters
    ----------
    panels
        `experiment`, `select`, and `switch_epochs` or `columns`.
    datasets
        Experiment name -> dataset.
    """
    style.apply()
    rows = [spectrum_columns(style.select(datasets[panel["experiment"]], panel), panel) for panel in panels]
    width = max(len(columns) for columns in rows)
    figure, grid = plt.subplots(
        len(panels), width, squeeze=False, sharey=True, figsize=(style.PAGE, 1.75 * len(panels) + 0.3)
    )
    theory = False
    for number, (row, panel, columns) in enumerate(zip(grid, panels, rows, strict=True)):
        titled = number == 0 or [title for title, _, _ in columns] != [title for title, _, _ in rows[0]]
        for axes, (title, singular_value, switch_epoch) in zip(row, columns, strict=False):
            solvers = singular_value["solver"].values if "solver" in singular_value.dims else [None]
            for index, solver in enumerate(solvers):
                part = singular_value if solver is None else singular_value.sel(solver=solver)
                _spectrum(axes, part, theory=index > 0)
            theory |= len(solvers) > 1
            if switch_epoch:
                axes.axvline(switch_epoch, color="0.3", lw=0.7, ls=":" if theory else "--")
            axes.set_title(title if titled else "")
        for unused in row[len(columns) :]:
            unused.set_visible(False)
        dataset = datasets[panel["experiment"]]
        chosen = ", ".join(style.setting(value, name, dataset) for name, value in panel.get("select", {}).items())
        row[0].set_ylabel(f"{style.label('singular_value', dataset)}\n{fill(chosen, 26)}".strip())
    for axes in grid[-1]:
        axes.set_xlabel(style.label("epoch", datasets[panels[-1]["experiment"]]))
    handles, labels = grid[0][0].get_legend_handles_labels()
    if theory:
        handles.append(Line2D([], [], color=THEORY, lw=0.9, ls=(0, (3, 2))))
        labels.append("theory")
    figure.legend(handles, labels, title="mode", loc="outside right center")
    bands = [curves.band(singular_value, "epoch") for columns in rows for _, singular_value, _ in columns]
    curves.note_bands(figure, bands, lettered=False)
    return figure


def spectrum_columns(dataset: xr.Dataset, panel: Mapping[str, Any]) -> list[tuple[str, xr.DataArray, int]]:
    """Title, singular values and switch epoch of every column of a panel."""
    values = dataset["singular_value"]
    if "columns" in panel:
        name = panel["columns"]
        return [
            (
                style.setting(value, name, dataset),
                style.part(values, {name: value}),
                _switch(style.part(dataset, {name: value})),
            )
            for value in dataset[name].values
        ]
    return [
        (f"switch at {epoch:,}" if epoch else "no deficit", values.sel(switch_epoch=epoch), epoch)
        for epoch in panel["switch_epochs"]
    ]


def _switch(dataset: xr.Dataset) -> int:
    """First epoch of the last phase."""
    phases = dataset["phase"].values.reshape(-1, dataset.sizes["epoch"])[0]
    return int(dataset["epoch"].values[phases == phases[-1]][0])


def _spectrum(axes: Axes, singular_value: xr.DataArray, theory: bool) -> None:
    """Mean over seeds of every mode, with the standard deviation where there are several."""
    recorded = singular_value.dropna("epoch", how="all")
    epochs = recorded["epoch"].values
    for colour, (mode, values) in zip(
        style.ordered_colours(recorded.sizes["mode"]), recorded.groupby("mode", squeeze=False), strict=True
    ):
        mean, low, high = (part.squeeze() for part in curves.mean_and_band(values))
        if theory:
            axes.plot(epochs, mean, color=THEORY, lw=0.9, ls=(0, (3, 2)))
            continue
        axes.plot(epochs, mean, color=colour, lw=1.8 if "solver" in singular_value.coords else 1.0, label=str(mode))
        if singular_value.sizes["seed"] > 1:
            axes.fill_between(epochs, low, high, color=colour, alpha=curves.PALE, lw=0)
    axes.set_xlim(0, epochs[-1])
    style.thousands(axes)

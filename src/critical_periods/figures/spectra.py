"""Largest singular values of W against epoch, a row for each panel, a column for each switch epoch (fig 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from critical_periods.figures import style


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw one row of axes for each panel, one column for each of its switch epochs.

    Parameters
    ----------
    panels
        `experiment`, `select`, `switch_epochs`.
    datasets
        Experiment name -> dataset.
    """
    style.apply()
    columns = max(len(panel["switch_epochs"]) for panel in panels)
    figure, grid = plt.subplots(
        len(panels), columns, squeeze=False, sharey=True, figsize=(style.PAGE, 1.75 * len(panels) + 0.3)
    )
    for row, panel in zip(grid, panels, strict=True):
        dataset = style.select(datasets[panel["experiment"]], panel)
        for axes, switch_epoch in zip(row, panel["switch_epochs"], strict=False):
            _spectrum(axes, dataset.sel(switch_epoch=switch_epoch)["singular_value"], switch_epoch)
        for unused in row[len(panel["switch_epochs"]) :]:
            unused.set_visible(False)
        chosen = ", ".join(f"{value} {style.label(name, dataset)}" for name, value in panel.get("select", {}).items())
        row[0].set_ylabel(f"{style.label('singular_value')}\n{chosen}".strip())
    for axes in grid[-1]:
        axes.set_xlabel(style.label("epoch"))
    for axes, switch_epoch in zip(grid[0], panels[0]["switch_epochs"], strict=False):
        axes.set_title(f"switch at {switch_epoch:,}" if switch_epoch else "no deficit")
    figure.legend(*grid[0][0].get_legend_handles_labels(), title="mode", loc="outside right center")
    return figure


def _spectrum(axes: Axes, singular_value: xr.DataArray, switch_epoch: int) -> None:
    """Mean over seeds of every mode, with the standard deviation where there are several."""
    recorded = singular_value.dropna("epoch", how="all")
    epochs = recorded["epoch"].values
    for colour, (mode, values) in zip(
        style.ordered_colours(recorded.sizes["mode"]), recorded.groupby("mode", squeeze=False), strict=True
    ):
        mean, spread = values.mean("seed").squeeze(), values.std("seed").squeeze()
        axes.plot(epochs, mean, color=colour, lw=1.0, label=str(mode))
        if singular_value.sizes["seed"] > 1:
            axes.fill_between(epochs, mean - spread, mean + spread, color=colour, alpha=0.2, lw=0)
    if switch_epoch:
        axes.axvline(switch_epoch, color="0.3", lw=0.7, ls="--")
    axes.set_xlim(0, epochs[-1])
    style.thousands(axes)

"""Error or relative accuracy against the switch epoch, one line for each value of a parameter (figs 4, 5, 8, 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from critical_periods.figures import curves, style


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the panels side by side, at most two in a row.

    Parameters
    ----------
    panels
        `experiment`, `show` (the variable), `lines` (the parameter that tells lines apart), `select`, `log`.
    datasets
        Experiment name -> dataset.
    """
    style.apply()
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        rows, columns, squeeze=False, figsize=(style.PAGE if columns == 2 else style.COLUMN, 2.5 * rows)
    )
    used = list(grid.flat)[: len(panels)]
    bands = [
        _panel(axes, style.select(datasets[panel["experiment"]], panel), panel)
        for axes, panel in zip(used, panels, strict=True)
    ]
    for unused in list(grid.flat)[len(panels) :]:
        unused.set_visible(False)
    style.letter(used)
    curves.note_bands(figure, bands)
    return figure


def _panel(axes: Axes, dataset: xr.Dataset, panel: Mapping[str, Any]) -> curves.Band | None:
    show, lines = panel["show"], panel["lines"]
    band = curves.draw(axes, dataset[show], "switch_epoch", lines, panel.get("log", False))
    axes.set(xlabel=style.label("switch_epoch", dataset), ylabel=style.label(show, dataset))
    curves.legend(axes, style.label(lines, dataset))
    style.thousands(axes)
    return band

"""Error or relative accuracy against the switch epoch, one line for each value of a parameter (figs 4, 5, 8, 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from critical_periods.figures import style


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
    for axes, panel in zip(used, panels, strict=True):
        _panel(axes, style.select(datasets[panel["experiment"]], panel), panel)
    for unused in list(grid.flat)[len(panels) :]:
        unused.set_visible(False)
    style.letter(used)
    return figure


def _panel(axes: Axes, dataset: xr.Dataset, panel: Mapping[str, Any]) -> None:
    show, lines = panel["show"], panel["lines"]
    values = list(dataset[lines].values)
    table = dataset[show].to_dataframe().reset_index()
    names = [style.value_label(value.item()) for value in values]
    table["line"] = table[lines].map(dict(zip(values, names, strict=True)))
    colours = dict(zip(names, style.ordered_colours(len(names)), strict=True))
    markers = {name: style.MARKERS[index % len(style.MARKERS)] for index, name in enumerate(names)}
    spread = lines != "seed" and dataset.sizes["seed"] > 1
    look: dict[str, Any] = {"x": "switch_epoch", "y": show, "hue": "line", "palette": colours, "ax": axes}
    if spread:
        sns.lineplot(table, units="seed", estimator=None, alpha=0.25, lw=0.6, legend=False, **look)
    sns.lineplot(
        table,
        style="line",
        markers=markers,
        dashes=False,
        errorbar="sd" if spread else None,
        markeredgewidth=0.4,
        **look,
    )
    if show == "relative_accuracy":
        axes.axhline(0, color="0.6", lw=0.6, zorder=0)
    if panel.get("log"):
        axes.set_yscale("log")
    axes.set(xlabel=style.label("switch_epoch"), ylabel=style.label(show))
    axes.legend(title=fill(style.label(lines, dataset), 14), loc="center left", bbox_to_anchor=(1, 0.5))
    style.thousands(axes)

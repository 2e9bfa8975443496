"""Largest singular values of W against epoch, a row for each panel, a column for each switch epoch (figs 6, 9, 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from critical_periods.figures import curves, style

#: Look of theory, drawn over broad lines of training, dark and light ones.
THEORY: dict[str, Any] = {"color": "#d55e00", "lw": 0.9, "ls": (0, (3, 2))}
#: Look of the epoch at which a mode is half learned in theory.
LEARNED: dict[str, Any] = {"lw": 0.7, "ls": (0, (4, 2))}
#: Look of the switch between the tasks.
SWITCH: dict[str, Any] = {"color": "0.3", "lw": 0.7, "ls": ":"}


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw one row of axes for each panel, one column for each of its switch epochs, or values of its `columns`.

    Where a dataset has theory beside training, theory is dashed; so is the epoch at which a mode is learned.

    Parameters
    ----------
    panels
        `experiment`, `select`, and `switch_epochs` or `columns`.
    datasets
        Experiment name -> dataset.
    """
    style.apply()
    rows = [spectrum_columns(datasets[panel["experiment"]], panel) for panel in panels]
    width = max(len(columns) for columns in rows)
    figure, grid = style.grid(len(panels), width, 1.7, sharey=True)
    drawn: list[tuple[Axes, str, xr.DataArray]] = []
    above: list[str] = []
    for row, panel, columns in zip(grid, panels, rows, strict=True):
        titles = [title for title, _, _ in columns]
        for axes, (title, singular_value, switch_epoch) in zip(row, columns, strict=False):
            drawn.append((axes, "" if titles == above else title, singular_value))
            for index, part in enumerate(sources(singular_value).values()):
                _spectrum(axes, part, theory=index > 0)
            if switch_epoch:
                axes.axvline(switch_epoch, **SWITCH)
            style.ticks(axes.xaxis, axes.yaxis)
        above = titles
        for unused in row[len(columns) :]:
            unused.set_visible(False)
        dataset = datasets[panel["experiment"]]
        row[0].set_ylabel(f"{style.label('singular_value', dataset)}\n{fill(chosen(panel, dataset), 26)}".strip())
    for axes in grid[-1]:
        axes.set_xlabel(style.label("epoch", datasets[panels[-1]["experiment"]]))
    style.letter([axes for axes, _, _ in drawn], [title for _, title, _ in drawn])
    handles = [line for line in drawn[0][0].lines if not str(line.get_label()).startswith("_")]
    keys = [Line2D([], [], label="switch of the task", **SWITCH)]
    if any(len(sources(values)) > 1 for _, _, values in drawn):
        keys = [Line2D([], [], color="0.2", lw=2, label="training"), Line2D([], [], label="theory", **THEORY), *keys]
    if any(learned_epochs(values) for _, _, values in drawn):
        keys = [Line2D([], [], color="0.2", label="half learned, predicted", **LEARNED), *keys]
    spreads = [curves.shown_of(values, most=0) for _, _, values in drawn]
    style.legend(figure, {f"the {len(handles)} largest modes": handles, "": keys}, curves.described(spreads))
    return figure


def spectrum_columns(dataset: xr.Dataset, panel: Mapping[str, Any]) -> list[tuple[str, xr.DataArray, int]]:
    """Title, singular values and switch epoch of every column of a panel; other axes of length one are dropped."""
    dataset = style.part(dataset, panel.get("select", {}))
    kept = {"seed", "switch_epoch", "epoch", "mode", "pathway", "solver", panel.get("columns")}
    dataset = dataset.squeeze(
        [axis for axis, size in dataset.sizes.items() if size == 1 and axis not in kept], drop=True
    )
    if "learned_epoch" in dataset:
        dataset = dataset.set_coords("learned_epoch")
    if name := panel.get("columns"):
        columns = dataset[name].values
        parts = [style.part(dataset, {name: value}) for value in columns]
        titles = [style.setting(value, name, dataset, columns) for value in columns]
        return [(title, part["singular_value"], _switch(part)) for title, part in zip(titles, parts, strict=True)]
    values = dataset["singular_value"]
    return [
        (f"switch at {style.number(epoch)}" if epoch else "no deficit", values.sel(switch_epoch=epoch), epoch)
        for epoch in panel["switch_epochs"]
    ]


def chosen(panel: Mapping[str, Any], dataset: xr.Dataset) -> str:
    """What a panel selects, in words."""
    return ", ".join(style.setting(value, name, dataset) for name, value in panel.get("select", {}).items())


def sources(singular_value: xr.DataArray, theory: str = "theory") -> dict[str, xr.DataArray]:
    """Singular values of training, and those of theory where there is one, by the name that it is given."""
    if "solver" not in singular_value.dims:
        return {"training": singular_value}
    values = [singular_value.sel(solver=solver) for solver in singular_value["solver"].values]
    return dict(zip(("training", theory), values, strict=True))


def learned_epochs(singular_value: xr.DataArray) -> list[float]:
    """When theory has each mode half learned, the median over runs; nothing where it does not say."""
    if "learned_epoch" not in singular_value.coords:
        return []
    return [float(epoch) for epoch in curves.median(singular_value["learned_epoch"]).values]


def _switch(dataset: xr.Dataset) -> int:
    """First epoch of the last phase."""
    phases = dataset["phase"].values.reshape(-1, dataset.sizes["epoch"])[0]
    return int(dataset["epoch"].values[phases == phases[-1]][0])


def _spectrum(axes: Axes, singular_value: xr.DataArray, theory: bool) -> None:
    """Every mode, training broad where theory is drawn upon it."""
    recorded = singular_value.dropna("epoch", how="all")
    epochs = recorded["epoch"].values
    colours = style.ordered_colours(recorded.sizes["mode"])
    for colour, epoch in zip(colours, learned_epochs(recorded), strict=False):
        axes.axvline(epoch, color=colour, **LEARNED)
    for colour, mode in zip(colours, recorded["mode"].values, strict=True):
        broad = 2.2 if "solver" in singular_value.coords else 1.0
        look = THEORY if theory else {"color": colour, "lw": broad, "label": str(mode)}
        curves.spread(axes, epochs, recorded.sel(mode=mode), "epoch", look, most=0)  # many modes
    axes.set_xlim(0, epochs[-1])

"""Marks that any panel may have; those of pathways and of matrix completion lie with their models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from critical_periods.figures.look import Stroke
from critical_periods.figures.panels import Mark, Panel

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from critical_periods.figures.layers import Layer


def level(value: float, label: str = "", **dash: Any) -> Callable[..., Layer]:
    """A function that makes a line at a value of the vertical axis."""

    def make(panel: Panel, table: pd.DataFrame, dataset: xr.Dataset) -> Layer:
        import pandas as pd

        from critical_periods.figures.layers import Layer

        y = panel.columns()["y"]
        return Layer("rule", pd.DataFrame({y: [value]}), y=y, stroke=Stroke("soft", 0.6, label=label, **dash))

    return make


def switch(panel: Panel, table: pd.DataFrame, dataset: xr.Dataset) -> Layer:
    """A line at the switch to the last task."""
    from critical_periods.figures.layers import Layer

    facets = [axis for axis in (panel.col, panel.row) if axis]
    x = panel.columns()["x"]
    epochs = table.assign(switch=table["epoch"] - table["since_switch"] if x == "epoch" else 0)
    rows = epochs[epochs["switch"] > 0] if x == "epoch" else epochs
    lines = rows[[*facets, "switch"]].drop_duplicates().rename(columns={"switch": x})
    return Layer("rule", lines, x=x, stroke=Stroke("soft", 0.7, dash=(1.5, 1.5), label="switch to the final task"))


def first_draw(panel: Panel, table: pd.DataFrame, dataset: xr.Dataset) -> Layer | None:
    """The first random draw, where there are several: the paper's single run among them."""
    from critical_periods.figures.layers import Layer

    named = panel.columns()
    first = table["seed"].min()
    if table["seed"].nunique() == 1:
        return None
    units = [named[role] for role in ("hue", "col", "row") if role in named]
    stroke = Stroke(width=0.7, dash=(2.5, 1.5), marker="", label=f"a single draw (seed {first})")
    rows = table[table["seed"] == first].sort_values(named["x"])
    return Layer("path", rows, named["x"], named["y"], named.get("hue"), units=tuple(units), stroke=stroke)


MARKS = {
    "zero": Mark(level(0.0), (), "0 of the vertical axis."),
    "half": Mark(level(0.5, "an equal share", dash=(1.2, 2)), ("pathway",), "The equal share of two pathways."),
    "switch": Mark(switch, ("epoch",), "The switch to the final task."),
    "draw": Mark(first_draw, ("seed",), "The first random draw, where there are several."),
}

"""Marks beside singular values of completed matrices: the task's rank, and when modes are learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critical_periods.figures.look import Stroke
from critical_periods.figures.panels import Mark, Panel

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from critical_periods.figures.layers import Layer

#: A singular value counts from this part of the largest one on, as in `measures.excess_rank`.
LARGE = 0.1


def rank(panel: Panel, table: pd.DataFrame, dataset: xr.Dataset) -> Layer:
    """How many singular values are large at the end, and how many the final task has."""
    from critical_periods.figures.layers import Layer
    from critical_periods.figures.tables import parameters

    facets = [axis for axis in (panel.row, panel.col) if axis]
    named, final_rank = panel.columns(), parameters(dataset)["final_rank"]
    runs = [*facets, "seed"]
    last = table[table["epoch"] == table.groupby(runs)["epoch"].transform("max")]
    large = last[named["y"]] > LARGE * last.groupby(runs)[named["y"]].transform("max")
    counts = large.groupby([last[axis] for axis in runs]).sum().groupby(facets).median().rename("modes").reset_index()
    more = counts["modes"] >= table["mode"].max()
    words = [
        f"ends with {count:g}{' or more' * beyond} modes{f', task has {final_rank}' * (count > final_rank)}"
        for count, beyond in zip(counts["modes"], more, strict=True)
    ]
    place = {named["x"]: table[named["x"]].min(), named["y"]: 1.3 * table[named["y"]].max()}
    return Layer("text", counts.assign(**place, text=words), named["x"], named["y"], hue="text")


def target(panel: Panel, table: pd.DataFrame, dataset: xr.Dataset) -> Layer:
    """Singular values after the final task alone: those that it has, up to its rank."""
    from critical_periods.figures.layers import Layer
    from critical_periods.figures.tables import parameters

    y, final_rank = panel.columns()["y"], parameters(dataset)["final_rank"]
    alone = table[(table["switch_epoch"] == 0) & (table["mode"] <= final_rank)]
    ends = alone[alone["epoch"] == alone["epoch"].max()]
    others = [axis for axis in (panel.row,) if axis]
    values = ends.groupby([*others, "mode"])[y].median().reset_index()
    return Layer("rule", values, y=y, stroke=Stroke("pale", 0.7, label="after the final task alone"))


def half_learned(panel: Panel, table: pd.DataFrame, dataset: xr.Dataset) -> Layer:
    """Epoch at which every mode is half learned in training, joined with the epoch that theory gives."""
    import pandas as pd

    from critical_periods.figures.layers import Layer
    from critical_periods.figures.tables import tidy

    named = panel.columns()
    facets = [axis for axis in (panel.row, panel.col) if axis]
    axes = [*facets, "seed", "mode"]
    known = {axis: value for axis, value in panel.select.items() if axis in dataset["learned_epoch"].dims}
    predicted = tidy(dataset, "learned_epoch", select=known).set_index(axes)["learned_epoch"]
    found = []
    for at, rows in table[table["since_switch"] < 0].groupby(axes):
        values = rows.sort_values("epoch")[["epoch", named["y"]]].to_numpy()
        half = values[-1, 1] / 2
        measured = values[(values[:, 1] >= half).argmax(), 0]
        for epoch, what in ((measured, "measured"), (predicted.get(at), "predicted")):
            found.append({**dict(zip(axes, at, strict=True)), "epoch": epoch, named["y"]: half, "what": what})
    points = pd.DataFrame(found).dropna()
    stroke = Stroke(
        "ink", 0.8, size=4.5, marker="o", label="half learned in training, joined with the epoch of theory"
    )
    return Layer("path", points, "epoch", named["y"], units=tuple(axes), stroke=stroke)


MARKS = {
    "rank": Mark(rank, ("mode", "epoch", "final_rank"), "How many modes there are at the end."),
    "target": Mark(target, ("mode", "switch_epoch", "final_rank"), "Singular values after the final task alone."),
    "half_learned": Mark(half_learned, ("mode", "learned_epoch"), "When modes are half learned, beside theory."),
}

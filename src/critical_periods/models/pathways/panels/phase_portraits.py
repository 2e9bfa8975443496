"""Competition of two pathways in the plane of their singular values: flow, trajectories, rest line (figs 1, 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from critical_periods.figures import style
from critical_periods.models.pathways.panels.pathway_panels import deficit, window

FLOW, LEARNING, DEFICIT = "0.78", "#01507a", "#f0a020"
#: Up to this many trajectories are drawn bold.
FEW = 10
#: Largest side of a portrait, inches.
LARGEST = 1.65
#: Density of streamlines, as of matplotlib's streamplot.
DENSITY = 0.55


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw one row of axes for each panel, one column for each value of the parameter that it names.

    Parameters
    ----------
    panels
        `experiment`, `columns` (the parameter that tells the columns apart), `select`.
    datasets
        Experiment name -> dataset.
    """
    style.apply()
    rows = [style.part(datasets[panel["experiment"]], panel.get("select", {})) for panel in panels]
    count = max(dataset.sizes[panel["columns"]] for dataset, panel in zip(rows, panels, strict=True))
    columns = style.most_columns(count)
    side = min(style.width() / columns, LARGEST)
    streams: dict[bytes, list[np.ndarray]] = {}
    figure, grid = style.grid(len(panels), count, side, side * columns + 0.1, sharex=True, sharey=True)
    drawn: list[tuple[Axes, str]] = []
    for index, (row, dataset, panel) in enumerate(zip(grid, rows, panels, strict=True)):
        values = dataset[panel["columns"]].values
        for axes, value in zip(row, values, strict=False):
            portrait = style.part(dataset, {panel["columns"]: value})
            _portrait(axes, portrait, streams)
            called = "$D$ =" if panel["columns"] == "depth" else style.label(panel["columns"], dataset)
            title = f"{called} {style.value_label(value, dataset[panel['columns']])}"
            drawn.append((axes, title if index == 0 else ""))
        for unused in row[len(values) :]:
            unused.set_visible(False)
        gated = style.parameter(dataset, "gated_pathway")
        row[0].set_ylabel(f"{gated} gated in {window(dataset)}\n$K_b$")
    for axes in grid[-1]:
        axes.set_xlabel("$K_a$")
    style.letter([axes for axes, _ in drawn], [title for _, title in drawn])
    single = all(dataset.sizes["trajectory"] * dataset.sizes["seed"] == 1 for dataset in rows)
    end = "end" if single else "mean at the end ± standard deviation of $K_b$"
    handles = [
        Line2D([], [], color=LEARNING, lw=1.2, label="trajectory"),
        Line2D([], [], color=DEFICIT, lw=1.8, marker="D", ms=3, label="during the deficit, from its onset"),
        Line2D([], [], color=style.INK, lw=0.9, ls="--", label="$K_a + K_b = s$"),
        Line2D([], [], color=FLOW, lw=0.9, label="flow without a deficit"),
        Line2D([], [], color=style.INK, marker="o", mfc="w", ls="", label=end),
    ]
    style.legend(figure, {"": handles})
    return figure


def _portrait(axes: Axes, portrait: xr.Dataset, streams: dict[bytes, list[np.ndarray]]) -> None:
    if "flow" not in portrait:
        raise ValueError(f"a phase portrait needs two pathways; the experiment has {portrait.sizes['pathway']}")
    target = portrait["task_singular_value"].item()
    plane = portrait["flow"].isel(seed=0).transpose("pathway", "K_b", "K_a")
    plane = plane.dropna("K_a", how="all").dropna("K_b", how="all")  # cells of another singular value have other axes
    flow, horizontal, vertical = plane.values, plane["K_a"].values, plane["K_b"].values
    known = flow.tobytes()
    if known not in streams:
        streams[known] = _streamlines(horizontal, vertical, flow)
    _flow(axes, streams[known])
    axes.plot([0, target], [target, 0], color=style.INK, lw=0.9, ls="--", zorder=2)
    runs = portrait[["path", "path_epoch"]].stack(run=("seed", "trajectory"))
    paths = runs["path"].transpose("run", "point", "pathway").values
    epochs = runs["path_epoch"].transpose("run", "point").values
    few = len(paths) <= FEW
    axes.add_collection(
        LineCollection(list(paths), colors=LEARNING, linewidths=1.4 if few else 0.5, alpha=1 if few else 0.5, zorder=3)
    )
    onset, end = deficit(portrait)
    gated = [path[(when >= onset) & (when <= end)] for path, when in zip(paths, epochs, strict=True)]
    axes.add_collection(
        LineCollection(gated, colors=DEFICIT, linewidths=2.2 if few else 1.2, alpha=1 if few else 0.7, zorder=4)
    )
    onsets = [
        path[np.searchsorted(when, onset).clip(max=len(path) - 1)] for path, when in zip(paths, epochs, strict=True)
    ]
    axes.plot(*np.transpose(onsets), "D", ls="", color=DEFICIT, ms=3 if few else 1.2, mew=0, zorder=6 if few else 4)
    mean = paths[:, -1].mean(axis=0)
    axes.plot(*mean, "o", color=style.INK, mfc="w", ms=6 if few else 4, mew=0.9, zorder=5)
    spread = "" if len(paths) == 1 else f" ± {paths[:, -1, 1].std(ddof=1):.1f}"
    axes.annotate(
        f"({mean[0]:.1f}, {mean[1]:.1f}){spread}",
        mean,
        xytext=(5, 5) if mean[0] < 0.6 * target else (8, 7),
        ha="left" if mean[0] < 0.6 * target else "right",
        textcoords="offset points",
        fontsize=6.5,
        zorder=6,
        bbox={"boxstyle": "round,pad=0.1", "fc": "w", "ec": "none", "alpha": 0.8},
    )
    ticks = np.linspace(0, target, 3)
    axes.set(xlim=horizontal[[0, -1]], ylim=vertical[[0, -1]], aspect="equal", xticks=ticks, yticks=ticks)


def _streamlines(horizontal: np.ndarray, vertical: np.ndarray, flow: np.ndarray) -> list[np.ndarray]:
    """Trace the streamlines of a flow, each an array of points (point, 2): slow enough to do once for equal flows."""
    scratch = Figure().subplots()
    stream = scratch.streamplot(horizontal, vertical, flow[0], flow[1], density=DENSITY)
    return [line for line in stream.lines.get_segments() if len(line) > 2]


def _flow(axes: Axes, streamlines: list[np.ndarray]) -> None:
    """Draw streamlines, with an arrow half way along each; all arrows are one artist, which draws fast."""
    axes.add_collection(LineCollection(streamlines, colors=FLOW, linewidths=0.5, zorder=1))
    tails, heads = np.array([_middle(line) for line in streamlines]).swapaxes(0, 1)
    angles = np.degrees(np.arctan2(*(heads - tails).T[::-1]))
    # Heads alone: arrows as long as their heads, in inches.
    size: dict[str, Any] = {"units": "inches", "scale_units": "inches", "scale": 20, "width": 0.009, "headwidth": 5}
    axes.quiver(
        *heads.T,
        *np.ones((2, len(heads))) / np.sqrt(2),
        angles=angles,
        headlength=5.5,
        headaxislength=5,
        pivot="mid",
        color=FLOW,
        zorder=1,
        **size,
    )


def _middle(line: np.ndarray) -> np.ndarray:
    """Both ends of the step on which a line is half done."""
    length = np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()
    first = np.searchsorted(length, length[-1] / 2)
    return line[first : first + 2]

"""What each pathway learns of every mode: curves over training, and matrices at its end (figs 2, 3, 11, 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from critical_periods.figures import curves, style

#: Look of the pathways, in order.
PATHWAY_MARKERS, PATHWAY_LINES = ("o", "^", "s", "D", "v"), ("-", (0, (4, 1.5)), "-.", ":", (0, (1, 1)))
#: Markers on a curve.
N_MARKERS = 20
SHADE = "0.88"


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the panels in one row: curves one axes for each value of `columns`, matrices one for each pathway.

    Parameters
    ----------
    panels
        `experiment`, `show` ("curves" or "matrices"), `select`, `columns`, `modes`.
    datasets
        Experiment name -> dataset.
    """
    style.apply()
    parts = parts_of(panels, datasets)
    widths = [0.75 if pathway else 1.0 for _, _, pathway in parts]
    figure, grid = plt.subplots(
        1,
        len(parts),
        squeeze=False,
        figsize=(style.PAGE, 2.5),
        gridspec_kw={"width_ratios": widths if len(set(widths)) > 1 else None},
    )
    heat = None
    drawn: list[tuple[Axes, xr.Dataset]] = []
    for axes, (panel, dataset, pathway) in zip(grid[0], parts, strict=True):
        if pathway:
            heat = _matrix(axes, dataset, pathway)
        else:
            shown = dataset.isel(mode=slice(panel.get("modes")))
            _curves(axes, shown)
            drawn.append((axes, shown))
    if heat is not None:
        used = [axes for axes, (_, _, pathway) in zip(grid[0], parts, strict=True) if pathway]
        figure.colorbar(heat, ax=used, shrink=0.75, label="final $K$")
    if drawn:
        top = max(axes.get_ylim()[1] for axes, _ in drawn)
        for axes, _ in drawn:
            axes.set_ylim(bottom=min(-0.04 * top, axes.get_ylim()[0]), top=top)
            axes.label_outer(remove_inner_ticks=False)
        drawn[0][0].set_ylabel("pathway singular value $K$")
        largest = max((shown for _, shown in drawn), key=lambda shown: shown.sizes["mode"])
        bands = [curves.band(shown["pathway_singular_value"], "epoch") for _, shown in drawn]
        text = curves.describe_bands(bands, lettered=False)
        noted = [Patch(fc=style.ordered_colours(1)[0], alpha=curves.PALE, label=fill(text, 24))] if text else []
        figure.legend(
            handles=[*_legend(largest), *noted],
            loc="outside right center" if heat is None else "outside lower center",
            ncols=1 if heat is None else 4,
        )
    if len(parts) > 1:
        style.letter(list(grid[0]))
    return figure


def parts_of(
    panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]
) -> list[tuple[Mapping[str, Any], xr.Dataset, str]]:
    """Panel, dataset and, for matrices, pathway of every axes of the figure."""
    parts: list[tuple[Mapping[str, Any], xr.Dataset, str]] = []
    for panel in panels:
        dataset = style.part(datasets[panel["experiment"]], panel.get("select", {}))
        if panel["show"] == "matrices":
            parts += [(panel, dataset, str(pathway)) for pathway in dataset["pathway"].values]
        elif "columns" in panel:
            columns = panel["columns"]
            parts += [(panel, style.part(dataset, {columns: value}), "") for value in dataset[columns].values]
        else:
            parts.append((panel, dataset, ""))
    return parts


def _curves(axes: Axes, dataset: xr.Dataset) -> None:
    """Gradient descent as markers, the ODE as lines; without an ODE the lines join the markers."""
    values = dataset["pathway_singular_value"]
    compared = "solver" in values.dims
    trained = values.sel(solver="gradient_descent") if compared else values
    lines = values.sel(solver="ode") if compared else values
    epochs = dataset["epoch"].values
    onset, duration = style.parameter(dataset, "onset"), style.parameter(dataset, "duration")
    axes.axvspan(onset, onset + duration, color=SHADE, lw=0, zorder=0)
    spacing = max(len(epochs) // N_MARKERS, 1)
    pathways = dataset["pathway"].values
    for colour, mode in zip(style.ordered_colours(dataset.sizes["mode"]), dataset["mode"].values, strict=True):
        for index, pathway in enumerate(pathways):
            chosen = {"mode": mode, "pathway": pathway}
            mean, low, high = curves.mean_and_band(lines.sel(chosen))
            axes.plot(epochs, mean, color=colour, ls=PATHWAY_LINES[index % 5], lw=1.0, zorder=2)
            if dataset.sizes["seed"] > 1:
                axes.fill_between(epochs, low, high, color=colour, alpha=curves.PALE, lw=0)
            axes.plot(
                epochs,
                trained.sel(chosen).mean("seed"),
                ls="",
                marker=PATHWAY_MARKERS[index % 5],
                ms=3.2,
                mfc=colour if index == 0 else "w",
                mec=colour,
                mew=0.7,
                markevery=(index * spacing // len(pathways), spacing),
                zorder=3,
            )
    axes.set(xlabel=style.label("epoch", dataset), xlim=(epochs[0], epochs[-1]))
    axes.set_title(f"gating in {style.window(dataset)}")
    style.thousands(axes)


def _matrix(axes: Axes, dataset: xr.Dataset, pathway: str) -> Any:
    matrix = dataset["pathway_matrix"].sel(pathway=pathway).mean("seed").transpose("output_mode", "input_mode")
    modes = dataset["output_mode"].values
    image = axes.imshow(
        matrix.values,
        cmap="viridis",
        vmin=0,
        vmax=float(dataset["task_singular_value"].max()),
        extent=(0.5, len(modes) + 0.5, len(modes) + 0.5, 0.5),
    )
    ticks = modes if len(modes) <= 10 else modes[:: len(modes) // 8]
    axes.set(xticks=ticks, yticks=ticks, xlabel="input mode", ylabel="output mode", title=f"$K_{pathway}$")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return image


def _legend(dataset: xr.Dataset) -> list[Any]:
    """Modes by colour with their singular value, pathways by marker and line, the deficit by its shade."""
    singular_values = dataset["task_singular_value"].values
    colours = style.ordered_colours(len(singular_values))
    handles: list[Any] = [
        Line2D([], [], color=colour, lw=2, label=f"mode {mode}: $s = {value:.2f}$")
        for colour, mode, value in zip(colours, dataset["mode"].values, singular_values, strict=True)
    ]
    compared = "solver" in dataset["pathway_singular_value"].dims
    for index, pathway in enumerate(dataset["pathway"].values):
        look: dict[str, Any] = {"color": "0.3", "mec": "0.3", "mew": 0.7, "ms": 3.5}
        look["mfc"] = "0.3" if index == 0 else "w"
        marker, line = PATHWAY_MARKERS[index % 5], PATHWAY_LINES[index % 5]
        if compared:
            handles.append(Line2D([], [], marker=marker, ls="", label=f"$K_{pathway}$, gradient descent", **look))
            handles.append(Line2D([], [], color="0.3", ls=line, lw=1, label=f"$K_{pathway}$, ODE"))
        else:
            handles.append(Line2D([], [], marker=marker, ls=line, lw=1, label=f"$K_{pathway}$", **look))
    handles.append(Patch(fc=SHADE, label=f"{style.parameter(dataset, 'gated_pathway')} gated"))
    lesioned = style.parameter(dataset, "lesioned_pathway")
    if lesioned:
        modes = ", ".join(map(str, style.parameter(dataset, "lesioned_modes")))
        handles.append(Patch(fc="none", label=f"lesion: mode {modes} in {lesioned}"))
    return handles

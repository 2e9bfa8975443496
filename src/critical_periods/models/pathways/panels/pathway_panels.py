"""What each pathway learns of every mode: curves over training, and matrices at its end (figs 2, 3, 11, 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from critical_periods.figures import curves, style

#: Markers on a curve.
N_MARKERS = 20
#: Side of a matrix, and what labels and a colour bar take of a figure's width, inches.
SIDE, MARGINS = 1.35, 0.9
#: Looks of the deficit, and of modes that are lesioned.
SHADE = "0.88"
LESION: dict[str, Any] = {"fill": False, "ec": "#d55e00", "lw": 1.2, "hatch": "/////"}


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw a row of axes for every pathway: for every panel a matrix, or curves, one axes for each value of `columns`.

    Parameters
    ----------
    panels
        `experiment`, `show` ("curves" or "matrices"), `select`, `columns`, `modes`.
    datasets
        Experiment name -> dataset.
    """
    style.apply()
    parts = parts_of(panels, datasets)
    pathways = max((part["pathway"].values for _, part in parts), key=len)
    square = [panel["show"] == "matrices" for panel, _ in parts][: style.most_columns(len(parts))]
    wide = max((style.width() - MARGINS - SIDE * sum(square)) / max(square.count(False), 1), SIDE)
    ratios = {"width_ratios": [SIDE if matrix else wide for matrix in square]}
    figure, grid = style.grid(len(pathways), len(parts), 1.6, gridspec_kw=ratios)
    for row, pathway in zip(grid, pathways, strict=True):
        for axes, (panel, part) in zip(row, parts, strict=True):
            if panel["show"] == "matrices":
                image = _matrix(axes, part, pathway)
            else:
                _curves(axes, part, pathway)
    of_matrices, of_curves = ([axes for axes in grid.flat if bool(axes.images) == kind] for kind in (True, False))
    if of_curves:
        top = max(axes.get_ylim()[1] for axes in of_curves)
        for axes in of_curves:
            axes.set_ylim(bottom=min(-0.06 * top, axes.get_ylim()[0]), top=top)
    for axes in grid.flat:
        axes.label_outer(remove_inner_ticks=False)
        if axes.images:
            axes.set_ylabel("output mode")
            axes.tick_params(labelleft=True)
    if of_matrices:
        figure.colorbar(image, ax=of_matrices, shrink=0.75, label="final $K$")
    titles = [title_of(panel, part, pathway) for pathway in pathways for panel, part in parts]
    style.letter(list(grid.flat), titles)
    if of_curves:
        trained = [part for panel, part in parts if panel["show"] == "curves"]
        spreads = [
            curves.shown_of(part["pathway_singular_value"]) if panel["show"] == "curves" else None
            for panel, part in parts * len(pathways)
        ]
        largest = max(trained, key=lambda part: part.sizes["mode"])
        style.legend(figure, _keys(largest, bool(of_matrices)), curves.described(spreads))
    return figure


def parts_of(
    panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]
) -> list[tuple[Mapping[str, Any], xr.Dataset]]:
    """Panel and dataset of every column of the figure."""
    parts: list[tuple[Mapping[str, Any], xr.Dataset]] = []
    for panel in panels:
        dataset = style.part(datasets[panel["experiment"]], panel.get("select", {}))
        columns = panel.get("columns")
        ways = [{columns: value} for value in dataset[columns].values] if columns else [{}]
        parts += [(panel, style.part(dataset, way).isel(mode=slice(panel.get("modes")))) for way in ways]
    return parts


def title_of(panel: Mapping[str, Any], part: xr.Dataset, pathway: str) -> str:
    """What a column of the figure says in the row of a pathway: what it is, or when the pathway is gated."""
    if panel["show"] == "matrices":
        return f"final $K_{pathway}$"
    return f"{pathway} gated in {window(part)}" if style.parameter(part, "gated_pathway") == pathway else ""


def deficit(dataset: xr.Dataset) -> tuple[int, int]:
    """First epoch of the gating deficit, and the first one after it."""
    onset = style.parameter(dataset, "onset")
    return onset, onset + style.parameter(dataset, "duration")


def window(dataset: xr.Dataset) -> str:
    """Epochs of the gating deficit, as [onset, onset + duration)."""
    return "[{}, {})".format(*style.value_labels(deficit(dataset)))


def matrix(dataset: xr.Dataset, pathway: str) -> xr.DataArray:
    """Final matrix of a pathway, the mean over draws."""
    return dataset["pathway_matrix"].sel(pathway=pathway).mean("seed").transpose("output_mode", "input_mode")


def lesioned_modes(part: xr.Dataset, pathway: str) -> list[int]:
    """Modes that a pathway cannot express."""
    if style.parameter(part, "lesioned_pathway") != pathway:
        return []
    return list(style.parameter(part, "lesioned_modes"))


def alike(singular_values: np.ndarray) -> dict[str, slice]:
    """Modes of equal singular value in the task, which are learned alike, by what they are called."""
    found = {}
    for value in dict.fromkeys(np.round(singular_values, 9)):
        first, *_, last = [*np.flatnonzero(np.isclose(singular_values, value))] * 2
        name = f"{first + 1}" + ("" if first == last else f", {last + 1}" if last == first + 1 else f" to {last + 1}")
        found[f"{name}: $s$ = {style.number(float(value), digits=3)}"] = slice(first, last + 1)
    return found


def _curves(axes: Axes, dataset: xr.Dataset, pathway: str) -> None:
    """Gradient descent as markers, the ODE as lines; without an ODE the lines join the markers."""
    values = dataset["pathway_singular_value"].sel(pathway=pathway)
    trained = values.sel(solver="gradient_descent") if "solver" in values.dims else values
    lines = values.sel(solver="ode") if "solver" in values.dims else values
    epochs = dataset["epoch"].values
    axes.axvspan(*deficit(dataset), color=SHADE, lw=0, zorder=0)
    spacing = max(len(epochs) // N_MARKERS, 1)
    groups = alike(dataset["task_singular_value"].values)
    for colour, modes in zip(style.ordered_colours(len(groups)), groups.values(), strict=True):
        for mode in range(modes.start, modes.stop):
            curves.spread(axes, epochs, lines.isel(mode=mode), "epoch", {"color": colour, "lw": 1.0})
            axes.plot(
                epochs,
                curves.median(trained.isel(mode=mode)),
                ls="",
                **_marker(mode),
                color=colour,
                markevery=(mode * spacing // dataset.sizes["mode"], spacing),
                zorder=3,
            )
    axes.set(xlabel=style.label("epoch", dataset), xlim=(epochs[0], epochs[-1]))
    axes.set_ylabel(f"singular value $K_{pathway}$")
    style.ticks(axes.xaxis, axes.yaxis)


def _marker(mode: int) -> dict[str, Any]:
    """Marker of a mode."""
    marker = style.MARKERS[mode % len(style.MARKERS)]
    return {"marker": marker, "ms": 3.2 * style.LARGER[marker], "mec": "w", "mew": 0.3}


def _matrix(axes: Axes, dataset: xr.Dataset, pathway: str) -> Any:
    modes = dataset["output_mode"].values
    image = axes.imshow(
        matrix(dataset, pathway).values,
        cmap="viridis",
        vmin=0,
        vmax=float(dataset["task_singular_value"].max()),
        extent=(0.5, len(modes) + 0.5, len(modes) + 0.5, 0.5),
    )
    for mode in lesioned_modes(dataset, pathway):
        axes.add_patch(Rectangle((mode - 0.5, mode - 0.5), 1, 1, **LESION))
    ticks = modes if len(modes) <= 10 else modes[:: len(modes) // 8]
    axes.set(xticks=ticks, yticks=ticks, xlabel="input mode")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _keys(dataset: xr.Dataset, with_matrices: bool) -> dict[str, list[Any]]:
    """Modes by colour with their singular value, training and theory, the deficit by its shade, the lesion."""
    groups = alike(dataset["task_singular_value"].values)
    few, modes = dataset.sizes["mode"] <= len(style.MARKERS), []
    for colour, (name, alike_) in zip(style.ordered_colours(len(groups)), groups.items(), strict=True):
        shown = range(alike_.start, alike_.stop if few else alike_.start + 1)
        last = f"{alike_.stop}{name[name.index(':') :]}" if few else name
        labels = [*(str(mode + 1) for mode in shown[:-1]), last]
        modes += [
            Line2D([], [], color=colour, lw=1.5, **_marker(mode), label=label)
            for mode, label in zip(shown, labels, strict=True)
        ]
    look: dict[str, Any] = {"color": "0.3", "ms": 3.5}
    others: list[Any] = [Line2D([], [], marker="o", label="training", **look)]
    if "solver" in dataset["pathway_singular_value"].dims:
        others = [
            Line2D([], [], marker="o", ls="", label="gradient descent", **look),
            Line2D([], [], lw=1, label="ODE", **look),
        ]
    others.append(Patch(fc=SHADE, label=f"deficit: {style.parameter(dataset, 'gated_pathway')} gated"))
    lesioned = str(style.parameter(dataset, "lesioned_pathway"))
    if with_matrices and (modes_lost := lesioned_modes(dataset, lesioned)):
        names = ", ".join(map(str, modes_lost))
        others.append(Patch(**LESION, label=f"lesion: mode {names} of {lesioned}"))
    return {"mode": modes, "": others}

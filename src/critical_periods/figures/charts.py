"""Charts of whatever an experiment varies: curves, maps over two axes, and predictions against measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from textwrap import fill
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from critical_periods.analysis import coordinates
from critical_periods.analysis.closing import agreement, compared
from critical_periods.analysis.measures import HARM, RUNS
from critical_periods.figures import curves, style
from critical_periods.publishing.markup import matplotlib_text

#: Height of a row of panels, and width of a figure by panels in a row, inches.
HEIGHT, WIDTHS = 2.5, {1: 4.4, 2: style.PAGE, 3: style.PAGE}
#: Up to this many values of a logarithmic axis are its ticks.
MOST_TICKS = 6
#: Up to so many times what counts as harm, the colours of a map with both signs are linear.
MOST_LINEAR = 50
MINUS = "\N{MINUS SIGN}"
#: What charts call the switch epoch: the duration of the first task, which here need not be the end of the deficit.
DURATION = "duration of the deficit"
#: Map of a value that is missing.
MISSING = "0.85"


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the panels, up to three in a row.

    Parameters
    ----------
    panels
        `chart` ("curves", "map" or "prediction"), `experiment`, `select`, `title`, and by chart: curves `x`, `show`,
        `lines`, `log`; map `x`, `y`, `show`, `contour`, `log`; prediction `x`, `y`, `lines`, `markers`.
    datasets
        Experiment name -> dataset.

    Raises
    ------
    ValueError
        If a panel shows what its experiment lacks, or leaves an axis open; it names both.
    """
    style.apply()
    rows, columns = grid(len(panels))
    figure, all_axes = plt.subplots(rows, columns, squeeze=False, figsize=(WIDTHS[columns], HEIGHT * rows))
    used = list(all_axes.flat)[: len(panels)]
    bands = []
    for index, (axes, panel) in enumerate(zip(used, panels, strict=True)):
        part = chosen(datasets[panel["experiment"]], panel)
        chart = {"curves": _curves, "map": _map, "prediction": _prediction}[panel["chart"]]
        bands.append(chart(axes, part, panel, columns == 3))
        for which in ("x", "y"):
            style.thousands(axes, which)
        _title(axes, panel.get("title", ""), index if len(panels) > 1 else None, {1: 56, 2: 48, 3: 26}[columns])
    for unused in list(all_axes.flat)[len(panels) :]:
        unused.set_visible(False)
    curves.note_bands(figure, bands)
    return figure


def grid(count: int) -> tuple[int, int]:
    """Rows and columns for a number of panels."""
    columns = 2 if count == 4 else min(count, 3)
    return -(-count // columns), columns


def chosen(dataset: xr.Dataset, panel: Mapping[str, Any]) -> xr.Dataset:
    """The variables that a panel shows, where it selects them, over the axes that it names and the runs.

    Raises
    ------
    ValueError
        If there is no such variable, axis or value, or an axis is left open.
    """
    names = [panel["x"], panel["y"]] if panel["chart"] == "prediction" else [panel["show"]]
    roles = ("lines", "markers") if panel["chart"] == "prediction" else ("x", "y", "lines")
    where = f"a chart of the experiment {panel['experiment']}"
    for name in names:
        if name not in dataset:
            raise ValueError(f"{where}: no variable {name}; it has {', '.join(map(str, dataset.data_vars))}")
    part = dataset[names]
    for axis, value in panel.get("select", {}).items():
        if axis not in (*part.coords, *part.dims) or part[axis].ndim != 1:
            raise ValueError(f"{where}: no axis {axis} to select from; it has {', '.join(map(str, part.dims))}")
        found = coordinates.find(part[axis], value)
        if not len(found):
            known = ", ".join(map(str, part[axis].values[:20]))
            raise ValueError(f"{where}: select.{axis} = {value}; allowed: {known}")
        part = part.isel({part[axis].dims[0]: int(found[0])}, drop=True)
    axes = [panel[role] for role in roles if role in panel]
    for axis in axes:
        if axis not in part.dims:
            raise ValueError(f"{where}: no axis {axis}; it has {', '.join(map(str, part.dims))}")
    if panel["chart"] != "prediction":
        part = part.squeeze(
            [axis for axis, size in part.sizes.items() if size == 1 and axis not in (*axes, *RUNS)], drop=True
        )
        if left := set(part.dims) - {*axes, *RUNS}:
            raise ValueError(
                f"{where}: {names[0]} has {', '.join(sorted(map(str, left)))} too; select a value of each"
            )
    return part


def name_of(name: str, dataset: xr.Dataset) -> str:
    """What an axis or a variable is called, with its unit if that is not part of the name."""
    if name == "switch_epoch":
        return DURATION
    text, unit = style.label(name, dataset), dataset[name].attrs.get("units", "1")
    return text if "label" in dataset[name].attrs or unit in ("1", "") or unit in text else f"{text} ({unit})"


def signed_palette(values: xr.DataArray) -> str | None:
    """Palette, red for harm, of values on both sides of 0 by their nature or as they are; None for others."""
    both = bool((values < 0).any() & (values > 0).any())
    return style.SIGNED.get(style.signed(values), "RdBu" if both else None)


def _curves(axes: Axes, dataset: xr.Dataset, panel: Mapping[str, Any], narrow: bool) -> curves.Band | None:
    show, x, lines, log = panel["show"], panel["x"], panel.get("lines"), panel.get("log", "")
    band = curves.draw(axes, dataset[show], x, lines, log in ("y", "both"))
    _axis(axes, "x", dataset, x, log in ("x", "both"))
    if axes.get_yscale() == "log":
        _log_ticks(axes.yaxis, np.array(axes.get_ylim()))
    elif axes.get_yscale() == "symlog":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))
    axes.set_ylabel(fill(name_of(show, dataset), 28))
    if lines is not None:
        _legend(axes, axes.get_legend_handles_labels()[0], name_of(lines, dataset), narrow)
    return band


def _map(axes: Axes, dataset: xr.Dataset, panel: Mapping[str, Any], narrow: bool) -> None:
    show, x, y, log = panel["show"], panel["x"], panel["y"], panel.get("log", "")
    _axis(axes, "x", dataset, x, log in ("x", "both"))
    _axis(axes, "y", dataset, y, log in ("y", "both"))
    values = curves.median(dataset[show]).transpose(y, x)
    values = values.sortby([axis for axis in (y, x) if not style.words(values[axis].values)])
    horizontal, vertical = (style.positions(values[axis].values) for axis in (x, y))
    palette, largest = signed_palette(values), float(abs(values).max())
    look: dict[str, Any] = {"cmap": palette or "viridis"}
    if palette:
        # Values that range over decades leave nothing else to see on a linear scale.
        if largest > MOST_LINEAR * HARM:
            look["norm"] = SymLogNorm(HARM, vmin=-largest, vmax=largest)
        else:
            look["norm"] = Normalize(-largest, largest)
    axes.set_facecolor(MISSING)
    mesh = axes.pcolormesh(
        _edges(axes, "x", horizontal), _edges(axes, "y", vertical), values.values, rasterized=True, **look
    )
    rows, columns = np.nonzero(style.diverged(dataset[show].sel({y: values[y], x: values[x]}), y, x))
    axes.plot(horizontal[columns], vertical[rows], color="0.3", **style.LOST)
    name, level = name_of(show, dataset), panel.get("contour")
    drawn = level is not None and min(values.shape) > 1 and float(values.min()) < level < float(values.max())
    where: Any = {"location": "bottom", "pad": 0.03} if narrow else {}
    bar = axes.figure.colorbar(
        mesh,
        ax=axes,
        label=fill(f"{name} (line:\N{NO-BREAK SPACE}{level:g})".replace("-", MINUS) if drawn else name, 34),
        **where,
    )
    bar.outline.set_visible(False)
    if isinstance(mesh.norm, SymLogNorm):
        decades = 10.0 ** np.arange(np.floor(np.log10(largest)) + 1)
        ticks = [*-decades, 0, *decades]
        bar.set_ticks(ticks, labels=[f"{tick:g}".replace("-", MINUS) for tick in ticks])
        bar.ax.minorticks_off()
    if drawn:
        lines = axes.contour(
            horizontal, vertical, values.values, [level], colors="k", linewidths=1.2, linestyles="solid"
        )
        lines.set(path_effects=[patheffects.withStroke(linewidth=2.4, foreground="w")])
        bar.add_lines(lines)
    for side in axes.spines.values():
        side.set_visible(False)


def _prediction(axes: Axes, dataset: xr.Dataset, panel: Mapping[str, Any], narrow: bool) -> None:
    points = compared(dataset, panel["x"], panel["y"])
    shown = points.where(points["known"], drop=True) if points["known"].any() else points.isel(point=slice(0))
    handles: list[Any] = []
    looks: dict[str, list[Any]] = {"color": ["0.2"] * shown.sizes["point"], "marker": ["o"] * shown.sizes["point"]}
    for role, key, choose in (("lines", "color", style.colours), ("markers", "marker", lambda names: style.MARKERS)):
        if role in panel:
            names = dataset[panel[role]].values
            of_names = [look for _, look in zip(names, cycle(choose(names)), strict=False)]
            looks[key] = [of_names[coordinates.find(names, value)[0]] for value in shown[panel[role]].values]
            handles.append(Line2D([], [], ls="", label=fill(name_of(panel[role], dataset), 16)))
            handles += [
                Line2D([], [], **{"ls": "", "color": "0.2", "marker": "o", key: look}, label=label)
                for label, look in zip((style.value_label(name, panel[role]) for name in names), of_names, strict=True)
            ]
    for index, (colour, marker) in enumerate(zip(looks["color"], looks["marker"], strict=True)):
        point = shown.isel(point=index)
        x, y = float(point["predicted"]), float(point["measured"])
        axes.plot([x, x], [point["low"], point["high"]], color=colour, lw=0.8, alpha=0.5, zorder=2)
        axes.plot(x, y, ls="", marker=marker, color=colour, mec="w", mew=0.4, ms=4.5, zorder=3)
    axes.set(xscale="log", yscale="log", xlabel=fill(name_of(panel["x"], dataset), 40))
    axes.set(ylabel=fill(name_of(panel["y"], dataset), 32), box_aspect=1)
    ends = np.array([*axes.get_xlim(), *axes.get_ylim()])
    ends = np.array([ends.min(), ends.max()])
    axes.plot(ends, ends, color="0.3", lw=0.8, zorder=1)
    axes.fill_between(ends, ends / 2, ends * 2, color="0.92", lw=0, zorder=0)
    axes.set(xlim=ends, ylim=ends)
    for axis in (axes.xaxis, axes.yaxis):
        _log_ticks(axis, ends)
    _agreement(axes, points)
    if handles:
        _legend(axes, handles, "", narrow)


def _agreement(axes: Axes, points: xr.Dataset) -> None:
    """Write the numbers into the corner with fewer points."""
    correlation, factor, count = agreement(points)
    text = f"Spearman $\\rho$ = {correlation:.2f}\nmedian factor {factor:.2f}\n{count} points"
    if missing := points.sizes["point"] - count:
        text += f"\n{missing} without a value"
    to_axes = axes.transData + axes.transAxes.inverted()
    above, below = (to_axes.transform(np.stack([points["predicted"], points[end]], axis=1)) for end in ("high", "low"))
    crowded = ((above[:, 0] < 0.5) & (above[:, 1] > 0.7)).sum(), ((below[:, 0] > 0.5) & (below[:, 1] < 0.3)).sum()
    left = crowded[0] <= crowded[1]
    axes.text(
        *((0.03, 0.97) if left else (0.97, 0.03)),
        text.replace("-", MINUS),
        transform=axes.transAxes,
        ha="left" if left else "right",
        va="top" if left else "bottom",
        fontsize=6.5,
    )


def _axis(axes: Axes, which: Literal["x", "y"], dataset: xr.Dataset, name: str, log: bool) -> None:
    """Scale, ticks and label of an axis of the experiment."""
    values = dataset[name].values
    axis = axes.xaxis if which == "x" else axes.yaxis
    positions = style.positions(values).astype(float)
    axis.set_label_text(fill(name_of(name, dataset), 36))
    if style.words(values):
        axis.set_ticks(positions, [style.value_label(value, name) for value in values])
        axes.set(**{f"{which}lim": (-0.5, len(values) - 0.5)})
        return
    if log:
        above = positions[positions > 0]
        with_zero = len(positions) > len(above) > 0
        set_scale = axes.set_xscale if which == "x" else axes.set_yscale
        # 0 has its own place on a logarithmic axis, half a decade to the left.
        set_scale(
            **({"value": "symlog", "linthresh": above.min(), "linscale": 0.5} if with_zero else {"value": "log"})
        )
        if len(values) <= MOST_TICKS:
            axis.set_major_locator(FixedLocator(positions.tolist()))
        elif with_zero:
            decades = 10.0 ** np.arange(np.ceil(np.log10(above.min())), np.log10(above.max()) + 1e-9)
            axis.set_major_locator(FixedLocator([0, *decades]))
        if len(values) <= MOST_TICKS or with_zero:
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        else:
            _log_ticks(axis, above[[0, -1]])
    elif values.dtype.kind in "iu":
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6, steps=[1, 2, 5, 10]))


def _log_ticks(axis: Axis, ends: np.ndarray) -> None:
    """Numbers written out, more of them where there is less than a decade and a half."""
    if abs(np.diff(np.log10(ends))).item() < 1.5:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _edges(axes: Axes, which: Literal["x", "y"], centres: np.ndarray) -> np.ndarray:
    """Edges of the cells around ascending centres, half way between them on the scale of the axis."""
    scale = (axes.xaxis if which == "x" else axes.yaxis).get_transform()
    on_scale = scale.transform(centres.astype(float))
    if len(centres) == 1:
        return np.asarray(scale.inverted().transform(on_scale + np.array([-0.5, 0.5])))
    middles = (on_scale[1:] + on_scale[:-1]) / 2
    first, last = 2 * on_scale[0] - middles[0], 2 * on_scale[-1] - middles[-1]
    return np.asarray(scale.inverted().transform(np.array([first, *middles, last])))


def _legend(axes: Axes, handles: Sequence[Any], title: str, narrow: bool) -> None:
    """Beside the axes, or below them where three stand in a row."""
    if not narrow:
        axes.legend(handles=handles, title=fill(title, 14), loc="center left", bbox_to_anchor=(1, 0.5))
        return
    lines = axes.get_xlabel().count("\n")
    longest = max(len(handle.get_label()) for handle in handles)
    below = axes.transAxes + ScaledTranslation(0, -0.36 - 0.12 * lines, axes.figure.dpi_scale_trans)
    axes.legend(
        handles=handles,
        title=title,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=below,
        ncols=min(len(handles), 5 if longest < 3 else 4 if longest < 5 else 3),
        columnspacing=0.8,
        handlelength=1.2,
        handletextpad=0.4,
    )


def _title(axes: Axes, title: str, index: int | None, width: int) -> None:
    letter = "" if index is None else rf"$\mathbf{{{chr(ord('a') + index)}}}$  "
    if title or letter:
        axes.set_title(letter + matplotlib_text(fill(title, width)), loc="left")

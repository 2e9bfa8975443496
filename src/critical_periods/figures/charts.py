"""Charts of whatever an experiment varies: curves, maps over two axes, and predictions against measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis, YAxis
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap, Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from critical_periods.analysis import coordinates
from critical_periods.analysis.closing import agreement, compared
from critical_periods.analysis.coordinates import RUNS
from critical_periods.analysis.learning import HARM
from critical_periods.analysis.measures import failed
from critical_periods.figures import curves, style
from critical_periods.figures.style import MINUS
from critical_periods.publishing.markup import matplotlib_text

#: Height of a row of panels, inches.
HEIGHT = 2.1
#: Height of a row of square panels, or of maps with their bars below, inches.
SQUARE = 2.9
#: Characters of a panel's title in a line, by panels in a row.
TITLES = {1: 40, 2: 46, 3: 26}
#: Up to this many values of a logarithmic axis are its ticks.
MOST_TICKS = 6
#: Up to so many times what counts as harm, the colours of a map with both signs are linear.
MOST_LINEAR = 50
#: Colours of maps: with 0 in between, red for harm; others.
HARM_COLOURS, SIGNED_COLOURS, COLOURS = "RdBu_r", "PuOr", "viridis"
#: Map of a value that is missing.
MISSING = "0.85"
#: What predictions stand in front of.
PREDICTION = "Line: measured as predicted; shaded: within a factor of 2; bars: from the smallest to the largest run"
#: How markers are filled, in order.
FILLS = ("full", "none", "left", "top")


def draw(panels: Sequence[Mapping[str, Any]], datasets: Mapping[str, xr.Dataset]) -> Figure:
    """Draw the panels, up to three in a row.

    Parameters
    ----------
    panels
        `chart` ("curves", "map" or "prediction"), `experiment`, `select`, `title`, and by chart: curves `x`, `show`,
        `lines`, `log`, `points`; map `x`, `y`, `show`, `contour`, `log`; prediction `x`, `y`, `lines`, `markers`,
        `fills`.
    datasets
        Experiment name -> dataset.

    Raises
    ------
    ValueError
        If a panel shows what its experiment lacks, or leaves an axis open; it names both.
    """
    style.apply()
    rows, columns = grid(len(panels), style.most_columns(3))
    shown = {panel["chart"] for panel in panels}
    height = SQUARE if "prediction" in shown or (columns == 3 and shown == {"map"}) else HEIGHT
    figure, all_axes = plt.subplots(rows, columns, squeeze=False, figsize=(style.width(columns), height * rows))
    used, unused = list(all_axes.flat[: len(panels)]), all_axes.flat[len(panels) :]
    parts = [chosen(datasets[panel["experiment"]], panel) for panel in panels]
    looks = looks_of(panels, parts)
    groups: dict[str, dict[str, Any]] = {}
    spreads: list[curves.Spread | None] = [None] * len(panels)
    notes: list[str] = []
    for index, (axes, panel, part) in enumerate(zip(used, panels, parts, strict=True)):
        if panel["chart"] == "map":
            _map(axes, part, panel, columns == 3)
        elif panel["chart"] == "prediction":
            missing = _prediction(axes, part, panel, looks, groups)
            notes += [f"({style.panel_letter(index)}) {missing}"] * bool(missing)
        else:
            spreads[index] = _curves(axes, part, panel, looks, groups)
        style.ticks(axes.xaxis, axes.yaxis)
    room = round(TITLES[columns] * style.scale(columns))
    style.letter(used, [matplotlib_text(fill(panel.get("title", ""), room)) for panel in panels])
    for axes in unused:
        axes.set_visible(False)
    if "prediction" in shown:
        notes.insert(0, PREDICTION)
    titles = titles_of(panels, parts)
    for lines, of_lines in looks.items():
        groups[lines] = {label: groups[lines][label] for label in of_lines if label in groups[lines]}
    style.legend(
        figure,
        {titles.get(name, ""): list(handles.values()) for name, handles in groups.items()},
        ". ".join(filter(None, [curves.described(spreads), *notes])),
    )
    return figure


def titles_of(panels: Sequence[Mapping[str, Any]], parts: Sequence[xr.Dataset]) -> dict[str, str]:
    """What the axes are called that tell lines and markers apart, by each of the models that a figure shows."""
    found: dict[str, list[str]] = {}
    for panel, part in zip(panels, parts, strict=True):
        for role in ("lines", "markers", "fills"):
            if role in panel:
                found.setdefault(panel[role], []).append(name_of(panel[role], part))
    return {name: ", ".join(dict.fromkeys(called)) for name, called in found.items()}


def looks_of(panels: Sequence[Mapping[str, Any]], parts: Sequence[xr.Dataset]) -> dict[str, dict[str, dict[str, Any]]]:
    """Name of an axis that tells lines apart -> label of a value -> its look, the same in all panels of a figure."""
    axes: dict[str, list[xr.DataArray]] = {}
    for panel, part in zip(panels, parts, strict=True):
        if lines := panel.get("lines"):
            axes.setdefault(lines, []).append(part[lines])
    found, palettes = {}, cycle(style.ORDERED)
    for lines, of_panels in axes.items():
        once = list(dict.fromkeys(value for axis in of_panels for value in axis.values))
        ordered = style.words(once) or len(once) == len(of_panels[0])
        palette = style.ORDERED[0] if style.unordered(once, lines) else next(palettes)
        found[lines] = style.looks(once if ordered else sorted(once), lines, palette, of_panels[0])
    return found


def grid(count: int, most: int = 3) -> tuple[int, int]:
    """Rows and columns for a number of panels, given how many stand side by side at most."""
    columns = 2 if count == 4 < 2 * most else min(count, most)
    return -(-count // columns), columns


def chosen(dataset: xr.Dataset, panel: Mapping[str, Any]) -> xr.Dataset:
    """The variables that a panel shows, where it selects them, over the axes that it names and the runs.

    Raises
    ------
    ValueError
        If there is no such variable, axis or value, or an axis is left open.
    """
    names = [panel["x"], panel["y"]] if panel["chart"] == "prediction" else [panel["show"]]
    roles = ("lines", "markers", "fills") if panel["chart"] == "prediction" else ("x", "y", "lines")
    where = f"a chart of the experiment {panel['experiment']}"
    for name in names:
        if name not in dataset:
            raise ValueError(f"{where}: no variable {name}; it has {', '.join(map(str, dataset.data_vars))}")
    censored = ["harm_settled"] if panel["chart"] == "prediction" and "harm_settled" in dataset else []
    part = dataset[names + censored]
    if panel.get("show") == "relative_accuracy" and "reconstruction_error" in dataset:
        part = part.assign_coords(failed=failed(dataset["reconstruction_error"]))
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
    text, unit = style.label(name, dataset), dataset[name].attrs.get("units", "1")
    return text if unit in ("1", "") or unit in text else f"{text} ({unit}{'s' * (unit == 'epoch')})"


def name_shown(dataset: xr.Dataset, panel: Mapping[str, Any]) -> str:
    """What the variable that a panel shows is called: of which pathway, where it selects one."""
    pathway = panel.get("select", {}).get("pathway")
    name = name_of(panel["show"], dataset)
    return name if pathway is None else name.replace("the pathway", f"pathway {pathway}")


def shown_in_map(dataset: xr.Dataset, panel: Mapping[str, Any]) -> tuple[xr.DataArray, str, str | None]:
    """What a map shows: medians over runs, ascending, harm above 0; what they are called, and their palette.

    The palette has 0 in its middle, or is None where there is nothing on either side of 0.
    """
    show, x, y = panel["show"], panel["x"], panel["y"]
    values, name = curves.median(dataset[show]).transpose(y, x), name_shown(dataset, panel)
    values = values.sortby([axis for axis in (y, x) if not style.words(values[axis].values)])
    sign = style.signed(values)
    if sign < 0:
        values, name = -values, f"loss of {name}"
    both = bool((values < 0).any() & (values > 0).any())
    return values, name, HARM_COLOURS if sign else SIGNED_COLOURS if both else None


def _curves(
    axes: Axes,
    dataset: xr.Dataset,
    panel: Mapping[str, Any],
    looks: Mapping[str, Mapping[str, Any]],
    groups: dict[str, dict[str, Any]],
) -> curves.Spread | None:
    show, x, lines, log = panel["show"], panel["x"], panel.get("lines"), panel.get("log", "")
    logarithmic, points = log in ("y", "both"), panel.get("points", False)
    of_lines: Mapping[str, Any] = looks[lines] if lines else {}
    shown = curves.draw(axes, dataset[show], x, lines, of_lines, logarithmic, points)
    _axis(axes.xaxis, dataset, x, log in ("x", "both"))
    name = name_shown(dataset, panel)
    if logarithmic:
        scale = "log scale" if axes.get_yscale() == "log" else f"log scale beyond ±{HARM:g}"
    axes.set_ylabel(fill(name, 28) + (f",\n{scale}" if logarithmic else ""))
    if axes.get_yscale() == "log":
        _few_ticks(axes.yaxis, np.array(axes.get_ylim()))
    if lines:
        for label in style.labels_in(of_lines, dataset[lines]):
            groups.setdefault(lines, {})[label] = Line2D([], [], label=label, **of_lines[label])
    for there, label, look in (
        (style.diverged(dataset[show]).any(), "diverged", style.LOST),
        ("failed" in dataset.coords and dataset["failed"].any(), style.FAILS, style.FAILED),
    ):
        if there:
            groups.setdefault("", {})[label] = Line2D([], [], color="0.3", label=label, **look)
    return shown


def _map(axes: Axes, dataset: xr.Dataset, panel: Mapping[str, Any], narrow: bool) -> None:
    x, y, log = panel["x"], panel["y"], panel.get("log", "")
    _axis(axes.xaxis, dataset, x, log in ("x", "both"))
    _axis(axes.yaxis, dataset, y, log in ("y", "both"))
    values, name, palette = shown_in_map(dataset, panel)
    horizontal, vertical = (style.positions(values[axis].values) for axis in (x, y))
    edges = _edges(axes.xaxis, horizontal), _edges(axes.yaxis, vertical)
    axes.set_facecolor(MISSING)
    mesh = axes.pcolormesh(*edges, values.values, rasterized=True, **colours(values, palette))
    rows, columns = np.nonzero(style.diverged(dataset[panel["show"]].sel({y: values[y], x: values[x]}), y, x))
    axes.plot(horizontal[columns], vertical[rows], color="0.3", **style.LOST)
    level = panel.get("contour")
    if level is not None:
        level = -level if style.signed(dataset[panel["show"]]) < 0 else level
        border = _border(*edges, values.values, level)
        axes.add_collection(LineCollection(border, colors="w", linewidths=2.6, capstyle="round"))
        axes.add_collection(LineCollection(border, colors=style.INK, linewidths=1.2, capstyle="round"))
        name += f" (line:\N{NO-BREAK SPACE}{style.number(level)})"
    where: Any = {"location": "bottom", "pad": 0.02, "aspect": 22} if narrow else {"aspect": 25}
    bar = axes.figure.colorbar(mesh, ax=axes, label=fill(name, 34), **where)
    bar.outline.set_visible(False)
    if level is not None and mesh.norm.vmin < level < mesh.norm.vmax:
        (bar.ax.axvline if narrow else bar.ax.axhline)(level, color=style.INK, lw=1.2)
    if isinstance(mesh.norm, SymLogNorm):
        decades = 10.0 ** np.arange(-1, np.floor(np.log10(abs(values).max().item())) + 1)
        bar.set_ticks([tick for tick in (*-decades, 0, *decades) if mesh.norm.vmin <= tick <= mesh.norm.vmax])
        bar.ax.minorticks_off()
    style.ticks(bar.ax.xaxis if narrow else bar.ax.yaxis)
    axes.spines[:].set_visible(False)


def colours(values: xr.DataArray, palette: str | None) -> dict[str, Any]:
    """Colours of a map and their scale, which is as long as its values; white is 0 where the palette has two sides."""
    if palette is None:
        return {"cmap": COLOURS}
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    largest = max(-low, high, 1e-12)
    # Values that range over decades leave nothing else to see on a linear scale.
    kind: Any = partial(SymLogNorm, HARM, linscale=0.5) if largest > MOST_LINEAR * HARM else Normalize
    norm, whole = kind(vmin=low, vmax=high), kind(vmin=-largest, vmax=largest)
    shades = plt.get_cmap(palette)(whole(norm.inverse(np.linspace(0, 1, 256))))
    return {"norm": norm, "cmap": ListedColormap(shades)}


def _border(x: np.ndarray, y: np.ndarray, values: np.ndarray, level: float) -> list[Any]:
    """Edges of cells between values on both sides of a level; a value that is missing is on neither."""
    side = np.where(np.isfinite(values), values >= level, np.nan)
    below, beside = (np.argwhere(abs(np.diff(side, axis=axis)) == 1) for axis in (0, 1))
    return [
        *([(x[column], y[row + 1]), (x[column + 1], y[row + 1])] for row, column in below),
        *([(x[column + 1], y[row]), (x[column + 1], y[row + 1])] for row, column in beside),
    ]


def _prediction(
    axes: Axes,
    dataset: xr.Dataset,
    panel: Mapping[str, Any],
    looks: Mapping[str, Mapping[str, Mapping[str, Any]]],
    groups: dict[str, dict[str, Any]],
) -> str:
    """Draw measurements against predictions, and say which settings have none."""
    points = compared(dataset, panel["x"], panel["y"])
    shown = points.isel(point=points["known"].values)
    drawn, keys = looks_of_points(panel, dataset, looks, shown)
    for name, of_labels in keys.items():
        for label, part in of_labels.items():
            handle: dict[str, Any] = {"ls": "", "color": "0.2", "marker": "o", "ms": 4.5, "mew": 0.8} | part
            groups.setdefault(name, {}).setdefault(label, Line2D([], [], label=label, **handle))
    for index, look in enumerate(drawn):
        point = shown.isel(point=index)
        x, y = float(point["predicted"]), float(point["measured"])
        axes.plot([x, x], [point["low"], point["high"]], color=look["color"], lw=0.8, alpha=0.5, zorder=2)
        axes.plot(x, y, ls="", mew=0.8, ms=4.5, zorder=3, markerfacecoloralt="w", **look)
    axes.set(xscale="log", yscale="log", xlabel=fill(name_of(panel["x"], dataset), 40))
    axes.set(ylabel=fill(name_of(panel["y"], dataset), 32), box_aspect=1)
    ends = np.array([*axes.get_xlim(), *axes.get_ylim()])
    ends = np.array([ends.min(), ends.max()])
    axes.plot(ends, ends, color="0.3", lw=0.8, zorder=1)
    axes.fill_between(ends, ends / 2, ends * 2, color="0.92", lw=0, zorder=0)
    axes.set(xlim=ends, ylim=ends)
    for axis in (axes.xaxis, axes.yaxis):
        _few_ticks(axis, ends)
    _agreement(axes, points, curves.shown_of(dataset[panel["y"]]))
    return _missing(points, dataset)


def looks_of_points(
    panel: Mapping[str, Any],
    dataset: xr.Dataset,
    looks: Mapping[str, Mapping[str, Mapping[str, Any]]],
    points: xr.Dataset,
) -> tuple[list[dict[str, Any]], dict[str, dict[str, dict[str, Any]]]]:
    """Colour, marker and filling of every point of a prediction; and axis -> label -> what of these it stands for."""
    drawn = [{"color": "0.2", "marker": "o", "fillstyle": "full"} for _ in range(points.sizes["point"])]
    colours = [look["color"] for look in looks.get(panel.get("lines", ""), {}).values()]
    kinds = {"lines": ("color", colours), "markers": ("marker", style.MARKERS), "fills": ("fillstyle", FILLS)}
    keys = {}
    for role, (part, choices) in kinds.items():
        if role in panel:
            names = dataset[panel[role]]
            known = looks[panel[role]] if role == "lines" else style.value_labels(names)
            labels = style.labels_in(dict.fromkeys(known), names)
            of_labels = dict(zip(known, cycle(choices), strict=False))
            for look, value in zip(drawn, points[panel[role]].values, strict=True):
                look[part] = of_labels[labels[coordinates.find(names, value)[0]]]
            keys[panel[role]] = {label: {part: of_labels[label]} for label in labels}
    return drawn, keys


def settings_of(points: xr.Dataset, dataset: xr.Dataset, called: Callable[[str, xr.Dataset], str]) -> list[list[str]]:
    """Values of the axes at every point of a prediction, in words, each after what a function calls its axis."""
    names = [str(name) for name in points.coords if points[name].dims == ("point",) and name in dataset.coords]
    texts = [
        [f"{called(name, dataset)} {style.value_label(value, dataset[name])}" for value in points[name].values]
        for name in names
    ]
    return [[own[point] for own in texts] for point in range(points.sizes["point"])]


def _missing(points: xr.Dataset, dataset: xr.Dataset) -> str:
    """The settings without a value, in words; values of an axis that have none anywhere are said once."""
    lost, settings = ~points["known"].values, settings_of(points, dataset, style.label)
    texts = dict.fromkeys(text for own in settings for text in own)
    found = [text for text in texts if lost[[text in own for own in settings]].all()]
    single = [", ".join(own) for own, gone in zip(settings, lost, strict=True) if gone and not set(found) & set(own)]
    return f"without a value: {'; '.join([*found, *single])}" if lost.any() else ""


def _agreement(axes: Axes, points: xr.Dataset, spread: curves.Spread | None) -> None:
    """Write the numbers into the corner with fewer points."""
    correlation, factors = agreement(points)
    text = f"rank correlation {correlation:.2f}\n"
    if len(factors):
        text += f"median factor {np.median(factors):.2f}, largest {factors.max():.2f}\n"
    text += f"{len(factors)} points{f' of {spread.runs}' if spread else ''}"
    if missing := points.sizes["point"] - len(factors):
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


def _axis(axis: XAxis | YAxis, dataset: xr.Dataset, name: str, log: bool) -> None:
    """Scale, ticks and label of an axis of the experiment."""
    values, which = dataset[name].values, axis.axis_name
    positions = style.positions(values).astype(float)
    axis.set_label_text(fill(name_of(name, dataset), 36 if which == "x" else 28))
    if style.words(values):
        axis.set_ticks(positions, [style.value_label(value, dataset[name]) for value in values])
        axis.axes.set(**{f"{which}lim": (-0.5, len(values) - 0.5)})
        return
    if log:
        above = positions[positions > 0]
        with_zero = len(positions) > len(above) > 0
        # 0 has its own place on a logarithmic axis, half a decade to the left.
        scale = {"value": "symlog", "linthresh": above.min(), "linscale": 0.5} if with_zero else {"value": "log"}
        getattr(axis.axes, f"set_{which}scale")(**scale)
        if len(values) <= MOST_TICKS:
            axis.set_major_locator(FixedLocator(positions.tolist()))
        elif with_zero:
            decades = 10.0 ** np.arange(np.ceil(np.log10(above.min())), np.log10(above.max()) + 1e-9)
            axis.set_major_locator(FixedLocator([0, *decades]))
        if not with_zero and len(values) > MOST_TICKS:
            _few_ticks(axis, above[[0, -1]])
        else:
            axis.set_minor_locator(NullLocator())
    elif values.dtype.kind in "iu":
        most = int(np.clip(2.7 * style.inches(axis.axes), 3, 6))
        axis.set_major_locator(MaxNLocator(integer=True, nbins=most, steps=[1, 2, 5, 10]))


def _few_ticks(axis: Axis, ends: np.ndarray) -> None:
    """Decades of a logarithmic axis; more where there are less than two."""
    decades = abs(np.diff(np.log10(ends))).item()
    if decades < 2:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades > 0.8 else (1, 1.5, 2, 3, 5, 7), numticks=12))


def _edges(axis: Axis, centres: np.ndarray) -> np.ndarray:
    """Edges of the cells around ascending centres, half way between them on the scale of the axis."""
    scale = axis.get_transform()
    on_scale = scale.transform(centres.astype(float))
    if len(centres) == 1:
        return np.asarray(scale.inverted().transform(on_scale + np.array([-0.5, 0.5])))
    middles = (on_scale[1:] + on_scale[:-1]) / 2
    first, last = 2 * on_scale[0] - middles[0], 2 * on_scale[-1] - middles[-1]
    return np.asarray(scale.inverted().transform(np.array([first, *middles, last])))

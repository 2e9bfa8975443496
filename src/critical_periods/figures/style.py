"""The look that all figures share: sizes, fonts, colours, names of axes, and how a figure is saved."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import cycle
from string import ascii_uppercase
from textwrap import fill, wrap
from typing import Any

import matplotlib

if matplotlib.get_backend(auto_select=False) is None:  # no notebook and no user has chosen one
    matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogFormatter, NullFormatter, ScalarFormatter

from critical_periods.analysis import coordinates
from critical_periods.analysis.coordinates import RUNS, is_null
from critical_periods.storage.files import write_whole

#: Widths of a journal's one-column and two-column figures, inches.
COLUMN, PAGE = 3.4, 6.9

#: Inches of a panel that is still read.
NARROWEST = 1.6

#: Lightness of a dark figure's paper.
DARK = 0.1

#: What the colours of an artist are called, by its class.
_COLOURS: dict[type[Artist], tuple[str, ...]] = {
    Text: ("color",),
    Line2D: ("color", "markerfacecolor", "markeredgecolor", "markerfacecoloralt"),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
}

#: The style that is asked for, as of `using`.
_asked: dict[str, Any] = {}

#: Colours of what has no order, seeds and words, which the colour-blind tell apart: those of seaborn's `colorblind`.
UNORDERED = (
    "#0173b2",
    "#de8f05",
    "#029e73",
    "#d55e00",
    "#cc78bc",
    "#ca9161",
    "#fbafe4",
    "#949494",
    "#ece133",
    "#56b4e9",
)

#: Colours of what has an order, of the first parameter that tells lines apart in a figure, and of the next one.
ORDERED = ("viridis", "copper")

#: Black of what stands out from curves.
INK = "0.1"

#: Markers, and how much larger than a circle each is drawn to look as large.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
LARGER = dict(zip(MARKERS, (1.0, 0.9, 1.2, 0.85, 1.2, 1.15, 1.15, 1.5, 1.2, 1.2), strict=True))

MINUS = "\N{MINUS SIGN}"
RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_RAISED, _LOWERED = str.maketrans("-0123456789", RAISED), str.maketrans(RAISED, "-0123456789")

#: From here on numbers are written as 10k; where one of several is, from 1000 on.
THOUSANDS = 10_000

#: Heights of a row of a legend and of a line of small print below it, inches.
ROW, SMALL = 0.15, 0.115

#: Look of what diverged: a cross where its value would be.
LOST: dict[str, Any] = {"ls": "", "marker": "x", "markersize": 4, "markeredgewidth": 1}
#: Look of a run that fails without a deficit: a ring around its values.
FAILS = "error above 1 without the deficit"
FAILED: dict[str, Any] = {"ls": "", "marker": "o", "mfc": "none", "ms": 5, "mew": 0.7}


@contextmanager
def using(style: Mapping[str, Any]) -> Iterator[None]:
    """Draw in a style meanwhile, and put Matplotlib's settings back.

    Parameters
    ----------
    style
        Any of the keys of `critical_periods.configuration.document.Style`; what is not asked for is the paper's.
    """
    _asked.update(style)
    try:
        with matplotlib.rc_context():
            yield
    finally:
        _asked.clear()


def width(columns: int = 2) -> float:
    """Inches across a figure with so many panels in a row."""
    return float(_asked.get("width", COLUMN if columns == 1 else PAGE))


def scale(columns: int = 2) -> float:
    """How much broader a figure is than its kind draws it by itself."""
    return width(columns) / (COLUMN if columns == 1 else PAGE)


def most_columns(count: int) -> int:
    """How many of so many panels, which a page is wide enough for, stand side by side."""
    return count if width() >= PAGE else int(np.clip(width() / NARROWEST, 1, count))


def inches(axes: Axes) -> float:
    """Inches across the part of its figure that a panel has."""
    figure, spec = axes.get_figure(root=True), axes.get_subplotspec()
    return width() if figure is None or spec is None else float(figure.get_figwidth()) / spec.get_gridspec().ncols


def grid(rows: int, columns: int, height: float, across: float | None = None, **options: Any) -> tuple[Figure, Any]:
    """A figure and its axes, by row and column; rows are folded where a figure is too narrow for them.

    Parameters
    ----------
    rows, columns
        How many there are.
    height
        Inches of a row.
    across
        Inches of a figure with so many columns as fit; the width of its style if not given.
    options
        As of `matplotlib.pyplot.subplots`.
    """
    side_by_side = most_columns(columns)
    folds = -(-columns // side_by_side)
    figure, axes = plt.subplots(
        rows * folds,
        side_by_side,
        squeeze=False,
        figsize=(width() if across is None else across, height * rows * folds + 0.2),
        **options,
    )
    rows_of_axes = axes.reshape(rows, folds * side_by_side)
    for unused in rows_of_axes[:, columns:].flat:
        unused.set_visible(False)
    return figure, rows_of_axes[:, :columns]


def apply() -> None:
    """Set fonts, sizes and lines; every figure begins with it."""
    font = _asked.get("font")
    # DejaVu is what matplotlib brings: the same figure on every machine; and it has the letters that others lack.
    families: dict[str, Any] = {"font.sans-serif": ["DejaVu Sans"]}
    if _asked.get("usetex"):
        families = {"text.usetex": True, "font.family": [font or "serif"]}
    elif font:
        slanted = {f"mathtext.{kind}": f"{font}:{look}" for kind, look in (("it", "italic"), ("bf", "bold"))}
        families = {"font.family": [font, "DejaVu Sans"], "mathtext.fontset": "custom", "mathtext.rm": font, **slanted}
    ticks = {"labelsize": 7, "major.size": 4.8, "major.width": 0.6, "minor.size": 3.2, "minor.width": 0.8}
    look: dict[str, Any] = {
        "axes.labelsize": 8,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 8,
        "figure.constrained_layout.use": True,
        "font.size": 8,
        "legend.fontsize": 7,
        "legend.title_fontsize": 7,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.5,
        "patch.edgecolor": "w",
        "patch.force_edgecolor": True,
        "patch.linewidth": 0.8,
        "pdf.fonttype": 42,
        "savefig.dpi": _asked.get("dpi", 200),
        **{f"{axis}tick.{name}": size for axis in "xy" for name, size in ticks.items()},
    }
    plt.style.use(["seaborn-v0_8-ticks", look | families])


def ordered_colours(count: int, palette: str = ORDERED[0]) -> list[Any]:
    """Colours for values that have an order: dark to light, told apart in greyscale and by colour-blind readers."""
    return [tuple(colour) for colour in plt.get_cmap(palette)(np.linspace(0, 1, count + 3)[1:-2])[:, :3]]


def unordered(values: Sequence[Any], name: str | None = None) -> bool:
    """Whether the values of a parameter have no order that colours could show: seeds and words."""
    return name in RUNS or words(values)


def looks(
    values: Sequence[Any], name: str | None = None, palette: str = ORDERED[0], axis: Any = None
) -> dict[str, dict[str, Any]]:
    """Label -> look of the line of every value of a parameter.

    Colours have an order for numbers; what has none gets those of the colour-blind palette. Each line is thinner than
    the one before, and its markers smaller: where they coincide, all of them are seen.
    """
    colours = cycle(UNORDERED) if unordered(values, name) else ordered_colours(len(values), palette)
    widths, sizes = np.linspace(1.8, 1.0, len(values)), np.linspace(5, 3.4, len(values))
    return {
        text: {"color": colour, "lw": width, "marker": marker, "ms": size * LARGER[marker], "mec": "w", "mew": 0.4}
        for text, colour, width, size, marker in zip(
            value_labels(values, axis), colours, widths, sizes, cycle(MARKERS), strict=False
        )
    }


def positions(values: Any) -> np.ndarray:
    """Where the values of an axis lie: numbers where they are, words side by side."""
    return np.arange(len(values)) if words(values) else np.asarray(values)


def words(values: Any) -> bool:
    """Whether values have no place on a scale: words, and numbers with null among them."""
    return np.asarray(values).dtype.kind not in "iuf" or any(is_null(value) for value in values)


def label(name: str, dataset: xr.Dataset) -> str:
    """What to call a variable or an axis of a dataset: its attribute `label`, else its long name, else its name."""
    words = dataset[name].attrs if name in dataset.variables else {}
    return str(words.get("label", words.get("long_name", name)))


def signed(values: xr.DataArray) -> int:
    """1 where values are harm, -1 where they are its opposite, with 0 in between; 0 for anything else."""
    return int(values.attrs.get("signed", 0))


def number(value: float, thousands: bool = False, digits: int = 15) -> str:
    """A number as all figures write it: 20k for 20000, and 10⁻⁵ where it has too many zeros.

    Parameters
    ----------
    value
        The number.
    thousands
        Whether it stands beside one that is written as thousands, so that it is, too, from 1000 on.
    digits
        How many are written at most.
    """
    if abs(value) >= (1000 if thousands else THOUSANDS):
        return f"{value / 1000:.{digits}g}k".replace("-", MINUS)
    mantissa, _, power = f"{value:.{digits}g}".partition("e")
    if power:
        mantissa = ("" if mantissa == "1" else f"{mantissa}·") + "10" + str(int(power)).translate(_RAISED)
    return mantissa.replace("-", MINUS)


def value_label(value: Any, axis: Any = None, thousands: bool = False) -> str:
    """Value of a parameter; numbers as `number` has them, null as the attribute `null` of its axis says."""
    if is_null(value):
        return str(getattr(axis, "attrs", {}).get("null", coordinates.NONE))
    return number(value, thousands) if _is_number(value) else str(value).replace("_", " ")


def _is_number(value: Any) -> bool:
    return np.asarray(value).dtype.kind in "iuf"


def value_labels(values: Any, axis: Any = None) -> list[str]:
    """Values of a parameter that stand side by side: an axis, or any values of one."""
    axis, values = values if axis is None else axis, getattr(values, "values", values)
    thousands = any(_is_number(value) and abs(value) >= THOUSANDS for value in values)
    return [value_label(value, axis, thousands) for value in values]


def labels_in(looks: Mapping[str, Any], axis: xr.DataArray) -> list[str]:
    """Values of an axis as a figure's looks have them, where others may stand beside them."""
    plain, thousands = ([value_label(value, axis, k) for value in axis.values] for k in (False, True))
    return plain if all(text in looks for text in plain) else thousands


def setting(value: Any, name: str, dataset: xr.Dataset, beside: Sequence[Any] = ()) -> str:
    """Value of a parameter and what it is called, as "2000 observed entries" or "depth $N$ = 2"; beside others."""
    text, called = value_labels([value, *beside], dataset.get(name))[0], label(name, dataset)
    return f"{called} = {text}" if "$" in called else f"{called}: {text}" if is_null(value) else f"{text} {called}"


def ticks(*axes: Axis) -> None:
    """Write the numbers at axes as `number` does; powers of ten at logarithmic ones of small numbers."""
    said = tex if _asked.get("usetex") else str
    for axis in axes:
        low, high = sorted(axis.get_view_interval())
        thousands = max(abs(low), abs(high)) >= THOUSANDS
        if axis.get_scale() == "log" and low < 1e-3:
            axis.set_major_formatter(
                FuncFormatter(lambda value, _: said("10" + str(round(np.log10(value))).translate(_RAISED)))
            )
        elif isinstance(axis.get_major_formatter(), (ScalarFormatter, LogFormatter)):  # not where words stand
            axis.set_major_formatter(FuncFormatter(lambda value, _, k=thousands: said(number(value, k, 6))))
        axis.set_minor_formatter(NullFormatter())


def part(dataset: Any, where: Mapping[str, Any]) -> Any:
    """The part at values of axes, as `coordinates.select` has it, but that the seed stays an axis to average over."""
    found = coordinates.select(dataset, where)
    return found.expand_dims("seed") if "seed" in where else found


def parameter(dataset: xr.Dataset, name: str) -> Any:
    """Value of a parameter of an experiment, or of a part of it: its coordinate, or what all cells share."""
    if name in dataset.coords:
        return coordinates.value_of(dataset[name])
    return json.loads(dataset.attrs["parameters"])[name]


def diverged(values: xr.DataArray, *axes: str) -> np.ndarray:
    """Where training diverged in a run, so that there is no value, over these axes."""
    if "diverged" not in values.coords:
        return np.zeros([values.sizes[axis] for axis in axes], dtype=bool)
    lost = values["diverged"].astype(bool) & values.isnull()
    return np.asarray(lost.any([axis for axis in lost.dims if axis not in axes]).transpose(*axes).values)


def letter(axes: Sequence[Axes], titles: Sequence[str] = ()) -> None:
    """Title the panels of a figure, with (A), (B), (C) before it where there are several."""
    for index, (panel, title) in enumerate(zip(axes, titles or [""] * len(axes), strict=True)):
        before = rf"$\mathbf{{({panel_letter(index)})}}$  " if len(axes) > 1 else ""
        if width() < PAGE and "$" not in title:
            title = fill(title, round(14 * inches(panel)) - 4)
        panel.set_title(f"{before}{title}".rstrip(), loc="left")


def panel_letter(index: int) -> str:
    """Letter of a panel: A to Z, then AA."""
    return ascii_uppercase[index] if index < 26 else panel_letter(index // 26 - 1) + panel_letter(index % 26)


def legend(figure: Figure, groups: Mapping[str, Sequence[Any]], note: str = "") -> None:
    """Name lines and markers below a figure, which grows by as much: a row for every group, after what it is called.

    Parameters
    ----------
    figure
        The figure.
    groups
        What the handles have in common ("" for nothing) -> handles.
    note
        Small print above them.
    """
    width, height = figure.get_size_inches()
    room = round(17 * width)
    rows: list[list[Any]] = []
    for called, handles in groups.items():
        rows.append([Line2D([], [], ls="", label=called)] if called else [])
        for handle in handles:
            if sum(len(str(shown.get_label())) + 6 for shown in (*rows[-1], handle)) > room:
                rows.append([])
            rows[-1].append(handle)
    lines = wrap(note, round(1.2 * room))
    below = ROW * len(rows) + SMALL * len(lines) + (0.05 if rows or lines else 0)
    figure.set_size_inches(width, height + below)
    figure.set_layout_engine("constrained", rect=(0, below / (height + below), 1, height / (height + below)))
    spacing: dict[str, Any] = {"handlelength": 1.8, "columnspacing": 1.0, "handletextpad": 0.5}
    for index, row in enumerate(rows):
        top = 0.5, (below - ROW * index) / (height + below)
        figure.legend(handles=row, ncols=len(row), loc="upper center", bbox_to_anchor=top, borderaxespad=0, **spacing)
    bottom = 0.5, 0.02 / (height + below)
    if lines:
        figure.text(*bottom, "\n".join(lines), fontsize=6.5, color="0.3", ha="center", va="bottom", linespacing=1.1)


def finished(figure: Figure) -> Figure:
    """A figure that is drawn, with what else its style asks for: texts that LaTeX can read, dark paper."""
    for artist in figure.findobj():
        if _asked.get("usetex") and isinstance(artist, Text):
            artist.set_text(tex(artist.get_text()))
        if _asked.get("dark"):
            _darken(artist)
    return figure


def tex(text: str) -> str:
    """A text of a figure as LaTeX; what stands between dollars is LaTeX already."""
    parts = re.split(r"(?<!\\)\$", text)
    for index in range(0, len(parts), 2):
        escaped = re.sub(r"[&%#_]", r"\\\g<0>", parts[index]).replace(MINUS, "$-$")
        parts[index] = re.sub(f"[{RAISED}]+", lambda found: f"$^{{{found[0].translate(_LOWERED)}}}$", escaped)
    return "$".join(parts)


def _darken(artist: Artist) -> None:
    """Turn the lightness of an artist's colours round; those of a map, which have a scale, stay."""
    if isinstance(artist, Axis):  # ticks that are yet to be made, too
        ink = _darkened(matplotlib.rcParams["xtick.color"])
        artist.set_tick_params(which="both", color=ink, labelcolor=ink)
    if isinstance(artist, Text) and (box := artist.get_bbox_patch()) is not None:
        _darken(box)
    if isinstance(artist, Collection) and artist.get_array() is not None:
        return
    for kind, names in _COLOURS.items():
        if isinstance(artist, kind):
            artist.set(**{name: _darkened(getattr(artist, f"get_{name}")()) for name in names})


def _darkened(colours: Any) -> Any:
    """Colours of the same hue, as dark as they were light, on paper that is not quite black."""
    rgba = to_rgba_array(colours)
    if not rgba[:, 3:].any():
        return "none"
    turned = rgba[:, :3] + 1 - rgba[:, :3].max(1, keepdims=True) - rgba[:, :3].min(1, keepdims=True)
    rgba[:, :3] = (DARK + (1 - DARK) * turned).clip(0, 1)
    return rgba if len(rgba) > 1 else tuple(rgba[0])


#: What says when a file was made, by what a file is called.
_TIMELESS: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


def save(figure: Figure, title: str, *paths: str) -> None:
    """Write a figure as PDF, PNG and SVG, without the time of day, so that equal figures are equal files.

    Raises
    ------
    OSError
        If a file cannot be written; then nothing of it is left.
    """
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # a line for every table of every font of a PDF
    for path in paths:
        drawn, kind = BytesIO(), path.rpartition(".")[2]
        with matplotlib.rc_context({"svg.hashsalt": title}):
            figure.savefig(drawn, format=kind, metadata={"Title": title} | _TIMELESS[kind])
        write_whole(drawn.getvalue(), path)
    plt.close(figure)

"""The look that all figures share: sizes, fonts, colours, names of axes, and how a figure is saved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Literal

import matplotlib

if matplotlib.get_backend(auto_select=False) is None:  # no notebook and no user has chosen one
    matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from critical_periods.analysis import coordinates
from critical_periods.analysis.coordinates import is_null
from critical_periods.storage.files import write_whole

#: Widths of a journal's one-column and two-column figures, inches.
COLUMN, PAGE = 3.4, 6.9

#: What null means as a value of a parameter; "none" for the others.
NULL = {
    "alternate_every": "never",
    "epochs_at_rate": "its own",
    "lesion_duration": "to the end",
    "pretrain_n_observed": "same as final",
}

#: Palettes in which harm is red, by the attribute `signed`: 1 for harm, -1 for its opposite, with 0 in between.
SIGNED = {1: "RdBu_r", -1: "RdBu"}

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


#: Look of what diverged: a cross where its value would be.
LOST: dict[str, Any] = {"ls": "", "marker": "x", "markersize": 4, "markeredgewidth": 1}


def apply() -> None:
    """Set fonts, sizes and lines; every figure begins with it."""
    sns.set_theme(
        context="paper",
        style="ticks",
        palette="colorblind",
        rc={
            "axes.labelsize": 8,
            "axes.linewidth": 0.6,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": 8,
            "figure.constrained_layout.use": True,
            "font.size": 8,
            "legend.fontsize": 7,
            "legend.frameon": False,
            "legend.title_fontsize": 7,
            "lines.linewidth": 1.2,
            "lines.markersize": 3.5,
            "pdf.fonttype": 42,
            "savefig.dpi": 250,
            "xtick.labelsize": 7,
            "xtick.major.width": 0.6,
            "ytick.labelsize": 7,
            "ytick.major.width": 0.6,
        },
    )


def ordered_colours(count: int) -> list[Any]:
    """Colours for values that have an order: dark to light, told apart in greyscale and by colour-blind readers."""
    return list(sns.color_palette("viridis", count + 1))[:count]


def colours(values: Sequence[Any]) -> list[Any]:
    """Colours of values: in order for numbers, of the colour-blind palette for words."""
    return list(sns.color_palette("colorblind", len(values))) if words(values) else ordered_colours(len(values))


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


def value_label(value: Any, name: str | None = None) -> str:
    """Value of a parameter, whose name says what null means, as a legend shows it; epochs and the like as 20k."""
    if is_null(value):
        return NULL.get(name or "", "none")
    if not isinstance(value, str) and value >= 10_000 and value == int(value):
        return f"{value / 1000:g}k"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


def full_label(value: Any, name: str) -> str:
    """Value of a parameter in all its digits."""
    if is_null(value):
        return value_label(value, name)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def setting(value: Any, name: str, dataset: xr.Dataset) -> str:
    """Value of a parameter and what it is called, as "2000 observed entries"."""
    text, called = full_label(value, name), label(name, dataset)
    return f"{called}: {text}" if is_null(value) else f"{text} {called}"


def thousands(axes: Axes, which: Literal["x", "y"] = "x") -> None:
    """Write epochs as 20k instead of 20000 where they are that many."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    if max(abs(limit) for limit in axis.get_view_interval()) >= 10_000:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:g}k" if value else "0"))


def part(dataset: Any, where: Mapping[str, Any]) -> Any:
    """The part at values of axes, as `coordinates.select` has it, but that the seed stays an axis to average over."""
    found = coordinates.select(dataset, where)
    return found.expand_dims("seed") if "seed" in where else found


def select(dataset: xr.Dataset, panel: Mapping[str, Any]) -> xr.Dataset:
    """The part of an experiment that a panel shows; axes of length one that nothing else names are dropped."""
    dataset = part(dataset, panel.get("select", {}))
    kept = {"seed", panel.get("lines"), "switch_epoch", "epoch", "mode", "pathway", "solver"}
    return dataset.squeeze([axis for axis, size in dataset.sizes.items() if size == 1 and axis not in kept], drop=True)


def parameter(dataset: xr.Dataset, name: str) -> Any:
    """Value of a parameter of an experiment, or of a part of it: its coordinate, or what all cells share."""
    if name in dataset.coords:
        return coordinates.value_of(dataset[name])
    return json.loads(dataset.attrs["parameters"])[name]


def window(dataset: xr.Dataset) -> str:
    """Epochs of the gating deficit, as [onset, onset + duration)."""
    onset = parameter(dataset, "onset")
    return f"[{onset:,}, {onset + parameter(dataset, 'duration'):,})"


def diverged(values: xr.DataArray, *axes: str) -> np.ndarray:
    """Where training diverged in a run, so that there is no value, over these axes."""
    if "diverged" not in values.coords:
        return np.zeros([values.sizes[axis] for axis in axes], dtype=bool)
    lost = values["diverged"].astype(bool) & values.isnull()
    return np.asarray(lost.any([axis for axis in lost.dims if axis not in axes]).transpose(*axes).values)


def letter(axes: Sequence[Axes]) -> None:
    """Letter the panels of a figure a, b, c, ..."""
    if len(axes) > 1:
        for index, panel in enumerate(axes):
            panel.set_title(f"{chr(ord('a') + index)}", loc="left", fontweight="bold")


def save(figure: Figure, title: str, pdf: str, png: str) -> None:
    """Write a figure as PDF and PNG, without the time of day, so that equal figures are equal files.

    Raises
    ------
    OSError
        If a file cannot be written; then nothing of it is left.
    """
    for path, kind, metadata in ((pdf, "pdf", {"CreationDate": None}), (png, "png", {})):
        drawn = BytesIO()
        figure.savefig(drawn, format=kind, metadata={"Title": title} | metadata)
        write_whole(drawn.getvalue(), path)
    plt.close(figure)

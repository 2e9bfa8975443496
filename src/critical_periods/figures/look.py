"""The look of figures, pages and the explorer in one file of tokens: colours, fonts, sizes, markers.

A colour follows the value: a depth, a mode, a pathway has one in all figures. Light enough for planning.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

#: Widths of figures of one and of two columns of a journal, and the narrowest panel that can be read; inches.
COLUMN, PAGE, NARROWEST = 3.4, 6.9, 1.5

#: Sizes of text, in points: heads and labels, and everything else; nothing is smaller.
TEXT, SMALL, TITLE = 7.5, 7.0, 9.0

#: Narrower than what Matplotlib brings, and shipped with it here, so that a figure is the same on every machine.
FONT = "Roboto"
FALLBACK = "DejaVu Sans"

#: Text and what stands back from it; colours with a meaning of their own.
TOKENS = {
    "ink": "#1b242c",
    "soft": "#5f6b76",
    "pale": "#c9d0d6",
    "paper": "#ffffff",
    "missing": "#d9d9d9",
    "a": "#0173b2",
    "b": "#d55e00",
    "deficit": "#f2b632",
    "run": "#3d6f96",
}

#: Lightness of paper in the dark.
DARK = 0.09

#: Colours of what has no order, which colour-blind readers tell apart: seaborn's `colorblind`, without the palest.
UNORDERED = ("#0173b2", "#de8f05", "#029e73", "#cc78bc", "#ca9161", "#56b4e9", "#949494", "#d55e00")

#: Words that have one colour in all figures: what is as in the paper is blue.
WORDS = {
    **dict.fromkeys(("random", "linear", "same", "none", "worst"), UNORDERED[0]),
    **dict.fromkeys(("digits", "tanh", "connected", "reversed", "first"), UNORDERED[1]),
    **dict.fromkeys(("relu", "disconnected", "every_other"), UNORDERED[2]),
    **dict.fromkeys(("block_diagonal", "thin"), UNORDERED[3]),
    **{"last": UNORDERED[4], "best": UNORDERED[5]},
}

#: Filled markers, which are seen at four points; the n-th value of a figure has the n-th.
MARKERS = "osD^v<p>hd*PX"

#: Colours of maps: harm from white on; with 0, white, in the middle; anything else.
MAPS = {
    "harm": ("#ffffff", "#fee3cf", "#fbb48a", "#f27b57", "#d43d4f", "#9a1750", "#4c0c3b"),
    "both": ("#1f4e8c", "#5d94c9", "#b5d3ea", "#ffffff", "#fbb48a", "#d43d4f", "#7b1046"),
    "plain": ("#f4f7e8", "#bfe0c4", "#78bfb5", "#3d93a8", "#2a6391", "#2b3372"),
}

#: An axis of epochs that has 0 on it and is logarithmic beyond: where it begins to be, and room for what is below.
SYMLOG = {"linthresh": 1000.0, "linscale": 0.6}


@dataclass(frozen=True)
class Ramp:
    """Colours of the values of a column, by their place between two ends.

    Parameters
    ----------
    colours
        From the low end to the high one.
    low, high
        The ends; beyond, colours are those of the ends.
    log
        Whether places are those of logarithms.
    """

    colours: tuple[str, ...]
    low: float
    high: float
    log: bool = False

    def colour(self, value: float) -> str:
        """Colour of a value."""
        ends = np.array([self.low, self.high, max(value, self.low) if self.log else value], float)
        low, high, at = map(float, np.log(ends) if self.log else ends)
        return blend(self.colours, (at - low) / (high - low))


_PURPLE = ("#f48fb5", "#d8408f", "#a3137c", "#6c0a72", "#34094f")
_BLUE = ("#6cc5bd", "#2f9cc4", "#1f66ad", "#1d2f82")
_GREEN = ("#a9cf46", "#4ea64b", "#157556", "#0b3d3a")
_BROWN = ("#5b2b12", "#a3541b", "#dc8a2e", "#efb85a")
_VIRIDIS = ("#440154", "#443a83", "#31688e", "#21908c", "#35b779", "#7cc243", "#b6c92a")

#: Ramps of ordered columns, whose ends are those of all experiments of the paper and of the studies beside it.
RAMPS = {
    "depth": Ramp(_PURPLE, 1, 13, log=True),
    "mode": Ramp(_VIRIDIS, 1, 10),
    "n_observed": Ramp(_BLUE, 750, 10_000, log=True),
    "pretrain_rank": Ramp(_GREEN, 2, 20, log=True),
    "init_scale": Ramp(_BROWN, 1e-4, 1e-1, log=True),
    "switch_epoch": Ramp(_VIRIDIS, 300, 100_000, log=True),
}


def blend(colours: Sequence[str], place: float) -> str:
    """The colour at a place from 0 to 1 along some, in between evenly spaced."""
    rgb = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours], float)
    at = float(np.clip(place, 0, 1)) * (len(colours) - 1)
    mixed = [np.interp(at, range(len(colours)), channel) for channel in rgb.T]
    return "#" + "".join(f"{round(value):02x}" for value in mixed)


def palette(column: str, values: Iterable[Any]) -> dict[Any, str]:
    """Colour of every value of a column: by the value where it has a ramp or a name, by its order otherwise."""
    values = list(values)
    if column in RAMPS:
        return {value: RAMPS[column].colour(value) for value in values}
    if column not in ("seed", "trajectory") and all(isinstance(value, int | float | np.number) for value in values):
        return {value: blend(_BLUE, i / max(len(values) - 1, 1)) for i, value in enumerate(sorted(values))}
    known = {value: colour for value in values if (colour := TOKENS.get(value) or WORDS.get(value))}
    free = [colour for colour in UNORDERED if colour not in known.values()]
    others = [value for value in values if value not in known]
    return known | {value: free[i % len(free)] for i, value in enumerate(others)}


def darkened(colour: str) -> str:
    """A colour on dark paper: of the same hue, as light as it was dark."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    turned = colorsys.hls_to_rgb(hue, DARK + (1 - DARK) * (1 - lightness), saturation)
    return "#" + "".join(f"{round(value * 255):02x}" for value in turned)


def readable(colour: str) -> str:
    """A colour dark enough for text on white."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    luminance = float(rgb @ [0.2126, 0.7152, 0.0722])
    rgb = rgb * min(1.0, 0.45 / max(luminance, 1e-9))
    return "#" + "".join(f"{round(value * 255):02x}" for value in rgb)


@dataclass(frozen=True)
class Stroke:
    """How a layer is drawn, in words that all renderers know.

    Parameters
    ----------
    colour
        A token, or a colour; None where it follows the hue.
    width, size
        Of a line and of a marker, points.
    alpha
        Opacity.
    dash
        Lengths of a dash and of the gap after it, in widths of the line; None for a solid one.
    marker
        As of `MARKERS`; None where it follows the value, "" for none.
    hollow
        Whether markers are rings.
    label
        What the legend calls it; "" for no entry.
    """

    colour: str | None = None
    width: float = 1.3
    size: float = 4.0
    alpha: float = 1.0
    dash: tuple[float, float] | None = None
    marker: str | None = None
    hollow: bool = False
    label: str = ""

    def but(self, **changes: Any) -> Stroke:
        """The same, with changes."""
        return replace(self, **changes)


_THEORY = Stroke(width=1.0, dash=(3, 1.4), marker="")

#: What a level of `style` looks like: training lies pale and broad under theory, thin and dashed, of its colour.
STROKES = {
    "gradient_descent": Stroke(width=3.0, alpha=0.4, marker="", label="training"),
    "gradient_flow": Stroke(width=3.0, alpha=0.4, marker="", label="training"),
    "ode": _THEORY.but(label="theory (differential equations)"),
    "closed_form": _THEORY.but(label="theory (closed form)"),
}

#: Dashes of the levels of any other `style`, in order.
DASHES = (None, (4, 1.6), (1.2, 1.2), (6, 1.4))

PLAIN = Stroke()

#: A single run behind the median of few, and the middle half of many.
FAINT = Stroke(width=0.5, alpha=0.45, marker="")
BAND = 0.18


@dataclass(frozen=True)
class Style:
    """What a configuration asks of the look of all figures, beside the tokens.

    Parameters
    ----------
    width
        Inches of every figure; None for a column or a page.
    font
        Family of all text.
    usetex
        Whether LaTeX sets it.
    dark
        Whether lines are light on dark paper.
    dpi
        Dots per inch of PNG.
    """

    width: float | None = None
    font: str = FONT
    usetex: bool = False
    dark: bool = False
    dpi: int = 200

    def colour(self, token: str) -> str:
        """A token, or a colour, on the paper of this style."""
        colour = TOKENS.get(token, token)
        return darkened(colour) if self.dark else colour


PAPER = Style()

"""How figures write numbers, names and values. Light enough for planning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from critical_periods.analysis import coordinates
from critical_periods.analysis.coordinates import is_null
from critical_periods.publishing.markup import tex_text

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"

#: From here on numbers are written as 10k; beside one of them, from 1000 on.
THOUSANDS = 10_000

_RAISED_DIGITS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_RAISED, _LOWERED = str.maketrans("-0123456789", _RAISED_DIGITS), str.maketrans(_RAISED_DIGITS, "-0123456789")
_TEX = {
    MINUS: "$-$",
    DASH: "--",
    "\N{MIDDLE DOT}": r"$\cdot$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{GREEK SMALL LETTER LAMDA}": r"$\lambda$",
}
_GREEK = {"lambda": "\N{GREEK SMALL LETTER LAMDA}"}

#: How a value of a column is said, where its name and the value do not say it well.
PHRASES = {
    "depth": "depth {}",
    "mode": "mode {}",
    "n_observed": "{} entries",
    "pretrain_rank": "rank {}",
    "init_scale": "scale {}",
    "switch_epoch": "switch at {}",
    "imbalance": "imbalance {}",
}


def number(value: float, thousands: bool = False, digits: int = 6) -> str:
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


def said(values: Iterable[Any], null: str = coordinates.NONE) -> list[str]:
    """Values of one column, as keys, heads and ticks write them side by side."""
    values = list(values)
    thousands = any(_is_number(value) and abs(value) >= THOUSANDS for value in values)
    return [
        null if is_null(value) else number(value, thousands) if _is_number(value) else str(value).replace("_", " ")
        for value in values
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)


def phrase(column: str, text: str, name: str) -> str:
    """A value, written, with the name of what it is a value of; words of several letters need none."""
    if column == "switch_epoch" and text == "0":
        return "no first task"
    if len(text) > 1 and text[0].isalpha() and text != coordinates.NONE:
        return text
    return PHRASES.get(column, f"{name} {{}}").format(text)


def together(texts: Sequence[str]) -> str:
    """Several values in words: 5-8 for neighbours, 3000, 4000 for others."""
    whole = all(text.isdecimal() for text in texts) and len(texts) > 2
    if whole and all(int(b) - int(a) == 1 for a, b in pairwise(texts)):
        return f"{texts[0]}{DASH}{texts[-1]}"
    return ", ".join(texts)


def tex(text: str) -> str:
    """A text of a figure as LaTeX, where it has signs that LaTeX's fonts lack."""
    escaped = tex_text(text)
    for sign, command in _TEX.items():
        escaped = escaped.replace(sign, command)
    return re.sub(f"[{_RAISED_DIGITS}]+", lambda found: f"$^{{{found[0].translate(_LOWERED)}}}$", escaped)


def plain(label: str) -> str:
    """A label without mathematics, whose subscripts would be too small to read."""

    def written(mathematics: re.Match[str]) -> str:
        text = re.sub(r"\\(\w+)", lambda name: _GREEK.get(name[1], name[1]), mathematics[1].replace("-", MINUS))
        return re.sub(r"\^(\d)", lambda power: power[1].translate(_RAISED), text).replace("_", "")

    return re.sub(r"\$(.+?)\$", written, label)


def name_of(attributes: dict[str, Any], column: str) -> str:
    """What an axis is called: label or long name of a variable, with its unit if that is not part of the name."""
    text = plain(str(attributes.get("label", attributes.get("long_name", column.replace("_", " ")))))
    unit = str(attributes.get("units", "1"))
    return text if unit in ("1", "") or unit in text else f"{text} ({unit}{'s' * (unit == 'epoch')})"

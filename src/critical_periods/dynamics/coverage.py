"""What a theory covers: parameters that it takes into account. Of a cell with any other it says nothing, and why."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Mapping
from typing import Any


def beyond(covers: Collection[str], assumed: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """Parameters of a cell that a theory neither covers nor finds as it assumes them, in words; "" for none.

    A parameter that came to a model later, and is in its cells where it is not neutral, is so beyond every theory
    until that lists it.

    Parameters
    ----------
    covers
        Parameters that the theory takes into account, or that do not concern it, at any value.
    assumed
        Other parameters, and the value that the theory assumes of each.
    parameters
        Those of the cell; what a cell leaves out is neutral.
    """
    others = {name: value for name, value in parameters.items() if name not in covers}
    unlike = {name: value for name, value in others.items() if name not in assumed or value != assumed[name]}
    return ", ".join(f"{name} = {reprlib.repr(value)}" for name, value in unlike.items())


def not_predicted(**reasons: str) -> dict[str, str]:
    """Attribute of a cell's dataset: which predictions are NaN, and what of the cell is `beyond` theory; or none."""
    words = [f"{name} where {reason}" for name, reason in reasons.items() if reason]
    return {"not_predicted": "; ".join(words)} if words else {}

"""Arguments of functions that are one of several words: refused in one line where they are not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> None:
    """Refuse a value that is not one of several words, with the one that may have been meant.

    Raises
    ------
    ValueError
        With name, value and what is allowed.
    """
    words = list(allowed)
    if value not in words:
        close = difflib.get_close_matches(str(value), words, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ValueError(f"{name} = {value!r}; allowed: {', '.join(words)}{hint}")

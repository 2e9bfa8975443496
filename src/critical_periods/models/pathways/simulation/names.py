"""What pathways are called."""

from __future__ import annotations

import string


def pathway_names(n_pathways: int) -> tuple[str, ...]:
    """Names of pathways: a, b, ..."""
    return tuple(string.ascii_lowercase[:n_pathways])

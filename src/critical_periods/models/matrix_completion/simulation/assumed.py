"""What theories of the closing assume of a cell of matrix completion."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

#: What theories of the closing assume of a cell.
ASSUMED = MappingProxyType(
    {
        "onset": 0,
        "activation": "linear",
        "observations": "random",
        "pretrain_matrix": "random",
        "pretrain_task": "other",
        "frozen_layer": None,
        "pretrain_observations": None,
        "pretrain_overlap": None,
        "cure": None,
        "layer_ratio": 1,
    }
)


def differing(assumed: Mapping[str, Any], parameters: Mapping[str, Any]) -> set[str]:
    """Parameters of a cell that are not as assumed."""
    return {name for name, value in assumed.items() if parameters.get(name, value) != value}

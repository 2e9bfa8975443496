"""What a cell of pathways costs: seconds on the machine of `critical_periods.planning.estimate`, and bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def scalar_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell: Euler steps of all trajectories at once, or adaptive ones."""
    records = parameters["epochs"] / parameters["record_every"]
    adaptive = parameters["solver"] == "gradient_flow"
    seconds = 0.06 if adaptive else 0.01 + 26e-6 * parameters["epochs"]
    return seconds, 2e4 + 4 * records * parameters["n_trajectories"] * parameters["n_pathways"]


def network_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell: products of the layers of every pathway, and what is recorded of their modes."""
    deepest, widest = (
        max(value if isinstance(value := parameters[name], list) else [value]) for name in ("depth", "width")
    )
    layers = parameters["n_pathways"] * deepest
    seconds = parameters["epochs"] * layers * 0.15e-3 * (0.5 + 0.5 * (widest / 100) ** 2)
    modes = math.prod(parameters["branching"]) ** 2
    return seconds, 2e4 + 3 * parameters["epochs"] / parameters["record_every"] * parameters["n_pathways"] * modes


def schedules_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell: for up to 3^slots / (4 sqrt(slots)) schedules."""
    count = 3 ** parameters["slots"] / (4 * math.sqrt(parameters["slots"]))
    return 0.5 + 1e-3 * count, 2e4 + 8 * count * (parameters["slots"] + 4)

"""How fast a flow can change: the spectral radius of its Jacobian."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from critical_periods.dynamics.arrays import engine


def spectral_radius(
    derivative: Callable[[Any], Any], state: Any, slope: Any, direction: Any, distance: float
) -> tuple[float, Any]:
    """Spectral radius of a flow's Jacobian, from below, by power iteration with differences of the right-hand side.

    Parameters
    ----------
    derivative
        The right-hand side; what it returns is a new vector.
    state, slope
        Where the Jacobian is taken, and the right-hand side there.
    direction
        Vector that the iteration starts from.
    distance
        Length of the differences.

    Returns
    -------
    radius, direction
        The radius, to some 5 %, and the direction in which it was found. Where a difference vanishes or is not finite,
        what was known before.
    """
    previous = 0.0
    for _ in range(50):
        shift = direction * (distance / norm(direction))
        change = derivative(state + shift)
        change -= slope
        radius = norm(change) / distance
        if not (math.isfinite(radius) and radius > 0):
            break
        direction = change
        if abs(radius - previous) <= 0.05 * radius:
            return radius, direction
        previous = radius
    return previous, direction


def norm(vector: Any) -> float:
    """Euclidean norm of an array or tensor."""
    return float(engine(vector).linalg.norm(vector))

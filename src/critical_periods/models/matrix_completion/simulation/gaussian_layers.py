"""How a singular pair grows in Gaussian layers, which are not balanced (docs/theory.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

import numpy as np

#: Draws of Gaussian layers, and their width, over which the growth of a pair is averaged.
DRAWS, WIDTH = 16, 100


@cache
def gaussian_start(depth: int) -> float:
    """Strength of a balanced mode that grows as a singular pair does in Gaussian layers, whose product has scale 1.

    While W is small the gradient is constant, and what a pair u, v of it grows from is how the layers carry v up and
    u down: b = W_1 v, a = W_N^T u and the layers between. With the clock theta, the integral of lambda dt / tau,

        da/dtheta = W_(N-1) ... W_2 b,   dW_j/dtheta = (W_(j+1)^T ... a) (W_(j-1) ... b)^T,   db/dtheta = W_2^T ... a.

    The layers are not balanced, and carry v to where u does not come from: growth is later than eq 19 has it.

    Parameters
    ----------
    depth
        Number of layers N, 2 or more.

    Returns
    -------
    float
        kappa, so that layers of scale epsilon count as a balanced mode of strength kappa epsilon in eq 19. 1/2 for two
        layers: of a and b, independent of each other, only the half (a + b)/2 grows.
    """
    if depth == 2:
        return 0.5
    draws = np.random.default_rng(0)
    power = 1 - 2 / depth
    time = float(np.mean([_blow_up(depth, draws) for _ in range(DRAWS)]))
    return float((power * depth * time) ** (-1 / power))


def _blow_up(depth: int, draws: np.random.Generator) -> float:
    """Clock at which a pair in drawn layers diverges, for depths of 3 or more."""
    layers = [draws.standard_normal((WIDTH, WIDTH)) / math.sqrt(WIDTH) for _ in range(depth - 2)]
    lowest, highest = (draws.standard_normal(WIDTH) / math.sqrt(WIDTH) for _ in range(2))
    state: list[np.ndarray] = [lowest, *layers, highest]
    slopes, strength = _pair_slopes(state)
    clock = 0.0
    while strength < 1e4:
        step = 0.1 / max(
            float(np.linalg.norm(slope) / np.linalg.norm(part)) for slope, part in zip(slopes, state, strict=True)
        )
        middle, _ = _pair_slopes([part + step / 2 * slope for part, slope in zip(state, slopes, strict=True)])
        state = [part + step * slope for part, slope in zip(state, middle, strict=True)]
        slopes, strength = _pair_slopes(state)
        clock += step
    power = 1 - 2 / depth
    return clock + strength**-power / (power * depth)  # from there on as a balanced mode


def _pair_slopes(state: Sequence[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Slopes of b, the layers between and a, and the strength u^T W v."""
    lowest, *layers, highest = state
    up = list(accumulate(layers, lambda below, layer: layer @ below, initial=lowest))
    down = list(accumulate(reversed(layers), lambda above, layer: layer.T @ above, initial=highest))[::-1]
    between = [np.outer(above, below) for above, below in zip(down[1:], up[:-1], strict=True)]
    return [down[0], *between, up[-1]], float(highest @ up[-1])

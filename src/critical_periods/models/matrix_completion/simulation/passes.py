"""The way through the layers of a factorization, forward and back, on which every gradient and update is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from critical_periods.dynamics.activations import ACTIVATIONS
from critical_periods.dynamics.arrays import engine, is_tensor
from critical_periods.dynamics.landscape import Parameters


def states(weights: Sequence[Any], activation: str = "linear", buffers: Sequence[Any] | None = None) -> list[Any]:
    """h_1, ..., h_N = W, with h_j = s(W_j h_(j-1)) from h_0 = I on, and no activation s after the last factor.

    Parameters
    ----------
    weights
        W_1, ..., W_N, each (..., n, n).
    activation
        s.
    buffers
        What to write each h_j into, if not into new arrays; h_1 = W_1 is not copied.
    """
    xp, bend = engine(weights[0]), ACTIVATIONS[activation]
    found: list[Any] = []
    for layer, weight in enumerate(weights):
        buffer = None if buffers is None else buffers[layer]
        state = xp.matmul(weight, found[-1], out=buffer) if layer else weight
        if bend and layer < len(weights) - 1:
            state = bend.value(state, buffer)
        found.append(state)
    return found


class Pass:
    """A pass through the layers in buffers of its own, so that it costs little but its 3 (N - 1) matrix products.

    Parameters
    ----------
    weights
        W_1, ..., W_N, each (runs, n, n): the arrays that passes are for, or others like them.
    entry_weight, weighted_target
        1/n_obs on observed entries and 0 elsewhere, and that times M, each (runs, n, n) or (n, n).
    activation
        Activation after every factor but the last.
    factors
        Factor on the gradient of each layer; at 0 it costs no product.
    scale
        Factor on all gradients, which the weights of the entries take in.
    decay
        Factor on the weights themselves, which are added to the gradients.
    """

    def __init__(
        self,
        weights: Parameters,
        entry_weight: Any,
        weighted_target: Any,
        activation: str,
        factors: Sequence[float],
        scale: float,
        decay: float = 0.0,
    ) -> None:
        xp = engine(weights[0])
        self.activation, self.factors = activation, factors
        self.decays = [scale * decay * factor for factor in factors]
        self.entry_weight, self.negative_target = scale * entry_weight, -scale * weighted_target
        self.buffers, self.deltas = ([xp.empty_like(weight) for weight in weights] for _ in range(2))
        products = _TorchProducts if is_tensor(weights[0]) else _NumPyProducts
        self.products = products(weights[0])

    def add_to(self, weights: list[Any]) -> None:
        """Add scale dL/dW_j to every W_j, which all belong to the W before."""
        self._run(weights, weights, self.deltas[0], True)

    def write_to(self, out: list[Any], weights: Parameters) -> None:
        """Write scale dL/dW_j into arrays."""
        self._run(weights, out, out[0], False)

    def _run(self, weights: Parameters, out: list[Any], lowest: Any, add: bool) -> None:
        """Forward and back: delta_N = dL/dW, dL/dW_j = delta_j h_(j-1)^T, delta_(j-1) = W_j^T delta_j times s'.

        Going down, a layer may change once the delta below it is known.
        """
        xp, bend, products = engine(lowest), ACTIVATIONS[self.activation], self.products
        below = states(weights, self.activation, self.buffers)
        decays = [decay * weight if decay else None for decay, weight in zip(self.decays, weights, strict=True)]
        deltas = [lowest, *self.deltas[1:]]
        top = len(deltas) - 1
        products.residual(below[top], self.entry_weight, self.negative_target, deltas[top])
        for layer in range(top, 0, -1):
            xp.matmul(weights[layer].mT, deltas[layer], out=deltas[layer - 1])
            if bend:
                deltas[layer - 1] *= bend.slope(below[layer - 1])
            if factor := self.factors[layer]:
                products.outer(out[layer], deltas[layer], below[layer - 1], factor, add)
            elif not add:
                out[layer][...] = 0
        if self.factors[0] != 1:
            lowest *= self.factors[0]
        if add:
            out[0] += lowest
        for slope, decay in zip(out, decays, strict=True):
            if decay is not None:
                slope += decay


class _NumPyProducts:
    """What is bound to buffers, in NumPy: OpenBLAS multiplies half as fast where the second operand is transposed."""

    def __init__(self, like: np.ndarray) -> None:
        self.turned, self.product = np.empty_like(like), np.empty_like(like)

    @staticmethod
    def residual(matrix: Any, entry_weight: Any, negative_target: Any, out: Any) -> None:
        """Write E o W - E o M, for the weights E of the entries."""
        np.multiply(matrix, entry_weight, out)
        out += negative_target

    def outer(self, out: Any, left: Any, right: Any, factor: float, add: bool) -> None:
        """Write a factor times A B^T, or add it to what is there."""
        np.copyto(self.turned, right.mT)
        product = np.matmul(left, self.turned, self.product if add else out)
        if factor != 1:
            product *= factor
        if add:
            out += product


class _TorchProducts:
    """What is bound to buffers, in torch, whose kernels are fused."""

    def __init__(self, like: Any) -> None:
        self.torch = engine(like)

    def residual(self, matrix: Any, entry_weight: Any, negative_target: Any, out: Any) -> None:
        """Write E o W - E o M, for the weights E of the entries."""
        self.torch.addcmul(negative_target, matrix, entry_weight, out=out)

    def outer(self, out: Any, left: Any, right: Any, factor: float, add: bool) -> None:
        """Write a factor times A B^T, or add it to what is there."""
        self.torch.baddbmm(out, left, right.mT, beta=int(add), alpha=factor, out=out)


def hessian_product(
    weights: Parameters, directions: Parameters, entry_weight: Any, weighted_target: Any, activation: str
) -> list[Any]:
    """Product of the Hessian of the loss with a direction (V_1, ..., V_N): the derivative along it of every gradient.

    The way of `Pass`, with the derivative of each state and delta beside it.
    """
    bend = ACTIVATIONS[activation]
    below = states(weights, activation)
    moved: list[Any] = []
    for layer, (weight, direction) in enumerate(zip(weights, directions, strict=True)):
        move = direction @ below[layer - 1] + weight @ moved[-1] if layer else direction
        moved.append(bend.slope(below[layer]) * move if bend and layer < len(weights) - 1 else move)
    delta, change = entry_weight * below[-1] - weighted_target, entry_weight * moved[-1]
    products = []
    for layer in range(len(weights) - 1, 0, -1):
        products.append(change @ below[layer - 1].mT + delta @ moved[layer - 1].mT)
        change = directions[layer].mT @ delta + weights[layer].mT @ change
        delta = weights[layer].mT @ delta
        if bend:
            slope = bend.slope(below[layer - 1])
            change = slope * change + bend.bend(below[layer - 1]) * moved[layer - 1] * delta
            delta = slope * delta
    return [change, *reversed(products)]

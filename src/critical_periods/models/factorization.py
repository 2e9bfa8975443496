"""Deep matrix factorization W = W_N ... W_1 trained on the observed entries of a matrix (eq 9, averaged)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch

from critical_periods.models.base import Observations, Parameters
from critical_periods.schedules import Phase, Task


def initial_weights(depth: int, size: int, init_scale: float, generator: np.random.Generator) -> list[np.ndarray]:
    """Draw the factors W_1, ..., W_N, every entry from N(0, sd).

    sd = init_scale^(1/N) n^(-1/2), so that |W(0)|_F does not depend on the depth N (section 4.1).

    Parameters
    ----------
    depth
        Number of factors N.
    size
        n; every factor is n x n.
    init_scale
        Scale of the product matrix.
    generator
        Source of the random numbers; one draw gives the same directions at every init scale.

    Returns
    -------
    list of (n, n) arrays
        W_1 first.
    """
    deviation = init_scale ** (1 / depth) * size**-0.5
    return [deviation * generator.standard_normal((size, size)) for _ in range(depth)]


def product(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """Product matrix W = W_N ... W_1, shape (..., n, n)."""
    return reduce(lambda below, layer: layer @ below, weights)


@dataclass(frozen=True)
class Factorization:
    """Model of section 4: parameters W_1, ..., W_N, each of shape (runs, n, n) or (n, n).

    Loss = 1/2 mean over the observed entries of (W_ij - M_ij)^2, for every run by itself.

    Parameters
    ----------
    run_dim
        Name of the leading axis that numbers the runs of a batch; None for a single run without that axis.
    n_singular_values
        How many of the largest singular values of W are recorded.
    balancedness
        Whether to record max |W_(j+1)^T W_(j+1) - W_j W_j^T|, a constant of gradient flow.
    """

    run_dim: str | None = None
    n_singular_values: int = 10
    balancedness: bool = False

    @property
    def dims(self) -> tuple[str, ...]:
        """Axes of the loss: none, or the one that numbers the runs."""
        return () if self.run_dim is None else (self.run_dim,)

    def loss(self, parameters: Parameters, phase: Phase) -> np.ndarray:
        """Loss of eq 9, averaged over the observed entries; one value for each run."""
        matrix = product(_tensors(parameters))
        entry_weight, _ = _weighted(phase.task, matrix)
        residual = matrix - _like(phase.task.target, matrix)
        return (0.5 * (entry_weight * residual.square()).sum((-2, -1))).cpu().numpy()

    def gradient(self, parameters: Parameters, phase: Phase) -> list[torch.Tensor]:
        """Gradient of the loss with respect to W_1, ..., W_N.

        dL/dW_j = (W_N ... W_(j+1))^T G (W_(j-1) ... W_1)^T with G = dL/dW of eq 15.
        """
        weights = _tensors(parameters)
        entry_weight, weighted_target = _weighted(phase.task, weights[0])
        prefix = list(accumulate(weights, lambda below, layer: layer @ below))
        delta = torch.addcmul(-weighted_target, prefix[-1], entry_weight)
        slopes = []
        for layer in range(len(weights) - 1, 0, -1):
            slopes.append(delta @ prefix[layer - 1].mT)
            delta = weights[layer].mT @ delta
        return [delta, *reversed(slopes)]

    def bind_gradient(self, parameters: Parameters, phase: Phase) -> Callable[[Parameters, Parameters], None]:
        """Bind the gradient to a phase and to the shape of the weights, at the cost of its matrix products alone.

        Returns
        -------
        callable
            Called with weights and with tensors of their shapes, it writes dL/dW_1, ..., dL/dW_N into the latter.
        """
        first = _batched(parameters[0])
        entry_weight, weighted_target = _weighted(phase.task, first)
        entry_weight = entry_weight.expand(first.shape).contiguous()
        negative_target = (-weighted_target).expand(first.shape).contiguous()
        top = len(parameters) - 1
        products = [torch.empty_like(first) for _ in range(top)]
        deltas = [torch.empty_like(first) for _ in range(top)]

        def gradient(parameters: Parameters, out: Parameters) -> None:
            weights = [_batched(weight) for weight in parameters]
            slopes = [_batched(slope) for slope in out]
            prefix = [weights[0], *products]
            below = [slopes[0], *deltas]
            for layer in range(1, top + 1):
                torch.bmm(weights[layer], prefix[layer - 1], out=prefix[layer])
            torch.addcmul(negative_target, prefix[top], entry_weight, out=below[top])
            for layer in range(top, 0, -1):
                torch.bmm(below[layer], prefix[layer - 1].mT, out=slopes[layer])
                torch.bmm(weights[layer].mT, below[layer], out=below[layer - 1])

        return gradient

    def descent(self, parameters: Parameters, phase: Phase, learning_rate: float) -> Callable[[int], None]:
        """Bind gradient descent to weights and phase.

        One update costs its 3 (N - 1) matrix products and two passes over the entries: nothing is allocated, the step
        is fused into the last product of each layer. At depth 1 only observed entries are touched.

        Returns
        -------
        callable
            Called with k, it makes k updates of the weights in place.
        """
        batched = [_batched(weight) for weight in parameters]
        entry_weight, weighted_target = _weighted(phase.task, batched[0])
        shape = batched[0].shape
        entry_weight = entry_weight.expand(shape).contiguous()
        negative_target = (-weighted_target).expand(shape).contiguous()
        prefix = [batched[0], *(torch.empty_like(batched[0]) for _ in batched[1:])]
        deltas = [torch.empty_like(batched[0]) for _ in batched]
        transposed_weights = [weight.mT for weight in batched]
        transposed_prefix = [below.mT for below in prefix]
        top = len(batched) - 1

        def update(count: int) -> None:
            for _ in range(count):
                for layer in range(1, top + 1):
                    torch.bmm(batched[layer], prefix[layer - 1], out=prefix[layer])
                torch.addcmul(negative_target, prefix[top], entry_weight, out=deltas[top])
                for layer in range(top, 0, -1):
                    torch.bmm(transposed_weights[layer], deltas[layer], out=deltas[layer - 1])
                    batched[layer].baddbmm_(deltas[layer], transposed_prefix[layer - 1], alpha=-learning_rate)
                batched[0].sub_(deltas[0], alpha=learning_rate)

        return update

    def observe(self, parameters: Parameters, phase: Phase) -> Observations:
        """Reconstruction error against the phase's task, and the largest singular values of W.

        Returns
        -------
        dict
            `reconstruction_error` (runs,): mean of (W_ij - M_ij)^2 over all n^2 entries; `singular_value`
            (runs, mode); `balancedness` (runs,) where asked for.
        """
        weights = _tensors(parameters)
        matrix = product(weights)
        error = (matrix - _like(phase.task.target, matrix)).square().mean((-2, -1))
        singular_values = torch.linalg.svdvals(matrix)[..., : self.n_singular_values]
        observations: Observations = {
            "reconstruction_error": (self.dims, error.cpu().numpy()),
            "singular_value": ((*self.dims, "mode"), singular_values.cpu().numpy()),
        }
        if self.balancedness:
            observations["balancedness"] = (self.dims, imbalance(weights).cpu().numpy())
        return observations


def imbalance(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """Largest entry of |W_(j+1)^T W_(j+1) - W_j W_j^T| over neighbouring layers; zero at depth 1.

    Gradient flow keeps the differences constant (appendix B); gradient descent changes them by O(learning rate).
    """
    gaps = [(above.mT @ above - below @ below.mT).abs().amax((-2, -1)) for below, above in pairwise(weights)]
    return reduce(torch.maximum, gaps) if gaps else torch.zeros(weights[0].shape[:-2])


def _tensors(parameters: Parameters) -> list[torch.Tensor]:
    """The parameters as tensors, sharing the memory of NumPy arrays."""
    return [torch.as_tensor(parameter) for parameter in parameters]


def _batched(weight: Any) -> torch.Tensor:
    """View a weight, a tensor or an array, with a leading axis of runs."""
    weight = torch.as_tensor(weight)
    return weight if weight.ndim == 3 else weight[None]


def _like(array: Any, tensor: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(array).to(tensor)


def _weighted(task: Task, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """1/n_obs on observed entries and 0 elsewhere, and the same times the target."""
    target = _like(task.target, like)
    mask = torch.ones_like(target) if task.mask is None else _like(task.mask, like)
    entry_weight = mask / mask.sum((-2, -1), keepdim=True)
    return entry_weight, entry_weight * target

"""Deep matrix factorization W = W_N ... W_1 trained on the observed entries of a matrix (eq 9, averaged)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from critical_periods.dynamics.activations import ACTIVATIONS, vanishes
from critical_periods.dynamics.landscape import Observations, Parameters
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.dynamics.trajectories import SolverError

#: What the runs that are updated together may take, bytes: less than the second-level cache of a core.
CACHED_BYTES = 3 * 2**19


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


def product(weights: Sequence[torch.Tensor], activation: str = "linear") -> torch.Tensor:
    """Product matrix W = W_N ... W_1, shape (..., n, n); or W_N s(W_(N-1) ... s(W_1)) with an activation s."""
    return _states(weights, activation)[-1]


@dataclass(frozen=True)
class Factorization:
    """Model of section 4: parameters W_1, ..., W_N, each of shape (runs, n, n) or (n, n).

    Loss = 1/2 mean over the observed entries of (W_ij - M_ij)^2, for every run by itself, with W as of `product`.

    Parameters
    ----------
    run_dim
        Name of the leading axis that numbers the runs of a batch; None for a single run without that axis.
    n_singular_values
        How many of the largest singular values of W are recorded.
    balancedness
        Whether to record max |W_(j+1)^T W_(j+1) - W_j W_j^T|, a constant of gradient flow of a linear network.
    activation
        "linear", or "tanh" or "relu" after every factor but the last.
    references
        Name of a task -> singular vectors U and V of its matrix, each of shape (n, r). Where they are given, effective
        rank and nuclear norm of W, and its alignment with each task, are recorded.
    sharpness
        Whether to record the largest eigenvalue of the loss's Hessian.
    """

    run_dim: str | None = None
    n_singular_values: int = 10
    balancedness: bool = False
    activation: str = "linear"
    references: Mapping[str, tuple[Any, Any]] | None = None
    sharpness: bool = False

    honours: ClassVar[frozenset[str]] = frozenset({"mask", "scored", "rate", "layer_plasticity"})

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation = {self.activation!r}; allowed: {', '.join(ACTIVATIONS)}")

    @property
    def dims(self) -> tuple[str, ...]:
        """Axes of the loss: none, or the one that numbers the runs."""
        return () if self.run_dim is None else (self.run_dim,)

    @property
    def batched(self) -> bool:
        """Whether there is an axis of runs."""
        return self.run_dim is not None

    def dead(self, parameters: Parameters, phase: Phase) -> np.ndarray:
        """Whether W is exactly 0, unlike the loss, and no gradient reaches the weights, which stay as they are."""
        weights = _tensors(parameters)
        matrix = product(weights, self.activation)
        dead = vanishes([matrix])
        if dead.any():
            dead &= vanishes(self.gradient(weights, phase)) & (_errors(matrix, phase.task)["train_loss"] > 0)
        return dead.cpu().numpy()

    def loss(self, parameters: Parameters, phase: Phase) -> np.ndarray:
        """Loss of eq 9, averaged over the observed entries; one value for each run."""
        return _errors(product(_tensors(parameters), self.activation), phase.task)["train_loss"].cpu().numpy()

    def gradient(self, parameters: Parameters, phase: Phase) -> list[torch.Tensor]:
        """Gradient of the loss with respect to W_1, ..., W_N.

        dL/dW_j = (W_N ... W_(j+1))^T G (W_(j-1) ... W_1)^T with G = dL/dW of eq 15; what comes back through an
        activation is multiplied by its slope.
        """
        weights = _tensors(parameters)
        entry_weight, weighted_target = _weighted(phase.task, weights[0])
        prefix = _states(weights, self.activation)
        delta = torch.addcmul(-weighted_target, prefix[-1], entry_weight)
        bend = ACTIVATIONS[self.activation]
        slopes = []
        for layer in range(len(weights) - 1, 0, -1):
            slopes.append(delta @ prefix[layer - 1].mT)
            delta = weights[layer].mT @ delta
            if bend:
                delta = delta * bend[1](prefix[layer - 1])
        factors = _layer_factors(phase, len(weights))
        return [slope * factor for slope, factor in zip([delta, *reversed(slopes)], factors, strict=True)]

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
        bend = ACTIVATIONS[self.activation] if top else None
        factors = _layer_factors(phase, len(parameters))

        def gradient(parameters: Parameters, out: Parameters) -> None:
            weights = [_batched(weight) for weight in parameters]
            slopes = [_batched(slope) for slope in out]
            prefix = [bend[0](weights[0]) if bend else weights[0], *products]
            below = [slopes[0], *deltas]
            for layer in range(1, top + 1):
                torch.bmm(weights[layer], prefix[layer - 1], out=prefix[layer])
                if bend and layer < top:
                    prefix[layer] = bend[0](prefix[layer])
            torch.addcmul(negative_target, prefix[top], entry_weight, out=below[top])
            for layer in range(top, 0, -1):
                torch.bmm(below[layer], prefix[layer - 1].mT, out=slopes[layer])
                torch.bmm(weights[layer].mT, below[layer], out=below[layer - 1])
                if bend:
                    below[layer - 1].mul_(bend[1](prefix[layer - 1]))
            for slope, factor in zip(slopes, factors, strict=True):
                if factor != 1:
                    slope.mul_(factor)

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
        parts = 1
        if batched[0].device.type == "cpu":
            # Runs are independent: as many at a time as stay in the cache, each making all k updates.
            arrays = 3 * len(batched) + 1  # weights, products, deltas and the two of the task
            parts = min(shape[0], math.ceil(arrays * batched[0].nbytes / CACHED_BYTES))
        split = [array.tensor_split(parts) for array in (entry_weight, negative_target, *batched)]
        rates = [learning_rate * factor for factor in _layer_factors(phase, len(batched))]
        updates = [self._part_descent(part, rates) for part in zip(*split, strict=True)]

        def update(count: int) -> None:
            for part in updates:
                part(count)

        return update

    def _part_descent(self, part: Sequence[torch.Tensor], rates: Sequence[float]) -> Callable[[int], None]:
        """Bind gradient descent to some of the runs: 1/n_obs on observed entries, minus that times M, and weights.

        Every layer has a learning rate of its own; at 0 it costs no product.
        """
        entry_weight, negative_target, *batched = part
        bend = ACTIVATIONS[self.activation] if len(batched) > 1 else None
        lowest = torch.empty_like(batched[0]) if bend else batched[0]
        prefix = [lowest, *(torch.empty_like(batched[0]) for _ in batched[1:])]
        deltas = [torch.empty_like(batched[0]) for _ in batched]
        transposed_weights = [weight.mT for weight in batched]
        transposed_prefix = [below.mT for below in prefix]
        top = len(batched) - 1

        def update(count: int) -> None:
            for _ in range(count):
                if bend:
                    lowest.copy_(bend[0](batched[0]))
                for layer in range(1, top + 1):
                    torch.bmm(batched[layer], prefix[layer - 1], out=prefix[layer])
                    if bend and layer < top:
                        prefix[layer].copy_(bend[0](prefix[layer]))
                torch.addcmul(negative_target, prefix[top], entry_weight, out=deltas[top])
                for layer in range(top, 0, -1):
                    torch.bmm(transposed_weights[layer], deltas[layer], out=deltas[layer - 1])
                    if bend:
                        deltas[layer - 1].mul_(bend[1](prefix[layer - 1]))
                    if rates[layer]:
                        batched[layer].baddbmm_(deltas[layer], transposed_prefix[layer - 1], alpha=-rates[layer])
                batched[0].sub_(deltas[0], alpha=rates[0])

        return update

    def observe(self, parameters: Parameters, phase: Phase) -> Observations:
        """Training loss, reconstruction error against the phase's task, and the largest singular values of W.

        Returns
        -------
        dict
            `train_loss` (runs,); `reconstruction_error` (runs,): mean of (W_ij - M_ij)^2 over all n^2 entries;
            `singular_value` (runs, mode); where asked for, `balancedness` (runs,); `effective_rank`, the exponential
            of the entropy of the normalized singular values, and `nuclear_norm`, their sum (runs,); `alignment` (runs,
            task), the mean over left and right of |U_task^T U_r|_F^2 / r, U_r being the r leading singular vectors of
            W, which is 1 where they span the task's own; `sharpness` (runs,).
        """
        weights = _tensors(parameters)
        matrix = product(weights, self.activation)
        observed = _errors(matrix, phase.task)
        finite = observed["reconstruction_error"].isfinite()
        if not finite.all():  # of a run that has diverged nothing counts but its loss
            weights = [torch.where(finite[..., None, None], weight, 0) for weight in weights]
            matrix = product(weights, self.activation)
        if self.references is None:
            singular_values = descending_singular_values(matrix)
        else:
            left, singular_values, right = torch.linalg.svd(matrix)
            shares = singular_values / singular_values.sum(-1, keepdim=True)
            observed["effective_rank"] = torch.special.entr(shares).sum(-1).exp()
            observed["nuclear_norm"] = singular_values.sum(-1)
            alignments = [
                (_overlap(_like(u, left), left) + _overlap(_like(v, right), right.mT)) / 2
                for u, v in self.references.values()
            ]
        if self.balancedness:
            observed["balancedness"] = imbalance(weights)
        observations: Observations = {name: (self.dims, value.cpu().numpy()) for name, value in observed.items()}
        leading = singular_values[..., : self.n_singular_values]
        observations["singular_value"] = ((*self.dims, "mode"), leading.cpu().numpy())
        if self.references is not None:
            observations["alignment"] = ((*self.dims, "task"), torch.stack(alignments, -1).cpu().numpy())
        if self.sharpness:
            observations["sharpness"] = (self.dims, self._sharpness(weights, phase))
        return observations

    def _sharpness(self, weights: Sequence[torch.Tensor], phase: Phase) -> np.ndarray:
        """Largest eigenvalue of the Hessian of the loss, one for each run."""
        if weights[0].ndim == 2:
            return np.array(largest_curvature(self, weights, phase))

        def cut(array: Any, run: int) -> Any:
            return array[run] if array is not None and array.ndim > 2 else array

        values = []
        for run in range(len(weights[0])):
            task = Task(cut(phase.task.target, run), cut(phase.task.mask, run))
            values.append(largest_curvature(self, [weight[run] for weight in weights], replace(phase, task=task)))
        return np.array(values)


def largest_curvature(
    model: Factorization, weights: Sequence[torch.Tensor], phase: Phase, tolerance: float = 1e-3
) -> float:
    """Largest eigenvalue of the Hessian of the loss with respect to all factors, by Lanczos iteration (ARPACK).

    The product of the Hessian with a vector is the derivative of the gradient along it, in forward mode. Gradient
    descent is stable at a minimum where the step is below two over this sharpness.

    Parameters
    ----------
    model
        The model, whose gradient is taken.
    weights
        W_1, ..., W_N of a single run.
    phase
        The phase whose task drives the gradient.
    tolerance
        Relative accuracy of the eigenvalue.

    Raises
    ------
    critical_periods.dynamics.trajectories.SolverError
        If the iteration fails.
    """
    ends = np.cumsum([weight.numel() for weight in weights])

    def curve(vector: np.ndarray) -> np.ndarray:
        parts = np.split(vector.ravel(), ends[:-1])
        tangents = tuple(_like(part, weight).view_as(weight) for part, weight in zip(parts, weights, strict=True))
        pushed = torch.func.jvp(lambda *point: tuple(model.gradient(point, phase)), tuple(weights), tangents)
        return torch.cat([part.reshape(-1) for part in pushed[1]]).cpu().numpy()

    dtype = np.dtype(str(weights[0].dtype).removeprefix("torch."))
    hessian = LinearOperator((int(ends[-1]),) * 2, matvec=curve, dtype=dtype)
    start = np.random.default_rng(0).standard_normal(int(ends[-1])).astype(dtype)
    if not curve(start).any():
        return 0.0  # flat: there is nothing for ARPACK to iterate on
    try:
        return float(eigsh(hessian, 1, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)[0])
    except ArpackError as error:
        reason = " ".join(str(error).split())
        raise SolverError(f"sharpness in phase {phase.name!r}: {reason}") from None


def descending_singular_values(matrix: torch.Tensor) -> torch.Tensor:
    """Singular values of matrices, largest first; in float32 as square roots of the eigenvalues of W^T W in float64.

    That takes two thirds of the time of an SVD in float32 and is more accurate: squaring costs half of the digits, of
    which float64 has more than twice as many. In float64 there is nothing to spare.
    """
    if matrix.dtype != torch.float32:
        return torch.linalg.svdvals(matrix)
    exact = matrix.double()
    squares = torch.linalg.eigvalsh(exact.mT @ exact)
    return squares.clamp(min=0).sqrt().flip(-1).to(matrix.dtype)


def imbalance(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """Largest entry of |W_(j+1)^T W_(j+1) - W_j W_j^T| over neighbouring layers; zero at depth 1.

    Gradient flow keeps the differences constant (appendix B); gradient descent changes them by O(learning rate).
    """
    gaps = [(above.mT @ above - below @ below.mT).abs().amax((-2, -1)) for below, above in pairwise(weights)]
    return reduce(torch.maximum, gaps) if gaps else torch.zeros(weights[0].shape[:-2])


def _states(weights: Sequence[torch.Tensor], activation: str) -> list[torch.Tensor]:
    """h_1, ..., h_N = W, with h_j = s(W_j h_(j-1)) from h_0 = I on, and no activation s after the last factor."""
    bend = ACTIVATIONS[activation]
    states: list[torch.Tensor] = []
    for layer, weight in enumerate(weights, start=1):
        state = weight @ states[-1] if states else weight
        states.append(bend[0](state) if bend and layer < len(weights) else state)
    return states


def _overlap(subspace: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """|A^T B_r|_F^2 / r: how much of the span of A's r columns the first r columns of B cover, 0 to 1."""
    rank = subspace.shape[-1]
    return (subspace.mT @ vectors[..., :rank]).square().sum((-2, -1)) / rank


def _layer_factors(phase: Phase, depth: int) -> list[float]:
    """Factor on the gradient of each of the layers of a factorization.

    Raises
    ------
    ValueError
        If the phase names a layer that there is not.
    """
    for layer in phase.layer_plasticity:
        if not 1 <= layer <= depth:
            raise ValueError(f"phase {phase.name!r}: layer of layer_plasticity = {layer}; allowed: 1 to {depth}")
    return [float(phase.layer_plasticity.get(layer, 1.0)) for layer in range(1, depth + 1)]


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
    entry_weight = _entry_weight(task, like)
    return entry_weight, entry_weight * _like(task.target, like)


def _errors(matrix: torch.Tensor, task: Task) -> dict[str, torch.Tensor]:
    """Loss over the observed entries and error over all of them, or those that count."""
    squares = (matrix - _like(task.target, matrix)).square()
    loss = 0.5 * (_entry_weight(task, matrix) * squares).sum((-2, -1))
    if task.scored is None:
        return {"train_loss": loss, "reconstruction_error": squares.mean((-2, -1))}
    scored = _like(task.scored, matrix)
    return {"train_loss": loss, "reconstruction_error": (scored * squares).sum((-2, -1)) / scored.sum((-2, -1))}


def _entry_weight(task: Task, like: torch.Tensor) -> torch.Tensor:
    """1/n_obs on observed entries and 0 elsewhere."""
    mask = torch.ones_like(_like(task.target, like)) if task.mask is None else _like(task.mask, like)
    return mask / mask.sum((-2, -1), keepdim=True)

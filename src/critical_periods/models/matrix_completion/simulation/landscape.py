"""Deep matrix factorization W = W_N ... W_1 trained on the observed entries of a matrix (eq 9, averaged)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from critical_periods.dynamics.activations import ACTIVATIONS, vanishes
from critical_periods.dynamics.arguments import check_choice
from critical_periods.dynamics.arrays import alike, as_numpy, copied, engine, precision
from critical_periods.dynamics.landscape import Observations, Parameters
from critical_periods.dynamics.schedules import Phase, Task, of_run
from critical_periods.dynamics.trajectories import SolverError
from critical_periods.models.matrix_completion.simulation.passes import Pass, hessian_product, states

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


def balanced_pair(matrix: np.ndarray, imbalance: float) -> list[np.ndarray]:
    """Factors W_1 and W_2 of a matrix that are lambda-balanced: W_2^T W_2 - W_1 W_1^T = lambda I.

    In the singular basis of W = U S V^T, W_1 = A V^T and W_2 = U B with A B = S and B^2 - A^2 = lambda.

    Parameters
    ----------
    matrix
        W, (rows, columns).
    imbalance
        lambda, of either sign; gradient flow conserves it.

    Returns
    -------
    list of arrays
        W_1, (hidden, columns), and W_2, (rows, hidden), with as many hidden units as the shorter side has entries.
    """
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    larger = np.sqrt((np.hypot(imbalance, 2 * values) + abs(imbalance)) / 2)
    smaller = np.divide(values, larger, out=np.zeros_like(values), where=larger > 0)
    lower, upper = (smaller, larger) if imbalance >= 0 else (larger, smaller)
    return [lower[:, None] * right, left * upper]


def product(weights: Sequence[Any], activation: str = "linear") -> Any:
    """Product matrix W = W_N ... W_1, shape (..., n, n); or W_N s(W_(N-1) ... s(W_1)) with an activation s."""
    return states(weights, activation)[-1]


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

    honours: ClassVar[frozenset[str]] = frozenset({"mask", "scored", "rate", "layer_plasticity", "decay", "jump"})

    def __post_init__(self) -> None:
        check_choice("activation", self.activation, ACTIVATIONS)

    @property
    def dims(self) -> tuple[str, ...]:
        """Axes of the loss: none, or the one that numbers the runs."""
        return () if self.run_dim is None else (self.run_dim,)

    @property
    def batched(self) -> bool:
        """Whether there is an axis of runs."""
        return self.run_dim is not None

    def effective_task(self, phase: Phase) -> tuple[Task, float]:
        """Task that a phase trains on, and a factor on its squared errors: all that the phase does to the task.

        Loss, recorded errors, gradient, Hessian and sharpness know a phase's task from here alone, so that no effect
        can be in some of them and not in the others.
        """
        return phase.task, 1.0

    def loss(self, parameters: Parameters, phase: Phase) -> np.ndarray:
        """Loss of eq 9, averaged over the observed entries; one value for each run."""
        return as_numpy(_errors(product(parameters, self.activation), *self.effective_task(phase))["train_loss"])

    def gradient(self, parameters: Parameters, phase: Phase) -> list[Any]:
        """Gradient of the loss with respect to W_1, ..., W_N, and weight decay.

        dL/dW_j = (W_N ... W_(j+1))^T G (W_(j-1) ... W_1)^T with G = dL/dW of eq 15; what comes back through an
        activation is multiplied by its slope.
        """
        out = [engine(weight).empty_like(weight) for weight in parameters]
        self.bind_gradient(parameters, phase)(parameters, out)
        return out

    def bind_gradient(
        self, parameters: Parameters, phase: Phase, scale: float = 1.0
    ) -> Callable[[Parameters, Parameters], None]:
        """Bind a factor times the gradient to a phase and to the shape of the weights.

        Returns
        -------
        callable
            Called with weights and with arrays of their shapes, it writes into the latter.
        """
        ((_, bound),) = self._passes(parameters, phase, scale, parts=1)

        def write(parameters: Parameters, out: Parameters) -> None:
            bound.write_to([_batched(slope) for slope in out], [_batched(weight) for weight in parameters])

        return write

    def descent(self, parameters: Parameters, phase: Phase, learning_rate: float) -> Callable[[int], None]:
        """Bind gradient descent to weights and phase.

        Returns
        -------
        callable
            Called with k, it makes k updates of the weights in place.
        """
        parts = 1
        if str(parameters[0].device) == "cpu":
            # Runs are independent: as many at a time as stay in the cache, each making all updates.
            arrays = 3 * len(parameters) + 1  # weights, products, deltas and the two of the task
            parts = min(len(_batched(parameters[0])), math.ceil(arrays * parameters[0].nbytes / CACHED_BYTES))
        passes = self._passes(parameters, phase, -learning_rate, parts)

        def update(count: int) -> None:
            for weights, bound in passes:
                for _ in range(count):
                    bound.add_to(weights)

        return update

    def _passes(self, parameters: Parameters, phase: Phase, scale: float, parts: int) -> list[tuple[list[Any], Pass]]:
        """Weights of some runs, and a pass for them, for as many parts of the batch."""
        batched = [_batched(weight) for weight in parameters]
        task = _weighted(*self.effective_task(phase), batched[0])
        factors = _layer_factors(phase, len(batched))
        ends = [len(batched[0]) * part // parts for part in range(parts + 1)]
        passes = []
        for runs in map(slice, ends, ends[1:]):
            weights = [weight[runs] for weight in batched]
            entry_weight, target = (array[runs] if array.ndim == 3 else array for array in task)
            bound = Pass(weights, entry_weight, target, self.activation, factors, scale, phase.decay)
            passes.append((weights, bound))
        return passes

    def observe(self, parameters: Parameters, phase: Phase) -> Observations:
        """Training loss, reconstruction error against the phase's task, and the largest singular values of W.

        Returns
        -------
        dict
            `train_loss` (runs,); `reconstruction_error` (runs,): mean of (W_ij - M_ij)^2 over all n^2 entries;
            `singular_value` (runs, mode); where asked for, `balancedness` (runs,); `effective_rank`, the exponential
            of the entropy of the normalized singular values, and `nuclear_norm`, their sum (runs,); `alignment` (runs,
            task), the mean over left and right of |U_task^T U_r|_F^2 / r, U_r being the r leading singular vectors of
            W, fewer where no more singular values are above rounding, which is 1 where they lie in the span of the
            task's own, and NaN where W is 0; `sharpness` (runs,). `dead` (runs,): whether W is exactly 0,
            unlike the loss, and no gradient reaches the weights, which stay as they are.
        """
        weights = parameters
        xp = engine(weights[0])
        matrix = product(weights, self.activation)
        observed = _errors(matrix, *self.effective_task(phase))
        observed["dead"] = vanishes([matrix])
        if observed["dead"].any():
            observed["dead"] &= vanishes(self.gradient(weights, phase)) & (observed["train_loss"] > 0)
        finite = xp.isfinite(observed["reconstruction_error"])
        if not finite.all():  # of a run that has diverged nothing counts but its loss
            weights = [xp.where(finite[..., None, None], weight, 0) for weight in weights]
            matrix = product(weights, self.activation)
        if self.references is None:
            singular_values = descending_singular_values(matrix)
        else:
            left, singular_values, right = xp.linalg.svd(matrix)
            shares = singular_values / singular_values.sum(-1)[..., None]
            observed["effective_rank"] = xp.exp(-(shares * xp.log(xp.where(shares > 0, shares, 1))).sum(-1))
            observed["nuclear_norm"] = singular_values.sum(-1)
            # As numpy.linalg.matrix_rank has it; the vectors of smaller ones are any basis of what is left.
            rounding = matrix.shape[-1] * xp.finfo(matrix.dtype).eps
            known = alike(singular_values > rounding * singular_values[..., :1], matrix)
            alignments = [
                (_overlap(alike(u, left), left, known) + _overlap(alike(v, right), right.mT, known)) / 2
                for u, v in self.references.values()
            ]
        if self.balancedness:
            observed["balancedness"] = imbalance(weights)
        observations: Observations = {name: (self.dims, as_numpy(value)) for name, value in observed.items()}
        leading = singular_values[..., : self.n_singular_values]
        observations["singular_value"] = ((*self.dims, "mode"), as_numpy(leading))
        if self.references is not None:
            observations["alignment"] = ((*self.dims, "task"), as_numpy(xp.stack(alignments, axis=-1)))
        if self.sharpness:
            observations["sharpness"] = (self.dims, self._sharpness(weights, phase))
        return observations

    def _sharpness(self, weights: Sequence[Any], phase: Phase) -> np.ndarray:
        """Largest eigenvalue of the Hessian of the loss, one for each run."""
        if weights[0].ndim == 2:
            return np.array(largest_curvature(self, weights, phase))
        count = len(weights[0])
        runs = ([weight[run : run + 1] for weight in weights] for run in range(count))
        return np.array([largest_curvature(self, one, of_run(phase, run, count)) for run, one in enumerate(runs)])


def largest_curvature(model: Factorization, weights: Sequence[Any], phase: Phase, tolerance: float = 1e-3) -> float:
    """Largest eigenvalue of the Hessian of the loss with respect to all factors, by Lanczos iteration (ARPACK).

    Gradient descent is stable at a minimum where the step is below two over this sharpness. With factors f on the
    gradients of layers, training sees f H, whose eigenvalues are those of sqrt(f) H sqrt(f), which is symmetric.

    Parameters
    ----------
    model
        The model.
    weights
        W_1, ..., W_N of a single run, or of a batch of one.
    phase
        The phase on whose task the loss is taken.
    tolerance
        Relative accuracy of the eigenvalue.

    Raises
    ------
    critical_periods.dynamics.trajectories.SolverError
        If the iteration fails.
    """
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

    task = _weighted(*model.effective_task(phase), weights[0])
    shape = (len(weights), *weights[0].shape)
    size, dtype = math.prod(shape), precision(weights[0])
    roots = np.sqrt(_layer_factors(phase, len(weights))).astype(dtype).repeat(size // len(weights))

    def curve(vector: np.ndarray) -> np.ndarray:
        directions = alike((roots * vector).reshape(shape), weights[0])
        products = hessian_product(weights, directions, *task, model.activation)
        parts = [part + phase.decay * along for part, along in zip(products, directions, strict=True)]
        return roots * np.concatenate([as_numpy(part).ravel() for part in parts])

    start = np.random.default_rng(0).standard_normal(size).astype(dtype)
    if not curve(start).any():
        return 0.0  # flat: there is nothing for ARPACK to iterate on
    try:
        hessian = LinearOperator((size, size), matvec=curve, dtype=np.dtype(dtype))
        return float(eigsh(hessian, 1, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)[0])
    except ArpackError as error:
        reason = " ".join(str(error).split())
        raise SolverError(f"sharpness in phase {phase.name!r}: {reason}") from None


def descending_singular_values(matrix: Any) -> Any:
    """Singular values of matrices, largest first; in float32 as square roots of the eigenvalues of W^T W in float64.

    That takes two thirds of the time of an SVD in float32 and is more accurate: squaring costs half of the digits, of
    which float64 has more than twice as many. In float64 there is nothing to spare.
    """
    xp = engine(matrix)
    if precision(matrix) != "float32":
        return xp.linalg.svdvals(matrix)
    exact = alike(matrix, xp.empty_like(matrix, dtype=xp.float64))
    # Of a copy, as OpenBLAS takes four times as long for a matrix and its own transpose.
    squares = xp.linalg.eigvalsh(copied(exact.mT) @ exact)
    return alike(xp.flip(xp.sqrt(xp.clip(squares, 0, None)), (-1,)), matrix)


def imbalance(weights: Sequence[Any]) -> Any:
    """Largest entry of |W_(j+1)^T W_(j+1) - W_j W_j^T| over neighbouring layers; zero at depth 1.

    Gradient flow keeps the differences constant (appendix B); gradient descent changes them by O(learning rate).
    """
    xp = engine(weights[0])
    gaps = [xp.amax(abs(above.mT @ above - below @ below.mT), (-2, -1)) for below, above in pairwise(weights)]
    return reduce(xp.maximum, gaps) if gaps else xp.zeros(weights[0].shape[:-2])


def _overlap(subspace: Any, vectors: Any, known: Any) -> Any:
    """Mean squared length in the span of A's r columns of the first r columns of B that are known, 0 to 1."""
    rank = subspace.shape[-1]
    counted = known[..., :rank]
    squares = (subspace.mT @ vectors[..., :rank]) ** 2 * counted[..., None, :]
    return squares.sum((-2, -1)) / counted.sum(-1)


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


def _batched(weight: Any) -> Any:
    """View a weight with a leading axis of runs."""
    return weight if weight.ndim == 3 else weight[None]


def _weighted(task: Task, factor: float, like: Any) -> tuple[Any, Any]:
    """A factor over n_obs on observed entries and 0 elsewhere, and the same times the target."""
    target = alike(task.target, like)
    observed = engine(like).ones_like(target) if task.mask is None else alike(task.mask, like)
    entry_weight = factor * observed / observed.sum(axis=(-2, -1), keepdims=True)
    return entry_weight, entry_weight * target


def _errors(matrix: Any, task: Task, factor: float) -> dict[str, Any]:
    """Loss over the observed entries and error over all of them, or those that count."""
    squares = factor * (matrix - alike(task.target, matrix)) ** 2
    loss, error = (_mean(squares, entries) for entries in (task.mask, task.scored))
    return {"train_loss": 0.5 * loss, "reconstruction_error": error}


def _mean(squares: Any, entries: Any) -> Any:
    """Mean over the entries marked, or all of them."""
    if entries is None:
        return squares.mean((-2, -1))
    entries = alike(entries, squares)
    return (entries * squares).sum((-2, -1)) / entries.sum((-2, -1))

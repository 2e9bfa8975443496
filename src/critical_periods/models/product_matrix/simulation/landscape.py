"""Flow of the product matrix W = U S V^T itself, by its singular values and vectors (eqs 10 and 12-16, appendix B).

Under gradient flow on balanced factors (W_(j+1)^T W_(j+1) = W_j W_j^T) the product matrix moves by itself: all the
factors leave behind is their number N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from critical_periods.dynamics.landscape import Observations, Parameters
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.models.matrix_completion.simulation.landscape import imbalance, product

#: Two singular values with |s_r^(2/N) - s_r'^(2/N)| below this fraction of the larger one count as equal.
#: There the rounding error of eqs 13 and 14, about machine precision / gap, would pass 1e-11 of the velocity.
EQUAL = 1e-5


@dataclass(frozen=True)
class Balance:
    """How well factors fulfil the conditions under which the equations of the product matrix hold.

    Parameters
    ----------
    imbalance
        Largest entry of |W_(j+1)^T W_(j+1) - W_j W_j^T| over layers; 0 is balanced.
    relative_imbalance
        The same relative to the largest entry of the products themselves.
    smallest_gap
        Smallest gap between neighbouring singular values of W, relative to the largest of them; 0 is not distinct.
    smallest_value
        Smallest singular value of W.
    """

    imbalance: float
    relative_imbalance: float
    smallest_gap: float
    smallest_value: float


def balance(weights: Sequence[np.ndarray]) -> Balance:
    """Check balancedness and distinct non-zero singular values (appendix B).

    Parameters
    ----------
    weights
        The factors W_1, ..., W_N, each (n, n).
    """
    apart = float(imbalance(weights))
    largest = max(float(np.abs(below @ below.T).max()) for below in weights)
    values = np.linalg.svd(product(weights), compute_uv=False)
    gaps = -np.diff(values)
    return Balance(
        apart,
        apart / largest if largest else 0.0,
        float(gaps.min(initial=np.inf) / values[0]) if values[0] else 0.0,
        float(values[-1]),
    )


def singular_velocities(
    left: np.ndarray, values: np.ndarray, right: np.ndarray, gradient: np.ndarray, depth: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Velocities of singular values and vectors, in units of gradient-flow time (eqs 10, 12-14 and 16).

    ds_r/dt = -N (s_r^2)^(1 - 1/N) u_r^T G v_r
    dU/dt = -U (F o [U^T G V S + S V^T G^T U]) - (I - U U^T) G V (S^2)^(1/2 - 1/N)
    dV/dt = -V (F o [S U^T G V + V^T G^T U S]) - (I - V V^T) G^T U (S^2)^(1/2 - 1/N)

    with F_rr' = 1 / ((s_r'^2)^(1/N) - (s_r^2)^(1/N)) off the diagonal and 0 on it.

    Parameters
    ----------
    left, values, right
        U (rows, k), the k singular values, which must be distinct and not zero, and V (columns, k).
    gradient
        G = dL/dW (rows, columns), eq 15.
    depth
        Number of factors N.

    Returns
    -------
    ds, dU, dV
        In the shapes of `values`, `left` and `right`. Their rounding errors grow as machine precision over the gap
        between singular values; `velocity` is free of that.

    Raises
    ------
    ValueError
        If the depth is below 2, or two singular values are equal, or one is zero.
    """
    _check_depth(depth)
    if np.any(values <= 0):
        raise ValueError(f"smallest singular value = {values.min()}; allowed: above 0")
    powers = values ** (2 / depth)
    differences = powers[None, :] - powers[:, None]
    np.fill_diagonal(differences, np.inf)
    if np.any(differences == 0):
        raise ValueError("two singular values are equal; allowed: distinct ones")
    inside = left.T @ gradient @ right
    d_values = -depth * values ** (2 - 2 / depth) * np.diag(inside)
    d_left = -left @ ((inside * values + values[:, None] * inside.T) / differences)
    d_right = -right @ ((values[:, None] * inside + inside.T * values) / differences)
    outward = values ** (1 - 2 / depth)
    pushed, pulled = gradient @ right, gradient.T @ left
    d_left -= (pushed - left @ inside) * outward
    d_right -= (pulled - right @ inside.T) * outward
    return d_values, d_left, d_right


def velocity(matrix: np.ndarray, gradient: np.ndarray, depth: int, step: float = 0.0) -> np.ndarray:
    """Velocity of W assembled from those of its singular values and vectors (eqs 12-14), robust at any gap.

    dW/dt = dU S V^T + U dS V^T + U S dV^T. In the singular basis the rotations contribute
    -F_rr' (s_r^2 - s_r'^2)(u_r^T G v_r'), a divided difference that stays finite where F does not: for singular values
    closer than `EQUAL` it is evaluated as the sum over layers it is equal to, -sum_j s_r^(2(N-j)/N) s_r'^(2(j-1)/N).

    Parameters
    ----------
    matrix
        W, (n, n).
    gradient
        G = dL/dW, (n, n), eq 15.
    depth
        Number of factors N, 2 or more.
    step
        With h > 0, the change of W over a step h of gradient descent on the factors, divided by h, to second order:
        dW/dt + (h/2) Q, where two layers that move at once add
        Q = 2 sum_{j<k} (W W^T)^((N-k)/N) G V S^(1 + 2(k-j-1)/N) U^T G (W^T W)^((j-1)/N).

    Returns
    -------
    (n, n) array
        dW/dt in units of gradient-flow time.
    """
    _check_depth(depth)
    left, values, right_transposed = np.linalg.svd(matrix)
    inside = left.T @ gradient @ right_transposed.T
    powers = values ** (2 / depth)
    rows, columns = powers[:, None], powers[None, :]
    differences = columns - rows
    close = np.abs(differences) <= EQUAL * np.maximum(rows, columns)
    skew = 1 / np.where(close, np.inf, differences)
    squares = values**2
    sums = np.sum([rows ** (depth - layer) * columns ** (layer - 1) for layer in range(1, depth + 1)], axis=0)
    layers = np.where(close, sums, skew * (squares[None, :] - squares[:, None]))
    np.fill_diagonal(layers, depth * values ** (2 - 2 / depth))
    change = -layers * inside
    if step:
        for upper in range(2, depth + 1):
            for lower in range(1, upper):
                between = values ** (1 + 2 * (upper - lower - 1) / depth)
                pair = rows ** (depth - upper) * ((inside * between) @ inside) * columns ** (lower - 1)
                change += step * pair
    return left @ change @ right_transposed


def mask_gradient(matrix: np.ndarray, task: Task) -> np.ndarray:
    """G = dL/dW: (W_ij - M_ij)/n_obs on observed entries, 0 elsewhere (eq 15, for the averaged loss)."""
    residual = matrix - np.asarray(task.target, dtype=float)
    if task.mask is None:
        return residual / residual.size
    mask = np.asarray(task.mask, dtype=float)
    return residual * (mask / mask.sum())


@dataclass(frozen=True)
class ProductMatrix:
    """Model whose one parameter is the product matrix W (n, n); a solver moves it by eqs 12-14.

    Parameters
    ----------
    depth
        Number of factors N that W stands for, 2 or more.
    n_singular_values
        How many of the largest singular values are recorded.
    step
        With 0, the equations as they are. With the learning rate h, and the model `Shadowed`, W follows
        gradient descent on the factors instead of its limit, as long as that keeps them balanced.

    Raises
    ------
    ValueError
        If the depth is below 2: the singular vectors of a single layer do not follow eqs 13 and 14.
    """

    depth: int
    n_singular_values: int = 10
    step: float = 0.0

    def __post_init__(self) -> None:
        _check_depth(self.depth)

    @property
    def honours(self) -> frozenset[str]:
        """Masks; and factors on the learning rate, unless `step` is the learning rate of what is followed."""
        return frozenset({"mask"} if self.step else {"mask", "rate"})

    @property
    def dims(self) -> tuple[str, ...]:
        """Axes of the loss: none, the model is a single run."""
        return ()

    def loss(self, parameters: Parameters, phase: Phase) -> np.ndarray:
        """Loss of eq 9, averaged over the observed entries."""
        matrix = parameters[0]
        residual = matrix - np.asarray(phase.task.target, dtype=float)
        return np.asarray(0.5 * np.sum(residual * mask_gradient(matrix, phase.task)))

    def gradient(self, parameters: Parameters, phase: Phase) -> list[np.ndarray]:
        """Return -dW/dt in units of gradient-flow time, so that solvers that descend follow eqs 12-14."""
        matrix = parameters[0]
        return [-velocity(matrix, mask_gradient(matrix, phase.task), self.depth, self.step)]

    def observe(self, parameters: Parameters, phase: Phase) -> Observations:
        """Training loss, reconstruction error against the phase's task, and the largest singular values (mode)."""
        matrix = parameters[0]
        # Of a run that has diverged nothing counts but its loss.
        sound = matrix if np.isfinite(matrix).all() else np.zeros_like(matrix)
        return {
            "train_loss": ((), self.loss(parameters, phase)),
            "reconstruction_error": ((), np.square(matrix - phase.task.target).mean()),
            "singular_value": (("mode",), np.linalg.svd(sound, compute_uv=False)[: self.n_singular_values]),
        }


def _check_depth(depth: int) -> None:
    if depth < 2:
        raise ValueError(f"depth = {depth}; allowed: 2 or more, where the equations of the singular vectors hold")

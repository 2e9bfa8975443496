"""When the modes of a first task are learned, and the period closes, from the draw of the task alone (docs/theory.md).

Deep factorizations learn from small weights one mode after the other, each time the one that the residual asks for
most (Li, Luo and Lyu, arXiv 2012.09839; Jin et al., arXiv 2301.11500). The stages of this are fits of rising rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from critical_periods.dynamics.coverage import beyond, not_predicted
from critical_periods.models.matrix_completion.simulation.assumed import ASSUMED, COVERS
from critical_periods.models.matrix_completion.simulation.gaussian_layers import gaussian_start
from critical_periods.models.matrix_completion.simulation.simulate import matrix_tasks
from critical_periods.models.product_matrix.simulation.closed_form import time_to_reach

#: Sweeps of alternating least squares for a fit, and the relative change of the loss that ends them before.
SWEEPS, SETTLED = 60, 1e-6

#: What the stages of a task depend on.
_OF_TASK = (
    *("seed", "size", "observations"),
    *("pretrain_task", "pretrain_matrix", "pretrain_rank", "pretrain_n_observed"),
)


def determined_rank(size: int, n_observed: int) -> float:
    """Largest rank k* that so many entries can determine: k (2 n - k) = n_observed."""
    return size - math.sqrt(size**2 - n_observed)


def modes_learned(size: int, n_observed: int, rank: int) -> tuple[int, int]:
    """How many modes a first task has learned at the end, and which of them closes the period.

    Where a mode more than the task has is still fewer than entries can determine, the task is learned exactly, by
    `rank` modes, and half of the harm is done when half of them are learned. Otherwise entries cannot hold modes in
    check from the first beyond k* on, which closes it.
    """
    most = determined_rank(size, n_observed)
    if rank + 1 < most:
        return rank, math.ceil(rank / 2)
    return math.ceil(most), math.ceil(most)


def stages(target: np.ndarray, mask: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Stages of learning: what pulls at the modes still to come, when k of them are learned.

    W_k is the best fit of rank k to the observed entries, and the pull the singular values of the residual
    R_k = P(M - W_k) / p, P being the projection on the observed entries and p their fraction.

    Parameters
    ----------
    target, mask
        M and which entries are observed, (n, n).
    count
        Number of stages, k = 0, ..., count - 1.

    Returns
    -------
    pulls : (count, count) array
        Singular values of R_k, the largest first, a row for each k.
    curvatures : (count,) array
        u^T P(u v^T) v / p of the leading pair of R_k: a mode alone grows until its strength is pull / curvature.
    """
    fraction = mask.mean()
    pulls, curvatures = np.empty((count, count)), np.empty(count)
    fit, basis = np.zeros_like(target), np.empty((len(target), 0))
    for stage in range(count):
        left, values, right = np.linalg.svd(np.where(mask, target - fit, 0.0) / fraction)
        pulls[stage] = values[:count]
        curvatures[stage] = left[:, 0] ** 2 @ mask @ right[0] ** 2 / fraction
        fit, basis = _fitted(target, mask, np.column_stack([basis, right[0]]))
    return pulls, curvatures


def _fitted(target: np.ndarray, mask: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit to the observed entries by alternating least squares from a basis of rows (n, k); and its basis."""
    observed, seen = np.where(mask, target, 0.0), mask.astype(float)
    least, loss = 1e-6 * (observed**2).sum(), np.inf
    for _ in range(SWEEPS):
        right = np.linalg.qr(right)[0]
        left = np.linalg.qr(_solved(observed, seen, right))[0]
        right = _solved(observed.T, seen.T, left)
        before, loss = loss, float((seen * (left @ right.T - observed) ** 2).sum())
        if before - loss < SETTLED * max(loss, least):
            break
    return left @ right.T, right


def _solved(observed: np.ndarray, seen: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Coefficients of every row in a basis (n, k), by least squares over its observed entries."""
    size, rank = basis.shape
    products = seen @ (basis[:, :, None] * basis[:, None, :]).reshape(size, -1)
    normal = products.reshape(-1, rank, rank) + 1e-9 * np.eye(rank)
    return np.linalg.solve(normal, (observed @ basis)[:, :, None])[:, :, 0]


def learned_times(pulls: np.ndarray, curvatures: np.ndarray, init_scale: float, tau: float, depth: int) -> np.ndarray:
    """Times at which one mode after the other is half learned.

    A mode has to run up the clock theta, the integral of its pull over dt / tau, that eq 19 asks for from
    kappa epsilon to half of pull / curvature. Mode k+1 is pulled by singular value k+1-i of R_i in stage i.

    Parameters
    ----------
    pulls, curvatures
        As of `stages`.
    init_scale
        epsilon, the scale of the initial product matrix.
    tau
        n^2 / learning rate, for times in epochs.
    depth
        Number of layers, 2 or more.

    Returns
    -------
    (mode,) array
        Ascending; in the unit of tau.
    """
    start = gaussian_start(depth) * init_scale
    lasted: list[float] = []
    for mode, (pull, curvature) in enumerate(zip(pulls[:, 0], curvatures, strict=True)):
        most = pull / curvature
        clock = most * time_to_reach(most / 2, most, start, 1.0, depth) if start < most / 2 else 0.0
        run = sum(pulls[stage, mode - stage] * time / tau for stage, time in enumerate(lasted))
        lasted.append(max(0.0, clock - run) * tau / pull)
    return np.cumsum(lasted)


def simulate_stages(parameters: Mapping[str, Any], progress: str | None = None, diverged: str = "fail") -> xr.Dataset:
    """What theory says of a first task: the dataset of a cell.

    Parameters
    ----------
    parameters
        See `critical_periods.models.matrix_completion.model.first_task`.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`; there is nothing to tell.

    Returns
    -------
    xarray.Dataset
        `learned_epoch` (mode), NaN beyond the modes that are learned, and `staged_closing`, both in epochs; NaN for a
        single layer, weights that are not Gaussian, and a cell with parameters that theories of the closing do not
        cover, which the attribute `not_predicted` names.
    """
    size, rank, depth, rate = (parameters[name] for name in ("size", "pretrain_rank", "depth", "learning_rate"))
    shown = parameters["n_singular_values"]
    times, closing = np.empty(0), np.nan
    unlike = beyond(COVERS - {"imbalance"}, ASSUMED | {"imbalance": None}, parameters)
    if depth > 1 and not unlike:
        count, last = modes_learned(size, parameters["pretrain_n_observed"], rank)
        task = _stages_of(tuple((name, parameters[name]) for name in _OF_TASK), count)
        times = learned_times(*task, parameters["init_scale"], size**2 / rate, depth)
        closing = times[last - 1]
    modes = np.pad(times, (0, shown), constant_values=np.nan)[:shown]
    return xr.Dataset(
        {"learned_epoch": ("mode", modes), "staged_closing": closing},
        coords={"mode": np.arange(1, shown + 1)},
        attrs=not_predicted(staged_closing=unlike),
    )


@cache
def _stages_of(task: tuple[tuple[str, Any], ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Stages of a first task, which cells of several depths and scales share."""
    first, _ = matrix_tasks(dict(task))
    return stages(first.target, first.mask, count)

"""Singular values in closed form, all entries observed and singular vectors shared with the task (eqs 19-21).

Each mode then moves by itself: ds/dt = N s^(2 - 2/N) (s* - s) / tau (eq 19). With the loss averaged over n^2 entries
and t in epochs, tau = n^2 / learning rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

#: A matrix counts as diagonal in a basis if nothing off its diagonal exceeds this fraction of its largest entry.
SHARED = 1e-6
#: Layers count as lambda-balanced if W_2^T W_2 - W_1 W_1^T is within this of a multiple of I, relative to the largest.
BALANCED = 1e-6
#: Exponent up to which the exact solution of two layers is evaluated in one step.
LARGEST_EXPONENT = 8.0


def mode_strength(time: ArrayLike, target: ArrayLike, start: ArrayLike, tau: float) -> np.ndarray:
    """Strength of a mode of a two-layer network (eqs 20-21).

    s(t) = s* e^(2 s* t/tau) / (e^(2 s* t/tau) - 1 + s*/s(0)), rearranged so that nothing overflows and the limit
    s* = 0, s(0) / (1 + 2 s(0) t/tau), is no special case.

    Parameters
    ----------
    time
        t >= 0, in the unit of `tau`.
    target
        s* >= 0, the task's singular value.
    start
        s(0) > 0.
    tau
        Time constant: n^2 / learning rate, for t in epochs.

    Returns
    -------
    array
        s(t), in the common shape of the arguments.

    Raises
    ------
    ValueError
        If a start is not positive, or a target, a time or tau is out of range.
    """
    time, target, start = _checked(time, target, start, tau)
    exponent = 2 * target * time / tau
    growth = np.where(exponent > 0, -np.expm1(-exponent) / np.where(exponent > 0, exponent, 1), 1.0)
    return start / (np.exp(-exponent) + start * (2 * time / tau) * growth)


def mode_strength_of_depth(
    time: ArrayLike, target: ArrayLike, start: ArrayLike, tau: float, depth: int, *, rtol: float = 1e-10
) -> np.ndarray:
    """Strength of modes of a network of any depth: eq 19 integrated in ln s, where it stays smooth and positive.

    Parameters
    ----------
    time
        Times >= 0 (time,), ascending, in the unit of `tau`.
    target, start
        s* >= 0 and s(0) > 0 of the modes, (mode,).
    tau
        Time constant.
    depth
        Number of layers N, 1 or more. Depths 1 and 2 have closed forms, which are used.
    rtol
        Tolerance on ln s.

    Returns
    -------
    (time, mode) array

    Raises
    ------
    ValueError
        As `mode_strength`, and for a depth below 1.
    """
    if depth < 1:
        raise ValueError(f"depth = {depth}; allowed: 1 or more")
    times, targets, starts = _checked(time, target, start, tau)
    if depth == 1:
        return targets + (starts - targets) * np.exp(-times[:, None] / tau)
    if depth == 2:
        return mode_strength(times[:, None], targets, starts, tau)
    from scipy.integrate import solve_ivp

    strengths = np.tile(starts, (len(times), 1))
    if not times[-1] > 0:
        return strengths
    for mode, (goal, begin) in enumerate(zip(targets, starts, strict=True)):

        def rate(_time: float, log: np.ndarray, goal: float = goal) -> np.ndarray:
            strength = np.exp(log)
            return depth * strength ** (1 - 2 / depth) * (goal - strength) / tau

        solution = solve_ivp(rate, (0, times[-1]), [np.log(begin)], "LSODA", dense_output=True, rtol=rtol, atol=rtol)
        strengths[:, mode] = np.exp(solution.sol(times)[0])
    return strengths


def time_to_reach(
    strength: float, target: float, start: float, tau: float, depth: int, imbalance: float = 0.0
) -> float:
    """Time that a mode needs from `start` to `strength`: the implicit solution of eq 19, for N >= 2.

    t = (tau/N) integral from s(0) to s of ds / (s^(2 - 2/N) (s* - s)); of two lambda-balanced layers, whose mode moves
    as ds/dt = sqrt(lambda^2 + 4 s^2) (s* - s) / tau, t = tau integral of ds / (sqrt(lambda^2 + 4 s^2) (s* - s)).

    Raises
    ------
    ValueError
        If the mode never gets there, the depth is below 2, or there is an imbalance and it is not 2.
    """
    if depth < 2 or (imbalance and depth != 2):
        raise ValueError(f"depth = {depth}; allowed: {'2, as imbalance is not 0' if imbalance else '2 or more'}")
    if (strength - start) * (target - strength) < 0 or strength == target != start:
        raise ValueError(
            f"strength = {strength}; allowed: from start = {start} on towards target = {target}, below it"
        )
    from scipy.integrate import quad

    def pace(log: float) -> float:
        """d(ln s)/dt in units of N (s* - s) / tau."""
        return np.exp(log * (1 - 2 / depth)) if not imbalance else np.hypot(imbalance * np.exp(-log) / 2, 1)

    value, _ = quad(
        lambda log: 1 / (pace(log) * (target - np.exp(log))),
        np.log(start),
        np.log(strength),
        epsabs=0,
        epsrel=1e-11,
        limit=500,
    )
    return tau / depth * value


def balanced_layers(
    times: ArrayLike, target: np.ndarray, layers: Sequence[np.ndarray], tau: float
) -> list[list[np.ndarray]]:
    """Two lambda-balanced layers under gradient flow, all entries observed: the exact solution.

    With W_2^T W_2 - W_1 W_1^T = lambda I, which is conserved, Q = (W_1^T, W_2) stacked obeys
    tau dQ/dt = F Q - Q Q^T Q / 2, F = ((-lambda/2 I, M^T), (M, lambda/2 I)), so that P = Q Q^T obeys the Riccati
    equation tau dP/dt = F P + P F - P^2, solved by (Braun et al. 2022; Domine et al. 2024)

    P(t) = e^(Ft) Q(0) (I + Q(0)^T (integral from 0 to t of e^(2Fs) ds) Q(0))^(-1) Q(0)^T e^(Ft), time in units of tau.

    P holds W = W_2 W_1, W_1^T W_1 and W_2 W_2^T; from its square root layers follow up to a rotation of hidden units,
    so that a solution goes on through a switch to any other task. From one time to the next it is split into steps in
    which no exponential exceeds e^`LARGEST_EXPONENT`.

    Parameters
    ----------
    times
        Ascending times >= 0, in the unit of `tau`.
    target
        M, (rows, columns), of any rank and singular vectors.
    layers
        W_1 (hidden, columns) and W_2 (rows, hidden) at time 0.
    tau
        Time constant: number of entries / learning rate, for t in epochs.

    Returns
    -------
    list of [W_1, W_2]
        For every time.

    Raises
    ------
    ValueError
        If the layers are not lambda-balanced.
    """
    lower, upper = layers
    columns, hidden = lower.shape[1], lower.shape[0]
    gap = upper.T @ upper - lower @ lower.T
    imbalance = float(np.trace(gap)) / hidden
    off = float(abs(gap - imbalance * np.eye(hidden)).max())
    largest = max(float(abs(upper).max()), float(abs(lower).max())) ** 2
    if off > BALANCED * max(largest, abs(imbalance)):
        raise ValueError(f"W_2^T W_2 - W_1 W_1^T is off a multiple of I by {off:g}; allowed: lambda-balanced layers")
    flow = np.block([[-imbalance / 2 * np.eye(columns), target.T], [target, imbalance / 2 * np.eye(len(target))]])
    rates, basis = np.linalg.eigh(flow)
    state, now, found = basis.T @ np.vstack([lower.T, upper]), 0.0, []
    for time in np.asarray(times, dtype=float):
        steps = max(1, int(np.ceil(rates[-1] * (time - now) / tau / LARGEST_EXPONENT)))
        exponent = rates * (time - now) / tau / steps
        safe = np.where(exponent == 0, 1, exponent)
        integral = (time - now) / tau / steps * np.where(exponent == 0, 1, np.expm1(2 * exponent) / (2 * safe))
        for _ in range(steps):
            gram = np.eye(hidden) + state.T @ (integral[:, None] * state)
            state = np.linalg.solve(np.linalg.cholesky(gram), (np.exp(exponent)[:, None] * state).T).T
        now = time
        stacked = basis @ state
        found.append([stacked[:columns].T, stacked[columns:]])
    return found


def chained_modes(
    epochs: ArrayLike,
    targets: Sequence[ArrayLike],
    durations: Sequence[float],
    start: ArrayLike,
    tau: float,
    depth: int = 2,
) -> np.ndarray:
    """Strengths of modes through a sequence of tasks that share singular vectors, in any order of size.

    Every task begins from the strengths at which the one before it ends.

    Parameters
    ----------
    epochs
        Ascending epochs from the beginning of the first task on, (epoch,).
    targets
        s* of the modes, one sequence (mode,) for each task, modes in the same order in all.
    durations
        Length of each task in epochs.
    start
        s(0) of the modes, (mode,).
    tau
        Time constant in epochs, n^2 / learning rate.
    depth
        Number of layers N.

    Returns
    -------
    (epoch, mode) array
        An epoch at which one task ends and another begins shows what both agree on.

    Raises
    ------
    ValueError
        If an epoch lies outside the tasks, or as `mode_strength`.
    """
    epochs = np.asarray(epochs, dtype=float)
    ends = np.cumsum(durations)
    if epochs.size and (epochs[0] < 0 or epochs[-1] > ends[-1]):
        raise ValueError(f"epochs = {epochs[0]:g} to {epochs[-1]:g}; allowed: 0 to {ends[-1]:g}")
    strengths = np.empty((len(epochs), np.size(start)))
    current, begin = np.asarray(start, dtype=float), 0.0
    for target, end in zip(targets, ends, strict=True):
        inside = (epochs >= begin) & (epochs <= end)
        times = np.append(epochs[inside], end) - begin
        path = mode_strength_of_depth(times, target, current, tau, depth)
        strengths[inside] = path[:-1]
        current, begin = path[-1], end
    return strengths


def layers_through_tasks(
    epochs: ArrayLike,
    targets: Sequence[np.ndarray],
    durations: Sequence[float],
    layers: Sequence[np.ndarray],
    tau: float,
) -> list[list[np.ndarray]]:
    """Two lambda-balanced layers through a sequence of tasks with any singular vectors (see `balanced_layers`).

    Parameters
    ----------
    epochs
        Ascending epochs from the beginning of the first task on, (epoch,).
    targets, durations
        Matrix of each task, and its length in epochs.
    layers, tau
        As of `balanced_layers`.

    Returns
    -------
    list of [W_1, W_2]
        For every epoch.
    """
    epochs, found = np.asarray(epochs, dtype=float), []
    begin = 0.0
    for target, end in zip(targets, np.cumsum(durations), strict=True):
        inside = (epochs >= begin) & ((epochs < end) | (epochs == end) & (end == sum(durations)))
        path = balanced_layers([*(epochs[inside] - begin), end - begin], target, layers, tau)
        found += path[:-1]
        layers, begin = path[-1], end
    return found


def shared_spectrum(left: np.ndarray, right: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Strengths diag(U^T M V) of a matrix in a singular basis, in the order of the basis.

    Raises
    ------
    ValueError
        If the matrix is not diagonal in that basis: then it does not share its singular vectors.
    """
    inside = left.T @ matrix @ right
    values = np.diagonal(inside).copy()
    off_diagonal = float(np.abs(inside - np.diag(values)).max(initial=0.0))
    largest = float(np.abs(inside).max(initial=0.0))
    if off_diagonal > SHARED * largest:
        raise ValueError(
            f"singular basis: largest entry off the diagonal = {off_diagonal:g}; "
            f"allowed: {SHARED * largest:g} at most, the basis must be shared with the matrix"
        )
    return values


def _checked(time: Any, target: Any, start: Any, tau: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    time, target, start = (np.asarray(array, dtype=float) for array in (time, target, start))
    for name, array, least in (("time", time, 0), ("target", target, 0)):
        if not np.all(array >= least):
            raise ValueError(f"{name} = {array.min()}; allowed: {least} or more")
    for name, array in (("start", start), ("tau", np.asarray(tau))):
        if not np.all(array > 0):
            raise ValueError(f"{name} = {array.min()}; allowed: above 0")
    return time, target, start

"""Strides: what N updates w <- w + g(w) in a row come to, from six evaluations of g whatever N is.

A stride is a step of a multi-revolution Runge-Kutta method (Calvo, Jay, Montijano and Randez 2004). It approximates
the iteration itself, not a flow near it. With c_i N the number of updates after which stage i approximates the state,

    Y_i = w + N sum_j a_ij g(Y_j),    w after N updates = w + N sum_i b_i g(Y_i).

**Order conditions.** They are those of Runge-Kutta methods with sums over updates in place of integrals over time,
exact at every N. With nu = 1/N and c = n nu, sums of powers are polynomials in c and nu (Faulhaber), integrals at
nu = 0:

    (1)  S_k(c) = nu^(k+1) (0^k + 1^k + ... + (n-1)^k),    k = 0, ..., 4

The simplifying assumptions of Dormand and Prince hold for sums as they do for integrals, and give order 5 with them:

    (2)  sum_i b_i c_i^k = S_k(1)  for k = 0, ..., 4,  and b_2 = 0
    (3)  sum_j a_ij c_j^k = S_k(c_i)  for k = 0, 1, 2 and i = 3, ..., 6;  for i = 3 hence c_2 = (2 c_3 - nu) / 3
    (4)  sum_i b_i a_ij = b_j (1 - nu - c_j)  for j = 3, 4, 5;  hence c_6 = 1 - nu
    (5)  sum_i b_i a_i2 = 0  and  sum_i b_i c_i a_i2 = 0

The seventh stage is the end, c_7 = 1 and a_7j = b_j, and the first one of the next stride. For weights w of the seven
updates, with w_2 = 0, that stand for c N updates, order 4 is

    (6)  sum_i w_i c_i^k = S_k(c)  for k = 0, ..., 3,  and  sum_i w_i a_i2 = 0

which leaves one direction of w open. At c = 1 it is the estimate of a stride's error; within a stride, for dense
output, it is what makes the defects in the nine conditions of order 5 smallest. These vanish at 0, 1, N and N + 1
updates.

References
----------
M. Calvo, L. O. Jay, J. I. Montijano and L. Randez, "Approximate compositions of a near identity map by
multi-revolution Runge-Kutta methods", Numer. Math. 97 (2004) 635-666; J. R. Dormand and P. J. Prince, J. Comput. Appl.
Math. 6 (1980) 19-26; E. Hairer, S. P. Norsett and G. Wanner, "Solving Ordinary Differential Equations I", sections
II.2 to II.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from critical_periods.dynamics.arrays import alike, check_array, copied, engine, precision
from critical_periods.dynamics.precision import PRECISIONS
from critical_periods.solvers.shared.spectrum import norm

#: Nodes c_3, c_4, c_5 of Dormand and Prince, which are free; times 1 - nu, so that they are theirs at nu = 0.
NODES = (3 / 10, 4 / 5, 8 / 9)

#: Updates that are worth a stride, which takes six evaluations and sums over stages.
LEAST = 10

#: Updates made one by one before the next stride is tried: at first, and at most.
PLAIN, MOST_PLAIN = 40, 1280

#: Strides in a row after which they count as working again.
STREAK = 5

#: Called with a state and an array of the same shape: writes g of the state into the latter.
Update = Callable[[Any, Any], None]


class Tableau(NamedTuple):
    """Coefficients of a stride of some length, per update.

    Parameters
    ----------
    nodes
        c_i, (7,).
    stages
        a_ij, (7, 7), strictly lower triangular; the last row is b.
    errors
        Weights of the estimate of the error, (7,).
    dense
        Weights of dense output are these times S_0, ..., S_4, (7, 5).
    """

    nodes: np.ndarray
    stages: np.ndarray
    errors: np.ndarray
    dense: np.ndarray


def sums(nu: float, c: Any) -> np.ndarray:
    """S_k(c) of eq 1 for k = 0, ..., 4: sums of powers over the first c / nu updates; integrals at nu = 0."""
    square = c * (c - nu)
    odd = square * (2 * c - nu)
    return np.array([c, square / 2, odd / 6, square**2 / 4, odd * (3 * square - nu**2) / 30])


@lru_cache(maxsize=4096)
def tableau(count: int) -> Tableau:
    """Coefficients of a stride of so many updates, 2 or more; of Dormand and Prince's own step for 0."""
    nu = 1 / count if count else 0.0
    third, fourth, fifth = ((1 - nu) * node for node in NODES)
    c = np.array([0, (2 * third - nu) / 3, third, fourth, fifth, 1 - nu, 1])
    target = sums(nu, c)
    a, b = np.zeros((7, 7)), np.zeros(7)
    quadrature = [0, 2, 3, 4, 5]
    b[quadrature] = np.linalg.solve(np.vander(c[quadrature], increasing=True).T, sums(nu, 1.0))  # eq 2

    def complete(row: int, first: int, second: int) -> None:
        """Set the entries of a row that eq 3 leaves open once the others are known."""
        open_, missing = [first, second], [target[k, row] - a[row] @ c**k for k in (1, 2)]
        a[row, open_] = np.linalg.solve([c[open_], c[open_] ** 2], missing)
        a[row, 0] = c[row] - a[row].sum()

    a[1, 0] = c[1]
    a[2, 1] = target[1, 2] / c[1]
    a[2, 0] = c[2] - a[2, 1]
    complete(3, 1, 2)
    known, later = [2, 3], [4, 5]
    a[later, 1] = np.linalg.solve([b[later], (b * c)[later]], [-b[known] @ a[known, 1], -(b * c)[known] @ a[known, 1]])
    complete(4, 2, 3)
    a[5, 4] = b[4] * (1 - nu - c[4]) / b[5]  # eq 4 for j = 5; for j = 3 and 4 it follows from the rest
    complete(5, 2, 3)
    a[6] = b

    used = [0, 2, 3, 4, 5, 6]
    order_four = np.array([*(c[used] ** k for k in range(4)), a[used, 1]])  # eq 6
    errors = np.zeros(7)
    errors[used] = np.linalg.svd(order_four)[2][-1]
    errors *= -1 / 40 / errors[6]  # as Dormand and Prince have it
    dense = np.zeros((7, 5))
    dense[used, :4] = np.linalg.pinv(order_four)[:, :4]
    defects, exact = _fifth_order(a, c, target)
    along = defects @ errors
    amounts = along @ (np.outer(exact, [0, 0, 0, 0, 1]) - defects @ dense) / (along @ along)
    return Tableau(c, a, errors, dense + np.outer(errors, amounts))


@lru_cache(maxsize=4096)
def _coefficients(count: int) -> np.ndarray:
    """Coefficients of the state before a stride and of its updates, (8, 8): a row for each stage, and the error's."""
    _, stages, errors, _ = tableau(count)
    rows = np.hstack([np.ones((8, 1)), count * np.vstack([stages, errors])])
    rows[7, 0] = 0
    return rows


def _fifth_order(a: np.ndarray, c: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What weights w of order 4 come to in the nine conditions of order 5, each over the symmetry of its tree.

    Returns
    -------
    defects, exact
        The defects are `defects @ w - S_4 exact`, (9, 7) and (9,).
    """
    # By eqs 3 and 6, four numbers make up all nine of them.
    power, by_second = c**4, c * a[:, 1]
    cubes, twice = a @ c**3 - target[3], a @ a[:, 1]
    grafted = cubes + power / 4
    step = target[1, 1]  # what sum_j a_2j c_j would have to be, and 0 is
    trees = [
        *(power / 24, power / 4, power / 8, power / 6, power / 6 - step * by_second),
        *(grafted / 6, grafted / 2, grafted / 6, grafted / 6 - step * twice),
    ]
    shares = np.array([1 / 24, 1 / 4, 1 / 8, 1 / 6, 1 / 6, 1 / 24, 1 / 8, 1 / 24, 1 / 24])
    return np.array(trees), shares


def least_tolerances(dtype: str) -> dict[str, float]:
    """Tolerances that a precision resolves; the relative one is a quarter of what integrators get down to."""
    known = PRECISIONS[dtype]
    return {"rtol": known.rtol / 4, "atol": known.atol}


class Strides:
    """The iterates of w <- w + g(w), with error control and dense output, in the precision of the state.

    The controller chooses N. Where it would be below `LEAST`, updates are made one by one for a while, the longer the
    more often that happens: near and beyond the edge of stability strides cannot be longer, and the iteration is made
    as it is. A stride's own error is the only one there is.

    Parameters
    ----------
    update
        g.
    start, state, end
        Number of updates made, the state after them (a vector), and the number at which to stop.
    rtol, atol
        Tolerances on the error of a stride, in the root mean square over entries of error / (atol + rtol |w|).

    Attributes
    ----------
    t, y
        Number of updates made, and the state after them, in memory that stays.
    repeat
        Makes so many updates of `y` in place; to be replaced where a faster way is known.
    evaluations, plain
        How often g was evaluated, and how many updates were made one by one.
    """

    def __init__(self, update: Update, start: int, state: Any, end: int, rtol: float, atol: float) -> None:
        xp = engine(state)
        self._update, self.t, self.end, self.rtol, self.atol = update, start, end, rtol, atol
        self.before, self.y = start, copied(state)
        self._rows = xp.stack([state] * 8)  # the state before the stride, and g at its seven stages
        self._stage = copied(state)
        self.repeat: Callable[[int], None] = self._one_by_one
        self._known = False  # whether the last row is g of the state
        self._wanted: float | None = None
        self._last, self._pause, self._owed, self._streak = 1.0, PLAIN, 0, 0
        self.evaluations = self.plain = 0

    def step(self, stop: int) -> None:
        """Get on by a stride, or by some updates, these not beyond `stop`, where a state is wanted."""
        if not self._owed:
            if self._stride():
                return
            self._owed, self._pause = self._pause, min(2 * self._pause, MOST_PLAIN)
            self._wanted, self._last, self._streak = 2.0 * LEAST, 1.0, 0
        count = min(self._owed, stop - self.t)
        self.repeat(count)
        self.evaluations += count
        self.plain += count
        self._owed -= count
        self.t += count
        self.before, self._known = self.t, False

    def at(self, time: int) -> Any:
        """State after a number of updates within the last stride, to fourth order."""
        if time == self.t:
            return copied(self.y)
        count = self.t - self.before
        nu = 1 / count
        weights = tableau(count).dense @ sums(nu, (time - self.before) * nu)
        return alike(np.append(1.0, count * weights), self.y) @ self._rows

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """All that `restore` needs to go on from here, but dense output: what JSON can hold, and arrays."""
        numbers = {name: getattr(self, name) for name in self._NUMBERS}
        return numbers, {"y": self.y, "slope": self._rows[7]}

    def restore(self, numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        for name in self._NUMBERS:
            setattr(self, name, numbers[name])
        self.y[...], self._rows[7][...] = (alike(arrays[name], self.y) for name in ("y", "slope"))

    _NUMBERS = (
        *("t", "before", "evaluations", "plain"),
        *("_known", "_wanted", "_last", "_pause", "_owed", "_streak"),
    )

    def _stride(self) -> bool:
        """Make a stride as long as the tolerance allows; False if that is too short."""
        left = self.end - self.t
        if left < LEAST:
            return False
        if not self._known:
            self._write(self.y, self._rows[7])
            self._known = True
        if self._wanted is None:
            self._wanted = self._first_length()
        while True:
            count = left if self._wanted >= left else _leading_bits(min(self._wanted, left / 2))
            if count < LEAST:
                return False
            error = self._attempt(count)
            growth = 0.9 / max(error, 1e-8) ** 0.14 if math.isfinite(error) else 0.1
            if error <= 1:
                break
            self._wanted = count * min(0.9, max(0.1, growth))
            self._rows[7][...] = self._rows[1]
        self._wanted = max(count * min(5.0, max(0.2, growth * self._last**0.08)), LEAST)
        self._last = max(error, 1e-4)
        self.before, self.t = self.t, self.t + count
        self.y[...] = self._stage
        self._streak += 1
        if self._streak == STREAK:
            self._pause = PLAIN
        return True

    def _first_length(self) -> float:
        """A first guess: what changes the state by a tenth."""
        scale = self._scale(self.y)
        size, slope = (self._norm(vector, scale) for vector in (self.y, self._rows[7]))
        return max(0.1 * size / slope, LEAST) if slope > 0 else math.inf

    def _attempt(self, count: int) -> float:
        """Make a stride, of which `_stage` is the end, and estimate its error in tolerances."""
        rows, stage, multiply = self._rows, self._stage, engine(self._stage).matmul
        rows[0][...], rows[1][...] = self.y, rows[7]
        coefficients = alike(_coefficients(count), self.y)
        for row in range(1, 7):
            multiply(coefficients[row : row + 1, : row + 1], rows[: row + 1], out=stage[None])
            self._write(stage, rows[row + 1])
        return self._norm(coefficients[7] @ rows, self._scale(stage))

    def _write(self, state: Any, out: Any) -> None:
        self._update(state, out)
        self.evaluations += 1

    def _one_by_one(self, count: int) -> None:
        for _ in range(count):
            self._update(self.y, self._stage)
            self.y += self._stage

    def _scale(self, other: Any) -> Any:
        scale = engine(other).maximum(abs(self.y), abs(other))
        scale *= self.rtol
        scale += self.atol
        return scale

    def _norm(self, vector: Any, scale: Any) -> float:
        return norm(vector / scale) / math.sqrt(len(vector))


def _leading_bits(count: float) -> int:
    """A number of updates cut to its leading five bits, so that few tableaus are ever needed."""
    unit = 2 ** max(0, int(count).bit_length() - 5)
    return int(count) // unit * unit


@dataclass(frozen=True)
class Strided:
    """What `strides` returns.

    Parameters
    ----------
    states
        The state after each of the numbers of updates that were to be recorded, along the first axis.
    final
        The state after all of them.
    evaluations
        How often the update was evaluated.
    one_by_one
        Share of the updates that were made one by one.
    """

    states: np.ndarray
    final: np.ndarray
    evaluations: int
    one_by_one: float


def strides(
    update: Callable[[np.ndarray], Any],
    state: np.ndarray,
    count: int,
    *,
    rtol: float = 2e-6,
    atol: float = 2e-9,
    record: Sequence[int] = (),
) -> Strided:
    """Follow any smooth iteration w <- w + g(w) many updates at a time, from six evaluations of g.

    It pays where updates are small: a stride makes N of them as long as N times the largest eigenvalue of -dg/dw is
    below 3.3 and the state changes smoothly. Where N would be below ten, as where g is not smooth, or noise changes at
    every update, updates are made one by one, at hardly any more evaluations.

    Parameters
    ----------
    update
        g, which depends on w alone: called with a state that it may not keep, it returns what is added to that.
    state
        The first w, an array of floats of any shape; it is copied, not changed. All is computed in its precision.
    count
        Number of updates.
    rtol, atol
        Tolerances on the error of a stride, in the root mean square over entries of error / (atol + rtol |w|).
    record
        Numbers of updates, ascending, after which the state is wanted.

    Returns
    -------
    Strided
        The states recorded and the final one, and what they took.

    Raises
    ------
    ValueError
        If the state is no array of floating-point numbers, numbers of updates are negative or not ascending, a
        tolerance is below what the precision resolves, or g has not the shape of the state.

    Examples
    --------
    Logistic growth, until it is there:

    >>> cp.strides(lambda w: 1e-3 * w * (1 - w), [0.01], 20_000).final.round(6)
    array([1.])
    """
    check_array("state", state, "f")
    state = np.asarray(state)
    stops = [*record, count]
    for before, stop in zip([0, *stops], stops, strict=False):
        if not (float(stop).is_integer() and before <= stop <= count):
            raise ValueError(
                f"number of updates = {stop}; allowed: whole numbers, ascending, from {before} to {count}"
            )
    for name, least in least_tolerances(precision(state)).items():
        if not (value := {"rtol": rtol, "atol": atol}[name]) >= least:
            raise ValueError(f"{name} = {value:g}; allowed: {least:.3g} or more in {state.dtype}")

    def write(vector: np.ndarray, out: np.ndarray) -> None:
        change = np.asarray(update(vector.reshape(state.shape)))
        if change.shape != state.shape:
            raise ValueError(f"update = an array of shape {change.shape}; allowed: {state.shape}, that of the state")
        out[...] = change.ravel()

    following = Strides(write, 0, state.ravel(), int(count), rtol, atol)
    states = []
    for stop in stops:
        while following.t < stop:
            following.step(stop)
        states.append(following.at(stop).reshape(state.shape))
    recorded = np.stack(states)[:-1]
    return Strided(recorded, states[-1], following.evaluations, following.plain / max(count, 1))

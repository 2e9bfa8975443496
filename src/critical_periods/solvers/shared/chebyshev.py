"""Runge-Kutta-Chebyshev: explicit integration of flows whose Jacobian has a long, negative, real spectrum.

A gradient flow near a minimum is such a flow: its Jacobian is minus the Hessian. The method takes as many stages in a
step as stability needs; what s stages cover grows like s^2, where other explicit methods cover in proportion to s.

References
----------
B. P. Sommeijer, L. F. Shampine and J. G. Verwer, "RKC: an explicit solver for parabolic PDEs", J. Comput. Appl. Math.
88 (1998) 315-326; J. G. Verwer, Appl. Numer. Math. 22 (1996) 359-379.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from critical_periods.dynamics.arrays import alike, engine
from critical_periods.dynamics.trajectories import StepSizeError
from critical_periods.solvers.shared.spectrum import norm, spectral_radius

#: Damping of the Chebyshev polynomials (epsilon in the reference).
DAMPING = 2 / 13

#: Accepted steps after which the spectral radius is estimated afresh.
SPECTRUM_EVERY = 25

#: The estimate of the spectral radius comes from below; steps are sized for this much more.
SPECTRUM_MARGIN = 1.2

#: Called with a state and an array of the same shape: writes dy/dt into the latter.
Derivative = Callable[[Any, Any], None]


class Chebyshev:
    """Second-order Runge-Kutta-Chebyshev integrator with error control and dense output.

    Works in the precision of the state. The right-hand side does not depend on time.

    The error of a step, O(h^3), is kept at the tolerance. What steps add up to over a fixed time, O(h^2), therefore
    falls as the tolerance to the power 2/3: a hundredth of the tolerance makes a twentieth of the error. The pairs of
    SciPy go on with the more accurate one of their two results, and err in proportion to the tolerance.

    Parameters
    ----------
    derivative
        The right-hand side.
    start, state, end
        Initial time and state (a vector), and the time at which to stop.
    rtol, atol
        Tolerances on the error of a step, in the root mean square over entries of error / (atol + rtol |y|).
    """

    def __init__(self, derivative: Derivative, start: float, state: Any, end: float, rtol: float, atol: float) -> None:
        self._write, self.t, self.y, self.end, self.rtol, self.atol = derivative, start, state, end, rtol, atol
        self.xp = engine(state)
        self.eps = self.xp.finfo(state.dtype).eps
        self.f = self._derivative(state)
        # What sums are made of: coefficients times rows take a third of the time of one term after another.
        self.rows, self.ends = (self.xp.stack([state] * count) for count in (5, 4))
        # Rounding errors grow with the square of the number of stages.
        self.most_stages = max(5, int(math.sqrt(rtol / self.eps)))
        self.direction = self.f if norm(self.f) > 0 else self.xp.ones_like(self.f)
        self.radius = self._spectral_radius()
        self.h = self._first_step()
        self.age = 0
        self.last: tuple[float, float] | None = None
        self.before = self.t

    def step(self) -> None:
        """Advance by one accepted step.

        Raises
        ------
        StepSizeError
            If the step size falls below the spacing of floating-point numbers.
        """
        while True:
            left = self.end - self.t
            h = left if self.h >= left else min(self.h, left / 2)  # the last step is not to be tiny
            stages = max(2, 1 + int(math.sqrt(1 + 1.54 * h * self.radius)))
            if stages > self.most_stages:
                stages = self.most_stages
                h = (stages**2 - 1) / (1.54 * self.radius)
            if h < 10 * math.ulp(self.t):
                raise StepSizeError("the required step size is less than the spacing between numbers")
            y = self._advance(h, stages)
            f = self._derivative(y)
            for row, part in zip(self.ends, (self.y, y, self.f, f), strict=True):
                row[...] = part
            error = self._norm(self._between(0.8, -0.8, 0.4 * h, 0.4 * h), y)
            if error < 1:
                break
            self.h = h * (max(0.1, 0.8 / error ** (1 / 3)) if math.isfinite(error) else 0.1)
            if self.age:
                self.radius, self.age = self._spectral_radius(), 0
        self.before = self.t
        self.t = self.end if h == left else self.t + h
        self.y, self.f = y, f
        error = max(error, 1e-6)
        growth = 0.8 / error ** (1 / 3)
        if self.last is not None:
            growth = min(growth, growth * h / self.last[0] * (self.last[1] / error) ** (1 / 3))
        self.last = (h, error)
        self.h = h * min(10.0, max(0.1, growth))
        self.age += 1
        if self.age >= SPECTRUM_EVERY and self.t < self.end:
            self.radius, self.age = self._spectral_radius(), 0

    def at(self, time: float) -> Any:
        """State at a time within the last step, by cubic Hermite interpolation.

        It is as accurate as the step's end, also in components that decay within the step and that its many stages
        damp: Hermite's cubic has 4/27 h f of them, and the error estimate 0.8 (y - y_new) + 0.4 h (f + f_new), which
        is below the tolerance, bounds h f by 2.5 tolerances.
        """
        h = self.t - self.before
        s = (time - self.before) / h
        rest = 1 - s
        return self._between(rest**2 * (1 + 2 * s), s**2 * (3 - 2 * s), h * s * rest**2, -h * s**2 * rest)

    def _between(self, *coefficients: float) -> Any:
        """Sum of states and slopes at begin and end of a step: y, y_new, f, f_new."""
        return alike(np.array(coefficients), self.y) @ self.ends

    def _derivative(self, state: Any) -> Any:
        out = self.xp.empty_like(state)
        self._write(state, out)
        return out

    def _advance(self, h: float, stages: int) -> Any:
        """Make one step, without judging its error."""
        begin, begin_slope, slope, *states = self.rows
        begin[...], begin_slope[...], states[1][...] = self.y, self.f, self.y
        coefficients = alike(_coefficients(stages) * [1, h, h, 1, 1], self.y)
        state = self.y + coefficients[0, 1] * self.f
        for stage in range(1, stages):
            states[(stage - 1) % 2][...] = state
            self._write(state, slope)
            self.xp.matmul(coefficients[stage : stage + 1], self.rows, out=state[None])
        return state

    def _norm(self, vector: Any, other: Any) -> float:
        scale = self.xp.maximum(abs(self.y), abs(other))
        scale *= self.rtol
        scale += self.atol
        return norm(vector / scale) / math.sqrt(len(vector))

    def _spectral_radius(self) -> float:
        """Estimate, with a margin, the spectral radius, from the direction found the last time."""
        size = max(norm(self.y), self.atol * math.sqrt(len(self.y)))
        distance = math.sqrt(self.eps) * size
        radius, self.direction = spectral_radius(self._derivative, self.y, self.f, self.direction, distance)
        return SPECTRUM_MARGIN * radius

    def _first_step(self) -> float:
        span = self.end - self.t
        h = min(span, 1 / self.radius) if self.radius > 0 else span
        change = self._derivative(self.y + h * self.f) - self.f
        error = h * self._norm(change, self.y)
        if not math.isfinite(error):
            return 1e-3 * h
        return min(span, 0.1 * h / math.sqrt(error)) if error > 0 else span


@lru_cache(maxsize=1000)
def _coefficients(stages: int) -> np.ndarray:
    """Coefficients of the stages 1, ..., s of the reference's eq 2.2, shape (stage, row).

    Those of y_0, f_0, f(y_(j-1)), and of y_(j-1) and y_(j-2), which take turns in the last two rows; those of slopes
    over h.
    """
    w0 = 1 + DAMPING / stages**2
    root = math.sqrt(w0**2 - 1)
    argument = stages * math.log(w0 + root)
    w1 = math.sinh(argument) * root**2
    w1 /= math.cosh(argument) * stages * root - w0 * math.sinh(argument)
    b_below = b = 1 / (2 * w0) ** 2
    rows = [[1.0, w1 * b, 0.0, 0.0, 0.0]]
    # Chebyshev polynomials of w0 and their first two derivatives, by recurrence.
    t_below, t, d_below, d, dd_below, dd = 1.0, w0, 0.0, 1.0, 0.0, 0.0
    for stage in range(2, stages + 1):
        a = 1 - t * b
        dd, dd_below = 2 * w0 * dd - dd_below + 4 * d, dd
        d, d_below = 2 * w0 * d - d_below + 2 * t, d
        t, t_below = 2 * w0 * t - t_below, t
        b_new = dd / d**2
        mu, nu = 2 * w0 * b_new / b, -b_new / b_below
        mu_tilde = mu * w1 / w0
        # The stage before is in the fourth row, the one before that in the fifth, and then the other way round.
        rows.append([1 - mu - nu, -a * mu_tilde, mu_tilde, *((mu, nu) if stage % 2 == 0 else (nu, mu))])
        b_below, b = b, b_new
    return np.array(rows)

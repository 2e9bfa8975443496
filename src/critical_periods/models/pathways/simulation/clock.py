"""The clock of the error, by which pathways that begin alike run through the same states (docs/theory.md)."""

from __future__ import annotations

import numpy as np
import scipy.integrate
import scipy.optimize

from critical_periods.models.pathways.simulation.scalar import initial_scales, pathway_singular_value, scales


class Clock:
    """Reading of the clock and states of the pathways, each by the other.

    dp/dtheta = q^(D-1), from p(0) at theta = 0 on to where K = s.

    Parameters
    ----------
    singular_value, depth, imbalance
        s, D and C = q^2 - p^2.
    init
        p(0) of all pathways.
    """

    def __init__(self, singular_value: float, depth: int, imbalance: float, init: float) -> None:
        self.singular_value, self.depth, self.imbalance = singular_value, depth, imbalance

        def speed(p: np.ndarray) -> np.ndarray:
            return (imbalance + p * p) ** ((depth - 1) / 2)

        settings = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-13, "dense_output": True}
        top = float(scales(singular_value, depth, imbalance)[0])
        read = scipy.integrate.solve_ivp(lambda p, _: 1 / speed(p), (init, top), [0.0], **settings)
        self._end, self._reading = float(read.y[0, -1]), read.sol
        self._p = scipy.integrate.solve_ivp(lambda _, p: speed(p), (0, self._end), [init], **settings).sol

    def reading(self, p: np.ndarray) -> np.ndarray:
        """Theta of pathways that have got to p."""
        return np.asarray(self._reading(p)[0])

    def strength(self, reading: float) -> float:
        """K of a pathway at theta."""
        p, q = initial_scales(self._p(reading)[0], self.imbalance)
        return float(pathway_singular_value(p, q, self.depth))

    def impairment(self, delay: float, n_pathways: int) -> float:
        """Share of s that a pathway ends up short of, whose clock has stood still for a while.

        Parameters
        ----------
        delay
            How far its clock is behind that of the n - 1 others.
        n_pathways
            n, 2 or more.
        """

        def excess(reading: float) -> float:
            behind = self.strength(max(reading - delay, 0.0))
            return (n_pathways - 1) * self.strength(reading) + behind - self.singular_value

        end = scipy.optimize.brentq(excess, 0, self._end, xtol=1e-13)
        return 1 / n_pathways - self.strength(max(end - delay, 0.0)) / self.singular_value

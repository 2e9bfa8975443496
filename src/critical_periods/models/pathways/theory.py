"""When the period closes for pathways, in theory: the clock of the error (docs/theory.md)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import scipy.integrate
import scipy.optimize
import xarray as xr

from critical_periods.models.coverage import beyond, not_predicted
from critical_periods.models.pathways.scalar import initial_scales, pathway_singular_value, scales

#: Parameters that the theory covers: what pathways grow by, which are all alike, and what counts or records epochs.
COVERS = frozenset(
    {"seed", "solver", "rtol", "atol", "learning_rate", "epochs", "record_every", "portrait"}
    | {"n_pathways", "singular_value", "imbalance", "init_mean", "init_sd", "n_trajectories"}
    | {"gated_pathway", "duration", "lesion_onset", "lesion_duration"}
)

#: What it assumes of others; of `depth`, that it is one for all pathways.
ASSUMED = {
    "onset": 0,
    "plasticity": 0,
    "alternate_every": None,
    "lesioned_pathway": None,
    "init_handicap": 1,
    "depth_handicap": 0,
}


def predict(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
    """A cell with `predicted_closing`, in epochs, where the experiment varies the duration of the deficit.

    NaN where the cell has parameters that the theory does not cover (`COVERS`) and that are not as `ASSUMED`, or
    pathways have depths or initial conditions of their own. The attribute `not_predicted` names these parameters.

    Parameters
    ----------
    dataset, parameters
        Dataset and parameters of the cell.
    axes
        Axes of the experiment. A duration that is not on its axis counts other epochs than the axis does
        (`epochs_at_rate`); then there is no prediction.
    """
    if parameters["duration"] not in axes.get("duration", ()):
        return dataset
    closing = float("nan")
    covers = COVERS if isinstance(parameters["depth"], list) else COVERS | {"depth"}
    unlike = beyond(covers, ASSUMED, parameters)
    if not unlike:
        given = ("singular_value", "depth", "imbalance", "init_mean", "n_pathways")
        closing = gating_closing(*(parameters[name] for name in given)) / parameters["learning_rate"]
    return dataset.assign(predicted_closing=closing).assign_attrs(not_predicted(predicted_closing=unlike))


@cache
def gating_closing(
    singular_value: float, depth: int, imbalance: float = 0.0, init: float = 0.0, n_pathways: int = 2
) -> float:
    """Duration of gating, from the start on, that costs a pathway half of what an endless deficit costs it.

    All pathways obey dp/dtheta = q^(D-1) (eq 7), where the clock theta = integral of the error (s - sum K) dt is the
    same for all and stands still for a gated one. So all that a deficit does is to set the gated pathway's clock back
    by delta, the integral of the error over its duration, and training ends where
    (n - 1) K(theta) + K(theta - delta) = s.

    Undisturbed, a pathway ends at s/n; after an endless deficit at its initial K_0. Half way lies K_b = (s/n + K_0)/2,
    and K_a = (s - K_b)/(n - 1) of the others. The clocks of the two differ by the integral of dp/q^(D-1) from p(K_b)
    to p(K_a), and the closing is the time in which the others, learning alone, run that far:
    dt/dtheta = 1 / (s - K_0 - (n - 1) K(theta)).

    Parameters
    ----------
    singular_value, depth, imbalance
        s, D and C = q^2 - p^2.
    init
        p(0) of all pathways.
    n_pathways
        n, one of which is gated.

    Returns
    -------
    float
        In units of time, of which an epoch has as many as its learning rate; NaN where K_0 is s/n or more.
    """
    others = n_pathways - 1
    p, q = (float(scale) for scale in initial_scales(init, imbalance))
    start = float(pathway_singular_value(p, q, depth))
    if others < 1 or start >= singular_value / n_pathways:
        return float("nan")

    def speed(p: float) -> float:
        return (imbalance + p * p) ** ((depth - 1) / 2)

    loser = (singular_value / n_pathways + start) / 2
    ends = [float(scales(strength, depth, imbalance)[0]) for strength in (loser, (singular_value - loser) / others)]
    delay, _ = scipy.integrate.quad(lambda p: 1 / speed(p), *ends, epsabs=0, epsrel=1e-10)

    def rates(_theta: float, state: np.ndarray) -> list[float]:
        fast = speed(state[0])
        return [fast, 1 / (singular_value - start - others * state[0] * fast)]

    solution = scipy.integrate.solve_ivp(rates, (0, delay), [p, 0.0], "LSODA", rtol=1e-10, atol=1e-14)
    return float(solution.y[1, -1])


class Clock:
    """The clock of the error, by which pathways that begin alike run through the same states (docs/theory.md).

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

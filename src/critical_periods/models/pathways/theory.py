"""When the period closes for pathways, in theory: the clock of the error (docs/theory.md)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import scipy.integrate
import xarray as xr

from critical_periods.analysis.learning import LEARNED
from critical_periods.dynamics.coverage import beyond, not_predicted
from critical_periods.models.pathways.simulation.scalar import initial_scales, pathway_singular_value, scales

#: Parameters that the theory covers: what pathways grow by, which are all alike, and what counts or records epochs.
COVERS = frozenset(
    {"seed", "solver", "rtol", "atol", "learning_rate", "epochs_at_rate", "epochs", "record_every", "portrait"}
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
    """A cell in the experiment's epochs, with `predicted_closing` where the experiment varies the deficit's duration.

    Cells count epochs at their own learning rate, an experiment at its `epochs_at_rate`. The prediction is NaN where
    the cell has parameters that the theory does not cover (`COVERS`) and that are not as `ASSUMED`, or pathways have
    depths or initial conditions of their own; the attribute `not_predicted` names these parameters.

    Parameters
    ----------
    dataset, parameters
        Dataset and parameters of the cell; `epochs_at_rate` of the experiment.
    axes
        Axes of the experiment.
    """
    rate = parameters.get("epochs_at_rate") or parameters["learning_rate"]
    dataset = _counted(dataset, rate / parameters["learning_rate"])
    if "duration" not in axes:
        return dataset
    closing = float("nan")
    covers = COVERS if isinstance(parameters["depth"], list) else COVERS | {"depth"}
    unlike = beyond(covers, ASSUMED, parameters)
    if not unlike:
        given = ("singular_value", "depth", "imbalance", "init_mean", "n_pathways")
        closing = gating_closing(*(parameters[name] for name in given)) / rate
    return dataset.assign(predicted_closing=closing).assign_attrs(not_predicted(predicted_closing=unlike))


def _counted(dataset: xr.Dataset, pace: float) -> xr.Dataset:
    """A cell in epochs of which each lasts as long as `pace` of its own."""
    if pace == 1:
        return dataset
    # Not to whole epochs, of which two that are recorded might then be one.
    coordinates = {name: (dataset[name] / pace).round(6) for name in ("epoch", "duration") if name in dataset.coords}
    variables = {name: dataset[name] / pace for name in ("recovery_epochs", "path_epoch") if name in dataset}
    return dataset.assign_coords(coordinates).assign(variables)


def predict_learning(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
    """A cell of every schedule with `remaining_loss` and `learned`, of pathways that nothing gates.

    No loss of them is recorded. Pathways that begin alike stay alike, so that eq 7 with K_a + K_b + ... = n K is all
    there is to integrate.

    Parameters
    ----------
    dataset, parameters, axes
        As of `predict`.
    """
    depth, imbalance, count = (parameters[name] for name in ("depth", "imbalance", "n_pathways"))

    def error(p: float) -> float:
        return float(parameters["singular_value"] - count * p * (imbalance + p * p) ** ((depth - 1) / 2))

    def velocity(_time: float, p: np.ndarray) -> np.ndarray:
        return (imbalance + p * p) ** ((depth - 1) / 2) * error(p[0])

    start, time = parameters["init_mean"], parameters["epochs"] * parameters["learning_rate"]
    solution = scipy.integrate.solve_ivp(velocity, (0, time), [start], "LSODA", rtol=1e-8, atol=1e-10)
    remaining = (error(solution.y[0, -1]) / error(start)) ** 2
    return dataset.assign(remaining_loss=remaining, learned=remaining < LEARNED)


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

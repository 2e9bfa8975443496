"""When the period closes: how long a deficit may last before it harms, in theory and as measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import scipy.integrate
import scipy.stats
import xarray as xr

from critical_periods.measures import HARM, RUNS
from critical_periods.models.closed_form import time_to_reach
from critical_periods.models.scalar_pathways import initial_scales, pathway_singular_value, scales

DESCRIPTIONS = {
    "predicted_closing": ("predicted closing: deficit that does half the harm", "epoch"),
    "measured_closing": ("measured closing: deficit that does half the harm", "epoch"),
}

#: What the theories assume of a cell.
MATRIX_THEORY = {
    "onset": 0,
    "activation": "linear",
    "observations": "random",
    "pretrain_matrix": "random",
    "pretrain_task": "other",
}
PATHWAY_THEORY = {
    "onset": 0,
    "plasticity": 0,
    "alternate_every": None,
    "lesioned_pathway": None,
    "init_handicap": 1,
    "depth_handicap": 0,
}


def measured_closing(harm: xr.DataArray, dim: str) -> xr.DataArray:
    """Duration at which the harm first reaches half of what the longest deficit does, interpolated in log duration.

    Parameters
    ----------
    harm
        Harm after deficits of all durations.
    dim
        The axis of durations.

    Returns
    -------
    xarray.DataArray
        In the unit of the durations. NaN where the longest deficit does less harm than `measures.HARM`, so that the
        period never closes, and where the shortest one above 0 already does half, so that it is over before.
    """
    harm = harm.sortby(dim)
    durations = harm[dim].values.astype(float)

    def closing(series: np.ndarray) -> float:
        level = series[-1] / 2
        reached = int(np.argmax(series >= level))
        if not series[-1] >= HARM or reached == 0 or durations[reached - 1] <= 0:
            return float("nan")
        around = slice(reached - 1, reached + 1)
        return float(np.exp(np.interp(level, series[around], np.log(durations[around]))))

    return xr.apply_ufunc(closing, harm, input_core_dims=[[dim]], vectorize=True)


def compared(dataset: xr.Dataset, predicted: str, measured: str) -> xr.Dataset:
    """Predictions beside measurements, a point for every setting.

    Parameters
    ----------
    dataset
        Dataset with both variables.
    predicted, measured
        Names of the variables, in the same unit.

    Returns
    -------
    xarray.Dataset
        Over `point`, with the settings as coordinates: `predicted` and `measured` (geometric means over runs), `low`
        and `high` (the smallest and largest run measured), and `known`: whether both are positive numbers.
    """
    both = xr.broadcast(dataset[predicted].where(dataset[predicted] > 0), dataset[measured])
    theory, runs = both[0], both[1].where(both[1] > 0)
    over = [axis for axis in RUNS if axis in runs.dims]
    points = xr.Dataset(
        {
            "predicted": 10 ** xr.ufuncs.log10(theory).mean(over),
            "measured": 10 ** xr.ufuncs.log10(runs).mean(over),
            "low": runs.min(over),
            "high": runs.max(over),
        }
    )
    points["known"] = points["predicted"].notnull() & points["measured"].notnull()
    points = points if points["known"].dims else points.expand_dims("setting")
    return points.stack(point=points["known"].dims).reset_index("point")


def agreement(points: xr.Dataset) -> tuple[float, float, int]:
    """How well predictions hold: Spearman's correlation, the median factor by which they are off, number of points."""
    known = points["known"].values
    x, y = points["predicted"].values[known], points["measured"].values[known]
    if len(x) < 3:
        return float("nan"), float("nan"), len(x)
    return float(scipy.stats.spearmanr(x, y).statistic), float(np.exp(np.median(abs(np.log(y / x))))), len(x)


def predicted_closing(model: str, parameters: Mapping[str, Any]) -> float:
    """Closing that theory predicts for a cell, from its parameters alone, in epochs.

    NaN where the theory says nothing: a single layer, or a cell that is not as `MATRIX_THEORY` or `PATHWAY_THEORY`
    have it.

    Parameters
    ----------
    model
        `matrix_completion` or `scalar_pathways`.
    parameters
        The parameters of the cell.
    """
    plain: dict[str, Any] = MATRIX_THEORY if model == "matrix_completion" else PATHWAY_THEORY
    if any(parameters[name] != value for name, value in plain.items()):
        return float("nan")
    if model == "matrix_completion":
        rate = parameters["epochs_at_rate"] or parameters["learning_rate"]
        size, rank, init_scale, depth = (parameters[name] for name in ("size", "pretrain_rank", "init_scale", "depth"))
        return task_closing(size, rank, init_scale, rate, depth)
    time = gating_closing(
        *(parameters[name] for name in ("singular_value", "depth", "imbalance", "init_mean", "n_pathways"))
    )
    return time / parameters["learning_rate"]


def task_closing(size: int, rank: int, init_scale: float, learning_rate: float, depth: int) -> float:
    """Epochs in which the modes of a first task are half learned (eq 19).

    With all entries observed, a mode grows as ds/dt = N s^(2 - 2/N) (s* - s) / tau, tau = n^2 / learning rate, from
    the initial scale to the task's singular values, all of them near s* = n / sqrt(rank). Observing a part of the
    entries at random leaves tau: the averaged loss has the same gradient in expectation.

    Parameters
    ----------
    size, rank
        n, and the rank of the first task, whose matrix has the norm n.
    init_scale
        Strength that a mode begins with.
    learning_rate, depth
        As in training.

    Returns
    -------
    float
        NaN for a single layer, which forgets the first task, and where a mode begins beyond s*/2.
    """
    target = size / math.sqrt(rank)
    if depth < 2 or init_scale >= target / 2:
        return float("nan")
    return time_to_reach(target / 2, target, init_scale, size**2 / learning_rate, depth)


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

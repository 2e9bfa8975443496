"""When the period closes in matrix completion, and when it reopens, in theory: the time in which modes are learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import xarray as xr

from critical_periods.dynamics.coverage import beyond, not_predicted
from critical_periods.models.matrix_completion.simulation.assumed import ASSUMED, COVERS
from critical_periods.models.matrix_completion.simulation.gaussian_layers import gaussian_start
from critical_periods.models.product_matrix.simulation.closed_form import time_to_reach

#: What the theory of recovery assumes of cells beside `ASSUMED`, the cure apart; it covers the rest of `COVERS`.
ASSUMED_OF_CURES = {"cure_layer": None, "final_matrix": "random", "imbalance": None}

#: Cures that it covers.
CURES = ("shrink", "decay")


def predict(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
    """A cell with `predicted_closing` and, among strengths of a cure, `predicted_recovery_epochs`.

    In epochs, from its parameters alone; NaN where the theory says nothing: a single layer, a cell with parameters
    that it does not cover (`COVERS`) and that are not as `ASSUMED`, and of the recovery also one that is not as
    `ASSUMED_OF_CURES`. The attribute `not_predicted` names these parameters.

    Parameters
    ----------
    dataset, parameters
        Dataset and parameters of the cell.
    axes
        Axes of the experiment.
    """
    closing = recovery = float("nan")
    rate = parameters["epochs_at_rate"] or parameters["learning_rate"]
    size, init_scale, depth = (parameters[name] for name in ("size", "init_scale", "depth"))
    unlike = beyond(COVERS, ASSUMED, parameters)
    if not unlike:
        rank, imbalance = parameters["pretrain_rank"], parameters.get("imbalance") or 0.0
        closing = task_closing(size, rank, init_scale, rate, depth, imbalance)
    if "cure_strength" not in axes:
        return dataset.assign(predicted_closing=closing).assign_attrs(not_predicted(predicted_closing=unlike))
    cure = parameters.get("cure")
    assumed = ASSUMED | ASSUMED_OF_CURES | {"cure": cure if cure in CURES else None}
    beside = beyond(COVERS - ASSUMED_OF_CURES.keys(), assumed, parameters)
    if cure is not None and not beside:
        rank, strength = parameters["final_rank"], parameters["cure_strength"]
        lasts = parameters.get("cure_onset", 0) + parameters.get("cure_epochs", 0)
        recovery = lasts + escape(size, rank, init_scale, rate, depth, strength)
    reasons = not_predicted(predicted_closing=unlike, predicted_recovery_epochs=beside)
    return dataset.assign(predicted_closing=closing, predicted_recovery_epochs=recovery).assign_attrs(reasons)


def task_closing(
    size: int, rank: int, init_scale: float, learning_rate: float, depth: int, imbalance: float = 0.0
) -> float:
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
    imbalance
        lambda of two lambda-balanced layers.

    Returns
    -------
    float
        NaN for a single layer, which forgets the first task, and where a mode begins beyond s*/2.
    """
    target = size / math.sqrt(rank)
    if depth < 2 or init_scale >= target / 2:
        return float("nan")
    return time_to_reach(target / 2, target, init_scale, size**2 / learning_rate, depth, imbalance)


def escape(size: int, rank: int, init_scale: float, learning_rate: float, depth: int, strength: float) -> float:
    """Epochs in which the modes of a final task are half learned anew, all weights having fallen to exp(-strength).

    Modes near s* = n / sqrt(rank) fall to s* exp(-N strength), at most to where those of a network newly drawn count
    as beginning, `gaussian_start` of the initial scale, and grow as in `task_closing`.

    Parameters
    ----------
    size, rank, init_scale, learning_rate, depth
        As of `task_closing`, of the final task.
    strength
        Number of times that weights have fallen to 1/e.

    Returns
    -------
    float
        NaN for a single layer; 0 where modes do not fall below s*/2.
    """
    if depth < 2:
        return float("nan")
    target = size / math.sqrt(rank)
    start = max(target * math.exp(-depth * strength), gaussian_start(depth) * init_scale)
    return time_to_reach(target / 2, target, start, size**2 / learning_rate, depth) if start < target / 2 else 0.0

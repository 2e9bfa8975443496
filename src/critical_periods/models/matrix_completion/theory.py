"""When the period closes in matrix completion, in theory: the time in which a mode of the first task is learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import xarray as xr

from critical_periods.models.matrix_completion.parameters import ASSUMED
from critical_periods.models.product_matrix.closed_form import time_to_reach


def predict(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
    """A cell with `predicted_closing`, in epochs, from its parameters alone.

    NaN where the theory says nothing: a single layer, or a cell that is not as `ASSUMED`.

    Parameters
    ----------
    dataset, parameters
        Dataset and parameters of the cell.
    axes
        Axes of the experiment.
    """
    closing = float("nan")
    if all(parameters.get(name, value) == value for name, value in ASSUMED.items()):
        rate = parameters["epochs_at_rate"] or parameters["learning_rate"]
        size, rank, init_scale, depth = (parameters[name] for name in ("size", "pretrain_rank", "init_scale", "depth"))
        closing = task_closing(size, rank, init_scale, rate, depth, parameters.get("imbalance") or 0.0)
    return dataset.assign(predicted_closing=closing)


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

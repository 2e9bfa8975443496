"""Activation functions, and their slopes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from critical_periods.dynamics.landscape import Parameters

#: Activation -> the function, and its derivative as a function of its value; None is the linear network.
ACTIVATIONS: dict[str, tuple[Callable, Callable] | None] = {
    "linear": None,
    "tanh": (torch.tanh, lambda value: 1 - value.square()),
    "relu": (torch.relu, lambda value: (value > 0).to(value.dtype)),
}


def vanishes(matrices: Parameters) -> torch.Tensor:
    """Whether all entries of all matrices (..., rows, columns) of a run are exactly 0, shape (...)."""
    return torch.stack([(matrix == 0).flatten(-2).all(-1) for matrix in matrices]).all(0)

"""Activation functions, and their slopes."""

from __future__ import annotations

from collections.abc import Callable

import torch

#: Activation -> the function, and its derivative as a function of its value; None is the linear network.
ACTIVATIONS: dict[str, tuple[Callable, Callable] | None] = {
    "linear": None,
    "tanh": (torch.tanh, lambda value: 1 - value.square()),
    "relu": (torch.relu, lambda value: (value > 0).to(value.dtype)),
}

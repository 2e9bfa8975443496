"""What a cell costs: seconds on the machine of `critical_periods.planning.estimate`, and bytes on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Gradients of gradient flow for an update of gradient descent in its place and for each layer but one; measured.
GRADIENTS = 0.0092

#: The same in strides, at a learning rate of 0.2, and by what power it grows with the layers but one; measured.
STRIDED, POWER = 0.014, 1.6

#: Seconds at n = 100: a matrix product, the singular values of a record, and all else of an update, of a gradient of
#: gradient flow and of one in strides.
PRODUCT, RECORD, UPDATE, GRADIENT, STRIDE = 10e-6, 0.4e-3, 8e-6, 0.16e-3, 0.1e-3


def pretraining_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a pre-training, which keeps the weights at every switch epoch."""
    switch_epochs = parameters["switch_epochs"]
    seconds, records = _training(parameters, parameters["onset"] + switch_epochs[-1])
    itemsize = 8 if parameters["dtype"] == "float64" else 4
    kept = 0.95 * itemsize * len(switch_epochs) * parameters["depth"] * parameters["size"] ** 2
    return seconds, kept + _recorded(parameters, records)


def completion_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of what follows on it, for all switch epochs."""
    runs = len(parameters["switch_epochs"])
    seconds, records = _training(parameters, runs * parameters["final_epochs"])
    before = sum(parameters["switch_epochs"]) / parameters["record_every"]
    return seconds, _recorded(parameters, records + before)


def _training(parameters: Mapping[str, Any], epochs: int) -> tuple[float, float]:
    """Seconds of training for some epochs, counted over all runs, and records of it."""
    relative = parameters["size"] / 100
    rate = parameters["epochs_at_rate"] or parameters["learning_rate"]
    layers, updates = parameters["depth"] - 1, epochs * rate / parameters["learning_rate"]
    products = 3 * layers * PRODUCT * relative**3
    if parameters["solver"] == "gradient_flow":
        gradients = updates * GRADIENTS * max(layers, 0.5)
        seconds = gradients * (products + GRADIENT * relative**2)
    elif parameters["solver"] == "strided_descent":
        share = STRIDED * max(layers, 0.5) ** POWER * parameters["learning_rate"] / 0.2
        seconds = updates * min(share, 1.0) * (products + STRIDE * relative**2)
    else:
        seconds = updates * (products + UPDATE * relative**2)
    records = epochs / parameters["record_every"]
    looks = 1 + 3 * parameters["diagnostics"] + 60 * parameters["sharpness"]
    precision = 2 if parameters["dtype"] == "float64" else 1
    return precision * seconds + records * RECORD * relative**3 * looks, records


def _recorded(parameters: Mapping[str, Any], records: float) -> float:
    return 3e4 + 3.0 * records * (parameters["n_singular_values"] + 4)

"""Runs of a batch one after the other, each with its parameters in one vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

from critical_periods.dynamics.arrays import engine
from critical_periods.dynamics.landscape import Model, Parameters
from critical_periods.dynamics.schedules import Phase, Schedule, of_run


def single_runs(model: Model, parameters: Parameters, schedule: Schedule) -> list[tuple[Parameters, Schedule]]:
    """Parameters and schedule of every run of a batch, as a batch of one; of a model that is no batch, as they are."""
    if not getattr(model, "batched", False):
        return [(parameters, schedule)]
    count = len(parameters[0])
    return [
        ([parameter[run : run + 1] for parameter in parameters], [of_run(phase, run, count) for phase in schedule])
        for run in range(count)
    ]


def joined(runs: Sequence[Sequence[Any]]) -> list[Any]:
    """Parameters of single runs as those of one batch."""
    if len(runs) == 1:
        return list(runs[0])
    return [engine(parts[0]).concatenate(parts) for parts in zip(*runs, strict=True)]


def as_vector(parameters: Parameters) -> Any:
    """All parameters in one new vector."""
    return engine(parameters[0]).concatenate([parameter.reshape(-1) for parameter in parameters])


class VectorGradient:
    """A factor times the gradient of a phase, on one vector that holds all parameters; counts evaluations.

    A model's own `bind_gradient`, where it has one, replaces `gradient`.
    """

    def __init__(self, model: Model, parameters: Parameters, phase: Phase, scale: float) -> None:
        self.phase = phase
        self.shapes = [tuple(parameter.shape) for parameter in parameters]
        self.parts = [slice(*ends) for ends in pairwise(accumulate(map(math.prod, self.shapes), initial=0))]
        bind = getattr(model, "bind_gradient", None) or partial(plain_gradient, model)
        self._bound = bind(parameters, phase, scale)
        self.evaluations = 0

    def views(self, vector: Any) -> list[Any]:
        """Parameters that share the memory of a vector."""
        return [vector[part].reshape(shape) for part, shape in zip(self.parts, self.shapes, strict=True)]

    def __call__(self, vector: Any, out: Any) -> None:
        """Write the factor times the gradient into `out`."""
        self.evaluations += 1
        self._bound(self.views(vector), self.views(out))


def plain_gradient(
    model: Model, _like: Parameters, phase: Phase, scale: float
) -> Callable[[Parameters, Parameters], None]:
    """Bind a factor times the gradient of a model that has no `bind_gradient`."""

    def write(parameters: Parameters, out: Parameters) -> None:
        for slot, slope in zip(out, model.gradient(parameters, phase), strict=True):
            slot[...] = scale * slope

    return write

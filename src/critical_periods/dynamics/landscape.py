"""What a solver needs to know of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from critical_periods.dynamics.schedules import Phase, Schedule

#: The arrays that training moves: NumPy arrays or torch tensors, one for each layer (or variable) of the model.
Parameters = Sequence[Any]

#: Quantities recorded along a trajectory: name -> (names of the axes, values).
Observations = dict[str, tuple[tuple[str, ...], Any]]


#: What solvers do by themselves: models that do not say what they honour get no more.
BY_SOLVERS = frozenset({"rate"})


class Model(Protocol):
    """A loss landscape that changes from phase to phase.

    A model holds no parameters and draws no random numbers: parameters, targets and masks come in as arrays.
    """

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the leading axes that number independent runs; the axes of the training loss."""

    @property
    def honours(self) -> frozenset[str]:
        """What it honours of a phase beyond the target of its task, names of `Phase.asks`; solvers refuse the rest."""

    def gradient(self, parameters: Parameters, phase: Phase) -> Sequence[Any]:
        """Gradient of the loss, as the phase's deficits let it through, in the shapes of the parameters."""

    def observe(self, parameters: Parameters, phase: Phase) -> Observations:
        """Quantities to record; among them `train_loss` on the phase's task, one value for each independent run.

        `dead`, over `dims` too, is not recorded: whether a run's output is exactly 0, unlike its loss, and no gradient
        reaches its weights. A model that training can leave so far from its task observes it.
        """


def check_honoured(model: Model, schedule: Schedule) -> None:
    """Refuse a schedule with a phase that asks for what the model would not do.

    Raises
    ------
    ValueError
        With the phase, what it asks for, and what the model honours.
    """
    honours = getattr(model, "honours", BY_SOLVERS)
    for phase in schedule:
        for name, value in phase.asks().items():
            if name not in honours:
                known = ", ".join(sorted(honours)) or "no more than the target of its task"
                raise ValueError(
                    f"phase {phase.name!r}: {name} = {value}; allowed: what {type(model).__name__} honours, {known}"
                )


class Batched(Model, Protocol):
    """A model of which several independent runs can be trained as one batch, and taken apart again."""

    @property
    def batched(self) -> bool:
        """Whether the first axis of every parameter, and of tasks of more than two axes, numbers independent runs."""


class Descending(Model, Protocol):
    """A model that knows a faster update than `parameters -= learning_rate * gradient`."""

    def descent(self, parameters: Parameters, phase: Phase, learning_rate: float) -> Callable[[int], None]:
        """Bind an update to parameters and phase; calling it with k makes k updates in place."""


class Binding(Model, Protocol):
    """A model that knows a faster gradient, once the phase and the shapes of the parameters are fixed."""

    def bind_gradient(
        self, parameters: Parameters, phase: Phase, scale: float
    ) -> Callable[[Parameters, Parameters], None]:
        """Bind a factor times the gradient; calling it with parameters and out writes that into out."""

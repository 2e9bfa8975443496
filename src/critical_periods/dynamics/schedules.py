"""Phases and schedules: a deficit is nothing but a phase in which another gradient drives the parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Task:
    """What a model is asked to reproduce.

    Parameters
    ----------
    target
        The matrix M to reach, shape (..., rows, columns); leading axes are independent runs.
    mask
        True where an entry of the target is observed, same shape; None when all of it is.
    scored
        True where an entry counts for the reconstruction error, same shape; None when all of them do.
    """

    target: Any
    mask: Any = None
    scored: Any = None


@dataclass(frozen=True)
class Jump:
    """What happens to the parameters at once where a phase begins: they shrink, and an array is added to each.

    Noise is a jump, and so are shrink-and-perturb and a layer drawn anew.

    Parameters
    ----------
    keep
        Factor on each of the parameters.
    add
        What is then added to each, in its shape, drawn outside.
    """

    keep: Sequence[float]
    add: Sequence[Any]


@dataclass(frozen=True)
class Phase:
    """One stretch of training.

    Parameters
    ----------
    name
        Label recorded beside every epoch of the phase.
    epochs
        Its length, in updates of gradient descent (or learning rates of time).
    task
        The task whose loss drives the gradient.
    plasticity
        Factor on the gradient of a pathway, by its name: 0 is the gating deficit of appendix A.1,
        between 0 and 1 partial gating; pathways not named keep 1.
    lesions
        Modes (numbered from 0) that a pathway, by its name, cannot express.
    layer_plasticity
        Factor on the gradient of a layer of a factorization, by its number from 1, the first, on: 0 freezes it; layers
        not named keep 1.
    rate
        Factor on the learning rate.
    decay
        Weight decay: this times the parameters is added to the gradient of the loss, which itself has no such term.
    jump
        What happens to the parameters where the phase begins, if anything.
    """

    name: str
    epochs: int
    task: Task
    plasticity: Mapping[str, float] = field(default_factory=dict)
    lesions: Mapping[str, Sequence[int]] = field(default_factory=dict)
    layer_plasticity: Mapping[int, float] = field(default_factory=dict)
    rate: float = 1.0
    decay: float = 0.0
    jump: Jump | None = None

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise ValueError(f"phase {self.name!r}: epochs = {self.epochs}; allowed: 0 or more")
        if not self.rate > 0:
            raise ValueError(f"phase {self.name!r}: rate = {self.rate}; allowed: above 0")
        if not self.decay >= 0:
            raise ValueError(f"phase {self.name!r}: decay = {self.decay}; allowed: 0 or more")
        if self.jump is not None and self.epochs == 0:
            raise ValueError(f"phase {self.name!r}: jump in a phase of 0 epochs; allowed: in one of 1 or more")
        for what, factors in (("pathway", self.plasticity), ("layer", self.layer_plasticity)):
            for name, factor in factors.items():
                if not 0 <= factor <= 1:
                    raise ValueError(f"phase {self.name!r}: plasticity of {what} {name!r} = {factor}; allowed: 0 to 1")

    def asks(self) -> dict[str, Any]:
        """What the phase asks of a landscape beyond the target of its task: what is not neutral, by name.

        Every field of phase and task counts, those of a subclass too, so that none can be ignored.
        """
        parts = {part.name: getattr(self.task, part.name) for part in fields(self.task) if part.name != "target"}
        asked = {name: "an array" for name, value in parts.items() if value is not None}
        neutral = {
            "plasticity": all(factor == 1 for factor in self.plasticity.values()),
            "lesions": not any(map(len, self.lesions.values())),
            "layer_plasticity": all(factor == 1 for factor in self.layer_plasticity.values()),
        } | dict.fromkeys(("name", "epochs", "task"), True)
        for effect in fields(self):
            value = getattr(self, effect.name)
            plain = isinstance(value, str | int | float | Mapping)
            if not neutral.get(effect.name, value is effect.default or (plain and value == effect.default)):
                asked[effect.name] = value if plain else "arrays"
        return asked


Schedule = Sequence[Phase]


def of_run(phase: Phase, run: int, count: int) -> Phase:
    """A phase for one run of a batch of so many: of arrays that number runs it has a batch of one."""

    def cut(array: Any) -> Any:
        return array[run : run + 1] if getattr(array, "ndim", 0) > 2 and array.shape[0] == count else array

    task = Task(**{name: cut(array) for name, array in vars(phase.task).items()})
    jump = phase.jump and replace(phase.jump, add=[cut(array) for array in phase.jump.add])
    return replace(phase, task=task, jump=jump)


def total_epochs(schedule: Schedule) -> int:
    """Length of a schedule in epochs."""
    return sum(phase.epochs for phase in schedule)


@dataclass(frozen=True)
class Window:
    """A deficit that lasts for a while: [onset, onset + duration), in epochs; see `Phase` for what it changes."""

    name: str
    onset: int
    duration: int
    plasticity: Mapping[str, float] = field(default_factory=dict)
    lesions: Mapping[str, Sequence[int]] = field(default_factory=dict)


def deficit_schedule(task: Task, epochs: int, windows: Sequence[Window]) -> list[Phase]:
    """Schedule of one task under deficits that may overlap: a phase for every combination of them.

    Raises
    ------
    ValueError
        If a window does not lie inside the run.
    """
    for window in windows:
        if window.onset < 0 or window.duration < 0 or window.onset + window.duration > epochs:
            raise ValueError(
                f"{window.name} in [{window.onset}, {window.onset + window.duration}); "
                f"allowed: inside the {epochs} epochs of training"
            )
    windows = [window for window in windows if window.duration]
    edges = {0, epochs} | {edge for window in windows for edge in (window.onset, window.onset + window.duration)}
    schedule = []
    for start, stop in pairwise(sorted(edges)):
        active = [window for window in windows if window.onset <= start < window.onset + window.duration]
        plasticity = {pathway: factor for window in active for pathway, factor in window.plasticity.items()}
        lesions = {pathway: modes for window in active for pathway, modes in window.lesions.items()}
        name = " and ".join(window.name for window in active) or "normal"
        schedule.append(Phase(name, stop - start, task, plasticity, lesions))
    return schedule

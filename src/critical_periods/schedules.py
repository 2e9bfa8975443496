"""Phases and schedules: a deficit is nothing but a phase in which another gradient drives the parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """

    target: Any
    mask: Any = None


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
    rate
        Factor on the learning rate.
    """

    name: str
    epochs: int
    task: Task
    plasticity: Mapping[str, float] = field(default_factory=dict)
    lesions: Mapping[str, Sequence[int]] = field(default_factory=dict)
    rate: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise ValueError(f"phase {self.name!r}: epochs = {self.epochs}; allowed: 0 or more")
        if not self.rate > 0:
            raise ValueError(f"phase {self.name!r}: rate = {self.rate}; allowed: above 0")
        for pathway, factor in self.plasticity.items():
            if not 0 <= factor <= 1:
                raise ValueError(f"phase {self.name!r}: plasticity of pathway {pathway!r} = {factor}; allowed: 0 to 1")


Schedule = Sequence[Phase]


def total_epochs(schedule: Schedule) -> int:
    """Length of a schedule in epochs."""
    return sum(phase.epochs for phase in schedule)


def deficit_window(normal: Phase, onset: int, duration: int, name: str = "deficit", **deficit: Any) -> list[Phase]:
    """Cut a deficit of `duration` epochs from `onset` on out of a normal phase.

    Parameters
    ----------
    normal
        The undisturbed phase; its length is the length of the schedule returned.
    onset, duration
        The window [onset, onset + duration), in epochs; it must lie inside the phase.
    name
        Name of the deficit's phase.
    deficit
        The fields of `Phase` that the deficit changes, such as `plasticity={"b": 0}`.

    Raises
    ------
    ValueError
        If the window does not lie inside the phase.
    """
    if onset < 0 or duration < 0 or onset + duration > normal.epochs:
        raise ValueError(
            f"deficit window [{onset}, {onset + duration}); allowed: inside the {normal.epochs} epochs of training"
        )
    phases = [
        replace(normal, epochs=onset),
        replace(normal, name=name, epochs=duration, **deficit),
        replace(normal, epochs=normal.epochs - onset - duration),
    ]
    return [phase for phase in phases if phase.epochs > 0]

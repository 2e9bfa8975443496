"""Gradient descent with a constant step, as in the paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from critical_periods.dynamics.arrays import alike, as_numpy, check_arrays, copied, engine, solving
from critical_periods.dynamics.checkpoints import Checkpoint, Checkpoints
from critical_periods.dynamics.landscape import Model, Parameters, check_honoured
from critical_periods.dynamics.schedules import Phase, Schedule
from critical_periods.dynamics.trajectories import Progress, Recorder, Solution, recorded_epochs
from critical_periods.solvers.shared.jumps import jump
from critical_periods.solvers.shared.solver import Solver


def _plain_descent(model: Model, parameters: Parameters, phase: Phase, learning_rate: float) -> Callable[[int], None]:
    def update(count: int) -> None:
        for _ in range(count):
            for parameter, slope in zip(parameters, model.gradient(parameters, phase), strict=True):
                parameter -= learning_rate * slope

    return update


class GradientDescent(Solver):
    """Gradient descent with a constant step, as in the paper.

    `parameters -= learning_rate * gradient`, once an epoch. A phase of t epochs means exactly t updates on its task. A
    model's own `descent`, where it has one, replaces the plain update.
    """

    @solving()
    def solve(
        self,
        model: Model,
        parameters: Parameters,
        schedule: Schedule,
        *,
        learning_rate: float,
        record_every: int,
        keep: Sequence[int] = (),
        progress: Progress | None = None,
        checkpoints: Checkpoints | None = None,
        diverged: str = "fail",
    ) -> Solution:
        """Train a model through a schedule, see `critical_periods.solvers.shared.solver.Solver.solve`."""
        check_honoured(model, schedule)
        check_arrays(parameters, schedule)
        parameters = [copied(parameter) for parameter in parameters]
        training = _Training(parameters, Recorder(model, diverged, engine(parameters[0]).__name__))
        descent = getattr(model, "descent", None) or partial(_plain_descent, model)
        checkpoint = None
        if checkpoints is not None:
            checkpoint = checkpoints.open(model, parameters, schedule, learning_rate, record_every, sorted(keep))
            training.restore(checkpoint.load())
            if progress is not None:
                progress.begin(training.epoch)
        passed = training.stops
        with checkpoint or nullcontext():
            for phase, end, stops in recorded_epochs(schedule, record_every, keep):
                skipped, passed = min(passed, len(stops)), max(0, passed - len(stops))
                if phase.jump is not None and not skipped:
                    jump(parameters, phase.jump)
                update = descent(parameters, phase, learning_rate * phase.rate)
                for stop, record in stops[skipped:]:
                    if training.recorder.all_lost:
                        training.epoch = stop
                    while stop > training.epoch:
                        epochs = stop - training.epoch
                        if checkpoint is not None:
                            epochs = checkpoint.stretch(epochs)
                        update(epochs)
                        training.epoch += epochs
                        training.save(checkpoint)
                    if record:
                        training.recorder.record(stop, parameters, phase)
                    if stop in keep or stop == end:
                        training.kept[stop] = [copied(parameter) for parameter in parameters]
                    training.stops += 1
                    if progress is not None:
                        progress(stop)
            training.save(checkpoint)
        return Solution(training.recorder.dataset(), training.kept, training.recorder.diverged)


def gradient_descent(
    model: Model,
    parameters: Parameters,
    schedule: Schedule,
    *,
    learning_rate: float,
    record_every: int,
    keep: Sequence[int] = (),
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    diverged: str = "fail",
) -> Solution:
    """Train a model through a schedule: `parameters -= learning_rate * gradient`, once an epoch.

    Parameters
    ----------
    model
        The model; its own `descent`, where it has one, replaces the plain update.
    parameters
        Initial parameters, NumPy arrays or torch tensors; they are copied, not changed.
    schedule
        The phases, in order. A phase of t epochs means exactly t updates on its task.
    learning_rate
        The step h of w <- w - h dL/dw, times the phase's `rate`.
    record_every
        Epochs between two records of the trajectory; phase boundaries are recorded too.
    keep
        Epochs at which the parameters themselves are kept; the last epoch always is.
    progress
        Told the epoch after every stretch of training.
    checkpoints
        Where to keep the state of the training now and then, and to look for one to continue from.
    diverged
        What a run that diverges does: "fail", or "record" it as NaN from there on.

    Returns
    -------
    Solution
        The trajectory over `epoch` and the parameters kept.

    Raises
    ------
    ValueError
        If parameters or a task are no plain arrays of real numbers, or a phase asks for what the model does not
        honour.
    critical_periods.dynamics.trajectories.DivergedError
        If a loss stops being finite or explodes, with the epoch and the loss, and that is not to be recorded.
    """
    return GradientDescent().solve(
        model,
        parameters,
        schedule,
        learning_rate=learning_rate,
        record_every=record_every,
        keep=keep,
        progress=progress,
        checkpoints=checkpoints,
        diverged=diverged,
    )


@dataclass
class _Training:
    """All that a training needs to go on.

    Parameters
    ----------
    parameters
        The parameters, moved in place.
    recorder
        The record so far.
    epoch
        Updates made.
    stops
        Stops of `recorded_epochs` passed, over all phases.
    kept
        Epoch -> parameters kept.
    """

    parameters: list[Any]
    recorder: Recorder
    epoch: int = 0
    stops: int = 0
    kept: dict[int, list[Any]] = field(default_factory=dict)

    def save(self, checkpoint: Checkpoint | None) -> None:
        """Write a checkpoint if one is due."""
        if checkpoint is None or not checkpoint.due():
            return
        recorded, arrays = self.recorder.state()
        for name, parameters in [("now", self.parameters), *self.kept.items()]:
            arrays |= {f"{name} {index}": as_numpy(parameter) for index, parameter in enumerate(parameters)}
        state = {"epoch": self.epoch, "stops": self.stops, "kept": list(self.kept), "recorded": recorded}
        checkpoint.save(state, arrays)

    def restore(self, saved: tuple[dict[str, Any], dict[str, np.ndarray]] | None) -> None:
        """Go on from a checkpoint."""
        if saved is None:
            return
        state, arrays = saved
        self.epoch, self.stops = state["epoch"], state["stops"]
        self.recorder.restore(state["recorded"], arrays)

        def parameters(name: str) -> list[Any]:
            return [alike(arrays[f"{name} {index}"], like) for index, like in enumerate(self.parameters)]

        self.kept = {epoch: parameters(epoch) for epoch in state["kept"]}
        for parameter, value in zip(self.parameters, parameters("now"), strict=True):
            parameter[...] = value

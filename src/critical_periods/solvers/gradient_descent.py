"""Gradient descent with a constant step, as in the paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from critical_periods.models import Model, Parameters
from critical_periods.schedules import Phase, Schedule
from critical_periods.trajectories import Progress, Recorder, Solution, recorded_epochs


@contextmanager
def one_thread():
    """Run torch on one thread: small products are fastest so, and results do not depend on the number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _plain_descent(
    model: Model, parameters: Parameters, phase: Phase, learning_rate: float
) -> Callable[[int], None]:
    def update(count: int) -> None:
        for _ in range(count):
            for parameter, slope in zip(parameters, model.gradient(parameters, phase), strict=True):
                parameter -= learning_rate * slope

    return update


@torch.no_grad()
def gradient_descent(
    model: Model,
    parameters: Parameters,
    schedule: Schedule,
    *,
    learning_rate: float,
    record_every: int,
    keep: Sequence[int] = (),
    progress: Progress | None = None,
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
        The step h of w <- w - h dL/dw.
    record_every
        Epochs between two records of the trajectory; phase boundaries are recorded too.
    keep
        Epochs at which the parameters themselves are kept; the last epoch always is.
    progress
        Told the epoch after every stretch of training.

    Returns
    -------
    Solution
        The trajectory over `epoch` and the parameters kept.

    Raises
    ------
    critical_periods.trajectories.DivergedError
        If the loss stops being finite or explodes, with the epoch and the loss.
    """
    parameters = [_copy(parameter) for parameter in parameters]
    recorder = Recorder(model)
    kept: dict[int, list[Any]] = {}
    bind = getattr(model, "descent", None)
    epoch = 0
    with one_thread():
        for phase, end, stops in recorded_epochs(schedule, record_every, keep):
            update = None
            for stop, record in stops:
                if stop > epoch:
                    if update is None:
                        update = (
                            bind(parameters, phase, learning_rate)
                            if bind is not None
                            else _plain_descent(model, parameters, phase, learning_rate)
                        )
                    update(stop - epoch)
                    epoch = stop
                if record:
                    recorder.record(epoch, parameters, phase)
                if epoch in keep or epoch == end:
                    kept[epoch] = [_copy(parameter) for parameter in parameters]
                if progress is not None:
                    progress(epoch)
    return Solution(recorder.dataset(), kept)


def _copy(parameter: Any) -> Any:
    return parameter.clone() if isinstance(parameter, torch.Tensor) else parameter.copy()

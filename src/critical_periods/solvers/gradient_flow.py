"""Gradient flow: adaptive integration of the gradient that gradient descent follows, in time counted in epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.integrate
import torch

from critical_periods.models import Model, Parameters
from critical_periods.schedules import Phase, Schedule
from critical_periods.solvers.gradient_descent import one_thread
from critical_periods.trajectories import Progress, Recorder, Solution, SolverError, join_runs, recorded_epochs

#: Integrators of SciPy to choose from, with adaptive steps and dense output: explicit Runge-Kutta pairs, and LSODA,
#: which turns implicit where the flow is stiff (small models only: it builds the Jacobian of all parameters).
METHODS: dict[str, type[scipy.integrate.OdeSolver]] = {
    "RK23": scipy.integrate.RK23,
    "RK45": scipy.integrate.RK45,
    "DOP853": scipy.integrate.DOP853,
    "LSODA": scipy.integrate.LSODA,
}


class _Layout:
    """How parameters of any shapes lie in the one float64 vector that the integrator moves."""

    def __init__(self, parameters: Parameters) -> None:
        self.templates = list(parameters)
        self.ends = np.cumsum([int(np.prod(parameter.shape)) for parameter in parameters])

    def flat(self, arrays: Sequence[Any]) -> np.ndarray:
        """Arrays in the shapes of the parameters, as one new vector."""
        vector = np.empty(self.ends[-1])
        for begin, end, array in zip((0, *self.ends), self.ends, arrays, strict=False):
            vector[begin:end] = _numpy(array).reshape(-1)
        return vector

    def shaped(self, vector: np.ndarray) -> list[Any]:
        """Cut the vector into new parameters, each an array or tensor of its own dtype and device."""
        parts = zip(np.split(vector, self.ends[:-1]), self.templates, strict=True)
        return [
            torch.from_numpy(part).to(like, copy=True).view(like.shape)
            if isinstance(like, torch.Tensor)
            else part.astype(like.dtype).reshape(like.shape)
            for part, like in parts
        ]


@torch.no_grad()
def gradient_flow(
    model: Model,
    parameters: Parameters,
    schedule: Schedule,
    *,
    learning_rate: float,
    record_every: int,
    rtol: float = 1e-3,
    atol: float = 1e-6,
    method: str = "RK23",
    shadowing: bool = False,
    run_by_run: bool = True,
    keep: Sequence[int] = (),
    progress: Progress | None = None,
) -> Solution:
    """Integrate dw/dt = -learning_rate dL/dw through a schedule, t in epochs.

    The integration starts afresh where a phase begins, so that no step straddles a discontinuity of the gradient.

    Parameters
    ----------
    model
        The model; its own `bind_gradient`, where it has one, replaces `gradient`.
    parameters
        Initial parameters, NumPy arrays or torch tensors; they are copied, not changed. The model sees them in
        their own dtype; the integrator sums in float64.
    schedule
        The phases, in order. A phase of t epochs lasts as long as t updates of gradient descent.
    learning_rate
        Units of gradient-flow time in an epoch.
    record_every
        Epochs between two records of the trajectory; phase boundaries are recorded too.
    rtol, atol
        Tolerances on the error of a step, relative and absolute (in units of the parameters).
    method
        One of `METHODS`.
    shadowing
        Follow gradient descent instead of its continuous limit: with f = -dL/dw and step h, the flow of
        f(w - (h/2) f(w)) stays within O(h^2) of the iterates of w <- w + h f(w).
    run_by_run
        Give every run of a batch (the model's leading axis) steps of its own; otherwise the whole batch takes
        the steps that its most demanding run needs.
    keep
        Epochs at which the parameters themselves are kept; the last epoch always is.
    progress
        Told the epoch as integration gets on; of a batch, the mean over its runs.

    Returns
    -------
    Solution
        The trajectory over `epoch`, with the attribute `gradient_evaluations` (summed over runs), and the
        parameters kept.

    Raises
    ------
    ValueError
        If the method is unknown, or a tolerance or the learning rate is not positive.
    critical_periods.trajectories.DivergedError
        If the loss stops being finite or explodes, with the epoch and the loss.
    critical_periods.trajectories.SolverError
        If the integrator gives up, with the epoch and its reason.
    """
    if method not in METHODS:
        raise ValueError(f"method = {method!r}; allowed: {', '.join(METHODS)}")
    for name, value in {"rtol": rtol, "atol": atol, "learning_rate": learning_rate}.items():
        if not value > 0:
            raise ValueError(f"{name} = {value}; allowed: above 0")
    batch = list(_runs(parameters, schedule)) if run_by_run and model.dims else [(list(parameters), schedule)]
    recorders, kept, evaluations = [], [], 0
    with one_thread():
        for index, (weights, phases) in enumerate(batch):
            recorder = Recorder(model)
            states: dict[int, list[Any]] = {}
            layout = _Layout(weights)
            vector = layout.flat(weights)
            for phase, end, stops in recorded_epochs(phases, record_every, keep):
                flow = _Flow(model, layout, phase, learning_rate, shadowing)
                for epoch, record, state in _visit(flow, vector, stops, METHODS[method], rtol, atol):
                    current = layout.shaped(state)
                    if record:
                        recorder.record(epoch, current, phase)
                    if epoch in keep or epoch == end:
                        states[epoch] = current
                    if progress is not None:
                        progress((index * end + epoch) / len(batch))
                    vector = state
                evaluations += flow.evaluations
            recorders.append(recorder)
            kept.append(states)
    trajectory = join_runs(recorders).dataset()
    trajectory.attrs["gradient_evaluations"] = evaluations
    return Solution(trajectory, {epoch: _joined([states[epoch] for states in kept]) for epoch in kept[0]})


class _Flow:
    """Right-hand side of the flow for a phase, counting its gradient evaluations."""

    def __init__(self, model: Model, layout: _Layout, phase: Phase, learning_rate: float, shadowing: bool) -> None:
        bind = getattr(model, "bind_gradient", None)
        self.gradient: Callable[[Parameters], Sequence[Any]] = (
            bind(layout.templates, phase) if bind is not None else lambda weights: model.gradient(weights, phase)
        )
        self.layout, self.phase, self.learning_rate, self.shadowing = layout, phase, learning_rate, shadowing
        self.evaluations = 0

    def descent(self, vector: np.ndarray) -> np.ndarray:
        """Learning_rate f(w), f the negative gradient."""
        self.evaluations += 1
        slope = self.layout.flat(self.gradient(self.layout.shaped(vector)))
        slope *= -self.learning_rate
        return slope

    def __call__(self, _epoch: float, vector: np.ndarray) -> np.ndarray:
        """dw/dt, with t in epochs."""
        slope = self.descent(vector)
        return self.descent(vector - slope / 2) if self.shadowing else slope


def _visit(
    flow: _Flow,
    vector: np.ndarray,
    stops: Sequence[tuple[int, bool]],
    integrator: type[scipy.integrate.OdeSolver],
    rtol: float,
    atol: float,
) -> Iterator[tuple[int, bool, np.ndarray]]:
    """Integrate through one phase and yield the state at each of its stops, from the integrator's dense output."""
    start, end = stops[0][0], stops[-1][0]
    pending = list(reversed(stops))
    if pending[-1][0] == start:
        yield *pending.pop(), vector
    if not pending:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        solver = integrator(flow, start, vector, end, rtol=rtol, atol=atol)
    while pending:
        with np.errstate(over="ignore", invalid="ignore"):
            message = solver.step()
        if solver.status == "failed":
            raise SolverError(
                f"gradient flow gave up at epoch {solver.t:g} of phase {flow.phase.name!r} "
                f"(tolerances rtol = {rtol:g}, atol = {atol:g}): {message}"
            )
        dense = None
        while pending and pending[-1][0] <= solver.t:
            epoch = pending[-1][0]
            if epoch == solver.t:
                yield *pending.pop(), solver.y
            else:
                dense = dense or solver.dense_output()
                yield *pending.pop(), dense(epoch)


def _runs(parameters: Parameters, schedule: Schedule) -> Iterator[tuple[list[Any], list[Phase]]]:
    """Split a batch into its runs, each a batch of one: parameters and targets that number runs are cut."""
    count = parameters[0].shape[0]

    def cut(array: Any, run: int) -> Any:
        return array[run : run + 1] if getattr(array, "ndim", 0) > 2 and array.shape[0] == count else array

    for run in range(count):
        yield (
            [parameter[run : run + 1] for parameter in parameters],
            [
                replace(
                    phase, task=replace(phase.task, target=cut(phase.task.target, run), mask=cut(phase.task.mask, run))
                )
                for phase in schedule
            ],
        )


def _joined(runs: Sequence[Sequence[Any]]) -> list[Any]:
    if len(runs) == 1:
        return list(runs[0])
    return [
        torch.cat(parts) if isinstance(parts[0], torch.Tensor) else np.concatenate(parts)
        for parts in zip(*runs, strict=True)
    ]


def _numpy(array: Any) -> np.ndarray:
    return array.cpu().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)

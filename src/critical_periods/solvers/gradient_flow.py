"""Gradient flow: adaptive integration of the gradient that gradient descent follows, in time counted in epochs."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from critical_periods.configuration.fields import key, validated
from critical_periods.dynamics.arguments import check_choice
from critical_periods.dynamics.arrays import alike, as_numpy, check_arrays, copied, engine, solving
from critical_periods.dynamics.checkpoints import Checkpoints
from critical_periods.dynamics.landscape import Model, Parameters, check_honoured
from critical_periods.dynamics.precision import PRECISIONS
from critical_periods.dynamics.schedules import Schedule
from critical_periods.dynamics.trajectories import (
    Progress,
    Recorder,
    Solution,
    SolverError,
    StepSizeError,
    join_runs,
    recorded_epochs,
)
from critical_periods.solvers.shared.chebyshev import Chebyshev
from critical_periods.solvers.shared.jumps import jump
from critical_periods.solvers.shared.runs import VectorGradient, as_vector, joined, single_runs
from critical_periods.solvers.shared.solver import Solver

#: Integrators: Runge-Kutta-Chebyshev; and those of SciPy, with adaptive steps and dense output: explicit Runge-Kutta
#: pairs, and LSODA, implicit where the flow is stiff (small models only: it builds the Jacobian of all parameters).
Method = Literal["RKC", "RK23", "RK45", "DOP853", "LSODA"]
METHODS = get_args(Method)


class GradientFlow(Solver):
    """How gradient flow is integrated.

    dw/dt = -learning_rate dL/dw, adaptively, with t in epochs. The integration starts afresh where a phase begins, so
    that no step straddles a discontinuity of the gradient. A model's own `bind_gradient`, where it has one, replaces
    `gradient`.
    """

    gone: ClassVar[Mapping[str, Any]] = {"shadowing": False}

    method: Method = key(
        "Integrator; RKC is Runge-Kutta-Chebyshev, with errors like rtol^(2/3); the others are those of "
        "scipy.integrate, with errors in proportion to rtol.",
        "RKC",
    )
    rtol: float = key("Relative tolerance on the error of a step.", 1e-4, gt=0, le=0.1)
    atol: float = key("Absolute tolerance on the error of a step, in units of the weights.", 1e-7, gt=0, le=0.1)

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
        run_by_run: bool = True,
    ) -> Solution:
        """Integrate through a schedule, see `gradient_flow`; it takes too little time for checkpoints."""
        check_honoured(model, schedule)
        check_arrays(parameters, schedule)
        if not learning_rate > 0:
            raise ValueError(f"learning_rate = {learning_rate}; allowed: above 0")
        self.check_resolved(parameters)
        batch = single_runs(model, parameters, schedule) if run_by_run else [(parameters, schedule)]
        recorders, kept, evaluations = [], [], 0
        for index, (weights, phases) in enumerate(batch):
            recorder = Recorder(model, diverged, engine(weights[0]).__name__)
            states: dict[int, list[Any]] = {}
            vector = as_vector(weights)
            for phase, end, stops in recorded_epochs(phases, record_every, keep):
                flow = VectorGradient(model, weights, phase, -learning_rate * phase.rate)
                if phase.jump is not None:
                    vector = copied(vector)
                    jump(flow.views(vector), phase.jump)
                for epoch, record, state in _visit(flow, vector, stops, self, recorder):
                    current = flow.views(state)
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
        joined_records = join_runs(recorders)
        trajectory = joined_records.dataset()
        trajectory.attrs["gradient_evaluations"] = evaluations
        parameters_kept = {epoch: joined([states[epoch] for states in kept]) for epoch in kept[0]}
        return Solution(trajectory, parameters_kept, joined_records.diverged)

    def least(self, dtype: str) -> Mapping[str, float]:
        """Tolerances that the precision resolves (`critical_periods.dynamics.precision`)."""
        check_choice("dtype", dtype, PRECISIONS)
        return {name: getattr(PRECISIONS[dtype], name) for name in ("rtol", "atol")}


def gradient_flow(
    model: Model,
    parameters: Parameters,
    schedule: Schedule,
    *,
    learning_rate: float,
    record_every: int,
    keep: Sequence[int] = (),
    progress: Progress | None = None,
    diverged: str = "fail",
    run_by_run: bool = True,
    **options: Any,
) -> Solution:
    """Integrate dw/dt = -learning_rate dL/dw through a schedule, t in epochs.

    The integration starts afresh where a phase begins, so that no step straddles a discontinuity of the gradient.

    Parameters
    ----------
    model
        The model; its own `bind_gradient`, where it has one, replaces `gradient`.
    parameters
        Initial parameters, NumPy arrays or torch tensors; they are copied, not changed. Gradients are taken
        in their precision; RKC sums in it too, the integrators of SciPy in float64.
    schedule
        The phases, in order. A phase of t epochs lasts as long as t updates of gradient descent.
    learning_rate
        Units of gradient-flow time in an epoch, times the phase's `rate`.
    record_every
        Epochs between two records of the trajectory; phase boundaries are recorded too.
    keep
        Epochs at which the parameters themselves are kept; the last epoch always is.
    progress
        Told the epoch as integration gets on; of a batch, the mean over its runs.
    diverged
        What a run that diverges does, or whose integrator gives up: "fail", or "record" it as NaN from there on.
    run_by_run
        Give every run of a batch, where the model is `batched`, steps of its own; otherwise the whole batch takes
        the steps that its most demanding run needs.
    **options
        Fields of `GradientFlow`: `method`, one of `METHODS`; `rtol` and `atol`, tolerances on the error of a step, the
        latter in units of the parameters (the error of records is in proportion to them, that of RKC to their power
        2/3; smaller initial weights make it larger).

    Returns
    -------
    Solution
        The trajectory over `epoch`, with the attribute `gradient_evaluations` (summed over runs), and the
        parameters kept.

    Raises
    ------
    ValueError
        If parameters or a task are no plain arrays of real numbers, a phase asks for what the model does not honour,
        the method is unknown, the learning rate is not positive, or a tolerance is below what the precision of the
        parameters resolves (`critical_periods.dynamics.precision`).
    critical_periods.dynamics.trajectories.DivergedError
        If the loss stops being finite or explodes, with the epoch and the loss.
    critical_periods.dynamics.trajectories.SolverError
        If the integrator gives up, with the epoch and its reason.
    """
    return validated(GradientFlow, options).solve(
        model,
        parameters,
        schedule,
        learning_rate=learning_rate,
        record_every=record_every,
        keep=keep,
        progress=progress,
        diverged=diverged,
        run_by_run=run_by_run,
    )


class _SciPy:
    """An integrator of SciPy, which sums in float64 on the CPU, under the interface of `Chebyshev`."""

    def __init__(
        self,
        method: str,
        flow: VectorGradient,
        start: float,
        state: Any,
        end: float,
        rtol: float,
        atol: float,
    ) -> None:
        import scipy.integrate

        self.like = state

        def derivative(_time: float, vector: np.ndarray) -> np.ndarray:
            out = copied(state)
            flow(alike(vector, state), out)
            return as_numpy(out).astype(np.float64)

        vector = as_numpy(state).astype(np.float64)
        self.solver = getattr(scipy.integrate, method)(derivative, start, vector, end, rtol=rtol, atol=atol)
        self.dense: Any = None

    @property
    def t(self) -> float:
        return self.solver.t

    @property
    def y(self) -> Any:
        return copied(alike(self.solver.y, self.like))

    def step(self) -> None:
        message = self.solver.step()
        if self.solver.status == "failed":
            raise StepSizeError(message)
        self.dense = None

    def at(self, time: float) -> Any:
        return alike(self.interpolant()(time), self.like)

    def interpolant(self) -> Any:
        self.dense = self.dense or self.solver.dense_output()
        return self.dense


class _DormandPrince(_SciPy):
    """DOP853 of SciPy, which repeats a step, shorter, if there are stops inside and its interpolant is off there.

    A step's error estimate is one of its end. Where stability limits the steps, at h = 4.5 to 6.4 over the largest
    curvature, it nearly vanishes, while the interpolant amplifies what the end damps: by ten to a thousand tolerances.
    The interpolants of RK23 and RK45 need no such care: in every stable step they are as accurate as its end, to a
    factor of 1.3.
    """

    #: Where in a step the defect h (u' - f(u)) of the interpolant u is looked at; it is larger there than the error of
    #: u anywhere by a factor of 8.2 to 10.3, in every linear flow that the step is stable for.
    PLACE, FACTOR = 0.7, 9.0

    #: Largest error of an interpolant in tolerances: 2.6 is what it has where accuracy limits the steps.
    LARGEST = 3.0

    def __init__(self, stops: Sequence[int], *arguments: Any) -> None:
        super().__init__("DOP853", *arguments)
        self.stops = stops

    def step(self) -> None:
        solver = self.solver
        start, state, slope = solver.t, solver.y, solver.f
        super().step()
        while bisect_right(self.stops, start) < bisect_left(self.stops, solver.t):
            error = self._interpolation_error() / self.LARGEST
            advised = (solver.t - start) * max(0.2, 0.9 / max(error, 1e-9) ** (1 / 8))
            if error <= 1:
                solver.h_abs = min(solver.h_abs, advised)
                break
            solver.t, solver.y, solver.f, solver.status = start, state, slope, "running"
            solver.h_abs = advised
            super().step()

    def _interpolation_error(self) -> float:
        """Error of the last step's interpolant, in tolerances."""
        solver, dense = self.solver, self.interpolant()
        time = dense.t_old + self.PLACE * dense.h
        # u = y + x (F_0 + (1 - x) (F_1 + x (F_2 + ...))), as SciPy has it
        value, derivative = np.zeros_like(dense.y_old), np.zeros_like(dense.y_old)
        for index, part in enumerate(reversed(dense.F)):
            value += part
            factor, growth = (self.PLACE, 1) if index % 2 == 0 else (1 - self.PLACE, -1)
            derivative = derivative * factor + growth * value
            value *= factor
        defect = derivative - dense.h * solver.fun(time, dense.y_old + value)
        scale = solver.atol + solver.rtol * np.maximum(np.abs(dense.y_old), np.abs(solver.y))
        return float(np.linalg.norm(defect / scale)) / math.sqrt(defect.size) / self.FACTOR


def _visit(
    flow: VectorGradient,
    state: Any,
    stops: Sequence[tuple[int, bool]],
    how: GradientFlow,
    recorder: Recorder,
) -> Iterator[tuple[int, bool, Any]]:
    """Integrate through one phase and yield the state at each of its stops, from the integrator's dense output.

    Once all runs have diverged, or the integrator has given up, the state stays as it is.
    """
    epochs = [epoch for epoch, _ in stops]
    integrators: dict[str, Callable[..., Any]] = {"RKC": Chebyshev, "DOP853": partial(_DormandPrince, epochs)}
    solver = None
    for epoch, record in stops:
        if epoch > epochs[0] and not recorder.all_lost:
            if solver is None:
                integrator = integrators.get(how.method, partial(_SciPy, how.method))
                solver = integrator(flow, epochs[0], state, epochs[-1], how.rtol, how.atol)
            try:
                while solver.t < epoch:
                    solver.step()
                state = solver.y if epoch == solver.t else solver.at(epoch)
            except StepSizeError as reason:
                state = copied(state)
                error = SolverError(
                    f"gradient flow gave up at epoch {solver.t:g} of phase {flow.phase.name!r} "
                    f"({how.method}, rtol = {how.rtol:g}, atol = {how.atol:g}): {reason}"
                )
                recorder.lose(flow.views(state), flow.phase, error)
        yield epoch, record, state

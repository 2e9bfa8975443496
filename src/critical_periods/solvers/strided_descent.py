"""Gradient descent in strides: many updates at a time, from six gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from critical_periods.configuration.fields import key
from critical_periods.dynamics.arguments import check_choice
from critical_periods.dynamics.arrays import alike, as_numpy, check_arrays, copied, engine, solving
from critical_periods.dynamics.checkpoints import Checkpoints
from critical_periods.dynamics.landscape import Model, Parameters, check_honoured
from critical_periods.dynamics.precision import PRECISIONS
from critical_periods.dynamics.schedules import Schedule
from critical_periods.dynamics.trajectories import Progress, Recorder, Solution, join_runs, recorded_epochs
from critical_periods.solvers.shared.jumps import jump
from critical_periods.solvers.shared.runs import VectorGradient, as_vector, joined, single_runs
from critical_periods.solvers.shared.solver import Solver
from critical_periods.solvers.shared.strides import Strides, least_tolerances


class StridedDescent(Solver):
    """Gradient descent with a constant step, many updates at a time.

    What it approximates are the updates of `GradientDescent`, not their limit, at any learning rate; see
    `critical_periods.solvers.shared.strides`. A phase of t epochs means t updates on its task; a phase too short for a
    stride is made update by update. The error of a stride is kept at the tolerance; where strides would be short,
    updates are made one by one, as gradient descent makes them. Runs of a batch are trained one after the other, each
    with strides of its own. The trajectory has the attributes `gradient_evaluations`, and `updates_one_by_one`, the
    share of updates that were made so.
    """

    rtol: float = key("Relative tolerance on the error of a stride.", 2e-6, gt=0, le=0.1)
    atol: float = key("Absolute tolerance on the error of a stride, in units of the weights.", 2e-9, gt=0, le=0.1)

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
        self.check_resolved(parameters)
        runs = [
            _Run(model, weights, phases, Recorder(model, diverged, engine(weights[0]).__name__))
            for weights, phases in single_runs(model, parameters, schedule)
        ]
        checkpoint = None
        if checkpoints is not None:
            options = self.model_dump()
            checkpoint = checkpoints.open(
                model, parameters, schedule, options, learning_rate, record_every, sorted(keep)
            )
            if (saved := checkpoint.load()) is not None:
                _restore(runs, *saved)
                if progress is not None:
                    progress.begin(sum(run.epoch for run in runs) / len(runs))

        def told(index: int, epoch: int, end: int) -> None:
            if progress is not None:
                progress((index * end + epoch) / len(runs))

        def look() -> None:
            if checkpoint is not None and checkpoint.due():
                checkpoint.save(*_state(runs))

        with checkpoint or nullcontext():
            for index, run in enumerate(runs):
                stretch = (lambda epochs: epochs) if checkpoint is None else checkpoint.stretch
                run.train(self, learning_rate, record_every, keep, partial(told, index), stretch, look)
        records = join_runs([run.recorder for run in runs])
        trajectory = records.dataset()
        updates = sum(run.epoch for run in runs)
        trajectory.attrs["gradient_evaluations"] = sum(run.evaluations for run in runs)
        trajectory.attrs["updates_one_by_one"] = sum(run.plain for run in runs) / max(updates, 1)
        kept = {epoch: joined([run.kept[epoch] for run in runs]) for epoch in runs[0].kept}
        return Solution(trajectory, kept, records.diverged)

    def least(self, dtype: str) -> Mapping[str, float]:
        """Tolerances that the precision resolves."""
        check_choice("dtype", dtype, PRECISIONS)
        return least_tolerances(dtype)


class _Run:
    """The training of one run: all that it needs to go on.

    Parameters
    ----------
    model, parameters, schedule
        The model, initial parameters and phases of the run.
    recorder
        The record so far.
    """

    def __init__(self, model: Model, parameters: Parameters, schedule: Schedule, recorder: Recorder) -> None:
        self.model, self.parameters, self.schedule, self.recorder = model, parameters, schedule, recorder
        self.vector = as_vector(parameters)
        self.kept: dict[int, list[Any]] = {}
        self.epoch = self.stops = self.evaluations = self.plain = 0
        self.strides: Strides | None = None
        self._resumed: tuple[Mapping[str, Any], Mapping[str, np.ndarray]] | None = None

    def train(
        self,
        how: StridedDescent,
        learning_rate: float,
        record_every: int,
        keep: Sequence[int],
        told: Callable[[int, int], None],
        stretch: Callable[[int], int],
        look: Callable[[], None],
    ) -> None:
        """Train through what is left of the schedule; `look` whether to save before each stride."""
        passed = self.stops
        for phase, end, stops in recorded_epochs(self.schedule, record_every, keep):
            skipped, passed = min(passed, len(stops)), max(0, passed - len(stops))
            if skipped == len(stops):
                continue
            rate = learning_rate * phase.rate
            gradient = VectorGradient(self.model, self.parameters, phase, -rate)
            if phase.jump is not None and not skipped:
                self.vector = copied(self.vector)
                jump(gradient.views(self.vector), phase.jump)
            strides = Strides(gradient, stops[0][0], self.vector, stops[-1][0], how.rtol, how.atol)
            if hasattr(self.model, "descent"):
                strides.repeat = self.model.descent(gradient.views(strides.y), phase, rate)
            self.strides = strides
            if self._resumed is not None:
                strides.restore(*self._resumed)
                self._resumed = None
            for stop, record in stops[skipped:]:
                while strides.t < stop and not self.recorder.all_lost:
                    look()
                    strides.step(strides.t + stretch(stop - strides.t))
                if not self.recorder.all_lost:
                    self.vector, self.epoch = strides.at(stop), stop
                state = gradient.views(self.vector)
                if record:
                    self.recorder.record(stop, state, phase)
                if stop in keep or stop == end:
                    self.kept[stop] = state
                self.stops += 1
                told(stop, end)
            self.evaluations += strides.evaluations
            self.plain += strides.plain
            self.strides = None

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """All that `restore` needs to go on from here: what JSON can hold, and arrays."""
        recorded, arrays = self.recorder.state()
        for name, parameters in self.kept.items():
            arrays |= {f"kept {name} {index}": as_numpy(parameter) for index, parameter in enumerate(parameters)}
        arrays["now"] = as_numpy(self.vector)
        state = {name: getattr(self, name) for name in self._NUMBERS}
        state |= {"kept": list(self.kept), "recorded": recorded, "strides": None}
        if self.strides is not None:
            state["strides"], within = self.strides.state()
            arrays |= {f"strides {name}": as_numpy(array) for name, array in within.items()}
        return state, arrays

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a `state`."""
        for name in self._NUMBERS:
            setattr(self, name, state[name])
        self.vector = alike(arrays["now"], self.vector)
        self.recorder.restore(state["recorded"], arrays)
        for epoch in state["kept"]:
            named = enumerate(self.parameters)
            self.kept[epoch] = [alike(arrays[f"kept {epoch} {index}"], like) for index, like in named]
        if state["strides"] is not None:
            within = {
                name.removeprefix("strides "): array for name, array in arrays.items() if name.startswith("strides ")
            }
            self._resumed = state["strides"], within

    _NUMBERS = ("epoch", "stops", "evaluations", "plain")


def _state(runs: Sequence[_Run]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """State of all runs, the arrays of each after its number."""
    states: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for number, run in enumerate(runs):
        state, own = run.state()
        states.append(state)
        arrays |= {f"{number} {name}": array for name, array in own.items()}
    return {"runs": states, "epoch": sum(run.epoch for run in runs)}, arrays


def _restore(runs: Sequence[_Run], state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Have all runs go on from a `_state`."""
    for number, (run, own) in enumerate(zip(runs, state["runs"], strict=True)):
        run.restore(own, _of(f"{number} ", arrays))


def _of(start: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays whose names start so, by what follows."""
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}

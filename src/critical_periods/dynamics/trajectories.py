"""What a solver returns: which epochs are recorded, the record itself, and its progress."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from critical_periods.dynamics.arguments import check_choice
from critical_periods.dynamics.landscape import Model, Parameters
from critical_periods.dynamics.schedules import Phase, Schedule, total_epochs

if TYPE_CHECKING:  # planning knows solvers, and has no use for it
    import xarray as xr

logger = logging.getLogger(__name__)

#: A run whose loss has grown by this factor over the largest loss that any phase began with is given up. That is half
#: the mean square of a target at least: over the loss of a task that has been learned any noise is a large factor.
EXPLOSION = 1e6


class DivergedError(ArithmeticError):
    """The loss of a run stopped being finite or exploded, or training cannot move it any more."""


class SolverError(RuntimeError):
    """An integrator gave up."""


class StepSizeError(ArithmeticError):
    """No step of an integrator is small enough for its tolerances."""


@dataclass(frozen=True)
class Solution:
    """What a solver returns.

    Parameters
    ----------
    trajectory
        Recorded quantities over `epoch`, with the name of the `phase` that acts next as a coordinate.
    parameters
        The parameters at the epochs that were to be kept, and at the last one.
    diverged
        Where that is recorded and no error: runs that diverged, by their place along the model's axes, and why.
    """

    trajectory: xr.Dataset
    parameters: dict[int, list[Any]]
    diverged: dict[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def final(self) -> list[Any]:
        """Parameters at the last epoch."""
        return self.parameters[max(self.parameters)]


def divergence(*reasons: Mapping[tuple[int, ...], str]) -> dict[str, str]:
    """Attribute `diverged` of a dataset made from solutions, given what these recorded; none where all is sound."""
    texts = Counter(text for some in reasons for text in some.values())
    return (
        {"diverged": "; ".join(f"{count} runs: {text}" if count > 1 else text for text, count in texts.items())}
        if texts
        else {}
    )


def recorded_epochs(
    schedule: Schedule, record_every: int, keep: Sequence[int] = ()
) -> Iterator[tuple[Phase, int, list[tuple[int, bool]]]]:
    """Where a solver has to stop, phase by phase.

    Every phase is recorded from its first epoch on, each `record_every` epochs, and the last phase also at its end.
    An epoch at which one phase ends and another begins belongs to the one that begins.

    Yields
    ------
    phase, end, stops
        The phase, the last epoch of the whole schedule, and the pairs (epoch, whether to record there) in order.

    Raises
    ------
    ValueError
        If `record_every` is below 1, or an epoch to keep lies outside the schedule.
    """
    end = total_epochs(schedule)
    if record_every < 1:
        raise ValueError(f"record_every = {record_every}; allowed: 1 or more")
    for epoch in keep:
        if not 0 <= epoch <= end:
            raise ValueError(f"epoch to keep = {epoch}; allowed: 0 to {end}")
    start = 0
    for index, phase in enumerate(schedule):
        last = index == len(schedule) - 1
        stop = start + phase.epochs
        if phase.epochs or last:
            recorded = set(range(start, stop, record_every))
            if last:
                recorded.add(stop)
            kept = {epoch for epoch in keep if start <= epoch <= stop}
            yield phase, end, [(epoch, epoch in recorded) for epoch in sorted(recorded | kept | {stop})]
        start = stop


def from_the_start(shared: xr.Dataset, after: Sequence[xr.Dataset], switch_epochs: Sequence[int]) -> xr.Dataset:
    """Runs from their first epoch on, along `switch_epoch`: what they share up to the switch, then what follows it.

    Parameters
    ----------
    shared, after
        Trajectories; NaN where a run is not recorded, and `phase` "".
    switch_epochs
        Epoch of the shared trajectory from which each of the others goes on.
    """
    import xarray as xr

    runs = [
        xr.concat(
            [shared.sel(epoch=shared["epoch"] < switch), run.assign_coords(epoch=run["epoch"] + switch)], "epoch"
        )
        for switch, run in zip(switch_epochs, after, strict=True)
    ]
    joined = xr.concat(runs, "switch_epoch", join="outer", coords=["phase"], data_vars="all", fill_value={"phase": ""})
    return joined.assign_coords(switch_epoch=list(switch_epochs))


class Recorder:
    """Collects a model's observations and turns them into a Dataset.

    Parameters
    ----------
    model
        The model observed.
    diverged
        What a run that diverges does: "fail", or "record" it as NaN from there on.
    engine
        What computes, which the record says.
    """

    def __init__(self, model: Model, diverged: str = "fail", engine: str = "numpy") -> None:
        check_choice("diverged", diverged, ("fail", "record"))
        self.model, self.fails = model, diverged == "fail"
        self.diverged: dict[tuple[int, ...], str] = {}
        self.all_lost = False
        self.epochs: list[int] = []
        self.phases: list[str] = []
        self.axes: dict[str, Sequence[str]] = {}
        self.values: dict[str, list[np.ndarray]] = {}
        self.largest_start = 0.0
        self.engine = engine

    def record(self, epoch: int, parameters: Parameters, phase: Phase) -> None:
        """Record what the model observes at an epoch; parameters of runs that have diverged become NaN.

        Raises
        ------
        DivergedError
            If a loss is not finite or has exploded, or a run is dead, and that is not to be recorded.
        """
        observations = dict(self.model.observe(parameters, phase))
        _, dead = observations.pop("dead", ((), False))
        loss = np.asarray(observations["train_loss"][1])
        if not self.phases or self.phases[-1] != phase.name:
            starting = loss[np.isfinite(loss)]
            untrained = 0.5 * float((phase.task.target**2).mean())
            self.largest_start = max(self.largest_start, untrained, float(starting.max(initial=0.0)))
        exploded = ~(loss <= EXPLOSION * self.largest_start)
        if exploded.any():
            worst = float(loss.max()) if np.all(np.isfinite(loss)) else float("nan")
            self._lose(
                exploded,
                parameters,
                f"diverged by epoch {epoch} (phase {phase.name!r}): training loss {worst:g}; "
                "a smaller learning rate is needed",
            )
        if np.any(dead):
            self._lose(
                dead,
                parameters,
                f"all units are dead by epoch {epoch} (phase {phase.name!r}): the output is exactly 0 and no gradient "
                "reaches the weights; a smaller learning rate, or larger initial weights, are needed",
            )
        if self.diverged:
            observations = {
                name: (axes, self._without_lost(axes, value)) for name, (axes, value) in observations.items()
            }
        self.epochs.append(epoch)
        self.phases.append(phase.name)
        for name, (axes, value) in observations.items():
            self.axes[name] = axes
            self.values.setdefault(name, []).append(np.array(value))

    def lose(self, parameters: Parameters, phase: Phase, error: ArithmeticError | RuntimeError) -> None:
        """Give up all runs: raise the error, or record that they diverged."""
        if self.fails:
            raise error
        shape = np.shape(self.model.observe(parameters, phase)["train_loss"][1])
        self._lose(np.ones(shape, dtype=bool), parameters, str(error))

    def _lose(self, lost: np.ndarray, parameters: Parameters, reason: str) -> None:
        if self.fails:
            raise DivergedError(reason)
        for run in map(tuple, np.argwhere(lost).tolist()):
            self.diverged.setdefault(run, reason)
        self.all_lost = len(self.diverged) == lost.size
        for parameter in parameters:
            # The axes of the loss come first where the model is a batch of runs, and else last.
            where = lost if getattr(self.model, "batched", False) or lost.ndim == 0 else (..., lost)
            parameter[where] = float("nan")

    def _without_lost(self, axes: Sequence[str], value: Any) -> np.ndarray:
        """An observation that is NaN in all runs that have diverged."""
        if not set(self.model.dims) <= set(axes):
            return np.full_like(value, np.nan) if self.all_lost else np.asarray(value)
        value = np.array(value)
        ordered = np.moveaxis(value, [list(axes).index(dim) for dim in self.model.dims], range(len(self.model.dims)))
        for run in self.diverged:
            ordered[run] = np.nan
        return value

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """All that `restore` needs to go on from here: what JSON can hold, and arrays."""
        kept = {name: getattr(self, name) for name in ("epochs", "phases", "axes", "largest_start", "all_lost")}
        arrays = {f"record_{name}": np.stack(values) for name, values in self.values.items()}
        return kept | {"diverged": list(self.diverged.items())}, arrays

    def restore(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a `state`; there may be other arrays beside its own."""
        for name, value in state.items():
            setattr(self, name, value)
        self.diverged = {tuple(run): reason for run, reason in state["diverged"]}
        self.values = {name: list(arrays[f"record_{name}"]) for name in self.axes}

    def dataset(self) -> xr.Dataset:
        """Everything recorded, `epoch` as the first axis; the attribute `engine` says what computed it."""
        import xarray as xr

        return xr.Dataset(
            {name: (("epoch", *self.axes[name]), np.stack(values)) for name, values in self.values.items()},
            coords={"epoch": self.epochs, "phase": ("epoch", self.phases)},
            attrs={"engine": self.engine},
        )


def join_runs(recorders: Sequence[Recorder]) -> Recorder:
    """Join the records of single runs, made at the same epochs, along the model's first axis."""
    first = recorders[0]
    if len(recorders) == 1:
        return first
    first.diverged = {(run,): reason for run, one in enumerate(recorders) for reason in one.diverged.values()}
    for name, axes in first.axes.items():
        if set(axes) & set(first.model.dims):
            axis = axes.index(first.model.dims[0])
            first.values[name] = [
                np.concatenate(values, axis=axis)
                for values in zip(*(recorder.values[name] for recorder in recorders), strict=True)
            ]
    return first


class Progress:
    """Logs how far a job is: epochs done of the total, epochs per second, time left.

    Parameters
    ----------
    total
        Epochs the job has to do.
    what
        What the job does, for the log; None for silence.
    every
        Seconds between two lines at the least.
    """

    def __init__(self, total: int, what: str | None, every: float = 5.0) -> None:
        self.total, self.what, self.every = total, what, every
        self.start = self.last = time.monotonic()
        self.first = 0.0
        self.done = False

    def begin(self, epoch: float) -> None:
        """Count time and epochs from here on: a job that goes on from a checkpoint did the ones before long ago."""
        self.start = self.last = time.monotonic()
        self.first = epoch

    def __call__(self, epoch: float) -> None:
        """Log a line if the last one is old enough, or the job is done."""
        now = time.monotonic()
        if self.what is None or self.done or (now - self.last < self.every and epoch < self.total):
            return
        self.last, self.done = now, epoch >= self.total
        rate = (epoch - self.first) / max(now - self.start, 1e-9)
        left = (self.total - epoch) / rate if rate else float("inf")
        logger.info("%s: epoch %d of %d, %.0f epochs/s, %.0f s left", self.what, epoch, self.total, rate, left)

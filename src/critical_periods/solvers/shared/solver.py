"""What a solver is: a class whose fields are its options, and which takes a model through a schedule."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from critical_periods.configuration.fields import Section
from critical_periods.dynamics.arrays import precision
from critical_periods.dynamics.checkpoints import Checkpoints
from critical_periods.dynamics.landscape import Model, Parameters
from critical_periods.dynamics.schedules import Schedule
from critical_periods.dynamics.trajectories import Progress, Solution


class Solver(Section):
    """Base of all solvers; the fields of each are its options, keys of the configuration."""

    #: Options that there were, at the value that is the only one by now: cells are known by them still.
    gone: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
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
        """Take the parameters of a model through a schedule.

        Parameters
        ----------
        model
            The model.
        parameters
            Initial parameters, NumPy arrays or torch tensors; they are copied, not changed.
        schedule
            The phases, in order.
        learning_rate
            Step of gradient descent, one epoch's worth of time of gradient flow; times the phase's `rate`.
        record_every
            Epochs between two records of the trajectory; phase boundaries are recorded too.
        keep
            Epochs at which the parameters themselves are kept; the last epoch always is.
        progress
            Told the epoch as training gets on.
        checkpoints
            Where a solver whose training lasts may keep its state, to go on from if it is stopped.
        diverged
            What a run that diverges does: "fail", or "record" it as NaN from there on.

        Returns
        -------
        Solution
            The trajectory over `epoch` and the parameters kept.

        Raises
        ------
        ValueError
            If a phase asks for what the model does not honour.
        critical_periods.dynamics.trajectories.DivergedError
            If a loss stops being finite or explodes, with the epoch and the loss, and that is not to be recorded.
        critical_periods.dynamics.trajectories.SolverError
            If an integrator gives up.
        """

    def least(self, dtype: str) -> Mapping[str, float]:
        """Options that a precision bounds from below, with their least values."""
        return {}

    def check_resolved(self, parameters: Parameters) -> None:
        """Refuse options below what the least precise of the parameters resolves.

        Raises
        ------
        ValueError
            With the option, what it is and what is allowed.
        """
        for dtype in {precision(parameter) for parameter in parameters}:
            for name, least in self.least(dtype).items():
                if not (value := getattr(self, name)) >= least:
                    raise ValueError(f"{name} = {value:g}; allowed: {least:.3g} or more in {dtype}")

"""Parameters of deep matrix completion (section 4 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from critical_periods.configuration.fields import (
    Activation,
    ConfigError,
    Device,
    Epochs,
    GradientFlow,
    Precision,
    Rate,
    Solver,
    SomeEpochs,
    key,
)
from critical_periods.dynamics import real_matrices
from critical_periods.dynamics.precision import PRECISIONS
from critical_periods.models.matrix_completion.own_files import TASKS, all_observed, check_files, names_by_content
from critical_periods.models.registry import Parameters, check_ascending, check_at_most, check_init_scale

#: Size of a matrix of digits (`critical_periods.dynamics.tasks.digits_matrix`), and a rank that any draw of them has.
DIGITS_SIZE = 64
LARGEST_DIGITS_RANK = 40

Rank = Annotated[int, Field(ge=1, le=10_000)]
Entries = Annotated[int, Field(ge=1, le=100_000_000)]
OwnFile = Annotated[
    str,
    Field(
        pattern=real_matrices.PATTERN,
        json_schema_extra={"words": "a file .npy, .npz, .csv or .nc, with a colon and a name where it holds several"},
    ),
]
Matrix = Literal["random", "digits"] | OwnFile
Structure = Literal["random", "block_diagonal", "disconnected", "connected"] | OwnFile


class MatrixCompletion(Parameters):
    """Deep matrix completion: W = W_N ... W_1 trained on the observed entries of a matrix (section 4, eq 9)."""

    solver: Solver = key("Constant steps as in the paper, or the same gradient integrated adaptively.")
    gradient_flow: GradientFlow = key("How gradient flow is integrated.")
    dtype: Precision = key("Floating-point precision of training.")
    device: Device = key("Where training runs; cuda needs a GPU that torch finds.")
    size: int = key(
        "n; all matrices are n x n; the longer side of one from a file.", label="size $n$", ge=2, le=10_000
    )
    depth: int = key("Number N of factors.", label="depth $N$", ge=1, le=50)
    n_observed: Entries | None = key(
        "Observed entries of the final task, at most size^2; null for all that can be observed.",
        label="observed entries",
    )
    final_rank: Rank | None = key(
        "Rank of the final task's matrix, at most size; null for a matrix from a file as it is.",
        label="rank of the final task",
    )
    pretrain_task: Literal["other", "same"] = key(
        "Pre-training on another matrix, or on the same one (with other observations)."
    )
    pretrain_rank: Rank | None = key(
        "Rank of the other matrix, at most size; null for one from a file as it is; not used for the task `same`.",
        label="rank of the first task",
    )
    pretrain_n_observed: Entries | None = key(
        "Observed entries while pre-training, at most size^2; null for those of the final task.",
        label="observed while pre-training",
    )
    init_scale: float = key(
        "Scale of the initial product matrix; entries of each factor have sd init_scale^(1/N) n^(-1/2).",
        label="initial scale", gt=0, le=100,
    )  # fmt: skip
    learning_rate: Rate = key(
        "Step of gradient descent, and one epoch's worth of time of gradient flow.", label="learning rate"
    )
    switch_epochs: Annotated[list[Epochs], Field(min_length=1, max_length=10_000)] = key(
        "Epochs of pre-training before the switch to the final task, ascending, 0 first.",
        label="duration of the deficit", unit="epoch",
    )  # fmt: skip
    final_epochs: SomeEpochs = key("Epochs of the final task.", unit="epoch")
    record_every: SomeEpochs = key("Epochs between two records of a trajectory.", unit="epoch")
    n_singular_values: int = key(
        "How many of the largest singular values are recorded, at most size.", ge=1, le=10_000
    )
    balancedness: bool = key("Whether to record how far the factors are from balanced.", False)
    observations: Structure = key(
        "Which entries are observed: any, full blocks on the diagonal, or any in two blocks of half the size, without "
        "(disconnected) or with (connected) a few between them; or any of those that are 1 in a file, and not 0.",
        "random", label="observations",
    )  # fmt: skip
    pretrain_matrix: Matrix = key(
        "Matrix of the first task, random, of handwritten digits (size 64), or from a file; not used for the task "
        "`same`.",
        "random", label="matrix of the first task",
    )  # fmt: skip
    final_matrix: Matrix = key(
        "Matrix of the final task, random, of handwritten digits (size 64), or from a file, where missing entries are "
        "NaN or empty.",
        "random", label="matrix of the final task",
    )  # fmt: skip
    onset: Epochs = key(
        "Epochs of the final task before the first one begins.", 0, label="onset of the deficit", unit="epoch"
    )
    activation: Activation = key(
        "Function after every factor but the last; linear for none.", "linear", label="activation"
    )
    epochs_at_rate: Rate | None = key(
        "Learning rate at which epochs are counted, so that they last as long at any other; null for its own.", None
    )
    cycle_factor: float = key(
        "Highest learning rate of the final task over the learning rate; 1 for a constant one.",
        1.0, label="highest / lowest learning rate", ge=1, le=1_000_000,
    )  # fmt: skip
    cycle_epochs: Annotated[int, Field(ge=20, le=1000000000)] | None = key(
        "Epochs in which the learning rate of the final task goes up and down once; for a factor above 1.",
        10_000, unit="epoch",
    )  # fmt: skip
    diagnostics: bool = key("Whether to record effective rank, nuclear norm and alignment with both tasks.", False)
    sharpness: bool = key("Whether to record the largest eigenvalue of the loss's Hessian.", False)
    frozen_layer: Annotated[int, Field(ge=1, le=50)] | None = key(
        "Layer that does not learn during the first task, 1 for the lowest; null for none.",
        None, label="frozen layer", later=True,
    )  # fmt: skip
    n_held_out: Annotated[int, Field(ge=0, le=100_000_000)] = key(
        "Known entries that are never observed, over which alone the reconstruction error is taken; 0 for an error "
        "over all known entries.",
        0, label="held-out entries", later=True,
    )  # fmt: skip
    normalized: bool = key(
        "Whether matrices from files are scaled to a mean squared known entry of 1, a Frobenius norm of n, as random "
        "ones are.",
        True, later=True,
    )  # fmt: skip

    def check(self, place: str) -> None:
        """Refuse ranks, observations and epochs that the size, the kind of matrix or the learning rate rule out."""
        check_at_most(
            place, self, ("pretrain_rank", "final_rank", "n_singular_values"), self.size, f"size = {self.size}"
        )
        entries = ("n_observed", "pretrain_n_observed")
        check_at_most(place, self, entries, self.size**2, f"size^2 = {self.size**2}")
        check_at_most(place, self, ("frozen_layer",), self.depth, f"depth = {self.depth}")
        check_ascending(place, "switch_epochs", self.switch_epochs)
        if self.switch_epochs[0] != 0:
            allowed = "0 first: it is what relative accuracy is relative to"
            raise ConfigError(f"{place}: switch_epochs", self.switch_epochs, allowed)
        if self.observations in ("disconnected", "connected"):
            within = (self.size // 2) ** 2 + (self.size - self.size // 2) ** 2
            check_at_most(place, self, entries, within, f"{within}, the entries of two blocks")
        for task in TASKS:
            if getattr(self, f"{task}_matrix") == "digits":
                if self.size != DIGITS_SIZE:
                    raise ConfigError(f"{place}: size", self.size, f"{DIGITS_SIZE} where {task}_matrix = digits")
                largest = f"{LARGEST_DIGITS_RANK} where it is of digits"
                check_at_most(place, self, (f"{task}_rank",), LARGEST_DIGITS_RANK, largest)
        check_files(place, self)
        self._check_updates(place)
        check_init_scale(place, self.init_scale, self.dtype, self.size)
        if self.solver == "gradient_flow":
            for name in ("rtol", "atol"):
                least, value = getattr(PRECISIONS[self.dtype], name), getattr(self.gradient_flow, name)
                if value < least:
                    allowed = f"{least:.3g} or more in {self.dtype}"
                    raise ConfigError(f"{place}: gradient_flow.{name}", value, allowed)

    def _check_updates(self, place: str) -> None:
        """Check that epochs counted at another learning rate are whole updates at the cell's own."""
        rate = self.learning_rate
        pace = (self.epochs_at_rate or rate) / rate
        counts = [("onset", self.onset), *(("switch_epochs", epochs) for epochs in self.switch_epochs)]
        for name, epochs in [*counts, ("final_epochs", self.final_epochs), ("record_every", self.record_every)]:
            if abs(pace * epochs - round(pace * epochs)) > 1e-6 * max(1, pace * epochs):
                allowed = f"epochs that are whole updates at learning_rate = {rate:g}, not {pace * epochs:g}"
                raise ConfigError(f"{place}: {name}", epochs, allowed)

    def identity(self) -> dict[str, Any]:
        """Parameters without what the task, the rate or the solver makes meaningless."""
        found = super().identity() | names_by_content(self)
        if found["n_observed"] is None:
            found["n_observed"] = all_observed(self, "final")
        if self.pretrain_task == "same":
            found |= {"pretrain_rank": self.final_rank, "pretrain_matrix": found["final_matrix"]}
        if self.pretrain_n_observed is None:
            found["pretrain_n_observed"] = found["n_observed"]
        if not any(real_matrices.is_own(found[f"{task}_matrix"]) for task in TASKS):
            found.pop("normalized", None)  # of no meaning to other matrices
        if self.epochs_at_rate == self.learning_rate:
            found["epochs_at_rate"] = None
        if self.cycle_factor == 1:
            found["cycle_epochs"] = None
        if self.solver == "gradient_descent":
            del found["gradient_flow"]
        return found


def pretraining(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the pre-training that a cell starts from; cells that agree in them share it."""
    without = {"final_epochs", "cycle_factor", "cycle_epochs"}
    if not cell["onset"] and not cell["diagnostics"]:
        without |= {"final_matrix", "final_rank", "n_observed"}
    return {name: value for name, value in cell.items() if name not in without}

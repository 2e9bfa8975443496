"""Parameters of deep matrix completion (section 4 of the paper)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from critical_periods.configuration.fields import (
    ActivationName,
    ConfigError,
    Device,
    Epochs,
    PrecisionName,
    Rank,
    Rate,
    SomeEpochs,
    key,
)
from critical_periods.configuration.solvers import SolverName, with_options
from critical_periods.dynamics import real_matrices
from critical_periods.models.matrix_completion.cost import completion_cost, pretraining_cost
from critical_periods.models.matrix_completion.own_files import TASKS, all_observed, check_files, names_by_content
from critical_periods.models.matrix_completion.panels import MARKS
from critical_periods.models.matrix_completion.simulation.assumed import COVERS
from critical_periods.models.matrix_completion.variables import VARIABLES
from critical_periods.models.registry import ModelSpec, Simulation, check_ascending, check_at_most, check_init_scale

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["MARKS", "MODELS", "PUBLIC"]

#: Times in which modes are learned.
CLOSED_FORM = "models/product_matrix/simulation/closed_form.py"

PUBLIC = {
    "Tasks": {
        "critical_periods.models.matrix_completion.simulation.tasks": (
            "low_rank_matrix",
            "digits_matrix",
            "observation_mask",
        )
    },
    "Landscapes": {
        "critical_periods.models.matrix_completion.simulation.landscape": ("Factorization", "initial_weights")
    },
    "Theory": {"critical_periods.models.matrix_completion.theory": ("task_closing",)},
    "Measures": {"critical_periods.models.matrix_completion.measures": "matrix_measures"},
}

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


#: Structures of observed entries that lie within two blocks of half the size, all or nearly all of them.
TWO_BLOCKS = {"disconnected", "connected"}


class Pretraining(Simulation):
    """What cells of matrix completion start from; cells that agree in its parameters share it."""

    cells = "pretraining"
    rule = "pretrain"
    message = "Pre-training, {cells}; progress in {log}"
    minutes = (60, 10)
    checkpoints = True
    batched = True
    cost = staticmethod(pretraining_cost)

    @staticmethod
    def batch_key(parameters: Mapping[str, Any]) -> Hashable | None:
        """What cells of one batch have in common."""
        from critical_periods.models.matrix_completion.simulation.simulate import batch_key

        return batch_key(parameters)

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> list[xr.Dataset]:
        """Train on the first task."""
        from critical_periods.models.matrix_completion.simulation.simulate import pretrain

        return pretrain(*cells, **options)

    @staticmethod
    def parameters_of(cell: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of the pre-training that a cell starts from; cells that agree in them share it."""
        without = {"final_epochs", "cycle_factor", "cycle_epochs"} | {name for name in cell if name.startswith("cure")}
        if not cell["onset"] and not cell["diagnostics"]:
            without |= {"n_observed"} if "pretrain_overlap" in cell else {"final_matrix", "final_rank", "n_observed"}
        return {name: value for name, value in cell.items() if name not in without}


class LearningStages(Simulation):
    """When the modes of a first task are learned, in theory."""

    cells = "learning_stages"
    rule = "learning_stages"
    message = "Stages of learning the first task in theory, {cells}; progress in {log}"
    minutes = (10, 1)
    cells_per_job = 64
    uses = (CLOSED_FORM,)

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> xr.Dataset:
        """Compute the stages."""
        from critical_periods.models.matrix_completion.simulation.stages import simulate_stages

        return simulate_stages(*cells, **options)

    @staticmethod
    def cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
        """Seconds and bytes of a cell: least squares on the observed entries."""
        return 0.3 * (parameters["size"] / 100) ** 3, 3e4

    @staticmethod
    def parameters_of(cell: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters that theory needs to tell when the first task of a cell is learned."""
        needed = ("seed", "size", "depth", "init_scale", "pretrain_rank", "pretrain_n_observed", "n_singular_values")
        rate = cell["epochs_at_rate"] or cell["learning_rate"]
        beyond = [name for name in cell if name not in COVERS]
        told = {name: cell[name] for name in (*needed, "imbalance", *beyond) if name in cell}
        return told | {"learning_rate": rate}


@with_options()
class MatrixCompletion(ModelSpec):
    """Deep matrix completion: W = W_N ... W_1 trained on the observed entries of a matrix (section 4, eq 9)."""

    name = "matrix_completion"
    rule = "train"
    message = "Training on the final task, {cells}; progress in {log}"
    minutes = (120, 20)
    checkpoints = True
    batched = True
    cost = staticmethod(completion_cost)
    batch_key = staticmethod(Pretraining.batch_key)
    first = Pretraining
    theory = LearningStages
    bundled_by = "solver"
    assembled_by = (CLOSED_FORM,)
    variables = VARIABLES

    solver: SolverName = key("Gradient descent, update by update or in strides, or gradient flow, its limit.")
    dtype: PrecisionName = key("Floating-point precision of training.")
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
        label="observed while pre-training", null="same as final",
    )  # fmt: skip
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
    activation: ActivationName = key(
        "Function after every factor but the last; linear for none.", "linear", label="activation"
    )
    epochs_at_rate: Rate | None = key(
        "Learning rate at which epochs are counted, so that they last as long at any other; null for its own.",
        None, null="its own",
    )  # fmt: skip
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
    layer_ratio: float = key(
        "Scale of the last layer's initial weights over that of the first, those between in even steps of its "
        "logarithm; the scale of their product stays.",
        1.0, label="ratio of layer scales", gt=0, le=1e12, later=True,
    )  # fmt: skip
    imbalance: Annotated[float, Field(ge=-1_000_000, le=1_000_000)] | None = key(
        "lambda: W_2^T W_2 - W_1 W_1^T is lambda I at the start, their product what was drawn; needs depth 2; null, "
        "both are as drawn.",
        None, label=r"imbalance $\lambda$", later=True,
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
    pretrain_observations: Literal["random", "block_diagonal", "disconnected", "connected"] | None = key(
        "Which entries are observed while pre-training, as of `observations`; null for the choice of the final task.",
        None, label="observed while pre-training", later=True,
    )  # fmt: skip
    pretrain_overlap: Annotated[float, Field(ge=0, le=1)] | None = key(
        "Mean squared cosine between the singular subspaces of the first task's leading modes and of the final task, "
        "of whose singular values it has copies; null for a matrix of its own.",
        None, label="overlap of the tasks", later=True,
    )  # fmt: skip
    pretrain_order: Literal["same", "reversed"] = key(
        "Order in which overlapping modes of the first task have the final one's singular values.",
        "same", label="order of singular values", later=True,
    )  # fmt: skip
    cure: Literal["decay", "shrink", "noise", "observations", "reversed"] | None = key(
        "What comes into the final task: weight decay, more observations or the first task's gradient reversed for a "
        "while; or weights that shrink towards a fresh draw of them, or noise on them, at once; null for nothing.",
        None, label="cure", later=True,
    )  # fmt: skip
    cure_strength: Annotated[float, Field(ge=0, le=100_000_000)] = key(
        "decay, shrink: number of times that weights fall to 1/e, were there no task; noise: standard deviation over "
        "that of initial weights; observations: how many more; reversed: weight of the first task's loss, below 1.",
        0.0, label="strength of the cure", later=True,
    )  # fmt: skip
    cure_epochs: SomeEpochs | None = key(
        "Epochs that the cure lasts; null for one at once.",
        None, label="duration of the cure", unit="epoch", later=True,
    )  # fmt: skip
    cure_onset: Epochs = key(
        "Epochs of the final task before the cure.", 0, label="onset of the cure", unit="epoch", later=True
    )
    cure_layer: Annotated[int, Field(ge=1, le=50)] | None = key(
        "The only layer that shrinks or has noise; null for all.", None, label="layer cured", later=True
    )

    def check(self, place: str) -> None:
        """Refuse ranks, observations and epochs that the size, the kind of matrix or the learning rate rule out."""
        check_at_most(
            place, self, ("pretrain_rank", "final_rank", "n_singular_values"), self.size, f"size = {self.size}"
        )
        entries = ("n_observed", "pretrain_n_observed")
        check_at_most(place, self, entries, self.size**2, f"size^2 = {self.size**2}")
        check_at_most(place, self, ("frozen_layer",), self.depth, f"depth = {self.depth}")
        self._check_scales(place)
        check_ascending(place, "switch_epochs", self.switch_epochs)
        allowed = "0 first: it is what relative accuracy is relative to"
        self.require(place, "switch_epochs", self.switch_epochs[0] == 0, allowed)
        if {self.observations, self.pretrain_observations} & TWO_BLOCKS:
            check_at_most(place, self, entries, self._within, f"{self._within}, the entries of two blocks")
        for task in TASKS:
            if getattr(self, f"{task}_matrix") == "digits":
                from critical_periods.models.matrix_completion.simulation.tasks import DIGITS_SIZE, LARGEST_DIGITS_RANK

                allowed = f"{DIGITS_SIZE} where {task}_matrix = digits"
                self.require(place, "size", self.size == DIGITS_SIZE, allowed)
                largest = f"{LARGEST_DIGITS_RANK} where it is of digits"
                check_at_most(place, self, (f"{task}_rank",), LARGEST_DIGITS_RANK, largest)
        if self.pretrain_overlap is not None:
            self._check_overlap(place)
        check_files(place, self)
        self._check_cure(place)
        self._check_updates(place)
        check_init_scale(place, self.init_scale, self.dtype, self.size)
        self._check_options(place)

    def _check_options(self, place: str) -> None:
        """Refuse options of the solver below what the precision resolves."""
        options = getattr(self, self.solver, None)
        if options is not None:
            for name, least in options.least(self.dtype).items():
                if (value := getattr(options, name)) < least:
                    allowed = f"{least:.3g} or more in {self.dtype}"
                    raise ConfigError(f"{place}: {self.solver}.{name}", value, allowed)

    @property
    def _within(self) -> int:
        """Entries within two blocks of half the size."""
        return (self.size // 2) ** 2 + (self.size - self.size // 2) ** 2

    def _check_overlap(self, place: str) -> None:
        """Check that the first task is made from a final one that is known as a whole."""
        known = (self.pretrain_task, self.pretrain_matrix) == ("other", "random")
        allowed = "null but where pretrain_task = other, pretrain_matrix = random and final_matrix is no file"
        self.require(place, "pretrain_overlap", known and not real_matrices.is_own(self.final_matrix), allowed)
        assert self.pretrain_rank is not None
        assert self.final_rank is not None
        most = self.size - self.final_rank
        allowed = f"1 to {most}, size less final_rank, where tasks overlap"
        self.require(place, "pretrain_rank", self.pretrain_rank <= most, allowed)

    def _check_cure(self, place: str) -> None:
        """Refuse cures that last beyond the final task, are stronger than can be, or mean nothing."""
        check_at_most(place, self, ("cure_layer",), self.depth, f"depth = {self.depth}")
        if self.cure is None or not self.cure_strength:
            return
        at_once = self.cure in ("shrink", "noise")
        where = f"where cure = {self.cure}"
        allowed = f"{'null' if at_once else 'a number'} {where}"
        self.require(place, "cure_epochs", at_once == (self.cure_epochs is None), allowed)
        self.require(place, "cure_layer", self.cure_layer is None or at_once, f"null {where}")
        self.require(place, "cycle_factor", self.cycle_factor == 1, "1 where there is a cure")
        lasts = self.cure_onset + (self.cure_epochs or 0)
        if lasts >= self.final_epochs:
            allowed = f"a cure that ends before epoch {self.final_epochs} of the final task"
            raise ConfigError(f"{place}: cure_onset + cure_epochs", lasts, allowed)
        if self.cure == "reversed":
            self.require(place, "cure_strength", self.cure_strength < 1, f"below 1 {where}")
        if self.cure == "observations":
            entries = all_observed(self, "final")
            most = self._within if self.observations in TWO_BLOCKS else entries
            most -= self.n_observed or entries
            allowed = f"a whole number up to {most}, entries that are not observed"
            self.require(place, "cure_strength", self.cure_strength <= most and not self.cure_strength % 1, allowed)

    def _check_scales(self, place: str) -> None:
        """Refuse unequal layers where there is one, and lambda-balanced ones where they would not be that."""
        self.require(place, "layer_ratio", self.depth > 1 or self.layer_ratio == 1, "1, as depth = 1")
        if self.imbalance is None:
            return
        for name, value in {"depth": 2, "activation": "linear", "layer_ratio": 1}.items():
            given = getattr(self, name)
            self.require(place, "imbalance", given == value, f"null, as {name} = {given}, not {value}")
        drawn = {self.pretrain_matrix, self.final_matrix} <= {"random", "digits"}
        self.require(place, "imbalance", drawn, "null, as a matrix is from a file")

    def _check_updates(self, place: str) -> None:
        """Check that epochs counted at another learning rate are whole updates at the cell's own."""
        rate = self.learning_rate
        pace = (self.epochs_at_rate or rate) / rate
        for name in ("onset", "cure_onset", "switch_epochs", "cure_epochs", "final_epochs", "record_every"):
            value = getattr(self, name) or 0
            for epochs in value if isinstance(value, list) else [value]:
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
        if self.pretrain_observations == self.observations:
            found.pop("pretrain_observations", None)
        if self.pretrain_overlap is None:
            found.pop("pretrain_order", None)
        if self.cure is None or not self.cure_strength:
            found = {name: value for name, value in found.items() if not name.startswith("cure")}
        if self.epochs_at_rate == self.learning_rate:
            found["epochs_at_rate"] = None
        if self.cycle_factor == 1:
            found["cycle_epochs"] = None
        return found

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> list[xr.Dataset]:
        """Train on the final task."""
        from critical_periods.models.matrix_completion.simulation.simulate import complete

        return complete(*cells, **options)

    @staticmethod
    def predict(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
        """Closing and recovery, in theory."""
        from critical_periods.models.matrix_completion.theory import predict

        return predict(dataset, parameters, axes)

    @staticmethod
    def derive(dataset: xr.Dataset) -> xr.Dataset:
        """What follows from the final errors."""
        from critical_periods.models.matrix_completion.derived import derive

        return derive(dataset)

    @staticmethod
    def axis_values(parameters: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Switch epochs, tasks and modes."""
        return {
            "switch_epoch": parameters["switch_epochs"],
            "task": ("first", "final"),
            "mode": range(1, parameters["n_singular_values"] + 1),
        }


MODELS = (MatrixCompletion,)

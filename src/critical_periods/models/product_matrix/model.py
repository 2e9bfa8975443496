"""Parameters of the dynamics of the product matrix: flow of its singular values, and modes in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from critical_periods.analysis.learning import LEARNED
from critical_periods.configuration.fields import Epochs, PrecisionName, Rank, Rate, SomeEpochs, Tolerance, key
from critical_periods.models.registry import (
    AXES,
    ModelSpec,
    Variable,
    check_ascending,
    check_at_most,
    check_init_scale,
)
from critical_periods.solvers.gradient_flow import Method

if TYPE_CHECKING:
    import xarray as xr

#: The factorization that is trained beside theory, and its tasks.
FACTORIZATION = tuple(f"models/matrix_completion/simulation/{name}.py" for name in ("landscape", "passes", "tasks"))

PUBLIC = {
    "Landscapes": {"critical_periods.models.product_matrix.simulation.landscape": ("ProductMatrix",)},
    "Theory": {
        "critical_periods.models.product_matrix.simulation.closed_form": (
            "mode_strength",
            "mode_strength_of_depth",
            "chained_modes",
        ),
        "critical_periods.models.product_matrix.simulation.landscape": ("singular_velocities",),
    },
}


def _variables(*runs: str) -> dict[str, Variable]:
    """Training beside theory, along axes of runs."""
    axes = ("solver", *runs, "epoch", "mode")
    return {axis: AXES[axis] for axis in (*runs, "epoch", "mode")} | {
        "solver": Variable("who computed the singular values: gradient descent, or the theory"),
        "singular_value": Variable("singular value of the product matrix W", "1", "singular value of $W$", axes),
        "largest_difference": Variable("largest |training - theory| over epochs and modes", dims=runs),
        "relative_difference": Variable(
            "largest |training - theory|, relative to the largest singular value in training", dims=runs
        ),
        "learned": Variable(f"whether W ended as large as a training loss below {LEARNED:.0%} takes", dims=()),
    }


def _whether_learned(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
    """Dataset of a cell with whether W has learned."""
    from critical_periods.models.product_matrix.derived import predict_learning

    return predict_learning(dataset, parameters, axes)


def _modes(parameters: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    return {"mode": range(1, parameters["n_singular_values"] + 1)}


def _beside_closed_form(parameters: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    return {**_modes(parameters), "solver": ("gradient_descent", "closed_form")}


def _shared_modes_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell, which gradient descent trains; the closed form takes no time."""
    epochs = parameters["pretrain_epochs"] + parameters["final_epochs"]
    seconds = 60e-6 * epochs * (parameters["depth"] - 1) * (parameters["size"] / 100) ** 3
    return seconds, 3e4 + 8 * epochs / parameters["record_every"] * parameters["n_singular_values"]


def _singular_flow_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell: training in float64, and the flow of singular values and vectors beside it."""
    runs, last = len(parameters["switch_epochs"]), parameters["switch_epochs"][-1]
    epochs = runs * parameters["final_epochs"] + last
    seconds = 750e-6 * epochs * (parameters["depth"] - 1) * (parameters["size"] / 100) ** 3
    return seconds, 5e4 + 8 * epochs / parameters["record_every"] * parameters["n_singular_values"]


def _two_layers_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell: training in float64, and a small factorization of the exact solution a record."""
    epochs = parameters["pretrain_epochs"] + parameters["final_epochs"]
    size = max(parameters["rows"], parameters["columns"])
    seconds = (25e-6 + 120e-6 * (size / 100) ** 3) * epochs
    return seconds, 3e4 + 8 * epochs / parameters["record_every"] * parameters["n_singular_values"]


class TwoTasks(ModelSpec):
    """What both models share: two tasks one after the other, and the network that learns them."""

    size: int = key("n; all matrices are n x n.", label="size $n$", ge=2, le=10_000)
    depth: int = key("Number N of factors, 2 or more.", label="depth $N$", ge=2, le=50)
    n_observed: int = key("Observed entries, at most size^2.", label="observed entries", ge=1, le=100_000_000)
    pretrain_rank: Rank = key("Rank of the first task's matrix, at most size.", label="rank of the first task")
    final_rank: Rank = key("Rank of the second task's matrix, at most size.", label="rank of the final task")
    init_scale: float = key("Singular values of the initial product matrix.", label="initial scale", gt=0, le=100)
    learning_rate: Rate = key("Step of gradient descent.", label="learning rate")
    final_epochs: SomeEpochs = key("Epochs of the second task.", unit="epoch")
    record_every: SomeEpochs = key("Epochs between two records of a trajectory.", unit="epoch")
    n_singular_values: int = key(
        "How many of the largest singular values are recorded, at most size.", ge=1, le=10_000
    )
    dtype: PrecisionName = key("Floating-point precision of training.")

    def check(self, place: str) -> None:
        """Refuse ranks and observations that the size rules out."""
        check_at_most(
            place, self, ("pretrain_rank", "final_rank", "n_singular_values"), self.size, f"size = {self.size}"
        )
        check_at_most(place, self, ("n_observed",), self.size**2, f"size^2 = {self.size**2}")


class SingularFlow(TwoTasks):
    """Deep factorization beside the flow of its singular values and vectors (appendix B, eqs 10, 13, 14)."""

    name = "singular_flow"
    rule = "singular_flow"
    message = "Training beside the flow of singular values, {cells}; progress in {log}"
    minutes = (60, 30)
    solvers = ("gradient_descent", "gradient_flow")
    uses = FACTORIZATION
    cost = staticmethod(_singular_flow_cost)
    predict = staticmethod(_whether_learned)
    variables = _variables("switch_epoch") | {
        "gradient_evaluations": Variable("gradients that the adaptive integration of the theory evaluated", dims=()),
        "imbalance": Variable("largest entry of |W_(j+1)^T W_(j+1) - W_j W_j^T| at the start", dims=()),
        "smallest_gap": Variable(
            "smallest gap between singular values at the start, relative to the largest", dims=()
        ),
    }

    init_spread: float = key("Standard deviation of the diagonal that every initial layer gets on top.", ge=0, le=100)
    switch_epochs: Annotated[list[Epochs], Field(min_length=1, max_length=1000)] = key(
        "Epochs of the first task before the switch to the second one, ascending.",
        label="duration of the deficit",
        unit="epoch",
    )
    method: Method = key(
        "Integrator; RKC is Runge-Kutta-Chebyshev, with errors like rtol^(2/3); the others are those of "
        "scipy.integrate, with errors in proportion to rtol."
    )
    rtol: Tolerance = key("Relative tolerance of adaptive integration.")
    atol: Tolerance = key("Absolute tolerance of adaptive integration, in units of W.")
    shadowing: bool = key(
        "Whether theory follows gradient descent to second order in the learning rate, or its limit."
    )

    def check(self, place: str) -> None:
        """Refuse, beside ranks and observations, switch epochs out of order."""
        super().check(place)
        check_ascending(place, "switch_epochs", self.switch_epochs)
        check_init_scale(place, self.init_scale, self.dtype, 1)  # a diagonal matrix

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> xr.Dataset:
        """Train beside the flow of singular values."""
        from critical_periods.models.product_matrix.simulation.simulate import simulate_singular_flow

        return simulate_singular_flow(*cells, **options)

    @staticmethod
    def axis_values(parameters: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Modes, switch epochs, and who computed them."""
        return {
            **_modes(parameters),
            "switch_epoch": parameters["switch_epochs"],
            "solver": ("gradient_descent", "ode"),
        }


class SharedModes(TwoTasks):
    """Singular vectors shared with both tasks: modes in closed form beside training (appendix C, eqs 19-21)."""

    name = "shared_modes"
    rule = "shared_modes"
    message = "Training beside modes in closed form, {cells}; progress in {log}"
    minutes = (60, 30)
    solvers = ("gradient_descent",)
    uses = FACTORIZATION
    cost = staticmethod(_shared_modes_cost)
    variables = _variables()
    predict = staticmethod(_whether_learned)
    axis_values = staticmethod(_beside_closed_form)

    pretrain_epochs: Epochs = key("Epochs of the first task.", unit="epoch")

    def check(self, place: str) -> None:
        """Refuse, beside ranks and observations, initial weights that vanish."""
        super().check(place)
        check_init_scale(place, self.init_scale, self.dtype, self.size)

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> xr.Dataset:
        """Train beside modes in closed form."""
        from critical_periods.models.product_matrix.simulation.simulate import simulate_shared_modes

        return simulate_shared_modes(*cells, **options)


class TwoLayers(ModelSpec):
    """Two lambda-balanced layers, all entries observed: the exact solution beside training, through two tasks."""

    name = "two_layers"
    rule = "two_layers"
    message = "Training two layers beside their exact solution, {cells}; progress in {log}"
    minutes = (10, 5)
    solvers = ("gradient_descent",)
    uses = FACTORIZATION
    cost = staticmethod(_two_layers_cost)
    predict = staticmethod(_whether_learned)
    axis_values = staticmethod(_beside_closed_form)
    variables = _variables() | {
        "matrix_difference": Variable(
            "largest |W of training - W of the exact solution|_F over epochs, relative to the largest |W|_F",
            dims=(),
        ),
        "imbalance_drift": Variable(
            "largest change of an entry of W_2^T W_2 - W_1 W_1^T in training, relative to the largest |W|_F",
            dims=(),
        ),
    }

    rows: int = key("Rows of all matrices.", label="rows", ge=2, le=10_000)
    columns: int = key(
        "Columns of all matrices; there are as many hidden units as the shorter side has entries.",
        label="columns",
        ge=2,
        le=10_000,
    )
    imbalance: float = key(
        "lambda: W_2^T W_2 - W_1 W_1^T is lambda I.", label=r"imbalance $\lambda$", ge=-1_000_000, le=1_000_000
    )
    pretrain_rank: Rank = key(
        "Rank of the first task's matrix, at most the shorter side.", label="rank of the first task"
    )
    final_rank: Rank = key(
        "Rank of the second task's matrix, at most the shorter side.", label="rank of the final task"
    )
    init_scale: float = key(
        "Scale of the initial product, that of two layers with entries of sd init_scale^(1/2) n^(-1/2), n being the "
        "longer side.",
        label="initial scale", gt=0, le=100,
    )  # fmt: skip
    learning_rate: Rate = key("Step of gradient descent.", label="learning rate")
    pretrain_epochs: Epochs = key("Epochs of the first task.", unit="epoch")
    final_epochs: SomeEpochs = key("Epochs of the second task.", unit="epoch")
    record_every: SomeEpochs = key("Epochs between two records of a trajectory.", unit="epoch")
    n_singular_values: int = key(
        "How many of the largest singular values are recorded, at most the shorter side.", ge=1, le=10_000
    )

    def check(self, place: str) -> None:
        """Refuse ranks that the sides rule out."""
        shorter = min(self.rows, self.columns)
        check_at_most(
            place, self, ("pretrain_rank", "final_rank", "n_singular_values"), shorter, f"{shorter}, the shorter side"
        )

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> xr.Dataset:
        """Train two layers beside their exact solution."""
        from critical_periods.models.product_matrix.simulation.simulate import simulate_two_layers

        return simulate_two_layers(*cells, **options)


MODELS = (SingularFlow, SharedModes, TwoLayers)

"""Dynamics of the product matrix: theory beside training (appendices B and C; figs 9, 10)."""

from collections.abc import Mapping, Sequence
from typing import Any

from critical_periods.models.product_matrix.model import SharedModes, SingularFlow, TwoLayers
from critical_periods.models.registry import AXES, LEARNED, Model, Simulation, Variable

_HERE = "critical_periods.models.product_matrix"
_CODE = f"{_HERE}.simulation"

#: The factorization that is trained beside theory, and its tasks.
_FACTORIZATION = tuple(f"models/matrix_completion/simulation/{name}.py" for name in ("landscape", "passes", "tasks"))

PUBLIC = {
    "Landscapes": {"ProductMatrix": f"{_CODE}.landscape:ProductMatrix"},
    "Theory": {
        **{
            name: f"{_CODE}.closed_form:{name}"
            for name in ("mode_strength", "mode_strength_of_depth", "chained_modes")
        },
        "singular_velocities": f"{_CODE}.landscape:singular_velocities",
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


MODELS = (
    Model(
        name="singular_flow",
        parameters=SingularFlow,
        simulation=Simulation(
            cells="singular_flow",
            rule="singular_flow",
            simulate=f"{_CODE}.simulate:simulate_singular_flow",
            message="Training beside the flow of singular values, {cells}; progress in {log}",
            minutes=(60, 30),
            solvers=("gradient_descent", "gradient_flow"),
            uses=_FACTORIZATION,
            cost=_singular_flow_cost,
        ),
        variables=_variables("switch_epoch")
        | {
            "gradient_evaluations": Variable(
                "gradients that the adaptive integration of the theory evaluated", dims=()
            ),
            "imbalance": Variable("largest entry of |W_(j+1)^T W_(j+1) - W_j W_j^T| at the start", dims=()),
            "smallest_gap": Variable(
                "smallest gap between singular values at the start, relative to the largest", dims=()
            ),
        },
        predict=f"{_HERE}.derived:predict_learning",
        axis_values=lambda parameters: {
            **_modes(parameters),
            "switch_epoch": parameters["switch_epochs"],
            "solver": ("gradient_descent", "ode"),
        },
    ),
    Model(
        name="shared_modes",
        parameters=SharedModes,
        simulation=Simulation(
            cells="shared_modes",
            rule="shared_modes",
            simulate=f"{_CODE}.simulate:simulate_shared_modes",
            message="Training beside modes in closed form, {cells}; progress in {log}",
            minutes=(60, 30),
            solvers=("gradient_descent",),
            uses=_FACTORIZATION,
            cost=_shared_modes_cost,
        ),
        variables=_variables(),
        predict=f"{_HERE}.derived:predict_learning",
        axis_values=_beside_closed_form,
    ),
    Model(
        name="two_layers",
        parameters=TwoLayers,
        simulation=Simulation(
            cells="two_layers",
            rule="two_layers",
            simulate=f"{_CODE}.simulate:simulate_two_layers",
            message="Training two layers beside their exact solution, {cells}; progress in {log}",
            minutes=(10, 5),
            solvers=("gradient_descent",),
            uses=_FACTORIZATION,
            cost=_two_layers_cost,
        ),
        variables=_variables()
        | {
            "matrix_difference": Variable(
                "largest |W of training - W of the exact solution|_F over epochs, relative to the largest |W|_F",
                dims=(),
            ),
            "imbalance_drift": Variable(
                "largest change of an entry of W_2^T W_2 - W_1 W_1^T in training, relative to the largest |W|_F",
                dims=(),
            ),
        },
        predict=f"{_HERE}.derived:predict_learning",
        axis_values=_beside_closed_form,
    ),
)

"""Multi-pathway learning: networks, and the scalar dynamics of their modes (section 3; figs 1, 2, 3, 7, 11, 12)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from critical_periods.models.pathways.model import GatingSchedules, PathwayNetwork, ScalarPathways
from critical_periods.models.pathways.panels.kinds import KINDS
from critical_periods.models.pathways.simulation.names import pathway_names
from critical_periods.models.registry import AXES, Model, Simulation, Variable, closings, learning_variables

__all__ = ["KINDS", "MODELS", "PUBLIC"]

_HERE = "critical_periods.models.pathways"
_CODE = f"{_HERE}.simulation"

PUBLIC = {
    "Tasks": {name: f"{_CODE}.hierarchical_task:{name}" for name in ("hierarchical_task", "hierarchical_modes")},
    "Landscapes": {
        **{name: f"{_CODE}.scalar:{name}" for name in ("ScalarPathways", "initial_scales")},
        "PathwayNetwork": f"{_CODE}.network:PathwayNetwork",
    },
    "Theory": {
        **{name: f"{_CODE}.scalar:{name}" for name in ("pathway_singular_value", "learning_speed", "flow_field")},
        "gating_closing": f"{_HERE}.theory:gating_closing",
    },
    "Measures": {"pathway_measures": f"{_HERE}.measures"},
}

_SHARED = {
    "epoch": AXES["epoch"],
    "pathway": Variable("pathway", label="pathway"),
    "mode": AXES["mode"],
    "task_singular_value": Variable("singular value s of the task"),
    "duration": Variable("length of the gating deficit", "epoch", "duration of the deficit"),
}


def _pathways(parameters: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    return {"pathway": pathway_names(parameters["n_pathways"])}


def _of_scalar(parameters: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    return _pathways(parameters) | {"mode": (1,)}


def _scalar_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell: Euler steps of all trajectories at once, or adaptive ones."""
    records = parameters["epochs"] / parameters["record_every"]
    adaptive = parameters["solver"] == "gradient_flow"
    seconds = 0.06 if adaptive else 0.01 + 26e-6 * parameters["epochs"]
    return seconds, 2e4 + 4 * records * parameters["n_trajectories"] * parameters["n_pathways"]


def _network_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell: products of the layers of every pathway, and what is recorded of their modes."""
    deepest, widest = (
        max(value if isinstance(value := parameters[name], list) else [value]) for name in ("depth", "width")
    )
    layers = parameters["n_pathways"] * deepest
    seconds = parameters["epochs"] * layers * 0.15e-3 * (0.5 + 0.5 * (widest / 100) ** 2)
    modes = math.prod(parameters["branching"]) ** 2
    return seconds, 2e4 + 3 * parameters["epochs"] / parameters["record_every"] * parameters["n_pathways"] * modes


def _schedules_cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds and bytes of a cell: for up to 3^slots / (4 sqrt(slots)) schedules."""
    count = 3 ** parameters["slots"] / (4 * math.sqrt(parameters["slots"]))
    return 0.5 + 1e-3 * count, 2e4 + 8 * count * (parameters["slots"] + 4)


def _linear(parameters: Mapping[str, Any]) -> bool:
    """Whether a network has a scalar reduction to compare with."""
    return bool(parameters["activation"] == "linear")


def _of_network(parameters: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    modes = range(1, math.prod(parameters["branching"]) + 1)
    return _pathways(parameters) | {
        **dict.fromkeys(("mode", "output_mode", "input_mode"), modes),
        "solver": ("gradient_descent", "ode") if _linear(parameters) else (),
        "integration": ("euler", "exact", "shadowing") if _linear(parameters) else (),
    }


MODELS = (
    Model(
        name="scalar_pathways",
        parameters=ScalarPathways,
        simulation=Simulation(
            cells="scalar_pathways",
            rule="integrate_pathways",
            simulate=f"{_CODE}.simulate_scalar:simulate_scalar",
            message="Integrating the scalar dynamics of pathways, {cells}; results in {log}",
            minutes=(10, 1),
            cost=_scalar_cost,
        ),
        predict=f"{_HERE}.theory:predict",
        derive=f"{_HERE}.derived:derive",
        variables=_SHARED
        | {
            "trajectory": Variable("initial condition"),
            "point": Variable("point along a trajectory, equally spaced in the plane of K"),
            "K_a": Variable("singular value of pathway a"),
            "K_b": Variable("singular value of pathway b"),
            "train_loss": Variable("training loss on the task of the phase", dims=("epoch", "trajectory", "mode")),
            "pathway_singular_value": Variable(
                "singular value K that a pathway expresses", dims=("epoch", "pathway", "trajectory", "mode")
            ),
            "imbalance": Variable(
                "q^2 - p^2 at the start, which the flow conserves",
                *("1", "imbalance $q^2 - p^2$", ("pathway", "trajectory", "mode")),
            ),
            "imbalance_drift": Variable(
                "largest change of q^2 - p^2 along the trajectory", dims=("pathway", "trajectory", "mode")
            ),
            "share": Variable(
                "share of a pathway in the singular value after training",
                *("1", "share of the pathway", ("pathway", "trajectory")),
            ),
            "sharing_pathways": Variable(
                "effective number of pathways that share the singular value, 1 / sum of squared shares",
                *("1", "pathways that share", ("trajectory",)),
                needs=lambda parameters: parameters["n_pathways"] > 2,
            ),
            "impairment": Variable(
                "share that the deficits cost the gated pathway",
                *("1", "share lost to the deficit", ("trajectory",)),
                signed=1,
            ),
            "sharpness": Variable(
                "largest eigenvalue of the loss's Hessian after training", "1", "sharpness", ("trajectory",)
            ),
            "step_over_edge": Variable(
                "learning rate x sharpness / 2; above 1 a minimum repels",
                *("1", "learning rate \N{MULTIPLICATION SIGN} sharpness / 2", ("trajectory",)),
            ),
            "recovery_epochs": Variable(
                "epochs of the lesion until the gated pathway has learned half of s",
                *("epoch", "epochs until half of $s$", ("trajectory",), "lesioned_pathway"),
            ),
            "path": Variable(
                "singular value K that a pathway expresses along a trajectory",
                dims=("point", "pathway", "trajectory"),
                needs="portrait",
            ),
            "path_epoch": Variable(
                "epoch at which a trajectory passes a point", "epoch", "", ("point", "trajectory"), "portrait"
            ),
            "flow": Variable(
                "velocity dK/dt without a deficit",
                "1 / unit of gradient-flow time",
                dims=("pathway", "K_b", "K_a"),
                needs=lambda parameters: parameters["portrait"] and parameters["n_pathways"] == 2,
            ),
        }
        | learning_variables("training with the deficit")
        | closings("trajectory", along="duration"),
        axis_values=_of_scalar,
        explored=lambda parameters: "init_p" not in parameters,  # the page draws initial conditions of its own
    ),
    Model(
        name="pathway_network",
        parameters=PathwayNetwork,
        simulation=Simulation(
            cells="pathway_network",
            rule="train_pathways",
            simulate=f"{_CODE}.simulate_network:simulate_network",
            message="Training multi-pathway networks, {cells}; progress in {log}",
            minutes=(20, 10),
            solvers=("gradient_descent", "gradient_flow"),
            cost=_network_cost,
        ),
        variables=_SHARED
        | {
            "solver": Variable("solver: gradient descent on the network, or Euler steps of its scalar reduction"),
            "output_mode": Variable("left singular vector of the task"),
            "input_mode": Variable("right singular vector of the task"),
            "integration": Variable("what gradient descent is compared with"),
            "train_loss": Variable("training loss on the task of the phase", dims=("epoch",)),
            "pathway_singular_value": Variable(
                "singular value K that a pathway expresses", dims=("solver", "epoch", "pathway", "mode")
            ),
            "pathway_matrix": Variable(
                "K = U^T Y V of a pathway after training", dims=("pathway", "output_mode", "input_mode")
            ),
            "ode_deviation": Variable(
                "largest |K of gradient descent - K of the scalar ODE| over epochs and pathways, over s",
                dims=("integration", "mode"),
                needs=_linear,
            ),
        }
        | learning_variables("training with the deficit"),
        derive=f"{_HERE}.derived:derive_learning",
        axis_values=_of_network,
    ),
    Model(
        name="gating_schedules",
        parameters=GatingSchedules,
        simulation=Simulation(
            cells="gating_schedules",
            rule="gating_schedules",
            simulate=f"{_CODE}.simulate_schedules:simulate_schedules",
            message="Integrating pathways under every schedule of gating, {cells}; results in {log}",
            minutes=(10, 2),
            cost=_schedules_cost,
        ),
        variables={
            "schedule": Variable("way to spend the budget of gating"),
            "slot": Variable("slot of time, in which b is gated, half gated or free"),
            "strategy": Variable("schedules with a name", label="gating"),
            "gating": Variable("part of its plasticity that b loses", dims=("schedule", "slot")),
            "lost_clock": Variable("integral of the error over the plasticity that b loses", dims=("schedule",)),
            "impairment": Variable(
                "share that the schedule costs b", "1", "share lost to the deficit", ("schedule",), signed=1
            ),
            "predicted_impairment": Variable(
                "share that the schedule costs b, as follows from the lost clock alone",
                *("1", "share lost, predicted by the clock", ("schedule",)),
                signed=1,
            ),
            "strategy_impairment": Variable(
                "share that a strategy costs b", "1", "share lost to the deficit", ("strategy",), signed=1
            ),
            "prediction_error": Variable("largest error of the predicted share over schedules", dims=()),
        }
        | learning_variables("training without a deficit"),
        predict=f"{_HERE}.theory:predict_learning",
        axis_values=lambda parameters: {"strategy": ("worst", "first", "every other", "thin", "last", "best")},
    ),
)

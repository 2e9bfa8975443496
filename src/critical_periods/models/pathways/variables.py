"""What the datasets of pathways hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from critical_periods.models.registry import AXES, Variable, closings, learning_variables

_SHARED = {
    "epoch": AXES["epoch"],
    "pathway": Variable("pathway", label="pathway"),
    "mode": AXES["mode"],
    "task_singular_value": Variable("singular value s of the task"),
    "duration": Variable("length of the gating deficit", "epoch", "duration of the deficit"),
}


def linear(parameters: Mapping[str, Any]) -> bool:
    """Whether a network has a scalar reduction to compare with."""
    return bool(parameters["activation"] == "linear")


SCALAR_PATHWAYS = (
    _SHARED
    | {
        "trajectory": Variable("initial condition"),
        "point": Variable("point along a trajectory, equally spaced in the plane of K"),
        "K_a": Variable("singular value of pathway a"),
        "K_b": Variable("singular value of pathway b"),
        "train_loss": Variable("training loss on the task of the phase", dims=("epoch", "trajectory", "mode")),
        "pathway_singular_value": Variable(
            "singular value K that a pathway expresses",
            *("1", "singular value", ("epoch", "pathway", "trajectory", "mode")),
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
    | closings("trajectory", along="duration")
)

PATHWAY_NETWORK = (
    _SHARED
    | {
        "solver": Variable("solver: gradient descent on the network, or Euler steps of its scalar reduction"),
        "output_mode": Variable("left singular vector of the task", label="output mode"),
        "input_mode": Variable("right singular vector of the task", label="input mode"),
        "integration": Variable("what gradient descent is compared with"),
        "train_loss": Variable("training loss on the task of the phase", dims=("epoch",)),
        "pathway_singular_value": Variable(
            "singular value K that a pathway expresses",
            *("1", "singular value", ("solver", "epoch", "pathway", "mode")),
        ),
        "pathway_matrix": Variable(
            "K = U^T Y V of a pathway after training",
            *("1", "entry of K", ("pathway", "output_mode", "input_mode")),
        ),
        "ode_deviation": Variable(
            "largest |K of gradient descent - K of the scalar ODE| over epochs and pathways, over s",
            dims=("integration", "mode"),
            needs=linear,
        ),
    }
    | learning_variables("training with the deficit")
)

GATING_SCHEDULES = {
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
} | learning_variables("training without a deficit")

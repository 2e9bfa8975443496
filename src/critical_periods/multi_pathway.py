"""What the network of pathways and its scalar reduction share: names, deficits, epochs, integration (section 3)."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from critical_periods.models.scalar_pathways import ScalarPathways
from critical_periods.schedules import Phase, Window
from critical_periods.solvers import gradient_flow
from critical_periods.trajectories import Solution

DESCRIPTIONS = {
    "duration": ("length of the gating deficit", "epoch"),
    "mode": ("mode, in descending order of singular value", "1"),
    "pathway": ("pathway", "1"),
    "solver": ("solver: gradient descent on the network, or Euler steps of its scalar reduction", "1"),
    "trajectory": ("initial condition", "1"),
    "task_singular_value": ("singular value s of the task", "1"),
    "pathway_singular_value": ("singular value K that a pathway expresses", "1"),
    "pathway_matrix": ("K = U^T Y V of a pathway after training", "1"),
    "output_mode": ("left singular vector of the task", "1"),
    "input_mode": ("right singular vector of the task", "1"),
    "integration": ("what gradient descent is compared with", "1"),
    "ode_deviation": ("largest |K of gradient descent - K of the scalar ODE| over epochs and pathways, over s", "1"),
    "imbalance": ("q^2 - p^2 at the start, which the flow conserves", "1"),
    "imbalance_drift": ("largest change of q^2 - p^2 along the trajectory", "1"),
    "point": ("point along a trajectory, equally spaced in the plane of K", "1"),
    "path": ("singular value K that a pathway expresses along a trajectory", "1"),
    "path_epoch": ("epoch at which a trajectory passes a point", "epoch"),
    "flow": ("velocity dK/dt without a deficit", "1 / unit of gradient-flow time"),
    "K_a": ("singular value of pathway a", "1"),
    "K_b": ("singular value of pathway b", "1"),
    "share": ("share of a pathway in the singular value after training", "1"),
    "impairment": ("share that the deficits cost the gated pathway", "1"),
    "recovery_epochs": ("epochs of the lesion until the gated pathway has learned half of s", "epoch"),
    "step_over_edge": ("learning rate x sharpness / 2; above 1 a minimum repels", "1"),
    "sharpness": ("largest eigenvalue of the loss's Hessian after training", "1"),
}


def pathway_names(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of a cell's pathways: a, b, ..."""
    return tuple(string.ascii_lowercase[: parameters["n_pathways"]])


def gating(parameters: Mapping[str, Any]) -> list[Window]:
    """The gating deficit of a cell: one window, or one after the other for the pathways that take turns."""
    onset, duration = parameters["onset"], parameters["duration"]
    names, turn = pathway_names(parameters), parameters.get("alternate_every") or duration
    first = names.index(parameters["gated_pathway"])
    return [
        Window(
            "gating",
            start,
            min(turn, onset + duration - start),
            plasticity={names[(first + index) % len(names)]: parameters["plasticity"]},
        )
        for index, start in enumerate(range(onset, onset + duration, turn or 1))
    ]


def lesion(parameters: Mapping[str, Any]) -> list[Window]:
    """The lesion of a cell, if it has one; of its only mode, where it does not say which."""
    if parameters["lesioned_pathway"] is None:
        return []
    onset, duration = parameters["lesion_onset"], parameters["lesion_duration"]
    modes = [mode - 1 for mode in parameters.get("lesioned_modes", [1])]
    return [
        Window(
            "lesion",
            onset,
            parameters["epochs"] - onset if duration is None else duration,
            lesions={parameters["lesioned_pathway"]: modes},
        )
    ]


def epoch_grid(parameters: Mapping[str, Any]) -> list[int]:
    """Epochs of the dataset: every `record_every` and the last, whatever the deficits, so that cells have the same."""
    return sorted({*range(0, parameters["epochs"], parameters["record_every"]), parameters["epochs"]})


def adaptive(
    model: ScalarPathways,
    initial: Sequence[np.ndarray],
    schedule: Sequence[Phase],
    parameters: Mapping[str, Any],
    **settings: Any,
) -> Solution:
    """Integrate the scalar ODE with SciPy; LSODA, because it is stiff wherever it has converged."""
    return gradient_flow(
        model,
        initial,
        schedule,
        rtol=parameters["rtol"],
        atol=parameters["atol"],
        method="LSODA",
        run_by_run=False,
        **settings,
    )

"""What the network of pathways and its scalar reduction share: names, deficits, epochs, integration (section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from critical_periods.dynamics.schedules import Phase, Window
from critical_periods.dynamics.trajectories import Solution
from critical_periods.models.pathways.simulation.names import pathway_names
from critical_periods.models.pathways.simulation.scalar import ScalarPathways
from critical_periods.solvers.gradient_flow import GradientFlow
from critical_periods.solvers.shared.shadow import Shadowed


def gating(parameters: Mapping[str, Any]) -> list[Window]:
    """The gating deficit of a cell: one window, or one after the other for the pathways that take turns."""
    onset, duration = parameters["onset"], parameters["duration"]
    names, turn = pathway_names(parameters["n_pathways"]), parameters.get("alternate_every") or duration
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
    shadowing: bool = False,
    **settings: Any,
) -> Solution:
    """Integrate the scalar ODE with SciPy; LSODA, because it is stiff wherever it has converged.

    When `shadowing`, integrate the flow that follows gradient descent on it to second order in the learning rate.
    """
    solver = GradientFlow(method="LSODA", rtol=parameters["rtol"], atol=parameters["atol"])
    return solver.solve(Shadowed(model) if shadowing else model, initial, schedule, **settings)

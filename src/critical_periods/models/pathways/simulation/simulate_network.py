"""Multi-pathway networks: from the parameters of a cell to its dataset (figs 2, 3, 11, 12)."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from critical_periods.dynamics.arrays import as_numpy, placed
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.schedules import Phase, Task, deficit_schedule
from critical_periods.dynamics.trajectories import Progress, divergence
from critical_periods.models.pathways.simulation.deficits import adaptive, epoch_grid, gating, lesion
from critical_periods.models.pathways.simulation.hierarchical_task import hierarchical_modes, hierarchical_task
from critical_periods.models.pathways.simulation.names import pathway_names
from critical_periods.models.pathways.simulation.network import PathwayNetwork, balanced_weights, random_rotation
from critical_periods.models.pathways.simulation.scalar import ScalarPathways, scales
from critical_periods.solvers import gradient_descent

logger = logging.getLogger(__name__)


def simulate_network(parameters: Mapping[str, Any], progress: str | None = None, diverged: str = "fail") -> xr.Dataset:
    """Train a multi-pathway network on the hierarchical task under gating and lesions (figs 2, 3, 11, 12).

    A linear network is compared with its scalar reduction, integrated in three ways: `euler` with the step of gradient
    descent (what the paper draws, and what `solver` = "ode" holds), `exact`, and `shadowing` (the flow that gradient
    descent follows to second order in its step).

    Parameters
    ----------
    parameters
        Parameters of a cell of the model `pathway_network`.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`.

    Returns
    -------
    xarray.Dataset
        `pathway_singular_value` (solver, epoch, pathway, mode), without `solver` where there is no scalar reduction;
        `train_loss` (epoch) of the network; `pathway_matrix` (pathway, output_mode, input_mode), the final K;
        `ode_deviation` (integration, mode), where there is a scalar reduction.
    """
    pathways = pathway_names(parameters["n_pathways"])
    depths, widths = (tuple(np.broadcast_to(parameters[name], len(pathways)).tolist()) for name in ("depth", "width"))
    left, singular_values, right = hierarchical_modes(parameters["branching"])
    noise = random_stream(parameters["seed"], "pathway_scales").standard_normal(len(singular_values))
    strengths = np.sort(parameters["init_scale"] * (1 + parameters["init_noise"] * noise))[::-1]
    initial = [scales(strengths, depth) for depth in depths]
    rotations = random_stream(parameters["seed"], "pathway_rotations")
    drawn = [
        weight
        for (p, q), depth, width in zip(initial, depths, widths, strict=True)
        for weight in balanced_weights(left, right, p, q, depth, random_rotation(width, rotations))
    ]
    weights = placed(drawn, parameters["dtype"])
    network = PathwayNetwork(left, right, depths, pathways, parameters["activation"])
    windows = [*gating(parameters), *lesion(parameters)]
    schedule = deficit_schedule(Task(hierarchical_task(parameters["branching"])), parameters["epochs"], windows)
    grid = epoch_grid(parameters)
    common: dict[str, Any] = {
        "learning_rate": parameters["learning_rate"],
        "record_every": _step(schedule, grid),
        "diverged": diverged,
    }
    told = Progress(parameters["epochs"], progress)
    solution = gradient_descent(network, weights, schedule, progress=told, **common)
    recorded = solution.trajectory.sel(epoch=grid)
    dataset = recorded.assign_attrs(divergence(solution.diverged)).assign(
        pathway_matrix=(
            ("pathway", "output_mode", "input_mode"),
            as_numpy(network.pathway_matrices(solution.final, schedule[-1])),
        )
    )
    if parameters["activation"] == "linear":
        reduced = ScalarPathways(np.array(depths)[:, None], ("mode",), pathways)
        scalar = [np.stack(parts) for parts in zip(*initial, strict=True)]
        modes = deficit_schedule(Task(singular_values), parameters["epochs"], windows)
        curves = {
            "euler": gradient_descent(reduced, scalar, modes, **common),
            "exact": adaptive(reduced, scalar, modes, parameters, **common),
            "shadowing": adaptive(reduced, scalar, modes, parameters, shadowing=True, **common),
        }
        trained = recorded["pathway_singular_value"]
        followed = {
            name: curve.trajectory["pathway_singular_value"].sel(epoch=grid).astype(trained.dtype)
            for name, curve in curves.items()
        }
        deviation = np.stack(
            [abs(trained - curve).max(("epoch", "pathway")) / singular_values for curve in followed.values()]
        )
        dataset["ode_deviation"] = (("integration", "mode"), deviation)
        dataset["pathway_singular_value"] = xr.concat(
            [trained, followed["euler"]], xr.IndexVariable("solver", ["gradient_descent", "ode"]), coords="minimal"
        )
        dataset = dataset.assign_coords(integration=list(followed))
        if progress is not None:
            for name, value in zip(followed, deviation, strict=True):
                logger.info(
                    "%s: gradient descent against the scalar ODE (%s): largest |difference| / s = %.3g (mode %d)",
                    progress, name, value.max(), value.argmax() + 1,
                )  # fmt: skip
    numbers = np.arange(1, len(singular_values) + 1)
    return dataset.assign_coords(
        pathway=list(pathways),
        duration=parameters["duration"],
        mode=numbers,
        output_mode=numbers,
        input_mode=numbers,
        task_singular_value=("mode", singular_values),
    )


def _step(schedule: Sequence[Phase], grid: Sequence[int]) -> int:
    """Largest step between records that meets the grid in every phase, each of which starts counting anew."""
    return math.gcd(*(phase.epochs for phase in schedule), *grid) or 1

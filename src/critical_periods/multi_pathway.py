"""Multi-pathway learning (section 3): from the parameters of a cell to its dataset (figs 1, 2, 3, 7, 11, 12)."""

from __future__ import annotations

import logging
import math
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr

from critical_periods.models.pathways import PathwayNetwork, balanced_weights, random_rotation
from critical_periods.models.scalar_pathways import ScalarPathways, flow_field, initial_scales, scales
from critical_periods.schedules import Phase, Task, total_epochs
from critical_periods.solvers import gradient_descent, gradient_flow
from critical_periods.tasks import hierarchical_modes, hierarchical_task, random_stream
from critical_periods.trajectories import Progress, Recorder, Solution, describe

logger = logging.getLogger(__name__)

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
}

#: A path is resolved when no step along it is longer than this fraction of the singular value.
RESOLUTION = 0.01
PATH_POINTS = 201
FLOW_POINTS = 61


@dataclass(frozen=True)
class Window:
    """A deficit that lasts for a while: [onset, onset + duration), in epochs."""

    name: str
    onset: int
    duration: int
    plasticity: Mapping[str, float] = field(default_factory=dict)
    lesions: Mapping[str, Sequence[int]] = field(default_factory=dict)


def deficit_schedule(task: Task, epochs: int, windows: Sequence[Window]) -> list[Phase]:
    """Schedule of one task under deficits that may overlap: a phase for every combination of them.

    Raises
    ------
    ValueError
        If a window does not lie inside the run.
    """
    for window in windows:
        if window.onset < 0 or window.duration < 0 or window.onset + window.duration > epochs:
            raise ValueError(
                f"{window.name} in [{window.onset}, {window.onset + window.duration}); "
                f"allowed: inside the {epochs} epochs of training"
            )
    windows = [window for window in windows if window.duration]
    edges = {0, epochs} | {edge for window in windows for edge in (window.onset, window.onset + window.duration)}
    schedule = []
    for start, stop in zip(sorted(edges)[:-1], sorted(edges)[1:], strict=True):
        active = [window for window in windows if window.onset <= start < window.onset + window.duration]
        plasticity = {pathway: factor for window in active for pathway, factor in window.plasticity.items()}
        lesions = {pathway: modes for window in active for pathway, modes in window.lesions.items()}
        name = " and ".join(window.name for window in active) or "normal"
        schedule.append(Phase(name, stop - start, task, plasticity, lesions))
    return schedule


def simulate_scalar(parameters: Mapping[str, Any], progress: str | None = None) -> xr.Dataset:
    """Integrate eqs 7 and 8 for many initial conditions of one mode (figs 1 and 7).

    Parameters
    ----------
    parameters
        `depth`, `n_pathways`, `singular_value`, `imbalance`, `init_mean`, `init_sd`, `n_trajectories`,
        `learning_rate` (the Euler step, one epoch), `epochs`, `gated_pathway`, `onset`, `duration`, `plasticity`,
        `record_every`, `solver`, `rtol`, `atol`, `seed`.
    progress
        What to call the job in the log; None for silence.

    Returns
    -------
    xarray.Dataset
        `pathway_singular_value` (epoch, pathway, trajectory, mode); `path` (point, pathway, trajectory) and
        `path_epoch` (point, trajectory), the same trajectories at points equally spaced in the plane of K, however
        short the time in which they happen; `flow` (pathway, K_b, K_a), where there are two pathways; `imbalance` and
        `imbalance_drift` (pathway, trajectory, mode).
    """
    target, pathways = float(parameters["singular_value"]), _pathways(parameters)
    generator = random_stream(parameters["seed"], "pathway_scales")
    draws = generator.standard_normal((len(pathways), parameters["n_trajectories"], 1))
    initial = initial_scales(parameters["init_mean"] + parameters["init_sd"] * draws, parameters["imbalance"])
    model = ScalarPathways(parameters["depth"], ("trajectory", "mode"), pathways)
    schedule = deficit_schedule(Task(np.array([target])), parameters["epochs"], [_gating(parameters)])
    rate = parameters["learning_rate"]

    def solve(keep: Sequence[int]) -> Solution:
        common: dict[str, Any] = {"learning_rate": rate, "record_every": parameters["epochs"], "keep": keep}
        if parameters["solver"] == "gradient_descent":
            return gradient_descent(model, initial, schedule, **common)
        return _adaptive(model, initial, schedule, parameters, **common)

    grid = _grid(parameters)
    epochs, states = _resolve(solve, model, schedule, grid, RESOLUTION * target)
    recorder = Recorder(model)
    for epoch in grid:
        recorder.record(epoch, states[epoch], _phase_at(schedule, epoch))
    recorded = recorder.dataset()
    strengths = np.stack([_strengths(model, states[epoch], schedule[-1])[..., 0] for epoch in epochs])
    path_epoch, path = _equidistant(np.asarray(epochs, dtype=float), strengths)
    dataset = recorded[["pathway_singular_value", "train_loss"]].assign(
        imbalance=recorded["imbalance"].isel(epoch=0),
        imbalance_drift=abs(recorded["imbalance"] - recorded["imbalance"].isel(epoch=0)).max("epoch"),
        path=(("point", "pathway", "trajectory"), path),
        path_epoch=(("point", "trajectory"), path_epoch),
    )
    dataset = dataset.drop_vars("epoch").assign_coords(
        epoch=recorded["epoch"],
        pathway=list(pathways),
        mode=[1],
        trajectory=np.arange(parameters["n_trajectories"]),
        duration=parameters["duration"],
        task_singular_value=("mode", [target]),
    )
    if len(pathways) == 2:
        axis = np.linspace(-0.05 * target, 1.15 * target, FLOW_POINTS)
        plane = np.stack(np.meshgrid(axis, axis))
        flow = flow_field(plane, target, parameters["depth"], parameters["imbalance"])
        dataset = dataset.assign(flow=(("pathway", "K_b", "K_a"), flow)).assign_coords(K_a=axis, K_b=axis)
    if progress is not None:
        final = strengths[-1].mean(axis=-1)
        logger.info(
            "%s: depth %d, gating from %d: mean final K %s; largest drift of q^2 - p^2 %.3g",
            progress,
            parameters["depth"],
            parameters["onset"],
            ", ".join(f"{name} {value:.3f}" for name, value in zip(pathways, final, strict=True)),
            float(dataset["imbalance_drift"].max()),
        )
    return describe(dataset, DESCRIPTIONS)


def simulate_network(parameters: Mapping[str, Any], progress: str | None = None) -> xr.Dataset:
    """Train a multi-pathway network on the hierarchical task under gating and lesions (figs 2, 3, 11, 12).

    A linear network is compared with its scalar reduction, integrated in three ways: `euler` with the step of gradient
    descent (what the paper draws, and what `solver` = "ode" holds), `exact`, and `shadowing` (the flow that gradient
    descent follows to second order in its step).

    Parameters
    ----------
    parameters
        `branching`, `n_pathways`, `depth` and `width` (one for all pathways, or a list), `activation`,
        `learning_rate`, `epochs`, `init_scale`, `init_noise`, `gated_pathway`, `onset`, `duration`, `plasticity`,
        `lesioned_pathway` (or None), `lesioned_modes` (numbered from 1), `lesion_onset`, `lesion_duration` (None: to
        the end), `record_every`, `dtype`, `rtol`, `atol`, `seed`.
    progress
        What to call the job in the log; None for silence.

    Returns
    -------
    xarray.Dataset
        `pathway_singular_value` (solver, epoch, pathway, mode), without `solver` where there is no scalar reduction;
        `train_loss` (epoch) of the network; `pathway_matrix` (pathway, output_mode, input_mode), the final K;
        `ode_deviation` (integration, mode), where there is a scalar reduction.
    """
    pathways = _pathways(parameters)
    depths, widths = (_for_each(parameters[name], len(pathways)) for name in ("depth", "width"))
    left, singular_values, right = hierarchical_modes(parameters["branching"])
    noise = random_stream(parameters["seed"], "pathway_scales").standard_normal(len(singular_values))
    strengths = np.sort(parameters["init_scale"] * (1 + parameters["init_noise"] * noise))[::-1]
    initial = [scales(strengths, depth) for depth in depths]
    rotations = random_stream(parameters["seed"], "pathway_rotations")
    weights = [
        torch.as_tensor(weight, dtype=getattr(torch, parameters["dtype"]))
        for (p, q), depth, width in zip(initial, depths, widths, strict=True)
        for weight in balanced_weights(left, right, p, q, depth, random_rotation(width, rotations))
    ]
    network = PathwayNetwork(left, right, depths, pathways, parameters["activation"])
    windows = [_gating(parameters), *_lesion(parameters)]
    schedule = deficit_schedule(Task(hierarchical_task(parameters["branching"])), parameters["epochs"], windows)
    grid = _grid(parameters)
    common: dict[str, Any] = {"learning_rate": parameters["learning_rate"], "record_every": _step(schedule, grid)}
    report = None if progress is None else Progress(parameters["epochs"], progress)
    solution = gradient_descent(network, weights, schedule, progress=report, **common)
    recorded = solution.trajectory.sel(epoch=grid)
    dataset = recorded.assign(
        pathway_matrix=(
            ("pathway", "output_mode", "input_mode"),
            network.pathway_matrices(solution.final, schedule[-1]).numpy(),
        )
    )
    if parameters["activation"] == "linear":
        reduced = ScalarPathways(np.array(depths)[:, None], ("mode",), pathways)
        scalar = [np.stack(parts) for parts in zip(*initial, strict=True)]
        modes = deficit_schedule(Task(singular_values), parameters["epochs"], windows)
        curves = {
            "euler": gradient_descent(reduced, scalar, modes, **common),
            "exact": _adaptive(reduced, scalar, modes, parameters, **common),
            "shadowing": _adaptive(reduced, scalar, modes, parameters, shadowing=True, **common),
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
                    progress,
                    name,
                    value.max(),
                    value.argmax() + 1,
                )
    numbers = np.arange(1, len(singular_values) + 1)
    return describe(
        dataset.assign_coords(
            pathway=list(pathways),
            duration=parameters["duration"],
            mode=numbers,
            output_mode=numbers,
            input_mode=numbers,
            task_singular_value=("mode", singular_values),
        ),
        DESCRIPTIONS,
    )


def _pathways(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(string.ascii_lowercase[: parameters["n_pathways"]])


def _for_each(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    values = (value,) * count if isinstance(value, int) else tuple(value)
    if len(values) != count:
        raise ValueError(f"{list(values)}; allowed: one number, or one for each of the {count} pathways")
    return values


def _gating(parameters: Mapping[str, Any]) -> Window:
    return Window(
        "gating",
        parameters["onset"],
        parameters["duration"],
        plasticity={parameters["gated_pathway"]: parameters["plasticity"]},
    )


def _lesion(parameters: Mapping[str, Any]) -> list[Window]:
    if parameters["lesioned_pathway"] is None:
        return []
    onset, duration = parameters["lesion_onset"], parameters["lesion_duration"]
    modes = [mode - 1 for mode in parameters["lesioned_modes"]]
    return [
        Window(
            "lesion",
            onset,
            parameters["epochs"] - onset if duration is None else duration,
            lesions={parameters["lesioned_pathway"]: modes},
        )
    ]


def _grid(parameters: Mapping[str, Any]) -> list[int]:
    """Epochs of the dataset: every `record_every` and the last, whatever the deficits, so that cells have the same."""
    return sorted({*range(0, parameters["epochs"], parameters["record_every"]), parameters["epochs"]})


def _step(schedule: Sequence[Phase], grid: Sequence[int]) -> int:
    """Largest step between records that meets the grid in every phase, each of which starts counting anew."""
    return math.gcd(*(phase.epochs for phase in schedule), *grid) or 1


def _phase_at(schedule: Sequence[Phase], epoch: int) -> Phase:
    start = 0
    for phase in schedule:
        if start <= epoch < start + phase.epochs:
            return phase
        start += phase.epochs
    return schedule[-1]


def _adaptive(
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


def _strengths(model: ScalarPathways, state: Sequence[np.ndarray], phase: Phase) -> np.ndarray:
    return np.asarray(model.observe(state, phase)["pathway_singular_value"][1])


def _resolve(
    solve: Callable[[Sequence[int]], Solution],
    model: ScalarPathways,
    schedule: Sequence[Phase],
    grid: Sequence[int],
    step: float,
) -> tuple[list[int], dict[int, list[np.ndarray]]]:
    """Refine the epochs looked at until no K changes by more than a step from one to the next.

    Learning may take a ten-thousandth of the run, at a time that is not known beforehand; the integration is so cheap
    that it is repeated with a hundred steps in place of each one that was too long.
    """
    end = total_epochs(schedule)
    edges = np.cumsum([phase.epochs for phase in schedule])
    epochs = sorted({*np.linspace(0, end, 101).astype(int).tolist(), *edges.tolist(), *grid})
    while True:
        states = solve(epochs).parameters
        strengths = np.stack([_strengths(model, states[epoch], schedule[-1]) for epoch in epochs])
        moved = abs(np.diff(strengths, axis=0)).reshape(len(epochs) - 1, -1).max(axis=1)
        long = (moved > step) & (np.diff(epochs) > 1)
        if not long.any():
            return epochs, states
        finer = [
            np.linspace(start, stop, 101).astype(int).tolist()
            for start, stop, refine in zip(epochs[:-1], epochs[1:], long, strict=True)
            if refine
        ]
        epochs = sorted({*epochs, *(epoch for interval in finer for epoch in interval)})


def _equidistant(epochs: np.ndarray, strengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points at equal distances along each trajectory.

    Parameters
    ----------
    epochs
        Shape (epoch,).
    strengths
        K, shape (epoch, pathway, trajectory).

    Returns
    -------
    epochs : (point, trajectory) array
    strengths : (point, pathway, trajectory) array
    """
    lengths = np.linalg.norm(np.diff(strengths, axis=0), axis=1).cumsum(axis=0)
    lengths = np.concatenate([np.zeros_like(lengths[:1]), lengths])
    when, where = [], []
    for length, curve in zip(lengths.T, strengths.transpose(2, 0, 1), strict=True):
        along = partial(np.interp, np.linspace(0, length[-1], PATH_POINTS), length)
        when.append(along(epochs))
        where.append(np.stack([along(strength) for strength in curve.T], axis=1))
    return np.stack(when, axis=1), np.stack(where, axis=2)

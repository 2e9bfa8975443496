"""Scalar dynamics of the pathways: from the parameters of a cell to its dataset (figs 1 and 7)."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import xarray as xr

from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.schedules import Phase, Task, deficit_schedule, total_epochs
from critical_periods.dynamics.trajectories import Recorder, Solution, divergence
from critical_periods.models.pathways.simulation.deficits import adaptive, epoch_grid, gating, lesion
from critical_periods.models.pathways.simulation.names import pathway_names
from critical_periods.models.pathways.simulation.scalar import (
    ScalarPathways,
    flow_field,
    initial_scales,
    pathway_singular_value,
    sharpness,
)
from critical_periods.solvers import solver_of

logger = logging.getLogger(__name__)

#: A path is resolved when no step along it is longer than this fraction of the singular value.
RESOLUTION = 0.01
PATH_POINTS = 201
FLOW_POINTS = 61


def simulate_scalar(parameters: Mapping[str, Any], progress: str | None = None, diverged: str = "fail") -> xr.Dataset:
    """Integrate eqs 7 and 8 for many initial conditions of one mode (figs 1 and 7).

    Parameters
    ----------
    parameters
        Parameters of a cell of the model `scalar_pathways`.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`.

    Returns
    -------
    xarray.Dataset
        `pathway_singular_value` (epoch, pathway, trajectory, mode); `share` (pathway, trajectory), the final K, of
        lesioned pathways too, over its sum; `impairment` (trajectory), the share of the gated pathway without any
        deficit minus that with them; `sharpness` (trajectory), and `step_over_edge` (trajectory), the learning rate
        over 2 / sharpness; `imbalance` and `imbalance_drift` (pathway, trajectory, mode). With a lesion,
        `recovery_epochs` (trajectory): epochs from its onset until the gated pathway expresses s/2, NaN if it never
        does. With `portrait`, `path` (point, pathway, trajectory) and `path_epoch` (point, trajectory), the same
        trajectories at points equally spaced in the plane of K, however short the time in which they happen; and
        `flow` (pathway, K_b, K_a), where there are two pathways.
    """
    names, target = pathway_names(parameters["n_pathways"]), float(parameters["singular_value"])
    model = ScalarPathways(_depths(parameters), ("trajectory", "mode"), names)
    initial = _initial(parameters)
    lesions = lesion(parameters)
    windows = [*gating(parameters), *lesions]
    schedule, normal = (
        deficit_schedule(Task(np.array([target])), parameters["epochs"], deficits) for deficits in (windows, [])
    )

    def solve(schedule: Sequence[Phase], keep: Sequence[int]) -> Solution:
        common: dict[str, Any] = {
            "learning_rate": parameters["learning_rate"],
            "record_every": parameters["epochs"],
            "keep": keep,
            "diverged": diverged,
        }
        if parameters["solver"] == "gradient_flow":
            return adaptive(model, initial, schedule, parameters, **common)
        return solver_of(parameters).solve(model, initial, schedule, **common)

    grid = epoch_grid(parameters)
    if parameters["portrait"] or lesions:
        epochs, states = _resolve(partial(solve, schedule), model, schedule, grid, RESOLUTION * target)
    else:
        epochs, states = grid, solve(schedule, grid).parameters
    recorder = Recorder(model, diverged)
    for epoch in grid:
        recorder.record(epoch, states[epoch], _phase_at(schedule, epoch))
    recorded = recorder.dataset()
    strengths = np.stack([_strengths(model, states[epoch])[..., 0] for epoch in epochs])
    final_p, final_q = states[epochs[-1]]
    finite = np.isfinite(final_p).all(axis=0) & np.isfinite(final_q).all(axis=0)
    curvature = sharpness(np.where(finite, final_p, 0), np.where(finite, final_q, 0), model.depth, target)
    curvature = np.where(finite, curvature, np.nan)[..., 0]
    share = _share(strengths[-1])
    gated = names.index(parameters["gated_pathway"])
    undisturbed = share
    if any(window.duration for window in windows):
        undisturbed = _share(_strengths(model, solve(normal, []).final)[..., 0])
    dataset = (
        recorded[["pathway_singular_value", "train_loss"]]
        .assign_attrs(divergence(recorder.diverged))
        .assign(
            imbalance=recorded["imbalance"].isel(epoch=0),
            imbalance_drift=abs(recorded["imbalance"] - recorded["imbalance"].isel(epoch=0)).max("epoch"),
            share=(("pathway", "trajectory"), share),
            impairment=("trajectory", undisturbed[gated] - share[gated]),
            sharpness=("trajectory", curvature),
            step_over_edge=("trajectory", parameters["learning_rate"] * curvature / 2),
        )
    )
    for window in lesions:
        passed = _first_passage(np.asarray(epochs), strengths[:, gated], target / 2, window.onset)
        dataset = dataset.assign(recovery_epochs=("trajectory", passed - window.onset))
    dataset = dataset.drop_vars("epoch").assign_coords(
        epoch=recorded["epoch"],
        pathway=list(names),
        mode=[1],
        trajectory=np.arange(parameters["n_trajectories"]),
        duration=parameters["duration"],
        task_singular_value=("mode", [target]),
    )
    if parameters["portrait"]:
        dataset = dataset.merge(_portrait(parameters, np.asarray(epochs, dtype=float), strengths, model.depth))
    if progress is not None:
        logger.info(
            "%s: depth %s, gating from %d: mean final K %s; largest drift of q^2 - p^2 %.3g",
            progress,
            parameters["depth"],
            parameters["onset"],
            ", ".join(f"{name} {value:.3f}" for name, value in zip(names, strengths[-1].mean(axis=-1), strict=True)),
            float(dataset["imbalance_drift"].max()),
        )
    return dataset


def _depths(parameters: Mapping[str, Any]) -> Any:
    """Number of matrices of a pathway; of each, shape (pathway, 1, 1), where they differ."""
    depth, handicap = parameters["depth"], parameters["depth_handicap"]
    if not handicap and not isinstance(depth, list):
        return depth
    depths = np.empty((parameters["n_pathways"], 1, 1), dtype=int)
    depths[:, 0, 0] = depth
    depths[-1] += handicap
    return depths


def _initial(parameters: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    generator = random_stream(parameters["seed"], "pathway_scales")
    draws = generator.standard_normal((parameters["n_pathways"], parameters["n_trajectories"], 1))
    p = parameters["init_mean"] + parameters["init_sd"] * draws
    if parameters.get("init_p") is not None:
        p = np.array(parameters["init_p"]).T[..., None]
    p[-1] *= parameters["init_handicap"]
    return initial_scales(p, parameters["imbalance"])


def _share(strengths: np.ndarray) -> np.ndarray:
    """Fraction of the sum over pathways, the first axis; NaN where nothing was learned."""
    total = strengths.sum(axis=0)
    return strengths / np.where(total == 0, np.nan, total)


def _first_passage(epochs: np.ndarray, strengths: np.ndarray, level: float, start: int) -> np.ndarray:
    """Epoch, from `start` on, at which each trajectory first reaches a level; NaN if it never does.

    Parameters
    ----------
    epochs, strengths
        Shapes (epoch,) and (epoch, trajectory).
    level, start
        The level, and the first epoch that counts, one of `epochs`.
    """
    later = epochs >= start
    epochs, strengths = epochs[later], strengths[later]
    passages = np.full(strengths.shape[1], np.nan)
    for trajectory, strength in enumerate(strengths.T):
        reached = np.flatnonzero(strength >= level)
        if len(reached):
            around = slice(max(reached[0] - 1, 0), reached[0] + 1)
            passages[trajectory] = np.interp(level, strength[around], epochs[around])
    return passages


def _portrait(parameters: Mapping[str, Any], epochs: np.ndarray, strengths: np.ndarray, depth: Any) -> xr.Dataset:
    """Trajectories in the plane of K, and the flow behind them."""
    path_epoch, path = _equidistant(epochs, strengths)
    portrait = xr.Dataset(
        {
            "path": (("point", "pathway", "trajectory"), path),
            "path_epoch": (("point", "trajectory"), path_epoch),
        }
    )
    if parameters["n_pathways"] != 2:
        return portrait
    target = parameters["singular_value"]
    axis = np.linspace(-0.05 * target, 1.15 * target, FLOW_POINTS)
    plane = np.stack(np.meshgrid(axis, axis))
    flow = flow_field(plane, target, depth, parameters["imbalance"])
    return portrait.assign(flow=(("pathway", "K_b", "K_a"), flow)).assign_coords(K_a=axis, K_b=axis)


def _phase_at(schedule: Sequence[Phase], epoch: int) -> Phase:
    ends = list(accumulate(phase.epochs for phase in schedule[:-1]))
    return schedule[bisect_right(ends, epoch)]


def _strengths(model: ScalarPathways, state: Sequence[np.ndarray]) -> np.ndarray:
    """K of every pathway as it has learned it, lesioned or not."""
    p, q = state
    return pathway_singular_value(p, q, model.depth)


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
        strengths = np.stack([_strengths(model, states[epoch]) for epoch in epochs])
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

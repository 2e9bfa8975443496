"""Deep matrix completion (section 4): from the parameters of a cell to its dataset (figs 4, 5, 6, 8, 13)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from critical_periods.dynamics.activations import vanishes
from critical_periods.dynamics.arrays import alike, as_numpy, placed
from critical_periods.dynamics.checkpoints import Checkpoints
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.real_matrices import is_own, own_matrix
from critical_periods.dynamics.schedules import Jump, Phase, Schedule, Task
from critical_periods.dynamics.trajectories import Progress, Solution, from_the_start
from critical_periods.models.matrix_completion.simulation.landscape import (
    Factorization,
    balanced_pair,
    initial_weights,
    product,
)
from critical_periods.models.matrix_completion.simulation.tasks import (
    digits_matrix,
    held_out_mask,
    low_rank_matrix,
    matrix_from_file,
    observation_mask,
    related_matrix,
)
from critical_periods.solvers import solver_of

#: Recorded quantities whose last value is the result; `<name>_history` is what led there.
RESULTS = ("reconstruction_error", "effective_rank", "nuclear_norm", "alignment", "sharpness")

#: Phases that one cycle of the learning rate is made of.
CYCLE_STEPS = 20


def matrix_tasks(parameters: Mapping[str, Any]) -> tuple[Task, Task]:
    """Pre-training and final task of a cell (section 4.1).

    Ground truths and observations come from independent streams of the seed. The task `same` pre-trains on the final
    matrix; the observed entries of both tasks are nested.

    Parameters
    ----------
    parameters
        `seed`, `size`, `observations`, `pretrain_task`, `pretrain_matrix`, `pretrain_rank`, `pretrain_n_observed`,
        and, for the final task, `final_matrix`, `final_rank` and `n_observed`; without the last both tasks are the
        pre-training's. Matrices and observations from files by the name of what they hold; with these `n_held_out`
        and `normalized` where they are not neutral, as `pretrain_observations`, `pretrain_overlap`, `pretrain_order`.
    """
    seed, size, structure = (parameters[name] for name in ("seed", "size", "observations"))
    overlap = parameters.get("pretrain_overlap")
    n_held_out, normalized = parameters.get("n_held_out", 0), parameters.get("normalized", True)

    def ground_truth(stream: str, matrix: str, rank: int | None) -> np.ndarray:
        draws = random_stream(seed, stream)
        if is_own(matrix):
            return matrix_from_file(matrix, size, rank, normalized)
        assert rank is not None
        if overlap is not None and stream == "pretrain_matrix":
            final, final_rank = (parameters[f"final_{name}"] for name in ("matrix", "rank"))
            other, order = ground_truth("final_matrix", final, final_rank), parameters.get("pretrain_order", "same")
            return related_matrix(other, final_rank, rank, overlap, order, draws)
        return digits_matrix(rank, draws) if matrix == "digits" else low_rank_matrix(size, rank, draws)

    def observable(known: np.ndarray, structure: str) -> np.ndarray:
        """Known entries that can be observed: all of them, or those that a file marks."""
        if not is_own(structure):
            return known
        own = np.nan_to_num(own_matrix(structure).values) != 0
        return known & np.pad(own, [(0, size - side) for side in own.shape])

    def task(stream: str, matrix: str, rank: int | None, n_observed: int, observed: str) -> Task:
        target = ground_truth(stream, matrix, rank)
        known = np.isfinite(target)
        candidates, scored = observable(known, observed), None if known.all() else known
        if n_held_out:
            # What the final task holds out, however the first one is observed.
            scored = held_out_mask(
                n_held_out, random_stream(seed, "observations"), known, observable(known, structure)
            )
            candidates = candidates & ~scored
        how = "random" if is_own(observed) else observed
        mask = observation_mask(size, n_observed, random_stream(seed, "observations"), how, candidates)
        return Task(np.nan_to_num(target), mask, scored)

    kind, rank, n_observed = (parameters[f"pretrain_{name}"] for name in ("matrix", "rank", "n_observed"))
    stream = "final_matrix" if parameters["pretrain_task"] == "same" else "pretrain_matrix"
    first = task(stream, kind, rank, n_observed, parameters.get("pretrain_observations", structure))
    if "n_observed" not in parameters:
        return first, first
    kind, rank, n_observed = (parameters[name] for name in ("final_matrix", "final_rank", "n_observed"))
    return first, task("final_matrix", kind, rank, n_observed, structure)


def batch_key(parameters: Mapping[str, Any]) -> Hashable | None:
    """Which cells train as one batch: on a GPU all whose shapes and steps agree, on a CPU every cell by itself.

    A GPU is hardly busy with one cell; a CPU gains nothing from several. Diagnostics look at the tasks of one cell.
    """
    if parameters["device"] == "cpu" or parameters["diagnostics"]:
        return None
    free = {"seed", "init_scale", "observations", "n_observed", "final_matrix", "final_rank"}
    free |= {
        f"pretrain_{name}" for name in ("task", "matrix", "rank", "n_observed", "observations", "overlap", "order")
    }
    return tuple((name, str(value)) for name, value in sorted(parameters.items()) if name not in free)


def pretrain(
    cells: Sequence[Mapping[str, Any]],
    progress: str | None = None,
    checkpoints: Checkpoints | None = None,
    diverged: str = "fail",
) -> list[xr.Dataset]:
    """Train cells on their first tasks once, as one batch, and keep the weights at every switch epoch.

    With an `onset` the final task comes first, for so many epochs; switch epochs count from there.

    Parameters
    ----------
    cells
        Parameters of pre-trainings, see `critical_periods.models.matrix_completion.model.pretraining`, that agree
        in everything but seed, init scale and task.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`.
    checkpoints
        Where gradient descent keeps its state while it lasts.

    Returns
    -------
    list of xarray.Dataset
        For each cell the trajectory over `epoch`, and `weight` over (switch_epoch, layer, row, column).

    Raises
    ------
    ValueError
        If the product of several factors is exactly 0 at the start, because the init scale is too small for the
        precision.
    """
    shared = cells[0]
    onset, switch_epochs, depth, size = (shared[name] for name in ("onset", "switch_epochs", "depth", "size"))
    weights = [np.stack(layer) for layer in zip(*map(_drawn, cells), strict=True)]
    first, final = (_stacked(tasks) for tasks in zip(*map(matrix_tasks, cells), strict=True))
    frozen = shared.get("frozen_layer")
    plasticity = {} if frozen is None else {frozen: 0.0}
    schedule = [
        Phase("final", onset, final),
        Phase("pretraining", switch_epochs[-1], first, layer_plasticity=plasticity),
    ]
    switches = [onset + epoch for epoch in switch_epochs]
    solution = _solve(shared, weights, schedule, switches, progress, checkpoints, diverged)
    kept = np.stack([np.stack([as_numpy(w) for w in solution.parameters[epoch]]) for epoch in switches])
    coordinates = {"switch_epoch": switch_epochs, "layer": np.arange(1, depth + 1)}
    coordinates |= {name: np.arange(1, size + 1) for name in ("row", "column")}
    datasets = []
    for run in range(len(cells)):
        trajectory = solution.trajectory.isel(run=run)
        dataset = trajectory.assign(weight=(("switch_epoch", "layer", "row", "column"), kept[:, :, run]))
        if (run,) in solution.diverged:
            dataset.attrs["diverged"] = solution.diverged[run,]
        datasets.append(dataset.assign_coords(coordinates))
    return datasets


def _drawn(parameters: Mapping[str, Any]) -> list[np.ndarray]:
    """Initial factors, their scales or their imbalance as a cell asks for; the scale of their product stays."""
    depth, size, init_scale = (parameters[name] for name in ("depth", "size", "init_scale"))
    factors = initial_weights(depth, size, init_scale, random_stream(parameters["seed"], "weights"))
    if is_own(parameters["pretrain_matrix"]):
        # Beyond the sides of a matrix that is not square, where no gradient comes from, W stays exactly 0.
        rows, columns = own_matrix(parameters["pretrain_matrix"]).shape
        factors[-1][rows:], factors[0][:, columns:] = 0, 0
    if parameters.get("imbalance") is not None:
        factors = balanced_pair(product(factors), parameters["imbalance"])
    ratio, dtype = parameters.get("layer_ratio", 1.0), parameters["dtype"]
    exponents = np.linspace(-0.5, 0.5, depth)
    factors = [ratio**exponent * factor for exponent, factor in zip(exponents, factors, strict=True)]
    if vanishes([product([factor.astype(dtype) for factor in factors])]):
        allowed = f"more, as the product of the {depth} factors drawn is exactly 0 in {dtype}"
        raise ValueError(f"init_scale = {init_scale:g}; allowed: {allowed}")
    return factors


def complete(
    cells: Sequence[Mapping[str, Any]],
    pretrainings: Sequence[xr.Dataset],
    progress: str | None = None,
    checkpoints: Checkpoints | None = None,
    diverged: str = "fail",
) -> list[xr.Dataset]:
    """Continue every switch epoch of every cell on its final task, all of them as one batch.

    Parameters
    ----------
    cells
        Parameters of cells of the model `matrix_completion` that agree in everything but seed, init scale and tasks.
    pretrainings
        For each cell, what `pretrain` returned for its pre-training.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`.
    checkpoints
        Where gradient descent keeps its state while it lasts.

    Returns
    -------
    list of xarray.Dataset
        For each cell `reconstruction_error` (switch_epoch), the final one; over (switch_epoch, epoch) `train_loss`,
        `reconstruction_error_history` and the coordinate `phase`; `singular_value` (switch_epoch, epoch, mode); where
        asked for, the other quantities that the model observes, those of `RESULTS` with a history too.
        `epoch` counts from the very beginning of training; NaN where a run was not recorded.
    """
    shared = cells[0]
    switch_epochs = shared["switch_epochs"]
    kept = [
        pretraining["weight"].sel(switch_epoch=switch_epochs).transpose("layer", "switch_epoch", "row", "column")
        for pretraining in pretrainings
    ]
    weights = list(np.concatenate([weight.values for weight in kept], axis=1))
    tasks = _stacked([matrix_tasks(cell)[1] for cell in cells], len(switch_epochs))
    phase = Phase("final", shared["final_epochs"], tasks)
    schedule = cycles(phase, shared["cycle_factor"], shared["cycle_epochs"])
    if "cure" in shared:
        schedule = cured(phase, cells, len(switch_epochs))
    solution = _solve(shared, weights, schedule, (), progress, checkpoints, diverged)
    datasets = []
    for cell, pretraining in enumerate(pretrainings):
        runs = range(cell * len(switch_epochs), (cell + 1) * len(switch_epochs))
        trajectory = solution.trajectory.isel(run=runs).rename(run="switch_epoch")
        dataset = _whole(pretraining, trajectory.assign_coords(switch_epoch=switch_epochs), shared["onset"])
        reasons = {"pre-training": pretraining.attrs.get("diverged")} | {
            f"switch_epoch = {epoch}": solution.diverged.get((run,))
            for epoch, run in zip(switch_epochs, runs, strict=True)
        }
        first = next((f"{where}: {reason}" for where, reason in reasons.items() if reason), None)
        datasets.append(dataset if first is None else dataset.assign_attrs(diverged=first))
    return datasets


def cured(phase: Phase, cells: Sequence[Mapping[str, Any]], runs: int) -> Schedule:
    """The final phase with a cure in it: a phase of its own, or a jump.

    To climb the first task's loss with a weight c, on the entries of the final task, is to descend 1 - c times that of
    a target beyond the final one, (M - c M_first) / (1 - c). Decay is as strong as shrinking were there no task.

    Parameters
    ----------
    phase
        The final phase; the schedule returned is as long.
    cells
        Cells of the batch, with `cure`, `cure_strength` and, of a cure that lasts, `cure_epochs`; `cure_onset` and
        `cure_layer` where they are not neutral.
    runs
        Runs of each cell.
    """
    shared = cells[0]
    cure, strength, onset = shared["cure"], shared["cure_strength"], shared.get("cure_onset", 0)
    before = replace(phase, epochs=onset)
    if "cure_epochs" not in shared:
        return [before, replace(phase, epochs=phase.epochs - onset, jump=_jump(cells, runs))]
    epochs = shared["cure_epochs"]
    during = replace(phase, name="cure", epochs=epochs)
    if cure == "decay":
        time = epochs * (shared["epochs_at_rate"] or shared["learning_rate"])
        during = replace(during, decay=strength / time)
    elif cure == "observations":
        more = [matrix_tasks({**cell, "n_observed": cell["n_observed"] + int(strength)})[1] for cell in cells]
        during = replace(during, task=_stacked(more, runs))
    else:
        first = _stacked([matrix_tasks(cell)[0] for cell in cells], runs)
        beyond = (phase.task.target - strength * first.target) / (1 - strength)
        during = replace(during, task=replace(phase.task, target=beyond), rate=1 - strength)
    return [before, during, replace(phase, epochs=phase.epochs - onset - epochs)]


def _jump(cells: Sequence[Mapping[str, Any]], runs: int) -> Jump:
    """Noise, or weights that shrink towards a fresh draw: in all layers, or in one."""
    shared = cells[0]
    depth, strength, layer = shared["depth"], shared["cure_strength"], shared.get("cure_layer")
    keep, scale = (1.0, strength) if shared["cure"] == "noise" else (math.exp(-strength), 1 - math.exp(-strength))
    drawn = [
        initial_weights(depth, cell["size"], cell["init_scale"], random_stream(cell["seed"], "cure")) for cell in cells
    ]
    chosen = [layer in (None, number) for number in range(1, depth + 1)]
    layers = zip(chosen, zip(*drawn, strict=True), strict=True)
    added = [one * scale * np.repeat(weights, runs, axis=0) for one, weights in layers]
    return Jump([keep if one else 1.0 for one in chosen], added)


def cycles(phase: Phase, factor: float, cycle_epochs: int | None) -> Schedule:
    """Cut a phase into short ones whose learning rate rises to `factor` times the base rate and falls again.

    Parameters
    ----------
    phase
        The phase; the schedule returned is as long.
    factor
        Highest learning rate over the base rate; 1 for a constant one.
    cycle_epochs
        Length of a cycle, a triangle in `CYCLE_STEPS` steps; of no meaning to a constant rate.
    """
    if factor == 1:
        return [phase]
    assert cycle_epochs is not None
    count = -(-phase.epochs * CYCLE_STEPS // cycle_epochs)
    edges = [min(step * cycle_epochs // CYCLE_STEPS, phase.epochs) for step in range(count + 1)]
    heights = [1 - abs(2 * (step % CYCLE_STEPS) / CYCLE_STEPS - 1) for step in range(count)]
    return [
        replace(phase, epochs=end - start, rate=1 + (factor - 1) * height)
        for (start, end), height in zip(pairwise(edges), heights, strict=True)
        if end > start
    ]


def _whole(pretraining: xr.Dataset, final: xr.Dataset, onset: int) -> xr.Dataset:
    """Trajectories from the first epoch on, and the final error, of all switch epochs of a cell."""
    before = pretraining.drop_vars(["weight", "switch_epoch", "layer", "row", "column"])
    switch_epochs = final["switch_epoch"].values.tolist()
    runs = [final.sel(switch_epoch=switch_epoch, drop=True) for switch_epoch in switch_epochs]
    dataset = from_the_start(before, runs, [onset + switch_epoch for switch_epoch in switch_epochs])
    results = [name for name in RESULTS if name in dataset]
    dataset = dataset.rename({name: f"{name}_history" for name in results}).assign_coords(
        switch_epoch=switch_epochs, mode=np.arange(1, dataset.sizes["mode"] + 1)
    )
    dataset = dataset.assign({name: final[name].isel(epoch=-1).drop_vars(["epoch", "phase"]) for name in results})
    made_from = {name: pretraining.attrs[name] for name in ("software",) if name in pretraining.attrs}
    return dataset.assign_attrs(final.attrs | made_from)


def _solve(
    parameters: Mapping[str, Any],
    weights: Sequence[np.ndarray],
    schedule: Schedule,
    keep: Sequence[int],
    progress: str | None,
    checkpoints: Checkpoints | None,
    diverged: str,
) -> Solution:
    """Run the solver that a cell asks for on the device and in the precision that it asks for.

    Epochs are those of the configuration, counted at `epochs_at_rate`; the solver makes others that last as long.
    """
    arrays = placed(weights, parameters["dtype"], parameters["device"])
    model = Factorization(
        "run",
        parameters["n_singular_values"],
        parameters["balancedness"],
        parameters["activation"],
        _references(parameters) if parameters["diagnostics"] else None,
        parameters["sharpness"],
    )
    pace = (parameters["epochs_at_rate"] or parameters["learning_rate"]) / parameters["learning_rate"]
    ends = [round(pace * end) for end in np.cumsum([0, *(phase.epochs for phase in schedule)])]
    phases = [
        replace(phase, epochs=end - start, task=_placed(phase.task, arrays[0]))
        for phase, (start, end) in zip(schedule, pairwise(ends), strict=True)
    ]
    settings: dict[str, Any] = {
        "learning_rate": parameters["learning_rate"],
        "record_every": max(1, round(pace * parameters["record_every"])),
        "keep": [round(pace * epoch) for epoch in keep],
        "progress": Progress(ends[-1], progress),
        "diverged": diverged,
    }
    solution = solver_of(parameters).solve(model, arrays, phases, **settings, checkpoints=checkpoints)
    trajectory = solution.trajectory
    counted = [round(epoch / pace) for epoch in trajectory["epoch"].values.tolist()]
    trajectory = trajectory.assign_coords(epoch=counted)
    if model.references is not None:
        trajectory = trajectory.assign_coords(task=list(model.references))
    parameters_kept = {round(epoch / pace): kept for epoch, kept in solution.parameters.items()}
    return Solution(trajectory, parameters_kept, solution.diverged)


def _references(parameters: Mapping[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Singular vectors of the first and the final task of a cell."""
    references = {}
    ranks = (parameters["pretrain_rank"], parameters["final_rank"])
    for name, task, rank in zip(("first", "final"), matrix_tasks(parameters), ranks, strict=True):
        left, _, right = np.linalg.svd(task.target)
        references[name] = (left[:, :rank], right[:rank].T)
    return references


def _stacked(tasks: Sequence[Task], runs: int = 1) -> Task:
    """Tasks of the runs of a batch, so many of each."""

    def stack(arrays: Iterable[np.ndarray]) -> np.ndarray:
        return np.repeat(list(arrays), runs, axis=0)

    every = all(task.scored is None for task in tasks)
    scored = (np.ones_like(task.mask) if task.scored is None else task.scored for task in tasks)
    target, mask = stack(task.target for task in tasks), stack(task.mask for task in tasks)
    return Task(target, mask, None if every else stack(scored))


def _placed(task: Task, like: Any) -> Task:
    """A task of the kind, in the precision and on the device of an array."""
    return Task(**{name: array if array is None else alike(array, like) for name, array in vars(task).items()})

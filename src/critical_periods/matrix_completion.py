"""Deep matrix completion (section 4): from the parameters of a cell to its dataset (figs 4, 5, 6, 8, 13)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from critical_periods.checkpoints import Checkpoints
from critical_periods.models.factorization import Factorization, initial_weights
from critical_periods.schedules import Phase, Schedule, Task
from critical_periods.solvers import gradient_descent, gradient_flow
from critical_periods.tasks import low_rank_matrix, observation_mask, random_stream
from critical_periods.trajectories import Progress, Solution, describe

DESCRIPTIONS = {
    "switch_epoch": ("epochs of pre-training before the switch to the final task", "epoch"),
    "weight": ("entry of the factor W_layer", "1"),
    "layer": ("factor, the first acts on the input", "1"),
    "row": ("row of the factor", "1"),
    "column": ("column of the factor", "1"),
    "reconstruction_error": ("reconstruction error on the final task, after all of training", "1"),
    "reconstruction_error_history": ("mean squared error over all entries of the task of the phase", "1"),
}


def matrix_tasks(parameters: Mapping[str, Any]) -> tuple[Task, Task]:
    """Pre-training and final task of a cell (section 4.1).

    Ground truths and observations come from independent streams of the seed. The task `same` pre-trains on the final
    matrix; the observed entries of both tasks are nested.

    Parameters
    ----------
    parameters
        `seed`, `size`, `pretrain_task`, `pretrain_rank`, `pretrain_n_observed`, and, for the final task, `final_rank`
        and `n_observed`; without these two both tasks are the pre-training's.
    """
    seed, size = parameters["seed"], parameters["size"]

    def task(stream: str, rank: int, n_observed: int) -> Task:
        return Task(
            low_rank_matrix(size, rank, random_stream(seed, stream)),
            observation_mask(size, n_observed, random_stream(seed, "observations")),
        )

    first_stream = "final_matrix" if parameters["pretrain_task"] == "same" else "pretrain_matrix"
    first = task(first_stream, parameters["pretrain_rank"], parameters["pretrain_n_observed"])
    if "final_rank" not in parameters:
        return first, first
    return first, task("final_matrix", parameters["final_rank"], parameters["n_observed"])


def batch_key(parameters: Mapping[str, Any]) -> Hashable | None:
    """Which cells train as one batch: on a GPU all whose shapes and steps agree, on a CPU every cell by itself.

    A GPU is hardly busy with one cell; a CPU gains nothing from several.
    """
    if parameters["device"] == "cpu":
        return None
    free = {"seed", "init_scale", "n_observed", "final_rank", "pretrain_task", "pretrain_rank", "pretrain_n_observed"}
    return tuple((name, str(value)) for name, value in sorted(parameters.items()) if name not in free)


def pretrain(
    cells: Sequence[Mapping[str, Any]], progress: str | None = None, checkpoints: Checkpoints | None = None
) -> list[xr.Dataset]:
    """Train cells on their first tasks once, as one batch, and keep the weights at every switch epoch.

    Parameters
    ----------
    cells
        Parameters of pre-trainings, see `critical_periods.experiments.pretraining`, that agree in everything but seed,
        init scale and task.
    progress
        What to call the job in the log; None for silence.
    checkpoints
        Where gradient descent keeps its state while it lasts.

    Returns
    -------
    list of xarray.Dataset
        For each cell the trajectory over `epoch`, and `weight` over (switch_epoch, layer, row, column).
    """
    shared = cells[0]
    switch_epochs, depth, size = shared["switch_epochs"], shared["depth"], shared["size"]
    drawn = [
        initial_weights(depth, size, cell["init_scale"], random_stream(cell["seed"], "weights")) for cell in cells
    ]
    weights = [np.stack(layer) for layer in zip(*drawn, strict=True)]
    phase = Phase("pretraining", switch_epochs[-1], _stacked([matrix_tasks(cell)[0] for cell in cells]))
    solution = _solve(shared, weights, [phase], switch_epochs, progress, checkpoints)
    kept = np.stack([np.stack([_numpy(w) for w in solution.parameters[epoch]]) for epoch in switch_epochs])
    coordinates = {"switch_epoch": switch_epochs, "layer": np.arange(1, depth + 1)}
    coordinates |= {name: np.arange(1, size + 1) for name in ("row", "column")}
    datasets = []
    for run in range(len(cells)):
        trajectory = solution.trajectory.isel(run=run)
        dataset = trajectory.assign(weight=(("switch_epoch", "layer", "row", "column"), kept[:, :, run]))
        datasets.append(describe(dataset.assign_coords(coordinates), DESCRIPTIONS))
    return datasets


def complete(
    cells: Sequence[Mapping[str, Any]],
    pretrainings: Sequence[xr.Dataset],
    progress: str | None = None,
    checkpoints: Checkpoints | None = None,
) -> list[xr.Dataset]:
    """Continue every switch epoch of every cell on its final task, all of them as one batch.

    Parameters
    ----------
    cells
        Parameters of cells of the model `matrix_completion` that agree in everything but seed, init scale and tasks.
    pretrainings
        For each cell, what `pretrain` returned for its pre-training.
    progress
        What to call the job in the log; None for silence.
    checkpoints
        Where gradient descent keeps its state while it lasts.

    Returns
    -------
    list of xarray.Dataset
        For each cell `reconstruction_error` (switch_epoch), the final one; over (switch_epoch, epoch) `train_loss`,
        `reconstruction_error_history` and the coordinate `phase`; `singular_value` (switch_epoch, epoch, mode).
        `epoch` counts from the very beginning of training; NaN where a run was not recorded.
    """
    shared = cells[0]
    switch_epochs = shared["switch_epochs"]
    kept = [
        pretraining["weight"].sel(switch_epoch=switch_epochs).transpose("layer", "switch_epoch", "row", "column")
        for pretraining in pretrainings
    ]
    weights = list(np.concatenate([weight.values for weight in kept], axis=1))
    tasks = [matrix_tasks(cell)[1] for cell in cells]
    phase = Phase("final", shared["final_epochs"], _stacked([task for task in tasks for _ in switch_epochs]))
    solution = _solve(shared, weights, [phase], (), progress, checkpoints)
    datasets = []
    for cell, pretraining in enumerate(pretrainings):
        runs = slice(cell * len(switch_epochs), (cell + 1) * len(switch_epochs))
        trajectory = solution.trajectory.isel(run=runs).rename(run="switch_epoch")
        datasets.append(_whole(pretraining, trajectory.assign_coords(switch_epoch=switch_epochs)))
    return datasets


def _whole(pretraining: xr.Dataset, final: xr.Dataset) -> xr.Dataset:
    """Trajectories from the first epoch on, and the final error, of all switch epochs of a cell."""
    before = pretraining.drop_vars(["weight", "switch_epoch", "layer", "row", "column"])
    runs = [
        _joined(before, final.sel(switch_epoch=switch_epoch, drop=True), int(switch_epoch))
        for switch_epoch in final["switch_epoch"].values
    ]
    dataset = xr.concat(runs, "switch_epoch", join="outer", coords=["phase"], data_vars="all", fill_value=_FILL)
    dataset = dataset.rename(reconstruction_error="reconstruction_error_history").assign_coords(
        switch_epoch=final["switch_epoch"].values, mode=np.arange(1, dataset.sizes["mode"] + 1)
    )
    dataset["reconstruction_error"] = ("switch_epoch", final["reconstruction_error"].isel(epoch=-1).values)
    return describe(dataset.assign_attrs(final.attrs), DESCRIPTIONS)


_FILL = {
    "phase": "",
    **dict.fromkeys(("train_loss", "reconstruction_error", "singular_value", "balancedness"), np.float32("nan")),
}


def _joined(before: xr.Dataset, after: xr.Dataset, switch_epoch: int) -> xr.Dataset:
    """One run from its first epoch on: the shared pre-training up to the switch, then its own final phase."""
    after = after.assign_coords(epoch=after["epoch"] + switch_epoch)
    return xr.concat([before.sel(epoch=before["epoch"] < switch_epoch), after], "epoch")


def _solve(
    parameters: Mapping[str, Any],
    weights: Sequence[np.ndarray],
    schedule: Schedule,
    keep: Sequence[int],
    progress: str | None,
    checkpoints: Checkpoints | None,
) -> Solution:
    """Run the solver that a cell asks for on the device and in the precision that it asks for."""
    if parameters["device"] == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device = 'cuda', but torch finds no CUDA device here; allowed: cpu")
    dtype = getattr(torch, parameters["dtype"])
    tensors = [torch.as_tensor(weight, dtype=dtype, device=parameters["device"]) for weight in weights]
    model = Factorization("run", parameters["n_singular_values"], parameters["balancedness"])
    settings = {
        "learning_rate": parameters["learning_rate"],
        "record_every": parameters["record_every"],
        "keep": keep,
        "progress": None if progress is None else Progress(sum(phase.epochs for phase in schedule), progress),
    }
    if parameters["solver"] == "gradient_flow":
        return gradient_flow(model, tensors, schedule, **settings, **parameters["gradient_flow"])
    return gradient_descent(model, tensors, schedule, **settings, checkpoints=checkpoints)


def _stacked(tasks: Sequence[Task]) -> Task:
    """Tasks of the runs of a batch."""
    return Task(np.stack([task.target for task in tasks]), np.stack([task.mask for task in tasks]))


def _numpy(weight: torch.Tensor) -> np.ndarray:
    return weight.cpu().numpy()

"""Deep matrix completion (section 4): from the parameters of a cell to its dataset (figs 4, 5, 6, 8, 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

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


def pretrain(parameters: Mapping[str, Any], progress: str | None = None) -> xr.Dataset:
    """Train on the first task once, and keep the weights at every switch epoch.

    Parameters
    ----------
    parameters
        Parameters of a pre-training, see `critical_periods.experiments.pretraining`.
    progress
        What to call the job in the log; None for silence.

    Returns
    -------
    xarray.Dataset
        The trajectory over `epoch`, and `weight` over (switch_epoch, layer, row, column).
    """
    first, _ = matrix_tasks(parameters)
    switch_epochs = parameters["switch_epochs"]
    weights = initial_weights(
        parameters["depth"], parameters["size"], parameters["init_scale"], random_stream(parameters["seed"], "weights")
    )
    schedule = [Phase("pretraining", switch_epochs[-1], first)]
    solution = _solve(parameters, weights, schedule, None, switch_epochs, progress)
    kept = np.stack([np.stack([_numpy(w) for w in solution.parameters[epoch]]) for epoch in switch_epochs])
    dataset = solution.trajectory.assign(weight=(("switch_epoch", "layer", "row", "column"), kept))
    axes = {"layer": parameters["depth"], "row": parameters["size"], "column": parameters["size"]}
    coordinates = {"switch_epoch": switch_epochs} | {name: np.arange(1, size + 1) for name, size in axes.items()}
    return describe(dataset.assign_coords(coordinates), DESCRIPTIONS)


def complete(parameters: Mapping[str, Any], pretraining: xr.Dataset, progress: str | None = None) -> xr.Dataset:
    """Continue every switch epoch of a cell on the final task, all of them as one batch.

    Parameters
    ----------
    parameters
        Parameters of a cell of the model `matrix_completion`.
    pretraining
        What `pretrain` returned for the cell's pre-training.
    progress
        What to call the job in the log; None for silence.

    Returns
    -------
    xarray.Dataset
        `reconstruction_error` (switch_epoch), the final one; over (switch_epoch, epoch) `train_loss`,
        `reconstruction_error_history` and the coordinate `phase`; `singular_value` (switch_epoch, epoch, mode).
        `epoch` counts from the very beginning of training; NaN where a run was not recorded.
    """
    _, final = matrix_tasks(parameters)
    switch_epochs = parameters["switch_epochs"]
    kept = pretraining["weight"].sel(switch_epoch=switch_epochs).transpose("layer", "switch_epoch", "row", "column")
    weights = [np.ascontiguousarray(layer) for layer in kept.values]
    schedule = [Phase("final", parameters["final_epochs"], final)]
    solution = _solve(parameters, weights, schedule, "switch_epoch", (), progress)
    before = pretraining.drop_vars(["weight", "switch_epoch", "layer", "row", "column"])
    runs = [
        _joined(before, solution.trajectory.isel(switch_epoch=index), switch_epoch)
        for index, switch_epoch in enumerate(switch_epochs)
    ]
    dataset = xr.concat(runs, "switch_epoch", join="outer", coords=["phase"], data_vars="all", fill_value=_FILL)
    dataset = dataset.rename(reconstruction_error="reconstruction_error_history").assign_coords(
        switch_epoch=switch_epochs, mode=np.arange(1, dataset.sizes["mode"] + 1)
    )
    final_error = solution.trajectory["reconstruction_error"].isel(epoch=-1).values
    dataset["reconstruction_error"] = ("switch_epoch", final_error)
    return describe(dataset, DESCRIPTIONS)


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
    run_dim: str | None,
    keep: Sequence[int],
    progress: str | None,
) -> Solution:
    """Run the solver that a cell asks for on the device and in the precision that it asks for."""
    if parameters["device"] == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device = 'cuda', but torch finds no CUDA device here; allowed: cpu")
    dtype = getattr(torch, parameters["dtype"])
    tensors = [torch.as_tensor(weight, dtype=dtype, device=parameters["device"]) for weight in weights]
    model = Factorization(run_dim, parameters["n_singular_values"], parameters["balancedness"])
    settings = {
        "learning_rate": parameters["learning_rate"],
        "record_every": parameters["record_every"],
        "keep": keep,
        "progress": None if progress is None else Progress(sum(phase.epochs for phase in schedule), progress),
    }
    if parameters["solver"] == "gradient_flow":
        return gradient_flow(model, tensors, schedule, **settings, **parameters["gradient_flow"])
    return gradient_descent(model, tensors, schedule, **settings)


def _numpy(weight: torch.Tensor) -> np.ndarray:
    return weight.cpu().numpy()

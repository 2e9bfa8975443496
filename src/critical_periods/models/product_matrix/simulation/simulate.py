"""Theory beside training: the flow of the product matrix (fig 9) and modes in closed form (fig 10)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from critical_periods.dynamics.arrays import engine, placed
from critical_periods.dynamics.landscape import Model
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.schedules import Phase, Schedule, Task, total_epochs
from critical_periods.dynamics.trajectories import Progress, divergence, from_the_start, recorded_epochs
from critical_periods.models.matrix_completion.simulation.landscape import (
    Factorization,
    balanced_pair,
    descending_singular_values,
    initial_weights,
    product,
)
from critical_periods.models.matrix_completion.simulation.tasks import (
    low_rank_matrix,
    observation_mask,
    singular_basis,
)
from critical_periods.models.product_matrix.simulation.closed_form import (
    chained_modes,
    layers_through_tasks,
    shared_spectrum,
)
from critical_periods.models.product_matrix.simulation.landscape import ProductMatrix, balance
from critical_periods.solvers import gradient_descent
from critical_periods.solvers.gradient_flow import GradientFlow
from critical_periods.solvers.shared.shadow import Shadowed
from critical_periods.solvers.strided_descent import StridedDescent

logger = logging.getLogger(__name__)

#: How the factors of fig 9 are trained: every update up to errors of which no figure and no claim sees anything.
TRAINING = StridedDescent(rtol=1e-9, atol=1e-12)


def near_identity_weights(
    depth: int, size: int, init_scale: float, init_spread: float, generator: np.random.Generator
) -> list[np.ndarray]:
    """Draw the initial factors of fig 9, the same diagonal matrix in every layer, hence balanced.

    Parameters
    ----------
    depth
        Number of factors N.
    size
        n; every factor is n x n.
    init_scale
        Scale of the product: every factor is init_scale^(1/N) I ...
    init_spread
        ... plus a diagonal of N(0, init_spread), which tells the singular values apart.
    generator
        Source of the random numbers.
    """
    layer = np.diag(init_scale ** (1 / depth) + init_spread * generator.standard_normal(size))
    return [layer.copy() for _ in range(depth)]


def simulate_singular_flow(
    parameters: Mapping[str, Any], progress: str | None = None, diverged: str = "fail"
) -> xr.Dataset:
    """Train a deep factorization across task switches, and integrate eqs 10, 13 and 14 beside it (fig 9).

    Training and theory share the pre-training of all switch epochs. Conditions of the equations (balanced factors,
    distinct singular values) are checked at the start, logged, and part of the result.

    Parameters
    ----------
    parameters
        Parameters of a cell of the model `singular_flow`.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`.

    Returns
    -------
    xarray.Dataset
        `singular_value` (solver, switch_epoch, epoch, mode), solver being "gradient_descent" or "ode"; `epoch` counts
        from the very beginning and is NaN where a run was not recorded; coordinate `phase` (switch_epoch, epoch);
        `largest_difference` and `relative_difference` (switch_epoch); `gradient_evaluations`; `imbalance` and
        `smallest_gap` at the start.
    """
    seed, size, depth, kept = (parameters[name] for name in ("seed", "size", "depth", "n_singular_values"))
    mask = observation_mask(size, parameters["n_observed"], random_stream(seed, "observations"))
    weights = near_identity_weights(
        depth, size, parameters["init_scale"], parameters["init_spread"], random_stream(seed, "weights")
    )
    conditions = balance(weights)
    logger.info(
        "conditions of the theory: imbalance %.3g, smallest gap %.3g of the largest singular value, smallest one %.3g",
        conditions.imbalance, conditions.smallest_gap, conditions.smallest_value,
    )  # fmt: skip
    if conditions.relative_imbalance > 1e-6 or conditions.smallest_gap == 0 or conditions.smallest_value == 0:
        logger.warning("the factors are not balanced, or singular values coincide: theory is not exact here")

    switch_epochs = parameters["switch_epochs"]
    tasks = [Task(target, mask) for target in _targets(parameters, size)]
    pretraining, completion = ([phase] for phase in _phases((switch_epochs[-1], parameters["final_epochs"]), tasks))

    def told(part: str, schedule: Schedule) -> Progress:
        return Progress(total_epochs(schedule), progress and f"{progress}, {part}")

    settings = _settings(parameters, diverged)
    adaptive = GradientFlow(**{name: parameters[name] for name in ("method", "rtol", "atol")})
    model: Model = ProductMatrix(depth, kept)
    if parameters["shadowing"]:
        model = Shadowed(ProductMatrix(depth, kept, parameters["learning_rate"]))
    matrix = [np.linalg.multi_dot(weights[::-1])]
    flow = adaptive.solve(
        model, matrix, pretraining, keep=switch_epochs, progress=told("theory", pretraining), **settings
    )
    flows = [adaptive.solve(model, flow.parameters[epoch], completion, **settings) for epoch in switch_epochs]
    theory = from_the_start(flow.trajectory, [run.trajectory for run in flows], switch_epochs)

    descent = TRAINING.solve(
        Factorization(n_singular_values=kept), placed(weights, parameters["dtype"]), pretraining,
        keep=switch_epochs, progress=told("pre-training", pretraining), **settings,
    )  # fmt: skip
    layers = zip(*(descent.parameters[epoch] for epoch in switch_epochs), strict=True)
    descents = TRAINING.solve(
        Factorization("switch_epoch", kept), [engine(layer[0]).stack(layer) for layer in layers], completion,
        progress=told("final task", completion), **settings,
    )  # fmt: skip
    runs = [descents.trajectory.isel(switch_epoch=run) for run in range(len(switch_epochs))]
    trained = from_the_start(descent.trajectory, runs, switch_epochs)

    dataset = _beside(trained, "ode", theory["singular_value"].values).transpose("switch_epoch", ...)
    dataset = dataset.assign(
        gradient_evaluations=sum(solution.trajectory.attrs["gradient_evaluations"] for solution in (flow, *flows)),
        imbalance=conditions.imbalance,
        smallest_gap=conditions.smallest_gap,
    )
    for switch_epoch, difference in zip(switch_epochs, dataset["relative_difference"].values, strict=True):
        logger.info(
            "switch at %d: training and theory differ by at most %.3g of the largest value", switch_epoch, difference
        )
    return dataset.assign_attrs(divergence(*(solution.diverged for solution in (flow, *flows, descent, descents))))


def simulate_shared_modes(
    parameters: Mapping[str, Any], progress: str | None = None, diverged: str = "fail"
) -> xr.Dataset:
    """Train through two tasks with the same singular vectors, and evaluate eq 21 beside it (fig 10).

    The second task gives the modes of the first one new strengths, in reversed order: the smallest one to the
    mode that was largest. The closed form is that of all entries observed, whatever the number observed in training.

    Parameters
    ----------
    parameters
        Parameters of a cell of the model `shared_modes`.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`.

    Returns
    -------
    xarray.Dataset
        `singular_value` (solver, epoch, mode), solver being "gradient_descent" or "closed_form", modes in descending
        order at every epoch; coordinate `phase` (epoch); `largest_difference` and `relative_difference`.
    """
    seed, size, depth = parameters["seed"], parameters["size"], parameters["depth"]
    target, second = _targets(parameters, size)
    left, right = singular_basis(target, parameters["pretrain_rank"], random_stream(seed, "null_vectors"))
    n_modes = max(parameters["pretrain_rank"], parameters["final_rank"])
    reversed_modes = np.zeros(size)
    reversed_modes[:n_modes] = np.linalg.svd(second, compute_uv=False)[:n_modes][::-1]
    targets = [target, left * reversed_modes @ right.T]
    spectra = [np.maximum(shared_spectrum(left, right, matrix), 0) for matrix in targets]

    root = parameters["init_scale"] ** (1 / depth)
    weights = [root * right.T, *[root * np.eye(size)] * (depth - 2), root * left]
    durations = [parameters["pretrain_epochs"], parameters["final_epochs"]]
    mask = observation_mask(size, parameters["n_observed"], random_stream(seed, "observations"))
    kept = parameters["n_singular_values"]
    solution = gradient_descent(
        Factorization(n_singular_values=kept),
        placed(weights, parameters["dtype"]),
        _phases(durations, [Task(matrix, mask) for matrix in targets]),
        progress=Progress(sum(durations), progress),
        **_settings(parameters, diverged),
    )
    training = solution.trajectory
    tau = size**2 / parameters["learning_rate"]
    strengths = chained_modes(
        training["epoch"], spectra, durations, np.full(size, parameters["init_scale"]), tau, depth
    )
    dataset = _beside(training, "closed_form", -np.sort(-strengths, axis=1)[:, :kept])
    logger.info(
        "%d of %d entries observed: training and closed form differ by at most %.3g of the largest singular value",
        parameters["n_observed"], size**2, dataset["relative_difference"],
    )  # fmt: skip
    return dataset.assign_attrs(divergence(solution.diverged))


def simulate_two_layers(
    parameters: Mapping[str, Any], progress: str | None = None, diverged: str = "fail"
) -> xr.Dataset:
    """Train two lambda-balanced layers through two tasks, and evaluate their exact solution beside it.

    The tasks have singular vectors of their own. A matrix that is not square is trained as a square one whose weights
    beyond its sides are 0, where no gradient comes from.

    Parameters
    ----------
    parameters
        Parameters of a cell of the model `two_layers`.
    progress, diverged
        As of `critical_periods.execution.jobs.run_batches`.

    Returns
    -------
    xarray.Dataset
        `singular_value` (solver, epoch, mode), solver being "gradient_descent" or "closed_form"; coordinate `phase`
        (epoch); `largest_difference`, `relative_difference`, `matrix_difference` and `imbalance_drift`.
    """
    seed, rate, kept = (parameters[name] for name in ("seed", "learning_rate", "n_singular_values"))
    shape = parameters["rows"], parameters["columns"]
    size, entries = max(shape), shape[0] * shape[1]
    inside = np.zeros((size, size), dtype=bool)
    inside[: shape[0], : shape[1]] = True
    targets = [np.where(inside, target, 0) for target in _targets(parameters, size)]
    drawn = product(initial_weights(2, size, parameters["init_scale"], random_stream(seed, "weights")))
    layers = balanced_pair(drawn[: shape[0], : shape[1]], parameters["imbalance"])
    durations = [parameters["pretrain_epochs"], parameters["final_epochs"]]
    schedule = _phases(durations, [Task(target, inside) for target in targets])
    recorded = recorded_epochs(schedule, parameters["record_every"])
    epochs = [epoch for _, _, stops in recorded for epoch, record in stops if record]
    solution = gradient_descent(
        Factorization(n_singular_values=kept),
        [np.pad(layer, [(0, size - side) for side in layer.shape]) for layer in layers],
        schedule,
        keep=epochs,
        progress=Progress(sum(durations), progress),
        **_settings(parameters, diverged),
    )
    exact = layers_through_tasks(
        epochs, [target[: shape[0], : shape[1]] for target in targets], durations, layers, entries / rate
    )
    trained = np.stack([product(solution.parameters[epoch])[: shape[0], : shape[1]] for epoch in epochs])
    theory = np.stack([product(pair) for pair in exact])
    dataset = _beside(solution.trajectory, "closed_form", descending_singular_values(theory)[:, :kept])
    norm = np.linalg.norm(trained, axis=(1, 2)).max()
    gaps = [upper.T @ upper - lower @ lower.T for lower, upper in (solution.parameters[epoch] for epoch in epochs)]
    dataset = dataset.assign(
        matrix_difference=np.linalg.norm(trained - theory, axis=(1, 2)).max() / norm,
        imbalance_drift=abs(np.stack(gaps) - gaps[0]).max() / norm,
    )
    logger.info(
        "imbalance %g: training and exact solution differ by at most %.3g of the largest |W|",
        parameters["imbalance"], dataset["matrix_difference"],
    )  # fmt: skip
    return dataset.assign_attrs(divergence(solution.diverged))


def _targets(parameters: Mapping[str, Any], size: int) -> list[np.ndarray]:
    """Matrices of the first and the second task."""
    return [
        low_rank_matrix(size, parameters[f"{task}_rank"], random_stream(parameters["seed"], f"{task}_matrix"))
        for task in ("pretrain", "final")
    ]


def _phases(durations: Sequence[int], tasks: Sequence[Task]) -> list[Phase]:
    return [Phase(*phase) for phase in zip(("pretraining", "final"), durations, tasks, strict=True)]


def _settings(parameters: Mapping[str, Any], diverged: str) -> dict[str, Any]:
    """What solvers are told of a cell."""
    return {"diverged": diverged} | {name: parameters[name] for name in ("learning_rate", "record_every")}


def _beside(trajectory: xr.Dataset, solver: str, theory: np.ndarray) -> xr.Dataset:
    """Singular values of training and theory along `solver`, training first, and how far they are apart."""
    training = trajectory["singular_value"].astype(float)
    values = xr.concat([training, training.copy(data=theory)], "solver", coords="minimal", compat="override")
    values = values.assign_coords(solver=["gradient_descent", solver], mode=np.arange(1, values.sizes["mode"] + 1))
    largest = abs(training - theory).max(("epoch", "mode"))
    return (
        values.to_dataset(name="singular_value")
        .assign_attrs(engine=trajectory.attrs["engine"])
        .assign(largest_difference=largest, relative_difference=largest / training.max(("epoch", "mode")))
    )

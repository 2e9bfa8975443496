"""A run that diverges, where that is recorded: NaN from there on, with the reason, and no other run is touched."""

import logging

import numpy as np
import pytest
import torch
import xarray as xr

from critical_periods.analysis.assemble import assemble
from critical_periods.dynamics.schedules import Jump, Phase, Task
from critical_periods.dynamics.trajectories import DivergedError
from critical_periods.execution.jobs import run_batches
from critical_periods.figures.figure import figure
from critical_periods.models.matrix_completion.derived import derive
from critical_periods.models.matrix_completion.simulation.landscape import Factorization
from critical_periods.models.matrix_completion.simulation.simulate import batch_key, complete, pretrain
from critical_periods.models.matrix_completion.theory import predict
from critical_periods.models.pathways.simulation.scalar import ScalarPathways
from critical_periods.solvers import gradient_descent, gradient_flow
from critical_periods.solvers.strided_descent import StridedDescent

RATE, EPOCHS = 0.3, 60


def batch(scale):
    """Two runs, the second of which starts at a scale at which steps of `RATE` run away."""
    draws = np.random.default_rng(0)
    weights = [torch.as_tensor(draws.standard_normal((2, 5, 5)) * 0.3) for _ in range(2)]
    for weight in weights:
        weight[1] *= scale
    return weights, [
        Phase("first", EPOCHS, Task(draws.standard_normal((5, 5)))),
        Phase("then", EPOCHS, Task(np.eye(5))),
    ]


@pytest.mark.parametrize("solver", [gradient_descent, StridedDescent().solve])
def test_only_the_run_that_diverges_is_lost(solver):
    weights, schedule = batch(30.0)
    model = Factorization("run")
    settings = {"learning_rate": RATE, "record_every": 10, "keep": [EPOCHS]}
    with pytest.raises(DivergedError):
        solver(model, weights, schedule, **settings)
    solution = solver(model, weights, schedule, **settings, diverged="record")
    alone = solver(model, [weight[:1] for weight in weights], schedule, **settings)
    for name in ("train_loss", "singular_value", "reconstruction_error"):
        values = solution.trajectory[name]
        np.testing.assert_array_equal(values.isel(run=[0]), alone.trajectory[name])
        assert np.isnan(values.isel(run=1, epoch=-1)).all()
    assert list(solution.diverged) == [(1,)]
    assert "epoch" in solution.diverged[1,]
    for kept in solution.parameters.values():
        assert all(np.isnan(weight[1]).all() and np.isfinite(weight[0]).all() for weight in kept)


def test_what_came_before_is_kept():
    weights, schedule = batch(30.0)
    trajectory = gradient_descent(
        Factorization("run"), weights, schedule, learning_rate=RATE, record_every=1, diverged="record"
    ).trajectory
    lost = np.isnan(trajectory["train_loss"].isel(run=1)).values
    assert np.isfinite(trajectory["train_loss"].isel(run=1, epoch=0))
    assert not lost[: lost.argmax()].any()
    assert lost[lost.argmax() :].all()


@pytest.mark.parametrize("solver", [gradient_descent, gradient_flow, StridedDescent().solve])
def test_noise_on_a_task_that_is_learned_already_is_no_divergence(solver):
    """The loss begins at rounding errors of 0, which any noise raises by 1e20 and more."""
    draws = np.random.default_rng(0)
    left, right, noise = draws.standard_normal((3, 5, 5))
    noisy = Jump([1.0, 1.0], [0.1 * noise, 0 * noise])
    schedule = [Phase("final", 10, Task(left @ right)), Phase("final", 1000, Task(left @ right), jump=noisy)]
    solution = solver(Factorization(), [right, left], schedule, learning_rate=0.1, record_every=10)
    losses = solution.trajectory["train_loss"].values
    assert losses[0] < 1e-30
    assert losses[1] > 1e-3 > losses[-1]


def test_trajectories_of_pathways_are_lost_one_by_one():
    model = ScalarPathways(3, ("trajectory", "mode"))
    start = np.full((2, 2, 1), 0.3)
    start[:, 1] = 40.0
    solution = gradient_descent(
        model, [start, start], [Phase("normal", 50, Task(np.array([1.0])))],
        learning_rate=0.1, record_every=10, diverged="record",
    )  # fmt: skip
    final = solution.trajectory["pathway_singular_value"].isel(epoch=-1)
    assert np.isfinite(final.isel(trajectory=0)).all()
    assert np.isnan(final.isel(trajectory=1)).all()
    assert list(solution.diverged) == [(1, 0)]


@pytest.mark.parametrize("solver", ["gradient_descent", "strided_descent"])
def test_an_experiment_has_its_sound_cells_and_says_why_the_others_are_nan(cell, solver):
    rates = [0.3, 3000.0]
    cells = {f"cell{rate:g}": cell | {"learning_rate": rate, "solver": solver} for rate in rates}
    first = run_batches("pretraining", cells, pretrain, batch_key, record=True)
    datasets = run_batches("matrix_completion", cells, complete, batch_key, first.__getitem__, record=True)
    axes = {"seed": [3], "learning_rate": rates}
    whole = assemble(axes, list(cells), datasets.__getitem__, {}, predict, derive, diverged="record")
    sound, lost = (whole.sel(learning_rate=rate, seed=3) for rate in rates)
    assert np.isfinite(sound["reconstruction_error"]).all()
    assert np.isnan(lost["reconstruction_error"]).all()
    assert set(whole.data_vars) == set(datasets["cell0.3"].data_vars) | {
        *("relative_accuracy", "measured_closing", "predicted_closing", "remaining_loss", "learned")
    }
    assert whole.attrs["diverged"].startswith("seed = 3, learning_rate = 3000.0: pre-training: ")
    assert whole["diverged"].values.tolist() == [[False, True]]
    assert not lost["learned"]
    with pytest.raises(DivergedError, match=r"cell cell3000 \(seed = 3, learning_rate = 3000.0: .* diverged = record"):
        assemble(axes, list(cells), datasets.__getitem__, {})


def test_cells_of_one_batch_that_diverge_do_not_take_the_others_with_them(cell, caplog):
    """On a GPU cells train together; the sound ones are done when the others make the job fail."""
    cells = {"sound": cell, "wild": cell | {"init_scale": 1e6}}
    done = {}
    with caplog.at_level(logging.ERROR), pytest.raises(DivergedError, match=r"^pretraining cell \w+ \(.*1000000\.0"):
        run_batches("pretraining", cells, pretrain, lambda parameters: "together", keep=done.__setitem__)
    assert list(done) == ["sound"]


def crosses(panel, dataset):
    """Places of the crosses in a figure of a panel."""
    layers = figure("Crosses", [panel], {"sweep": dataset}).plots[0].layers
    found = [layer.table[layer.x] for layer in layers if layer.stroke.label == "diverged"]
    return sorted(x for column in found for x in column)


def test_figures_mark_what_diverged_and_nothing_else():
    """A value that is missing for another reason is no cross."""
    errors = np.array([[[0.5, np.nan, 0.3], [np.nan, np.nan, np.nan]]])
    dataset = xr.Dataset(
        {"reconstruction_error": (("seed", "depth", "switch_epoch"), errors)},
        coords={
            "seed": [0],
            "depth": [2, 3],
            "switch_epoch": [0, 10, 20],
            "diverged": (("seed", "depth"), [[False, True]]),
        },
        attrs={"parameters": "{}"},
    )
    line = {"plot": "line", "experiment": "sweep", "x": "switch_epoch", "y": "reconstruction_error", "hue": "depth"}
    chart = {
        "plot": "heatmap",
        "experiment": "sweep",
        "x": "switch_epoch",
        "y": "depth",
        "hue": "reconstruction_error",
    }
    for panel in (line, chart):
        assert crosses(panel, dataset) == [0, 10, 20]
        assert crosses(panel, dataset.drop_vars("diverged")) == []

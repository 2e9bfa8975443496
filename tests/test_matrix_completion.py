import numpy as np
import pytest
import torch
import xarray as xr
from test_gradient_descent import by_hand

from critical_periods.jobs import run_batches
from critical_periods.matrix_completion import batch_key, complete, matrix_tasks, pretrain
from critical_periods.measures import relative_accuracy
from critical_periods.models.factorization import initial_weights, product
from critical_periods.schedules import Phase
from critical_periods.tasks import random_stream
from critical_periods.trajectories import DivergedError


def run(cell):
    return complete([cell], pretrain([cell]))[0]


def from_scratch(cell, switch_epoch):
    """What a researcher would write by hand: one run a switch epoch, autograd, no sharing."""
    first, final = matrix_tasks(cell)
    weights = initial_weights(cell["depth"], cell["size"], cell["init_scale"], random_stream(cell["seed"], "weights"))
    schedule = [Phase("pretraining", switch_epoch, first), Phase("final", cell["final_epochs"], final)]
    return final, by_hand(weights, schedule, cell["learning_rate"])


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_switch_epoch_is_the_number_of_updates_on_the_first_task(cell, depth):
    cell |= {"depth": depth}
    dataset = run(cell)
    for switch_epoch in cell["switch_epochs"]:
        final, history = from_scratch(cell, switch_epoch)
        assert len(history) == switch_epoch + cell["final_epochs"] + 1
        recorded = dataset.sel(switch_epoch=switch_epoch)
        error = np.mean((product(history[-1]).numpy() - final.target) ** 2)
        assert recorded["reconstruction_error"] == pytest.approx(error, rel=1e-9)
        for epoch in recorded["epoch"].values[recorded["phase"].values != ""]:
            expected = torch.linalg.svdvals(product(history[epoch]))[: cell["n_singular_values"]]
            np.testing.assert_allclose(recorded["singular_value"].sel(epoch=epoch), expected, rtol=1e-8, atol=1e-12)


def test_same_seed_gives_bit_identical_results(cell):
    assert run(cell).identical(run(cell))
    assert not run(cell)["reconstruction_error"].equals(run(cell | {"seed": 4})["reconstruction_error"])


def test_a_switch_epoch_does_not_depend_on_which_others_are_asked_for(cell):
    few, many = run(cell | {"switch_epochs": [0, 30]}), run(cell)
    xr.testing.assert_allclose(few["reconstruction_error"], many["reconstruction_error"].sel(switch_epoch=[0, 30]))


def test_relative_accuracy_is_zero_without_deficit(cell):
    accuracy = relative_accuracy(run(cell)["reconstruction_error"])
    assert accuracy.sel(switch_epoch=0) == 0
    assert np.all(accuracy.sel(switch_epoch=[7, 30]) != 0)


def test_pretraining_on_the_same_task_is_just_longer_training(cell):
    cell |= {"pretrain_task": "same", "pretrain_rank": cell["final_rank"]}
    dataset = run(cell)
    longer = run(cell | {"switch_epochs": [0], "final_epochs": cell["final_epochs"] + 30})
    assert dataset["reconstruction_error"].sel(switch_epoch=30) == pytest.approx(
        longer["reconstruction_error"].item(), rel=1e-12
    )


def test_depth_one_is_not_affected_by_the_first_task(cell):
    cell |= {"depth": 1, "learning_rate": 60.0, "init_scale": 0.001}
    error = run(cell)["reconstruction_error"]
    # observed entries are fitted exactly at this rate, the others never move
    np.testing.assert_allclose(error, error.sel(switch_epoch=0).item(), rtol=1e-10)


def test_history_is_nan_where_a_run_has_ended(cell):
    dataset = run(cell)
    short = dataset.sel(switch_epoch=0)
    ended = short["epoch"] > cell["final_epochs"]
    assert ended.any()
    assert short["train_loss"].where(ended, drop=True).isnull().all()
    assert set(short["phase"].values[ended.values]) == {""}
    assert dataset["train_loss"].sel(switch_epoch=7, epoch=7).notnull()


def test_other_precision_agrees(cell):
    double, single = run(cell), run(cell | {"dtype": "float32"})
    assert single["singular_value"].dtype == np.float32
    np.testing.assert_allclose(single["reconstruction_error"], double["reconstruction_error"], rtol=1e-3)


def test_cuda_without_a_device_is_refused(cell):
    if torch.cuda.is_available():
        assert np.isfinite(run(cell | {"device": "cuda"})["reconstruction_error"]).all()
    else:
        with pytest.raises(RuntimeError, match="finds no CUDA device here; allowed: cpu"):
            run(cell | {"device": "cuda"})


def test_every_variable_says_what_it_is(cell):
    dataset = run(cell)
    for name, variable in dataset.variables.items():
        assert variable.attrs.get("long_name"), name
        assert variable.attrs.get("units"), name


def test_relative_accuracy_needs_a_run_without_deficit(cell):
    error = run(cell)["reconstruction_error"]
    with pytest.raises(ValueError, match="switch_epoch = 0"):
        relative_accuracy(error.sel(switch_epoch=[7, 30]))


def test_cells_of_one_batch_are_the_cells_by_themselves(cell):
    others = {"seed": 5, "init_scale": 0.1, "final_rank": 3, "n_observed": 80}
    partial = {"pretrain_task": "same", "pretrain_rank": 2, "pretrain_n_observed": 30}
    cells = [cell, cell | others, cell | partial]
    together = complete(cells, pretrain(cells))
    for alone, batched in zip(map(run, cells), together, strict=True):
        xr.testing.assert_allclose(alone, batched, rtol=1e-9, atol=1e-12)


def test_only_cells_that_take_the_same_steps_are_one_batch(cell):
    assert batch_key(cell) is None
    on_gpu = cell | {"device": "cuda"}
    assert batch_key(on_gpu) == batch_key(on_gpu | {"seed": 5, "final_rank": 1})
    different = {
        "size": 13,
        "depth": 2,
        "learning_rate": 0.1,
        "switch_epochs": [0],
        "final_epochs": 9,
        "dtype": "float32",
    }
    assert len({batch_key(on_gpu | {name: value}) for name, value in different.items()}) == len(different)


def test_errors_name_every_cell_of_the_batch(cell):
    wild = cell | {"learning_rate": 1e6, "device": "cpu"}
    cells = {"one": wild, "two": wild | {"seed": 9}}
    with pytest.raises(DivergedError, match=r"seed=3.*seed=9.*: diverged by epoch"):
        run_batches("pretraining", cells, pretrain, lambda parameters: "together")
    with pytest.raises(DivergedError, match=r"^pretraining cell \w+ \(seed=3[^)]*\): diverged by epoch"):
        run_batches("pretraining", cells, pretrain, batch_key)

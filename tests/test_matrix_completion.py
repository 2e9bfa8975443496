import numpy as np
import pytest
import torch
import xarray as xr
from test_gradient_descent import by_hand
from test_tasks import another_svd

from critical_periods.analysis.measures import relative_accuracy
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.dynamics.trajectories import DivergedError
from critical_periods.execution.jobs import run_batches
from critical_periods.models.matrix_completion.simulation.landscape import initial_weights, product
from critical_periods.models.matrix_completion.simulation.simulate import (
    CYCLE_STEPS,
    batch_key,
    complete,
    cycles,
    matrix_tasks,
    pretrain,
)


def run(cell):
    return complete([cell], pretrain([cell]))[0]


def from_scratch(cell, switch_epoch):
    """What a researcher would write by hand: one run a switch epoch, autograd, no sharing."""
    first, final = matrix_tasks(cell)
    weights = initial_weights(cell["depth"], cell["size"], cell["init_scale"], random_stream(cell["seed"], "weights"))
    schedule = [
        Phase("final", cell["onset"], final),
        Phase("pretraining", switch_epoch, first),
        Phase("final", cell["final_epochs"], final),
    ]
    return final, by_hand(weights, schedule, cell["learning_rate"])


@pytest.mark.parametrize("onset", [0, 25])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_switch_epoch_is_the_number_of_updates_on_the_first_task(cell, depth, onset):
    cell |= {"depth": depth, "onset": onset}
    dataset = run(cell)
    for switch_epoch in cell["switch_epochs"]:
        final, history = from_scratch(cell, switch_epoch)
        assert len(history) == onset + switch_epoch + cell["final_epochs"] + 1
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


def test_errors_name_every_cell_of_the_batch(cell, caplog):
    wild = cell | {"learning_rate": 1e6, "device": "cpu"}
    cells = {"one": wild, "two": wild | {"seed": 9}}
    with pytest.raises(DivergedError, match=r"seed=3.*: diverged by epoch.*; 1 more in the log"):
        run_batches("pretraining", cells, pretrain, lambda parameters: "together")
    assert "seed=9" in caplog.text
    with pytest.raises(DivergedError, match=r"^pretraining cell \w+ \(seed=3[^)]*\): diverged by epoch"):
        run_batches("pretraining", cells, pretrain, batch_key)


def test_deficit_comes_after_its_onset(cell):
    dataset = run(cell | {"onset": 20}).sel(switch_epoch=30)
    phases = dict(zip(dataset["epoch"].values.tolist(), dataset["phase"].values, strict=True))
    assert {phases[epoch] for epoch in (0, 10)} == {phases[epoch] for epoch in (50, 60, 90)} == {"final"}
    assert {phases[epoch] for epoch in (20, 30, 40)} == {"pretraining"}
    none = run(cell | {"onset": 20}).sel(switch_epoch=0)
    longer = run(cell | {"final_epochs": cell["final_epochs"] + 20}).sel(switch_epoch=0)
    assert none["reconstruction_error"].item() == longer["reconstruction_error"].item()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_nonlinear_factorization_learns_its_task(cell, activation):
    cell |= {"activation": activation, "init_scale": 0.5, "learning_rate": 2.0, "final_epochs": 2000}
    dataset = run(cell)
    assert dataset["train_loss"].sel(switch_epoch=30).isel(epoch=-1) < 1e-3
    linear = run(cell | {"activation": "linear"})
    assert not np.allclose(dataset["reconstruction_error"], linear["reconstruction_error"], rtol=1e-2)


@pytest.mark.parametrize("solver", ["gradient_descent", "gradient_flow"])
def test_epochs_at_another_rate_last_as_long(cell, solver):
    flow = {"gradient_flow": {"method": "RKC", "rtol": 1e-6, "atol": 1e-9}}
    cell |= {"solver": solver, "learning_rate": 0.01, "onset": 10} | (flow if solver == "gradient_flow" else {})
    epochs = {"switch_epochs": [0, 10, 30], "onset": 10, "final_epochs": 40, "record_every": 10}
    scaled = {
        name: [50 * e for e in value] if isinstance(value, list) else 50 * value for name, value in epochs.items()
    }
    counted = run(cell | epochs | {"epochs_at_rate": 0.5})
    direct = run(cell | scaled)
    assert counted["epoch"].values.tolist() == [0, 10, 20, 30, 40, 50, 60, 70, 80]
    np.testing.assert_array_equal(counted["switch_epoch"], [0, 10, 30])
    np.testing.assert_array_equal(50 * counted["epoch"].values, direct["epoch"])
    np.testing.assert_allclose(counted["reconstruction_error"], direct["reconstruction_error"], rtol=1e-6)


def test_a_large_step_for_a_short_while_is_a_small_one_for_long(cell):
    cell |= {"epochs_at_rate": 0.4, "switch_epochs": [0, 40], "init_scale": 0.3}
    errors = [run(cell | {"learning_rate": rate})["reconstruction_error"] for rate in (0.1, 0.2, 0.4)]
    assert abs(errors[1] - errors[0]).max() < 0.6 * abs(errors[2] - errors[1]).max()
    np.testing.assert_allclose(errors[0], errors[1], rtol=0.05)


def test_a_cycle_is_a_triangle_of_the_learning_rate():
    phases = cycles(Phase("final", 100, Task(np.eye(2))), 5.0, 40)
    assert [phase.epochs for phase in phases] == [2] * 50
    rates = np.array([phase.rate for phase in phases])
    assert rates.min() == rates[0] == 1
    assert rates.max() == rates[CYCLE_STEPS // 2] == 5
    np.testing.assert_allclose(np.abs(np.diff(rates)), 0.4)
    np.testing.assert_allclose(rates[:10], rates[CYCLE_STEPS : CYCLE_STEPS + 10])


@pytest.mark.parametrize(("epochs", "cycle_epochs"), [(1, 20), (33, 20), (70, 30), (1000, 999)])
def test_cycles_are_as_long_as_the_phase(epochs, cycle_epochs):
    phases = cycles(Phase("final", epochs, Task(np.eye(2))), 3.0, cycle_epochs)
    assert sum(phase.epochs for phase in phases) == epochs
    assert all(phase.epochs > 0 for phase in phases)


def test_cycles_act_after_the_deficit_only(cell):
    plain, cycling = run(cell), run(cell | {"cycle_factor": 3.0, "cycle_epochs": 20})
    before = {"switch_epoch": 30, "epoch": [0, 10, 20, 30]}
    xr.testing.assert_equal(plain["train_loss"].sel(before), cycling["train_loss"].sel(before))
    assert not np.allclose(plain["reconstruction_error"], cycling["reconstruction_error"], rtol=1e-3)


def test_diagnostics_are_of_the_trained_matrix(cell):
    dataset = run(cell | {"diagnostics": True, "n_singular_values": 12, "onset": 10})
    singular_value = dataset["singular_value"].sel(switch_epoch=30).dropna("epoch", how="all")
    share = singular_value / singular_value.sum("mode")
    recorded = dataset.sel(switch_epoch=30, epoch=singular_value["epoch"])
    np.testing.assert_allclose(recorded["nuclear_norm_history"], singular_value.sum("mode"))
    np.testing.assert_allclose(
        recorded["effective_rank_history"], np.exp(-(share * np.log(share)).sum("mode")), rtol=1e-9
    )
    for name in ("effective_rank", "nuclear_norm", "alignment"):
        last = recorded[f"{name}_history"].isel(epoch=-1)
        np.testing.assert_array_equal(dataset[name].sel(switch_epoch=30), last)


def test_a_learned_task_is_aligned_with(cell):
    cell |= {"diagnostics": True, "learning_rate": 2.0, "n_observed": 144, "final_epochs": 1000}
    alignment = run(cell)["alignment"].sel(switch_epoch=0)
    assert alignment.sel(task="final") == pytest.approx(1, abs=1e-6)
    assert alignment.sel(task="first") < 0.9


def test_sharpness_is_recorded_in_both_phases(cell):
    dataset = run(cell | {"sharpness": True})
    history = dataset["sharpness_history"].sel(switch_epoch=30)
    assert history.dropna("epoch")["epoch"].values.tolist() == [0, 10, 20, 30, 40, 50, 60, 70]
    assert dataset["sharpness"].sel(switch_epoch=30) == history.sel(epoch=70)


def test_digits_can_be_either_task(cell):
    cell |= {"size": 64, "n_observed": 500, "pretrain_n_observed": 500}
    random = matrix_tasks(cell)
    first = matrix_tasks(cell | {"pretrain_matrix": "digits"})
    final = matrix_tasks(cell | {"final_matrix": "digits"})
    for one, other, same in ((first, random, (1,)), (final, random, (0,))):
        assert [index for index in (0, 1) if np.array_equal(one[index].target, other[index].target)] == list(same)
    # columns of digits are centred
    assert np.abs(first[0].target.mean(axis=0)).max() < 1e-9 < np.abs(random[0].target.mean(axis=0)).max()


def test_both_tasks_observe_the_structure_asked_for(cell):
    for task in matrix_tasks(cell | {"observations": "disconnected"}):
        assert not task.mask[:6, 6:].any()
        assert not task.mask[6:, :6].any()


def test_cells_with_diagnostics_train_by_themselves(cell):
    assert batch_key(cell | {"device": "cuda", "diagnostics": True}) is None


def test_alignment_does_not_depend_on_the_basis_that_the_linear_algebra_returns(cell, monkeypatch):
    cell |= {"diagnostics": True}
    expected = run(cell)
    monkeypatch.setattr(np.linalg, "svd", another_svd(0))
    xr.testing.assert_allclose(run(cell), expected, rtol=1e-10)


def test_an_initial_product_that_underflows_is_refused(cell):
    with pytest.raises(ValueError, match="init_scale = 1e-100; allowed: more, as the product of the 3 factors"):
        pretrain([cell | {"init_scale": 1e-100, "dtype": "float32"}])
    pretrain([cell | {"init_scale": 1e-100, "dtype": "float64"}])

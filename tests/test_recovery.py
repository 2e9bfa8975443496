"""How the period reopens, and how tasks relate: decay, jumps, cures, observations of each phase, overlapping tasks."""

import numpy as np
import pytest
import torch
import xarray as xr
import yaml
from conftest import REPOSITORY
from scipy.linalg import subspace_angles

from critical_periods.configuration.fields import ConfigError
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.schedules import Jump, Phase, Task
from critical_periods.models.matrix_completion.derived import derive
from critical_periods.models.matrix_completion.simulation.landscape import Factorization, largest_curvature
from critical_periods.models.matrix_completion.simulation.simulate import complete, cured, matrix_tasks, pretrain
from critical_periods.models.matrix_completion.simulation.tasks import low_rank_matrix, related_matrix
from critical_periods.models.matrix_completion.theory import escape, predict
from critical_periods.planning.plan import Plan
from critical_periods.solvers import gradient_descent, gradient_flow

SETTINGS = {"learning_rate": 0.1, "record_every": 30}


@pytest.fixture
def draws():
    return np.random.default_rng(0)


@pytest.mark.parametrize("engine", [np.asarray, torch.as_tensor])
def test_every_form_of_the_gradient_has_the_decay(draws, engine):
    model, start = Factorization("run"), [engine(0.3 * draws.standard_normal((2, 6, 6))) for _ in range(3)]
    plain = Phase("plain", 30, Task(draws.standard_normal((6, 6))), layer_plasticity={2: 0.5})
    decaying = Phase("decaying", 30, plain.task, layer_plasticity={2: 0.5}, decay=0.7)
    factors = (0.7, 0.35, 0.7)
    slopes = model.gradient(start, plain)
    expected = [slope + factor * weight for slope, factor, weight in zip(slopes, factors, start, strict=True)]
    moved = [engine(np.array(weight)) for weight in start]
    model.descent(moved, decaying, 0.1)(1)
    for one, slope, weight, after in zip(model.gradient(start, decaying), expected, start, moved, strict=True):
        np.testing.assert_allclose(one, slope)
        np.testing.assert_allclose(after, weight - 0.1 * slope)
    curvature = [
        largest_curvature(model, [weight[0] for weight in start], Phase("one", 1, plain.task, decay=decay), 1e-9)
        for decay in (0, 0.7)
    ]
    assert curvature[1] == pytest.approx(curvature[0] + 0.7)


@pytest.mark.parametrize("solver", [gradient_descent, gradient_flow])
def test_a_jump_is_made_where_its_phase_begins_and_once(draws, solver):
    start = [0.3 * draws.standard_normal((2, 6, 6)) for _ in range(2)]
    added = draws.standard_normal((2, 2, 6, 6))
    task = Task(draws.standard_normal((6, 6)))
    before = solver(Factorization("run"), start, [Phase("a", 30, task)], **SETTINGS).final
    jumped = [factor * weight + more for factor, weight, more in zip((0.5, 0), before, added, strict=True)]
    after = solver(Factorization("run"), jumped, [Phase("b", 70, task)], **SETTINGS).final
    schedule = [Phase("a", 30, task), Phase("b", 70, task, jump=Jump([0.5, 0], added))]
    whole = solver(Factorization("run"), start, schedule, **SETTINGS, keep=[30])
    for kept, expected in ((whole.parameters[30], jumped), (whole.final, after)):
        np.testing.assert_allclose(kept, expected, rtol=1e-12)
    with pytest.raises(ValueError, match="phase 'b': jump in a phase of 0 epochs; allowed: in one of 1 or more"):
        Phase("b", 0, task, jump=schedule[1].jump)


def errors(cell, **changes):
    [dataset] = complete([cell | changes], pretrain([cell]))
    return dataset["reconstruction_error"]


def test_a_network_that_shrinks_to_nothing_is_as_good_as_new(cell):
    cell = cell | {"final_epochs": 400}
    harmed, new = errors(cell), errors(cell, cure="shrink", cure_strength=40.0)
    assert harmed.std() > 1e-3
    assert new.std() < 1e-12
    layer = errors(cell, cure="shrink", cure_strength=40.0, cure_layer=2)
    assert abs(layer - harmed).max() > 1e-3
    assert layer.std() > 1e-3
    assert abs(errors(cell, cure="noise", cure_strength=1.0, cure_onset=100) - harmed).max() > 1e-4


def test_more_observations_for_a_while_bring_the_error_down(cell):
    cell = cell | {"final_epochs": 2000, "n_observed": 40}
    harmed = errors(cell)
    cured = errors(cell, cure="observations", cure_strength=60.0, cure_epochs=1500)
    assert (cured < harmed - 0.05).all()
    decay = errors(cell, cure="decay", cure_strength=3.0, cure_epochs=1500)
    assert abs(decay - harmed).max() > 1e-3


def test_reversing_the_first_tasks_gradient_is_a_target_beyond_the_final_one(cell, draws):
    cell = cell | {"cure": "reversed", "cure_strength": 0.4, "cure_epochs": 10}
    first, final = matrix_tasks(cell)
    phase = Phase("final", 40, Task(final.target[None], final.mask[None]))
    before, during, after = cured(phase, [cell], 1)
    assert [before.epochs, during.epochs, after.epochs] == [0, 10, 30]
    model, weights = Factorization("run"), [draws.standard_normal((1, 12, 12)) for _ in range(2)]
    up, down = (model.gradient(weights, Phase("one", 1, Task(task.target, final.mask))) for task in (first, final))
    for slope, one, other in zip(model.gradient(weights, during), down, up, strict=True):
        np.testing.assert_allclose(during.rate * slope, one - 0.4 * other)


@pytest.mark.parametrize("overlap", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rank", [2, 3, 5])
def test_tasks_overlap_by_the_share_asked_for(overlap, rank):
    final = low_rank_matrix(20, 3, random_stream(0, "final_matrix"))
    matrix = related_matrix(final, 3, rank, overlap, "same", random_stream(0, "pretrain_matrix"))
    assert np.mean(matrix**2) == pytest.approx(1)
    assert np.linalg.matrix_rank(matrix) == rank
    for one, other in ((final, matrix), (final.T, matrix.T)):
        bases = (np.linalg.svd(one)[0][:, :3], np.linalg.svd(other)[0][:, :rank])
        cosines = np.cos(subspace_angles(*bases)) ** 2
        np.testing.assert_allclose(cosines, np.full(min(rank, 3), overlap), atol=1e-6)


def test_a_task_that_overlaps_wholly_is_the_final_one_or_has_its_values_in_reverse():
    final = low_rank_matrix(20, 3, random_stream(0, "final_matrix"))
    same, other = (related_matrix(final, 3, 3, 1.0, order, random_stream(0, "cure")) for order in ("same", "reversed"))
    np.testing.assert_allclose(same, final, atol=1e-12)
    left, values, right = np.linalg.svd(final)
    np.testing.assert_allclose(np.diag(left.T @ other @ right.T)[:3], values[2::-1])
    np.testing.assert_allclose(np.linalg.svd(other, compute_uv=False), values, atol=1e-12)


def test_observations_of_the_first_task_have_a_structure_of_their_own(cell):
    first, final = matrix_tasks(cell | {"pretrain_observations": "disconnected", "pretrain_n_observed": 50})
    assert not first.mask[:6, 6:].any()
    assert not first.mask[6:, :6].any()
    assert final.mask[:6, 6:].any()
    assert (first.mask.sum(), final.mask.sum()) == (50, 60)


def test_cells_are_known_by_what_has_an_effect_and_the_rest_is_refused():
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text()) | {"figures": {}, "claims": {}}

    def cell(**changes):
        config["experiments"] = {"one": {"title": "One", "model": "matrix_completion", "set": changes}}
        (found,) = Plan(config).experiments["one"].cells.values()
        return found

    for neutral in (
        {"cure": "decay", "cure_strength": 0, "cure_epochs": 10},
        {"cure_strength": 2},
        {"pretrain_observations": "random"},
        {"pretrain_order": "reversed"},
    ):
        assert cell(**neutral).id == cell().id
    cure = {"cure": "decay", "cure_strength": 2, "cure_epochs": 100}
    changes = (cure, cure | {"cure_onset": 7}, {"pretrain_observations": "disconnected"}, {"pretrain_overlap": 0.5})
    assert len({cell(**change).id for change in ({}, *changes)}) == 5
    for change, message in (
        (cure | {"cure_epochs": None}, "cure_epochs = empty; allowed: a number where cure = decay"),
        (cure | {"cure": "noise"}, "cure_epochs = 100; allowed: null where cure = noise"),
        (cure | {"cure_layer": 2}, "cure_layer = 2; allowed: null where cure = decay"),
        (cure | {"cure_onset": 29900}, "cure_onset .* = 30000; allowed: a cure that ends before epoch 30000"),
        (cure | {"cure": "reversed"}, "cure_strength = 2.0; allowed: below 1 where cure = reversed"),
        (cure | {"cure": "observations", "cure_strength": 8001}, "cure_strength = 8001.0; .* number up to 8000"),
        (cure | {"cycle_factor": 2}, "cycle_factor = 2.0; allowed: 1 where there is a cure"),
        ({"pretrain_observations": "connected", "n_observed": 6000}, "n_observed = 6000; allowed: 1 to 5000"),
        ({"pretrain_overlap": 0.5, "pretrain_task": "same"}, "pretrain_overlap = 0.5; allowed: null but where"),
        ({"pretrain_overlap": 0.5, "pretrain_rank": 96}, "pretrain_rank = 96; allowed: 1 to 95"),
    ):
        with pytest.raises(ConfigError, match=message):
            cell(**change)


def cured_dataset():
    """Two draws; the deficit harms the first, and strength 2 brings half of that back after 25 epochs, for good."""
    error = [[[0.1, 1.1], [0.1, 0.35]], [[0.2, 0.25], [0.2, 0.2]]]
    axes = {"seed": [0, 1], "cure_strength": [0.0, 2.0], "switch_epoch": [0, 100]}
    dataset = xr.Dataset({"reconstruction_error": (tuple(axes), error)}, coords=axes)
    after = dataset["reconstruction_error"].sel(switch_epoch=100, drop=True)
    epochs = np.array([0, 100, 110, 120, 130, 200])
    course = xr.DataArray([9, 9, 0.5, 0.7, 0.5, 0], {"epoch": epochs}, ["epoch"])
    course = xr.where(course["epoch"] < 200, course, after).expand_dims(switch_epoch=[0, 100])
    onset = [["final"] * 6, ["pretraining", *["final"] * 5]]
    return dataset.assign(reconstruction_error_history=course.assign_coords(phase=(("switch_epoch", "epoch"), onset)))


def test_recovery_is_the_share_of_the_lost_error_that_comes_back():
    dataset = cured_dataset()
    derived = derive(dataset).sel(switch_epoch=100)
    np.testing.assert_allclose(derived["recovery"].sel(seed=0), [0, 0.75])
    np.testing.assert_allclose(derived["recovery_epochs"].sel(seed=0), [np.nan, 25])  # 0.6 between 0.7 and 0.5
    for name in ("recovery", "recovery_epochs"):
        assert derived[name].sel(seed=1).isnull().all()  # the deficit has done no harm
        assert name not in derive(dataset.isel(cure_strength=[1]))


def test_without_a_deficit_nothing_is_lost_comes_back_or_closes():
    derived = derive(cured_dataset().isel(switch_epoch=[0]).assign(staged_closing=100.0))
    for name in ("recovery", "recovery_epochs", "measured_closing"):
        assert derived[name].isnull().all()
    assert not derived["harm_settled"].any()


def test_an_escape_begins_where_the_cure_leaves_the_modes():
    task = {"size": 40, "rank": 4, "init_scale": 1e-3, "learning_rate": 0.1, "depth": 3}
    times = [escape(**task, strength=strength) for strength in (0.2, 1.0, 1.1, 30.0, 40.0)]
    assert times[0] == 0  # modes stay above half of what they were
    assert 0 < times[1] < times[2] < times[3]
    assert times[3] == times[4]  # as a network newly drawn
    weights = np.exp(-1.0) * np.full(3, 20.0 ** (1 / 3))  # a balanced mode of its own, s* = 40 / sqrt(4)
    for _ in range(round(times[1])):
        weights -= 0.1 * (weights[0] ** 3 - 20) * weights[0] ** 2 / 40**2
    assert weights[0] ** 3 == pytest.approx(10, rel=0.01)
    assert np.isnan(escape(**task | {"depth": 1}, strength=1.0))


def test_predictions_of_recovery_stand_where_the_theory_says_something(cell):
    def predicted(**changes):
        dataset = predict(xr.Dataset(), cell | changes, {"cure_strength": [0, 1]})
        return float(dataset["predicted_recovery_epochs"])

    shrink = predicted(cure="shrink", cure_strength=3.0)
    assert shrink > 0
    decay = {"cure": "decay", "cure_strength": 3.0, "cure_epochs": 70, "cure_onset": 30}
    assert predicted(**decay) == pytest.approx(100 + shrink)
    for silent in (
        {},
        {"cure": "noise", "cure_strength": 1.0},
        {"cure": "shrink", "cure_strength": 3, "cure_layer": 1},
        {"cure": "shrink", "cure_strength": 3, "final_matrix": "own.npy", "final_rank": None},
        {"cure": "shrink", "cure_strength": 3, "imbalance": 5.0},
    ):
        assert np.isnan(predicted(**silent))
    assert "predicted_recovery_epochs" not in predict(xr.Dataset(), cell, {"depth": [2]})

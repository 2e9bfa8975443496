"""Layers that are not balanced, and every way to spend a budget of gating: theory beside integration."""

import numpy as np
import pytest
import scipy.integrate
import xarray as xr
from conftest import STUDY_CLAIMS

import critical_periods as cp
from critical_periods.analysis.measures import MissingDataError
from critical_periods.analysis.verdicts import judge_claim
from critical_periods.configuration.fields import ConfigError
from critical_periods.models.matrix_completion.simulation.landscape import balanced_pair, product
from critical_periods.models.matrix_completion.simulation.simulate import pretrain
from critical_periods.models.pathways.measures import loser_evenness
from critical_periods.models.pathways.simulation.simulate_schedules import schedules
from critical_periods.models.product_matrix.simulation.closed_form import (
    balanced_layers,
    layers_through_tasks,
    time_to_reach,
)


def gap(layers):
    lower, upper = layers
    return upper.T @ upper - lower @ lower.T


@pytest.fixture
def draws():
    return np.random.default_rng(0)


@pytest.mark.parametrize("imbalance", [-5, 0, 3])
@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5)])
def test_the_exact_solution_is_gradient_flow(draws, imbalance, shape):
    matrix, target = 0.01 * draws.standard_normal(shape), draws.standard_normal(shape)
    layers = balanced_pair(matrix, imbalance)
    np.testing.assert_allclose(product(layers), matrix, atol=1e-14)
    np.testing.assert_allclose(gap(layers), imbalance * np.eye(min(shape)), atol=1e-12)
    split = layers[0].size

    def velocity(_time, state):
        lower, upper = state[:split].reshape(layers[0].shape), state[split:].reshape(layers[1].shape)
        error = target - upper @ lower
        return np.concatenate([(upper.T @ error).ravel(), (error @ lower.T).ravel()]) / 3

    times = np.array([0.5, 5, 40])
    flow = scipy.integrate.solve_ivp(
        velocity, (0, 40), np.concatenate([layer.ravel() for layer in layers]), "DOP853", times, rtol=1e-9, atol=1e-12
    )
    for state, exact in zip(flow.y.T, balanced_layers(times, target, layers, 3.0), strict=True):
        lower, upper = state[:split].reshape(layers[0].shape), state[split:].reshape(layers[1].shape)
        np.testing.assert_allclose(product(exact), upper @ lower, atol=1e-7)
        np.testing.assert_allclose(exact[0].T @ exact[0], lower.T @ lower, atol=1e-7)


def test_the_exact_solution_goes_on_through_a_switch_and_refuses_other_layers(draws):
    targets = [draws.standard_normal((4, 4)) for _ in range(2)]
    layers = balanced_pair(0.1 * draws.standard_normal((4, 4)), 2.0)
    path = layers_through_tasks([0, 3, 5, 9], targets, [5, 4], layers, 1.0)
    (switch,) = balanced_layers([5], targets[0], layers, 1.0)
    (end,) = balanced_layers([4], targets[1], switch, 1.0)
    np.testing.assert_allclose(product(path[0]), product(layers), atol=1e-12)
    np.testing.assert_allclose(product(path[2]), product(switch), atol=1e-10)
    np.testing.assert_allclose(product(path[3]), product(end), atol=1e-10)
    with pytest.raises(ValueError, match="allowed: lambda-balanced layers"):
        balanced_layers([1], targets[0], [draws.standard_normal((4, 4)) for _ in range(2)], 1.0)


@pytest.mark.parametrize(("imbalance", "record_every"), [(-2, 200), (2, 300)])
def test_training_agrees_with_the_exact_solution(imbalance, record_every):
    small = {"rows": 12, "columns": 8, "pretrain_rank": 4, "final_rank": 2, "n_singular_values": 4}
    epochs = {"pretrain_epochs": 2000, "final_epochs": 2000, "record_every": record_every, "learning_rate": 0.01}
    dataset = cp.simulate("two_layers", imbalance=imbalance, **small, **epochs)
    assert dataset["matrix_difference"].item() < 1e-3
    assert dataset["singular_value"].sel(solver="closed_form").max() > 3


@pytest.mark.parametrize("imbalance", [0.5, -30.0])
def test_time_of_a_balanced_mode_is_that_of_its_layers(imbalance):
    time = time_to_reach(2.0, 5.0, 0.01, 7.0, 2, imbalance)
    (layers,) = balanced_layers([time], np.array([[5.0]]), balanced_pair(np.array([[0.01]]), imbalance), 7.0)
    assert product(layers).item() == pytest.approx(2.0, rel=1e-6)
    with pytest.raises(ValueError, match="depth = 3; allowed: 2, as imbalance is not 0"):
        time_to_reach(2.0, 5.0, 0.01, 7.0, 3, imbalance)


def test_scales_change_the_layers_and_not_their_product(cell):
    def begun(**changes):
        weights = pretrain([cell | changes])[0]["weight"].sel(switch_epoch=0).transpose("layer", ...).values
        return [weight.astype(float) for weight in weights]

    drawn, unequal = begun(), begun(layer_ratio=100.0)
    np.testing.assert_allclose(product(unequal), product(drawn), atol=1e-6 * abs(product(drawn)).max())
    ratios = [np.linalg.norm(one) / np.linalg.norm(other) for one, other in zip(unequal, drawn, strict=True)]
    np.testing.assert_allclose(ratios[-1] / ratios[0], 100, rtol=1e-5)
    two = begun(depth=2, imbalance=3.0)
    np.testing.assert_allclose(product(two), product(begun(depth=2)), atol=1e-5)
    np.testing.assert_allclose(gap(two), 3 * np.eye(len(two[0])), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"depth": 3, "imbalance": 1}, "imbalance = 1(.0)?; allowed: null, as depth = 3, not 2"),
        ({"depth": 2, "imbalance": 1, "activation": "tanh"}, "allowed: null, as activation = tanh, not linear"),
        ({"depth": 1, "layer_ratio": 10}, "layer_ratio = 10(.0)?; allowed: 1, as depth = 1"),
    ],
)
def test_scales_that_mean_nothing_are_refused(changes, error):
    with pytest.raises(ConfigError, match=error):
        cp.simulate("matrix_completion", **changes)


def test_every_schedule_spends_the_budget_once():
    found = schedules(5, 2)
    assert (found.sum(axis=1) == 2).all()
    assert len(np.unique(found, axis=0)) == len(found) == 45
    assert set(np.unique(found)) == {0, 0.5, 1}


@pytest.mark.parametrize(("depth", "n_pathways"), [(2, 3), (4, 2)])
def test_the_worst_schedule_is_the_earliest_and_the_clock_tells_all(depth, n_pathways):
    dataset = cp.simulate(
        "gating_schedules", depth=depth, n_pathways=n_pathways, slots=5, slot_epochs=40, budget=2
    ).squeeze(drop=True)
    worst, best = (dataset["gating"].values[find(dataset["impairment"].values)] for find in (np.argmax, np.argmin))
    assert worst.tolist() == [1, 1, 0, 0, 0]
    assert best.tolist() == [0, 0, 0, 1, 1]
    assert dataset["prediction_error"] < 1e-6
    strategies = dataset["strategy_impairment"].to_series()
    assert strategies["worst"] == strategies["first"] > strategies["every other"] > strategies["thin"]
    alone = cp.simulate(
        "scalar_pathways", solver="gradient_flow", depth=depth, n_pathways=n_pathways, n_trajectories=1, init_sd=0,
        init_mean=0.01, duration=80, epochs=2000, record_every=2000, portrait=False,
    )  # fmt: skip
    assert strategies["first"] == pytest.approx(alone["impairment"].item(), abs=1e-5)


def test_evenness_of_those_that_do_not_win():
    share = xr.DataArray(
        [[[0.8], [0.1], [0.1]], [[0.4], [0.6], [np.nan]]], dims=("n_pathways", "pathway", "trajectory")
    )
    dataset = share.assign_coords(n_pathways=[3, 2]).to_dataset(name="share")
    assert loser_evenness(dataset, n_pathways=3) == 1
    assert loser_evenness(dataset, n_pathways=2) == 1
    dataset["share"][0, :, 0] = [0.6, 0.3, 0.1]
    assert loser_evenness(dataset, n_pathways=3) == pytest.approx(1 / 3)


CLAIMS = STUDY_CLAIMS["imbalance"]
STRATEGIES = {"worst": 0.4, "first": 0.4, "every other": 0.3, "thin": 0.25, "last": 0.1, "best": 0.1}


def budget(**changes):
    """What strategies of gating cost, at two depths; the changes are those of the second one."""
    values = [list((STRATEGIES | more).values()) for more in ({}, changes)]
    dims = ("seed", "depth", "strategy")
    coords = {"seed": [0], "depth": [2, 4], "strategy": list(STRATEGIES)}
    return xr.Dataset({"strategy_impairment": (dims, [values])}, coords=coords)


def plateau(**changes):
    """The same where all schedules cost the same but for the changes, here of both depths."""
    same = dict.fromkeys(STRATEGIES, 0.4) | changes
    return budget(**same).isel(depth=[1])


def spectra(difference):
    values = 10 + np.array([0, difference])[None, :, None, None, None, None] * np.ones((2, 1, 1, 1, 3, 2))
    dims = ("seed", "imbalance", "rows", "columns", "epoch", "mode")
    coords = {"seed": [0, 1], "imbalance": [-20, 20], "rows": [60], "columns": [40]}
    data = xr.Dataset({"singular_value": (dims, values)}, coords=coords)
    return data.expand_dims(solver=["gradient_descent", "closed_form"])


def unequal(smaller_first, smaller_last):
    """Relative accuracy at depth 3 after no deficit and a long one, by the smaller layer; equal ones lose 0.8."""
    values = [[[0, 0], [0, smaller_last]], [[0, 0], [0, -0.8]], [[0, 0], [0, smaller_first]]]
    dims = ("seed", "layer_ratio", "depth", "switch_epoch")
    coords = {"seed": [0, 1], "layer_ratio": [0.01, 1, 100], "depth": [2, 3], "switch_epoch": [0, 100]}
    return xr.Dataset({"relative_accuracy": (dims, [values, values])}, coords=coords)


CASES = [
    ("u1c", spectra(3), spectra(0.5)),
    ("u3b", unequal(-0.3, -0.8), unequal(-0.8, -0.3)),
    ("u3c", unequal(-0.8, -0.3), unequal(-0.3, -0.8)),
    ("u4a", budget(), budget(worst=0.45)),
    ("u4b", budget(), budget(last=0.15)),
    ("u4d", budget(), budget(thin=0.4)),
    ("u4e", plateau(), plateau(**dict.fromkeys(["worst", "first"], 0.5))),
]


@pytest.mark.parametrize(("name", "true", "false"), CASES, ids=[case[0] for case in CASES])
def test_claims_hold_where_they_should_and_only_there(name, true, false):
    assert judge_claim(CLAIMS[name], true).holds
    assert not judge_claim(CLAIMS[name], false).holds


@pytest.mark.parametrize("name", ["u4a", "u4b", "u4d", "u4e"])
def test_of_strategies_that_have_no_effect_none_is_the_worst(name):
    with pytest.raises(MissingDataError, match=r"is not a number$"):
        judge_claim(CLAIMS[name], budget(**dict.fromkeys(STRATEGIES, 1e-9)))

"""When the period closes: the theory against simulations, the measurement, and both in the dataset."""

import json
import re

import numpy as np
import pytest
import xarray as xr
from test_scalar_pathways import PORTRAIT

import critical_periods as cp
from critical_periods.analysis import learning
from critical_periods.analysis.assemble import assemble
from critical_periods.analysis.closing import agreement, compared, measured_closing, settled
from critical_periods.figures.figure import figure
from critical_periods.models.matrix_completion import theory as matrix_theory
from critical_periods.models.matrix_completion.derived import derive as derive_matrix
from critical_periods.models.matrix_completion.model import LearningStages
from critical_periods.models.matrix_completion.simulation.gaussian_layers import gaussian_start
from critical_periods.models.matrix_completion.simulation.landscape import initial_weights
from critical_periods.models.matrix_completion.simulation.stages import (
    determined_rank,
    learned_times,
    modes_learned,
    simulate_stages,
    stages,
)
from critical_periods.models.matrix_completion.theory import task_closing
from critical_periods.models.pathways import theory as pathway_theory
from critical_periods.models.pathways.derived import derive as derive_pathways
from critical_periods.models.pathways.simulation.simulate_scalar import simulate_scalar
from critical_periods.models.pathways.theory import gating_closing
from critical_periods.models.product_matrix.simulation.closed_form import mode_strength_of_depth, time_to_reach

GATED = PORTRAIT | {"portrait": False, "solver": "gradient_flow", "n_trajectories": 1, "init_sd": 0.0}


@pytest.mark.parametrize("depth", [2, 3, 6])
@pytest.mark.parametrize(
    ("imbalance", "init", "singular_value", "pathways"), [(0.0, 0.4, 10.0, 2), (1.0, 0.0, 3.0, 2), (0.5, 0.1, 10.0, 4)]
)
def test_gating_for_the_predicted_duration_costs_half_of_what_an_endless_deficit_costs(
    depth, imbalance, init, singular_value, pathways
):
    closing = gating_closing(singular_value, depth, imbalance, init, pathways)
    epochs = 100_000
    cell = GATED | {
        "depth": depth,
        "imbalance": imbalance,
        "init_mean": init,
        "singular_value": singular_value,
        "n_pathways": pathways,
        "learning_rate": closing / 100,
        "epochs": epochs,
        "record_every": epochs,
    }
    half, whole = (
        simulate_scalar(cell | {"duration": duration})["impairment"].item() for duration in (100, epochs - 1)
    )
    assert whole > 0.5 / pathways
    assert half == pytest.approx(whole / 2, rel=0.01)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_a_mode_of_the_first_task_is_half_learned_at_the_predicted_epoch(depth):
    size, rank, scale, rate = 50, 4, 0.01, 0.3
    epoch = task_closing(size, rank, scale, rate, depth)
    target = size / np.sqrt(rank)
    strength = mode_strength_of_depth([epoch], [target], [scale], size**2 / rate, depth)
    assert strength.item() == pytest.approx(target / 2, rel=1e-6)


def test_smaller_weights_deeper_networks_and_higher_ranks_close_later():
    reference = task_closing(100, 10, 0.001, 0.2, 3)
    assert task_closing(100, 10, 0.0001, 0.2, 3) > reference
    assert task_closing(100, 10, 0.001, 0.2, 4) > reference
    assert task_closing(100, 15, 0.001, 0.2, 3) > reference
    assert task_closing(100, 10, 0.001, 0.4, 3) == pytest.approx(reference / 2)


def predicted_closing(theory, parameters):
    """What a theory predicts for a cell of an experiment that varies the duration."""
    axes = {"duration": [parameters.get("duration")]}
    return theory.predict(xr.Dataset(), parameters, axes)["predicted_closing"].item()


def test_there_is_no_prediction_where_theory_says_nothing():
    assert np.isnan(task_closing(100, 10, 0.001, 0.2, 1))
    assert np.isnan(task_closing(100, 10, 60.0, 0.2, 2))
    assert np.isnan(gating_closing(1.0, 2, 0.0, 0.9))
    for change in ({"onset": 5}, {"plasticity": 0.5}, {"alternate_every": 3}, {"depth_handicap": 1}):
        assert np.isnan(predicted_closing(pathway_theory, GATED | change))
    matrix = {
        "pretrain_task": "other",
        "size": 100,
        "pretrain_rank": 10,
        "init_scale": 0.001,
        "learning_rate": 0.2,
        "depth": 3,
    }
    matrix |= {"epochs_at_rate": None}
    assert predicted_closing(matrix_theory, matrix) == task_closing(100, 10, 0.001, 0.2, 3)
    for change in (
        {"onset": 5},
        {"activation": "relu"},
        {"observations": "connected"},
        {"pretrain_matrix": "digits"},
        {"pretrain_task": "same"},
    ):
        assert np.isnan(predicted_closing(matrix_theory, matrix | change))
    faster = matrix | {"learning_rate": 4.0, "epochs_at_rate": 0.2}
    assert predicted_closing(matrix_theory, faster) == task_closing(100, 10, 0.001, 0.2, 3), "counted at 0.2"
    assert predicted_closing(pathway_theory, GATED) == pytest.approx(gating_closing(10.0, 2, 1.0, 0.0) / 0.001)


def test_theory_says_nothing_of_a_parameter_that_it_does_not_cover(cell):
    """As of one that is added to a model, which its theory knows nothing of; the dataset says which."""
    experiments = {
        "matrix": (cell | {"switch_epochs": [0]}, {}, matrix_theory, "predicted_closing"),
        "recovery": (
            cell | {"cure": "shrink", "cure_strength": 3.0},
            *({"cure_strength": [0, 3.0]}, matrix_theory, "predicted_recovery_epochs"),
        ),
        "pathways": (GATED, {"duration": [GATED["duration"]]}, pathway_theory, "predicted_closing"),
    }
    for parameters, others, theory, name in experiments.values():
        cells = {"1": parameters, "2": parameters | {"added": 2}}

        def read(identity, cells=cells):
            return xr.Dataset(attrs={"parameters": json.dumps(cells[identity])})

        def predict(dataset, parameters, axes, theory=theory, others=others):
            return theory.predict(dataset, parameters, axes | others)

        dataset = assemble({"added": [1, 2]}, list(cells), read, {}, predict)
        assert np.isfinite(dataset[name]).values.tolist() == [True, False]
        assert re.search(f"(^|; ){name} where added = 2(;|$)", dataset.attrs["not_predicted"])


def test_theory_of_stages_says_nothing_of_a_parameter_that_it_does_not_cover(cell):
    said = {
        name: simulate_stages(LearningStages.parameters_of(cell | added))
        for name, added in {"": {}, "added": {"added": 2}}.items()
    }
    assert np.isfinite(said[""]["staged_closing"])
    assert "not_predicted" not in said[""].attrs
    assert said["added"]["learned_epoch"].isnull().all()
    assert said["added"].attrs["not_predicted"] == "staged_closing where added = 2"

    def read(name):
        return said["added"] if name == "theory" else xr.Dataset(attrs={"parameters": "{}"})

    dataset = assemble({"seed": [0]}, ["cell"], read, {}, theory=["theory"])
    assert dataset.attrs["not_predicted"] == "staged_closing where added = 2"


def harm(values):
    return xr.DataArray(values, dims="duration", coords={"duration": [0, 1, 10, 100, 1000]})


def test_closing_is_interpolated_in_log_duration():
    assert float(measured_closing(harm([0, 0, 0.2, 0.6, 0.8]), "duration")) == pytest.approx(10**1.5)
    assert float(measured_closing(harm([0, 0.1, 0.6, 0.6, 1.0]), "duration")) == pytest.approx(10**0.8)


def test_a_period_that_never_closes_or_is_over_at_once_has_no_closing():
    assert np.isnan(measured_closing(harm([0, 0, 0, 0, 0.99 * learning.HARM]), "duration"))
    assert np.isnan(measured_closing(harm([0, 0.5, 0.9, 0.9, 0.9]), "duration"))
    both = xr.concat([harm([0, 0, 0.2, 0.6, 0.8]), harm([0, 0, 0, 0, 0])], "seed")
    assert np.isfinite(measured_closing(both, "duration")).values.tolist() == [True, False]


def test_experiments_of_several_durations_hold_prediction_and_measurement():
    durations, depths = [1, 20, 60, 200, 800], [2, 3]
    cells = {
        f"{depth} {duration}": GATED | {"depth": depth, "duration": duration}
        for depth in depths
        for duration in durations
    }

    def read(name):
        attributes = {"model": "scalar_pathways", "parameters": json.dumps(cells[name])}
        return simulate_scalar(cells[name]).assign_attrs(attributes)

    axes = {"seed": [0], "depth": depths, "duration": durations}
    dataset = assemble(axes, list(cells), read, {}, pathway_theory.predict, derive_pathways)
    assert dataset["predicted_closing"].dims == ("seed", "depth")
    assert dataset["measured_closing"].dims == ("seed", "depth", "trajectory")
    np.testing.assert_allclose(dataset["measured_closing"].isel(trajectory=0), dataset["predicted_closing"], rtol=0.15)


@pytest.mark.parametrize("learning_rate", [0.0002, 0.001, 0.005])
def test_all_epochs_of_pathways_are_counted_at_the_same_rate(learning_rate):
    """Flow for as long at any learning rate: every dataset that counts at 0.001 says the same epochs."""
    vary = {"duration": [5, 20, 60, 200, 800]}
    shared = {"solver": "gradient_flow", "n_trajectories": 2, "record_every": 50, "epochs": 1000, "portrait": True}
    for given in ({}, {"duration": 20, "lesioned_pathway": "a", "lesion_onset": 20, "lesion_duration": 900}):
        plain, counted = (
            cp.simulate("scalar_pathways", {} if given else vary, **shared | given | rates)
            for rates in ({"learning_rate": 0.001}, {"learning_rate": learning_rate, "epochs_at_rate": 0.001})
        )
        assert counted["epoch"].values.tolist() == plain["epoch"].values.tolist()
        assert counted["duration"].values.tolist() == plain["duration"].values.tolist()
        found = {name for name, variable in plain.items() if variable.attrs["units"] == "epoch"}
        assert found == (
            {"recovery_epochs", "path_epoch"} if given else {"predicted_closing", "measured_closing", "path_epoch"}
        )
        for name in found:
            np.testing.assert_allclose(counted[name], plain[name], rtol=1e-3, atol=1e-3, err_msg=name)


def test_matrix_completion_gets_them_over_its_switch_epochs():
    epochs = [0, 100, 1000, 10_000, 100_000]
    parameters = {
        "size": 100,
        "onset": 0,
        "activation": "linear",
        "observations": "random",
        "pretrain_matrix": "random",
        "pretrain_task": "other",
        "epochs_at_rate": None,
        "pretrain_rank": 10,
        "init_scale": 0.001,
        "learning_rate": 0.2,
        "depth": 3,
    }
    cell = xr.Dataset(
        {
            "reconstruction_error": ("switch_epoch", [0.1, 0.1, 0.1, 0.5, 0.9]),
            "train_loss": (("switch_epoch", "epoch"), [[0.5, 0.001]] * 5),
        },
        coords={"switch_epoch": epochs, "epoch": [0, 100]},
        attrs={"model": "matrix_completion", "parameters": json.dumps(parameters)},
    )
    dataset = assemble({"seed": [0]}, ["cell"], lambda name: cell, {}, matrix_theory.predict, derive_matrix)
    assert dataset["measured_closing"].item() == pytest.approx(10_000)
    assert dataset["predicted_closing"].item() == pytest.approx(task_closing(100, 10, 0.001, 0.2, 3))


def test_words_that_some_cells_lack_are_empty_and_axes_win_over_variables_of_their_name():
    def read(name):
        end = {"short": 1, "long": 2}[name]
        return xr.Dataset(
            {"value": ("epoch", np.arange(end)), "depth": ("epoch", np.arange(end))},
            coords={"epoch": np.arange(end), "phase": ("epoch", ["normal"] * end)},
            attrs={"parameters": "{}"},
        )

    dataset = assemble({"depth": [2, 3]}, ["short", "long"], read, {})
    assert dataset["phase"].values.tolist() == [["normal", ""], ["normal", "normal"]]
    assert dataset["depth"].values.tolist() == [2, 3]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_a_single_mode_is_learned_from_gaussian_layers_when_theory_says(depth):
    """Against training on a matrix of rank 1, all of it observed, the mean over draws."""
    size, scale, rate, draws = 40, 0.01, 0.2, 6
    generator = np.random.default_rng(1)
    target = size * np.outer(*(np.linalg.qr(generator.standard_normal((size, 1)))[0] for _ in range(2)))
    layers = zip(*(initial_weights(depth, size, scale, generator) for _ in range(draws)), strict=True)
    phase = cp.Phase("first", 8000, cp.Task(target, np.ones((size, size), bool)))
    solution = cp.gradient_flow(
        cp.Factorization("run"), [np.stack(layer) for layer in layers], [phase], learning_rate=rate, record_every=20
    )
    strength = solution.trajectory["singular_value"].isel(mode=0)
    learned = strength["epoch"].values[(strength >= size / 2).argmax("epoch").values]
    pulls, curvatures = stages(target, phase.task.mask, 1)
    assert (pulls.item(), curvatures.item()) == pytest.approx((size, 1))
    predicted = learned_times(pulls, curvatures, scale, size**2 / rate, depth).item()
    assert predicted == pytest.approx(learned.mean(), rel=0.07)
    assert gaussian_start(depth) != pytest.approx(1, rel=0.2), "balanced layers would be faster"


def test_with_all_entries_observed_modes_are_learned_one_by_one_as_eq_19_has_it():
    generator = np.random.default_rng(2)
    left, right = (np.linalg.qr(generator.standard_normal((30, 3)))[0] for _ in range(2))
    values = np.array([30.0, 20.0, 12.0])
    pulls, curvatures = stages(left * values @ right.T, np.ones((30, 30), bool), 3)
    np.testing.assert_allclose(pulls[:, 0], values)
    np.testing.assert_allclose(pulls[0], values)
    for depth in (2, 4):
        start = 1e-3 * gaussian_start(depth)
        expected = [time_to_reach(value / 2, value, start, 500.0, depth) for value in values]
        np.testing.assert_allclose(learned_times(pulls, curvatures, 1e-3, 500.0, depth), expected)


def test_the_rank_that_entries_determine_says_which_mode_closes_the_period():
    most = determined_rank(100, 2000)
    assert most * (200 - most) == pytest.approx(2000)
    assert modes_learned(100, 2000, 20) == modes_learned(100, 2000, 10) == (11, 11)
    assert modes_learned(100, 2000, 5) == (5, 3)


SMALL = {"size": 20, "n_observed": 150, "pretrain_rank": 4, "final_rank": 2, "solver": "gradient_flow"}
SMALL |= {"switch_epochs": [0, 500], "final_epochs": 100, "record_every": 100, "n_singular_values": 6}


def test_what_theory_says_is_computed_beside_the_cells_where_it_is_asked_for():
    plain = cp.simulate("matrix_completion", seeds=[0, 1], **SMALL)
    both = cp.simulate("matrix_completion", seeds=[0, 1], theory=True, **SMALL)
    assert set(both.data_vars) - set(plain.data_vars) == {"learned_epoch", "staged_closing", "harm_settled"}
    assert both[list(plain.data_vars)].equals(plain)
    learned = both["learned_epoch"].values
    assert np.all(np.diff(learned[:, :5]) >= 0)
    assert np.isnan(learned[:, 5]).all(), "a task of rank 4 and one mode more"
    assert np.isnan(cp.simulate("matrix_completion", theory=True, **SMALL | {"onset": 100})["staged_closing"]).all()
    with pytest.raises(cp.ConfigError, match="theory = true; allowed: true with the model matrix_completion"):
        cp.simulate("scalar_pathways", theory=True)


def test_closings_are_censored_where_harm_still_grows_or_most_runs_never_close():
    growing, done = harm([0, 0, 0.2, 0.6, 0.9]), harm([0, 0, 0.2, 0.8, 0.9])
    assert (bool(settled(growing, "duration")), bool(settled(done, "duration"))) == (False, True)
    predicted, measured = np.full((3, 2), 10.0), np.array([[20.0, 20.0], [20.0, np.nan], [80.0, np.nan]])
    data = xr.Dataset({"predicted": (("seed", "depth"), predicted), "measured": (("seed", "depth"), measured)})
    points = compared(data, "predicted", "measured")
    assert points["known"].values.tolist() == [True, False]
    data["harm_settled"] = ("seed", "depth"), [[True, True], [True, True], [False, True]]
    assert compared(data, "predicted", "measured")["measured"].values[0] == pytest.approx(20)
    assert agreement(compared(data, "predicted", "measured"))[1].tolist() == pytest.approx([2])
    panel = {"plot": "prediction", "experiment": "e", "x": "predicted", "y": "measured", "hue": "depth"}
    drawn = figure("Closing", [panel], {"e": data.assign_coords(depth=[2, 3])}).csv()
    assert drawn.query("known == True and layer == '4 scatter'")["measured"].tolist() == pytest.approx([20])

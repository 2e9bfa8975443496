"""No claim holds whatever the data say: not where nothing was learned, nor both without an effect and with any.

For every claim of the paper and of the studies there are datasets of its experiment, over the axes that the
configuration gives it: of networks that have learned nothing; of deficits (or cures, large steps, deviations from a
theory) without an effect; and with an effect everywhere, one that grows or shrinks along every axis, or the opposite.
"""

import itertools
from functools import cache

import numpy as np
import pytest
import xarray as xr
from conftest import CONFIG, REPOSITORY

import critical_periods as cp
from critical_periods.analysis.claims import numbered
from critical_periods.analysis.coordinates import from_values
from critical_periods.analysis.learning import LEARNED, learning
from critical_periods.analysis.measures import MissingDataError
from critical_periods.analysis.verdicts import judge_claim
from critical_periods.configuration.claims import claims_of
from critical_periods.configuration.studies import studies
from critical_periods.models.matrix_completion.derived import derive as derive_matrix
from critical_periods.models.pathways.derived import derive as derive_scalar
from critical_periods.models.pathways.derived import derive_learning
from critical_periods.models.pathways.simulation.names import pathway_names
from critical_periods.models.pathways.simulation.scalar import initial_scales, pathway_singular_value, sharpness
from critical_periods.models.registry import built_in
from critical_periods.planning.panels import recorded_variables
from critical_periods.planning.plan import Plan
from critical_periods.storage.datasets import parameters_attribute

FILES = sorted((REPOSITORY / "studies").glob("*.yaml"))
RUNS = {name: run for study in studies(CONFIG, FILES).values() for name, run in study.runs.items()}
CLAIMS = {f"{run}{claim.id}": (run, claim) for run in RUNS for claim in numbered(claims_of(RUNS[run]))}

#: Datasets with an effect: whether it grows (1) or shrinks (-1) along axes, and whether it is harm (1) or help (-1).
EFFECTS = {"growing harm": (1, 1), "shrinking harm": (-1, 1), "growing help": (1, -1)}

#: Claims that hold without an effect, as they say that there is none, or how small it is: what fails is an effect.
OF_NO_EFFECT = {
    *(
        "2a",
        "2b",
        "2d",
        "3c",
        "3e",
        "3g",
        "3i",
        "3k",
        "5a",
        "5f",
        "5h",
        "6c",
        "6d",
        "6g",
        "6h",
        "7b",
        "7c",
        "9a",
        "9b",
    ),
    *("10a", "10b", "10d", "11a", "11c", "x1b", "x1e", "x2c", "x2d", "x4c", "x4d", "x6e", "x6g", "x8b", "x9a", "x9d"),
    *("d1b", "d1e", "t1b", "t1f", "t1g", "r1b", "r1e", "r1f", "r1i", "r1j", "r2e", "r2g"),
    *("u1a", "u2c", "u4c", "u5d", "u5e"),
}


class Grid:
    """The grid of an experiment, of two seeds at most, and the effect that a control has in its cells.

    Parameters
    ----------
    experiment
        The experiment.
    control
        "nothing learned", "no effect" or one of `EFFECTS`.
    """

    def __init__(self, experiment, control):
        self.learned = control != "nothing learned"
        self.axes = {**experiment.axes, "seed": experiment.axes["seed"][:2]}
        self.cells = [experiment.cells[point].parameters for point in itertools.product(*self.axes.values())]
        self.first, self.one = self.cells[0], self.each(lambda cell: 1.0)
        growth, sign = EFFECTS.get(control, (1, 0))
        positions = [np.linspace(0, 1, size)[::growth] for axis, size in self.one.sizes.items() if axis != "seed"]
        size = np.mean(np.meshgrid(*positions, indexing="ij"), axis=0) if positions else 1.0
        self.effect = sign * (0.4 + 0.6 * size) * self.one

    def each(self, function):
        """What follows from the parameters of each cell."""
        values = np.reshape([function(cell) for cell in self.cells], [len(values) for values in self.axes.values()])
        return xr.DataArray(values, {name: from_values(values) for name, values in self.axes.items()}, [*self.axes])

    def loss(self, epoch):
        """A training loss that falls to nothing, or does not fall."""
        return xr.where(epoch == 0, 1.0, 1e-6 if self.learned else 1.0)

    def dataset(self, **variables):
        """Variables over the grid, with the parameters that its cells share."""
        shared = {name: value for name, value in self.first.items() if all(c.get(name) == value for c in self.cells)}
        whole = {name: values * self.one for name, values in variables.items()}
        return xr.Dataset(whole, attrs={"parameters": parameters_attribute(shared)})


def along(axis, values, numbers=None):
    """Numbers along an axis, its values if none are given."""
    return xr.DataArray(values if numbers is None else numbers, {axis: values}, [axis])


def matrix_completion(grid):
    """Errors by duration of the deficit. Where there are cures, the deficit harms, and the effect is that of cures."""
    epochs = grid.first["switch_epochs"]
    end = epochs[-1] + grid.first["final_epochs"]
    epoch = along("epoch", sorted({0, epochs[-1], epochs[-1] + 1000, end}))
    switch, mode = along("switch_epoch", epochs), along("mode", np.arange(1, 11))
    deficit = along("switch_epoch", epochs, np.linspace(0, 1, len(epochs)))
    left = grid.effect
    if "cure_strength" in grid.axes:
        left = xr.where(grid.one["cure_strength"] > 0, 1 - grid.effect, 1.0)
    error = 0.04 + 0.5 * abs(grid.effect) + 2 * left * deficit if grid.learned else 1.0 + 0 * deficit
    rank, grown = grid.each(lambda cell: cell["final_rank"]), xr.where(epoch > 0, 1.0, 0.01) if grid.learned else 0.01
    kept = 1.0 * grid.learned * left * deficit
    dataset = grid.dataset(
        reconstruction_error=error,
        reconstruction_error_history=xr.where(epoch < end, 5.0, error),
        train_loss=grid.loss(epoch) + 0 * deficit,
        singular_value=5 * grown * ((mode <= rank) | (grid.effect != 0)) + 0 * deficit + 0 * epoch,
        balancedness=1 + 10 * abs(grid.effect) * epoch / end + 0 * deficit,
        effective_rank=rank + 10 * kept,
        alignment=0.2 + kept + 0 * along("task", ["first", "final"], [0, 0]),
        sharpness=0.01 + 10 * abs(grid.effect) + 0 * deficit,
        **dict.fromkeys(("predicted_closing", "staged_closing", "predicted_recovery_epochs"), xr.DataArray(1.0)),
    )
    return derive_matrix(dataset.assign_coords(phase=xr.where(epoch < switch, "pretraining", "final")))


def scalar_pathways(grid):
    """Shares that are equal or not; where nothing was learned, those of the initial weights."""
    names = pathway_names(max(cell["n_pathways"] for cell in grid.cells))
    count, number = grid.each(lambda cell: cell["n_pathways"]), along("pathway", list(names), np.arange(len(names)))
    others = xr.where(count > 1, 1 + grid.effect / (count - 1).clip(1), 1)
    share = xr.where((number["pathway"] == grid.first["gated_pathway"]) & (count > 1), 1 - grid.effect, others) / count
    curvature, step = 1 + 10 * abs(grid.effect), 0.5 * (grid.effect == 0) + 3 * abs(grid.effect)
    if not grid.learned:

        def begun(cell):
            p = np.full((cell["n_pathways"], 1), cell["init_mean"])
            p[-1] *= cell["init_handicap"]
            return initial_scales(p, cell["imbalance"])

        strengths = [
            grid.each(lambda cell, n=n: [*pathway_singular_value(*begun(cell), cell["depth"])[:, 0], *[0.0] * 26][n])
            for n in range(len(names))
        ]
        share = xr.concat(strengths, number["pathway"])
        share = share / share.sum("pathway").clip(1e-300)
        curvature = grid.each(lambda cell: sharpness(*begun(cell), cell["depth"], cell["singular_value"]).item())
        step = grid.each(lambda cell: cell["learning_rate"]) * curvature / 2
    share = share.where(number < count)
    epoch, mode = along("epoch", [0, 1000]), along("mode", [1])
    size = (
        grid.each(lambda cell: cell["singular_value"])
        if "singular_value" in grid.axes
        else grid.first["singular_value"]
    )
    dataset = grid.dataset(
        pathway_singular_value=(share * size).expand_dims(epoch=epoch["epoch"], mode=[1]),
        train_loss=grid.loss(epoch) + 0 * mode,
        share=share,
        impairment=(grid.effect if grid.learned else 0) / count,
        sharpness=curvature,
        step_over_edge=step,
        imbalance_drift=10 * abs(grid.effect),
        predicted_closing=xr.DataArray(1.0),
    ).assign_coords(task_singular_value=("mode", [grid.first["singular_value"]]))
    return derive_scalar(dataset if "duration" in grid.axes else dataset.drop_vars("predicted_closing"))


def pathway_network(grid):
    """Two pathways that learn all modes at once and share them, until one takes from the other at the onset."""
    epoch, onset = along("epoch", np.arange(0, 1001, 25)), grid.each(lambda cell: cell["onset"])
    sizes = along("mode", np.arange(1, 9), np.sqrt([15, 7, 3, 3, 1, 1, 1, 1]))
    side = along("pathway", ["a", "b"], [1, -1])
    taken = 1 + side * grid.effect * (epoch > onset)
    values = xr.where(epoch >= 50 if grid.learned else epoch < 0, 1.0, 0.001) * sizes / 2 * taken
    if grid.first["activation"] == "linear":
        values = xr.concat([values, values], xr.IndexVariable("solver", ["gradient_descent", "ode"]))
    dataset = grid.dataset(
        pathway_singular_value=values,
        train_loss=grid.loss(epoch),
        ode_deviation=abs(grid.effect) * along("integration", ["euler", "exact", "shadowing"]).notnull(),
    )
    return derive_learning(dataset.assign_coords(task_singular_value=sizes))


def gating_schedules(grid):
    """Strategies that all cost nothing, or the more, the later they are listed."""
    names = ["worst", "first", "every other", "thin", "last", "best"]
    costs = along("strategy", names, np.linspace(0.2, 1, len(names)))
    dataset = grid.dataset(strategy_impairment=grid.effect * costs, prediction_error=abs(grid.effect))
    return dataset.assign(learned=(grid.one > 0) & grid.learned)


def beside_theory(grid):
    """Spectra of training and of a theory that deviates by the effect."""
    theory = "ode" if "switch_epochs" in grid.first else "closed_form"
    solver = along("solver", ["gradient_descent", theory], [0, 1])
    epoch, mode = along("epoch", [0, 1, 2, 3]), along("mode", [1, 2])
    values = 10.0 * solver * grid.effect + (10.0 if grid.learned else 0.01) + 0 * epoch + 0 * mode
    dataset = grid.dataset(singular_value=values, matrix_difference=abs(grid.effect))
    dataset = dataset.assign(learned=(grid.one > 0) & grid.learned)
    return dataset.assign_coords(phase=("epoch", ["pretraining", "pretraining", "final", "final"]))


GENERATORS = {
    "matrix_completion": matrix_completion,
    "scalar_pathways": scalar_pathways,
    "pathway_network": pathway_network,
    "gating_schedules": gating_schedules,
    **dict.fromkeys(("singular_flow", "shared_modes", "two_layers"), beside_theory),
}

plan = cache(lambda run: Plan(RUNS[run]))


@cache
def control_dataset(run, name, control):
    """A generated dataset of an experiment, without what it does not record."""
    experiment = plan(run).experiments[name]
    dataset = GENERATORS[experiment.model](Grid(experiment, control))
    recorded = {*recorded_variables(experiment), *dataset.coords}
    assert "learned" in recorded, "every model says whether its networks have learned"
    return dataset[[variable for variable in dataset.data_vars if variable in recorded]]


def holds(run, claim, control):
    """Whether a claim holds on a control; what is not judged does not."""
    try:
        return judge_claim(claim, control_dataset(run, claim.experiment, control)).holds
    except MissingDataError:
        return False


@pytest.mark.parametrize("name", CLAIMS)
def test_no_claim_holds_where_nothing_was_learned(name):
    assert not holds(*CLAIMS[name], "nothing learned")


@pytest.mark.parametrize("name", CLAIMS)
def test_no_claim_holds_both_without_an_effect_and_with_any(name):
    run, claim = CLAIMS[name]
    about_gradient_descent_elsewhere = claim.solver is not None and run != ""
    expected = claim.id in OF_NO_EFFECT and not about_gradient_descent_elsewhere
    assert holds(run, claim, "no effect") == expected
    assert not all(holds(run, claim, control) for control in ("no effect", *EFFECTS))


#: Models, training so short that nothing is learned, and training that is long enough.
SMALL = {"size": 12, "n_observed": 144, "final_rank": 2, "pretrain_rank": 3, "n_singular_values": 5}
SMALL |= {"learning_rate": 0.5, "init_scale": 0.01, "record_every": 20}
TRAINED = [
    ("matrix_completion", SMALL | {"switch_epochs": [0, 20]}, {"final_epochs": [2, 2000]}),
    ("scalar_pathways", {"n_trajectories": 2, "record_every": 20, "portrait": False}, {"epochs": [40, 1000]}),
    ("pathway_network", {"width": 8, "record_every": 10}, {"epochs": [160, 600]}),
    ("gating_schedules", {"slots": 2, "slot_epochs": 1, "budget": 1}, {"epochs": [6, 2000]}),
    ("singular_flow", SMALL | {"switch_epochs": [0, 20], "init_spread": 0.001}, {"final_epochs": [2, 1000]}),
    ("shared_modes", SMALL | {"pretrain_epochs": 20}, {"final_epochs": [2, 1000]}),
    ("two_layers", {"rows": 12, "columns": 8, "pretrain_rank": 3, "final_rank": 2, "n_singular_values": 5}
     | {"learning_rate": 0.5, "pretrain_epochs": 2}, {"final_epochs": [2, 1000]}),
]  # fmt: skip


def test_every_model_is_tried():
    assert {model for model, *_ in TRAINED} == set(GENERATORS) == set(built_in())


@pytest.mark.parametrize(("model", "settings", "epochs"), TRAINED, ids=[model for model, *_ in TRAINED])
def test_datasets_say_whether_a_network_has_learned(model, settings, epochs):
    dataset = cp.simulate(model, vary=epochs, **settings)
    assert dataset["learned"].values.tolist() == [[False, True]]
    assert dataset["learned"].dims == ("seed", *epochs)
    assert dataset["learned"].attrs["long_name"]


def test_a_network_has_learned_where_its_loss_ends_below_a_hundredth_of_its_start():
    losses = [[4.0, 2.0, 0.0399], [4.0, 2.0, 0.0401], [np.nan, 4.0, 0.01], [4.0, 0.01, np.nan], [np.nan] * 3]
    undisturbed = xr.Dataset({"train_loss": (("depth", "epoch"), losses)}, {"depth": np.arange(5)})
    found = learning(undisturbed)
    assert found["learned"].values.tolist() == [True, False, True, True, False]
    np.testing.assert_allclose(found["remaining_loss"], [0.0399 / 4, 0.0401 / 4, 0.0025, 0.0025, np.nan])
    broken = undisturbed.assign(diverged=("depth", np.arange(5) == 0))
    assert learning(broken)["learned"].values.tolist() == [False, False, True, True, False]
    runs = undisturbed.isel(depth=[0, 1]).rename(depth="trajectory")
    assert not learning(runs)["learned"], "the worst one counts"


def test_with_cures_it_is_the_network_without_one_that_has_to_learn_and_nothing_closes_where_it_has_not():
    experiment = plan("recovery/").experiments["cure_decay"]
    assert "cure_strength" not in matrix_completion(Grid(experiment, "no effect"))["learned"].dims
    closing = plan("closing/").experiments["closing_large"]
    harmed = matrix_completion(Grid(closing, "growing harm"))
    assert harmed["measured_closing"].notnull().all()
    untrained = derive_matrix(harmed.assign(train_loss=xr.ones_like(harmed["train_loss"])))
    assert untrained["measured_closing"].isnull().all()


def test_what_has_not_learned_is_not_judged_and_the_reason_says_how_far_it_got():
    run, claim = CLAIMS["6c"]
    dataset = control_dataset(run, claim.experiment, "no effect").copy(deep=True)
    dataset["remaining_loss"][0, :] = [0.5, 0.3, 1e-6, 1e-6, 1e-6]
    dataset["learned"] = dataset["remaining_loss"] < LEARNED
    assert judge_claim(claim, dataset).holds, "n_observed = 3000 has learned"
    few, every = (claim.model_copy(update={"arguments": where}) for where in ({"n_observed": 1000}, {}))
    reason = (
        "has not learned without a deficit in {} cells it looks at: 0.5 of the training loss is left; .* below 0.01"
    )
    for other, count in ((few, "1 of the 1"), (every, "2 of the 5")):
        with pytest.raises(MissingDataError, match=reason.format(count)):
            judge_claim(other, dataset)
    assert judge_claim(every.model_copy(update={"learned": False}), dataset).holds


def test_a_contrast_looks_at_the_two_values_that_it_compares():
    run, claim = CLAIMS["imbalance/u2a"]
    dataset = control_dataset(run, claim.experiment, "no effect").copy(deep=True)
    dataset["learned"].loc[{"imbalance": 10}] = False
    with pytest.raises(MissingDataError, match="is not a number"):  # no effect, no closing
        judge_claim(claim, dataset)
    dataset["learned"].loc[{"imbalance": 0.3}] = False
    with pytest.raises(MissingDataError, match="2 of the 4 cells"):
        judge_claim(claim, dataset)

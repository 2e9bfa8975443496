"""Every claim of the paper: data on which it must hold, data on which it must fail, and what a verdict rests on."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
import yaml
from conftest import CLAIMS, EXTENSIONS, REPOSITORY

from critical_periods.analysis import measures, verdicts
from critical_periods.analysis.claims import NumberedClaim
from critical_periods.analysis.measure_signatures import arguments
from critical_periods.analysis.measure_signatures import measures as measures_of_claims
from critical_periods.analysis.statistics import confidence_interval
from critical_periods.analysis.verdicts import (
    COLUMNS,
    as_html,
    judge,
    judge_claim,
    verdicts_text,
    write_csv,
)
from critical_periods.configuration.claims import claims_of
from critical_periods.configuration.fields import ConfigError
from critical_periods.configuration.studies import studies
from critical_periods.models.matrix_completion.measures import harmless_window
from critical_periods.models.pathways.measures import late_change
from critical_periods.planning.plan import Plan

EPOCHS = np.array([0, 10, 20, 40])


def curves(axis, losses, shape=(0, 0.2, 0.8, 1), seeds=1, excess=None, parameters=None, sound=0.1):
    """A sweep: relative accuracy -loss * shape for each value of the axis, and spectra of rank 2 plus an excess.

    `sound`: error without a deficit.
    """
    losses = dict(losses)
    loss = np.array([np.multiply(value, shape) if np.ndim(value) == 0 else value for value in losses.values()])
    accuracy = xr.DataArray(
        -np.stack([loss] * seeds),
        dims=("seed", axis, "switch_epoch"),
        coords={"seed": np.arange(seeds), axis: list(losses), "switch_epoch": EPOCHS},
    )
    spectra = np.zeros((seeds, len(losses), len(EPOCHS), 3, 6))
    spectra[..., :2] = 5.0
    for index, value in enumerate(losses):
        early, late = (excess or {}).get(value, (0, 0))
        spectra[:, index, 0, :, 2 : 2 + early] = 4.0
        spectra[:, index, -1, :, 2 : 2 + late] = 4.0
    spectra[:, :, 0, -1] = np.nan
    return xr.Dataset(
        {
            "relative_accuracy": accuracy,
            "reconstruction_error": sound - accuracy,
            "singular_value": (("seed", axis, "switch_epoch", "epoch", "mode"), spectra),
        },
        coords={"epoch": [0, 1, 2], "mode": np.arange(1, 7)},
        attrs={"parameters": json.dumps({"final_rank": 2, "solver": "gradient_descent"} | (parameters or {}))},
    )


def seeds(shapes):
    shapes = np.array(shapes)
    accuracy = xr.DataArray(
        -shapes, dims=("seed", "switch_epoch"), coords={"seed": np.arange(len(shapes)), "switch_epoch": EPOCHS}
    )
    return xr.Dataset({"relative_accuracy": accuracy, "reconstruction_error": 0.1 - accuracy})


def portraits(early, late, drift=0.0):
    """Final shares of b, by depth, after an early and a late deficit, over two trajectories."""
    depths = list(early)
    share = np.array([[early[depth], late[depth]] for depth in depths])
    final = np.stack([1 - share, share], axis=-1) * 10.0
    values = np.zeros((1, len(depths), 2, 2, 2, 2, 1))
    values[0, :, :, 1, :, :, 0] = final[..., None]
    dims = ("seed", "depth", "onset", "epoch", "pathway", "trajectory", "mode")
    return xr.Dataset(
        {
            "pathway_singular_value": (dims, values),
            "impairment": (("seed", "depth", "onset", "trajectory"), np.stack([0.5 - share] * 2, axis=-1)[None]),
            "imbalance_drift": (("seed", "depth"), np.full((1, len(depths)), drift)),
        },
        coords={
            "seed": [0],
            "depth": depths,
            "onset": [0, 100],
            "epoch": [0, 1000],
            "pathway": ["a", "b"],
            "mode": [1],
            "task_singular_value": ("mode", [10.0]),
        },
    )


def late(*impairment):
    """Share of b that late deficits cost, by onset, over two trajectories."""
    onsets = np.arange(200, 200 + 100 * len(impairment), 100)
    cost = xr.DataArray(list(impairment), {"onset": onsets}, ["onset"]).expand_dims(seed=[0], trajectory=[0, 1])
    return cost.to_dataset(name="impairment")


def gating(early_b, middle, late, times=(10, 30, 70), deviation=0.0, solvers=True):
    """Three modes that are learned at given epochs; shares of b that move at the onset of the deficit.

    `early_b`: final share of b after the early deficit. `middle`, `late`: (share before, share after the onset).
    """
    singular_values, epochs = np.array([3.0, 2.0, 1.0]), np.arange(101)
    onsets = {0: (early_b, early_b), 50: middle, 90: late}
    total = (epochs[:, None] >= np.array(times)) * singular_values
    stacked = []
    for onset, (before, after) in onsets.items():
        share = np.where(epochs[:, None] <= onset, *np.broadcast_arrays(before, after))
        stacked.append(np.stack([total * (1 - share), total * share], axis=1))
    values = np.stack(stacked)[None]
    coords = {
        "seed": [0],
        "onset": list(onsets),
        "epoch": epochs,
        "pathway": ["a", "b"],
        "mode": [1, 2, 3],
        "task_singular_value": ("mode", singular_values),
    }
    dims = ("seed", "onset", "epoch", "pathway", "mode")
    trained = xr.DataArray(values, dims=dims, coords=coords)
    if not solvers:
        return trained.to_dataset(name="pathway_singular_value")
    dataset = xr.concat([trained] * 2, xr.IndexVariable("solver", ["gradient_descent", "ode"])).to_dataset(
        name="pathway_singular_value"
    )
    off = np.zeros((1, 3, 2, 3))  # Euler steps are those of gradient descent
    off[:, -1, 1, 0] = deviation
    dims = ("seed", "onset", "integration", "mode")
    return dataset.assign(ode_deviation=(dims, off)).assign_coords(integration=["euler", "exact"])


def lesion(a, b):
    values = np.zeros((1, 2, 2, 3))
    values[0, 1] = np.array([a, b]) * np.array([3.0, 2.0, 1.0])
    return xr.Dataset(
        {"pathway_singular_value": (("seed", "epoch", "pathway", "mode"), values)},
        coords={
            "seed": [0],
            "epoch": [0, 10],
            "pathway": ["a", "b"],
            "mode": [1, 2, 3],
            "task_singular_value": ("mode", [3.0, 2.0, 1.0]),
        },
        attrs={"parameters": json.dumps({"lesioned_modes": [2]})},
    )


def theory(before, after, n_observed=(5000, 2000), ends=None):
    """Spectra of training and theory that differ by these parts of the largest singular value, or so at the ends."""
    before, after = (np.broadcast_to(part, len(n_observed)) for part in (before, after))
    training = np.ones((1, len(n_observed), 4, 2)) * np.array([10.0, 1.0])
    off = np.stack([before, before, after, after], axis=1)[None, ..., None] * 10.0
    if ends is not None:
        off[:, :, [1, 3]] = ends * 10.0
    return xr.Dataset(
        {
            "singular_value": (
                ("solver", "seed", "n_observed", "epoch", "mode"),
                np.stack([training, training + off]),
            )
        },
        coords={
            "solver": ["gradient_descent", "theory"],
            "seed": [0],
            "n_observed": list(n_observed),
            "epoch": [0, 1, 2, 3],
            "mode": [1, 2],
            "phase": ("epoch", ["pretraining", "pretraining", "final", "final"]),
        },
    )


def balance(drift, order):
    """Balance that drifts in proportion to time, and to the learning rate to the power of `order`."""
    rates, epochs = np.array([0.2, 0.4]), np.arange(0, 101, 10)
    time = rates[:, None] * epochs
    values = 1.0 + drift * (rates[:, None] / 0.4) ** order * time / 40.0
    return xr.Dataset(
        {
            "balancedness": (("seed", "learning_rate", "switch_epoch", "epoch"), values[None, :, None]),
            "singular_value": (
                ("seed", "learning_rate", "switch_epoch", "epoch", "mode"),
                np.full((1, 2, 1, len(epochs), 1), 8.0),
            ),
        },
        coords={"seed": [0], "learning_rate": rates, "switch_epoch": [0], "epoch": epochs, "mode": [1]},
        attrs={"parameters": json.dumps({"depth": 3, "solver": "gradient_descent"})},
    )


FALLING = {2: 0.4, 5: 0.3, 8: 0.2}
HALF = {2: 0.5, 5: 0.5, 8: 0.5}
MIDDLE = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.1])
DEPTHS = {1: 0.0, 2: 0.5, 3: 1.0}
EXCESS = {2000: (0, 2)}
COUNTS = {1000: 0.5, 2000: 0.8, 3000: 0.0, 4000: 0.0}
SCALES = {0.001: [0, 0, 0.2, 0.9], 0.01: [0, 0.05, 0.6, 0.7], 0.1: [0, 0.5, 0.5, 0.5]}
SHAPE = [0, 0.2, 0.8, 1]

#: Data on which all claims about an experiment hold.
SHOWN = {
    "phase_portraits": portraits(FALLING, HALF),
    "late_gating": late(0.02, 0.01),
    "phase_portraits_small_init": portraits(FALLING, HALF),
    "gating": gating(0.02, MIDDLE, (0.5, 0.5), deviation=0.04),
    "gating_tanh": gating(0.02, MIDDLE, (0.5, 0.5), solvers=False),
    "gating_relu": gating(0.02, MIDDLE, (0.5, 0.5), solvers=False),
    "lesion": lesion([1, 0, 1], [0, 1, 0]),
    "depth": curves("depth", DEPTHS),
    "pretrain_rank": curves("pretrain_rank", {1: 0.0, 2: 0.0, 4: 0.5, 8: 1.0}),
    "partial_observations_depth": curves("depth", DEPTHS),
    "partial_observations": curves("n_observed", {1500: 0.5, 2000: 0.2}),
    "n_observed": curves("n_observed", COUNTS, excess=EXCESS),
    "init_scale": curves("init_scale", SCALES),
    "seeds": seeds([SHAPE, np.multiply(SHAPE, 0.5), np.multiply(SHAPE, 2)]),
    "singular_flow": theory(0.01, 0.02),
    "shared_modes": theory(0.0, [0.001, 0.05, 0.5], n_observed=(10000, 5000, 1500)),
    "conservation": balance(0.01, 1),
}

unharmed = {"depth": {1: 0, 2: 0, 3: 0}, "n_observed": dict.fromkeys(COUNTS, 0)}
harmed = {"depth": {1: 1, 2: 1, 3: 1}, "n_observed": dict.fromkeys(COUNTS, 1)}

#: Data on which a claim must fail.
DENIED = {
    "1a": portraits(HALF, HALF),
    "1b": portraits({2: 0.2, 5: 0.1, 8: 0.15}, HALF),
    "1c": portraits({2: 0.1, 5: 0.2, 8: 0.3}, HALF),
    "1d": portraits({2: 0.5, 5: 0.1, 8: 0.1}, HALF),
    "1e": portraits({2: 0.1, 5: 0.2, 8: 0.3}, HALF),
    "2a": portraits(FALLING, {2: 0.5, 5: 0.4, 8: 0.5}),
    "2b": portraits(FALLING, {2: 0.45, 5: 0.5, 8: 0.5}),
    "2d": late(0.01, 0.03),
    "3a": gating(0.3, MIDDLE, (0.5, 0.5)),
    "3b": gating(0.3, MIDDLE, (0.5, 0.5)),
    "3c": gating(0.02, (0.5, 0.1), (0.5, 0.5)),
    "3d": gating(0.02, (0.5, 0.5), (0.5, 0.5)),
    "3e": gating(0.02, MIDDLE, (0.5, 0.4)),
    "3f": gating(0.02, MIDDLE, (0.5, 0.5), times=(10, 80, 70)),
    "3g": gating(0.02, MIDDLE, (0.5, 0.5), deviation=0.1),
    "3h": gating(0.4, MIDDLE, (0.5, 0.5), solvers=False),
    "3i": gating(0.02, MIDDLE, (0.5, 0.4), solvers=False),
    "3j": gating(0.4, MIDDLE, (0.5, 0.5), solvers=False),
    "3k": gating(0.02, MIDDLE, (0.5, 0.4), solvers=False),
    "4a": lesion([1, 0, 1], [0, 0.5, 0]),
    "4b": lesion([1, 0, 0.5], [0, 1, 0.5]),
    "4c": lesion([1, 0, 0.5], [0, 1, 0.5]),
    "5a": curves("depth", {1: 0.1, 2: 0.5, 3: 1.0}),
    "5b": curves("depth", {1: 0.0, 2: 1.0, 3: 0.5}),
    "5c": curves("depth", unharmed["depth"]),
    "5d": curves("depth", DEPTHS, shape=(0, 1, 0.2, 0.5)),
    "5e": curves("pretrain_rank", {1: 0.0, 4: 0.5, 8: 0.05}),
    "5f": curves("pretrain_rank", {1: 0.3, 4: 0.5, 8: 1.0}),
    "5g": curves("depth", {1: 0.0, 2: 1.0, 3: 0.5}),
    "5h": curves("depth", harmed["depth"]),
    "6a": curves("n_observed", unharmed["n_observed"]),
    "6b": curves("n_observed", unharmed["n_observed"]),
    "6c": curves("n_observed", harmed["n_observed"]),
    "6d": curves("n_observed", harmed["n_observed"]),
    "6e": curves("n_observed", {1500: 0.05, 2000: 0.5}),
    "6f": curves("n_observed", {1500: [0, 0.9, 0.4, 0.3], 2000: 0.5}),
    "6g": curves("n_observed", COUNTS | {3000: 0.04}, sound=0.001),
    "6h": curves("n_observed", COUNTS | {4000: 0.04}, sound=0.001),
    "6i": curves("n_observed", {1500: 0.5, 2000: 0.05}),
    "7a": curves("n_observed", COUNTS),
    "7b": curves("n_observed", COUNTS, excess={4000: (0, 1)}),
    "7c": curves("n_observed", COUNTS, excess={2000: (1, 1)}),
    "8a": curves("init_scale", SCALES | {0.01: [0, 0.5, 0.6, 0.7]}),
    "8b": curves("init_scale", {0.001: [0, 0.5, 0.5, 0.5], 0.1: [0, 0, 0, 0.5]}),
    "8c": curves("init_scale", SCALES | {0.01: [0, 0.1, 0.6, 0.95]}),
    "8d": curves("init_scale", {0.001: 0.3, 0.01: 0.5, 0.1: 0.9}),
    "8e": seeds([SHAPE, [0, 0, 0, 0.05]]),
    "8f": seeds([SHAPE, SHAPE, [0, 1, 0.3, 0.2]]),
    "9a": theory(0.1, 0.0),
    "9b": theory(0.0, [0.0, 0.1]),
    "10a": theory(0.0, 0.02, n_observed=(10000,)),
    "10b": theory(0.2, 0.0, n_observed=(5000,)),
    "10c": theory(0.0, 0.05, n_observed=(1500,)),
    "10d": theory(0.0, 0.0, n_observed=(5000,), ends=0.2),
    "11a": portraits(FALLING, HALF, drift=0.2),
    "11c": balance(1.0, 1),
    "11d": balance(0.01, 0),
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_a_claim_holds_on_data_that_show_it(claim):
    assert judge_claim(claim, SHOWN[claim.experiment]).holds


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_a_claim_fails_on_data_that_deny_it(claim):
    assert not judge_claim(claim, DENIED[claim.id]).holds


@pytest.mark.parametrize(
    ("strict", "other", "data"),
    [
        ("6g", "6c", DENIED["6g"]),
        ("6h", "6d", DENIED["6h"]),
        ("6i", "6e", DENIED["6i"]),
        ("10b", "10d", theory(0.2, 0.2, n_observed=(5000,), ends=0.0)),
    ],
)
def test_two_readings_of_a_sentence_may_differ(strict, other, data):
    assert not judge_claim(CLAIMS[strict], data).holds
    assert judge_claim(CLAIMS[other], data).holds


#: Claim 1c as the configuration has it.
CLAIM = {
    "experiment": "phase_portraits",
    "statement": "In the deepest network an early deficit leaves b less than half of its share",
    "measure": "deprived_share",
    "arguments": {"deepest": True},
    "quantity": "mean final share of b after the early deficit in the deepest network",
    "below": 0.25,
    "why": "Half of what the pathway gets without a deficit, which is one half",
}


@pytest.mark.parametrize(
    ("changes", "place", "allowed"),
    [
        (
            {"measure": "deprived_shar"},
            ".measure = 'deprived_shar'",
            "unlearned_share, .* .did you mean deprived_share",
        ),
        ({"measure": "_early_share"}, ".measure = '_early_share'", "change_by_deficit, "),
        ({"measure": "chosen"}, ".measure = 'chosen'", "change_by_deficit, "),
        ({"arguments": {"deepst": True}}, ".arguments: unknown key = 'deepst'", "deepest .did you mean deepest"),
        ({"arguments": {"deepest": 1}}, ".arguments.deepest = 1", "true or false$"),
        ({"measure": "effect_by_rank"}, ".arguments: unknown key = 'deepest'", "higher$"),
        ({"measure": "learning_order"}, ".arguments: unknown key = 'deepest'", "none$"),
        ({"measure": "late_change_at", "arguments": {}}, ".arguments: missing key = 'depth'", "all of depth$"),
        ({"measure": "late_change_at", "arguments": {"depth": True}}, ".arguments.depth = true", "integer$"),
        (
            {"measure": "movement", "arguments": {"onset": "lat"}},
            ".arguments.onset = 'lat'",
            "middle or late .did you mean late",
        ),
        (
            {"measure": "final_effect", "arguments": {"deph": 3}},
            ".arguments: unknown key = 'deph'",
            "reduce, .*did you mean depth",
        ),
        (
            {"measure": "final_effect", "arguments": {"depth": {"at_least": 3}}},
            ".arguments.depth = {at_least: 3}",
            "true or false or number or word$",
        ),
        (
            {"measure": "order", "arguments": {"variable": "share", "axis": "depth", "onset": {"atleast": 3}}},
            ".arguments.onset: key = 'atleast'",
            "at_least or at_most .did you mean at_least",
        ),
        (
            {"experiment": "phase_portrait"},
            ".experiment = 'phase_portrait'",
            "depth, .* .did you mean phase_portraits",
        ),
        ({"experiment": "dpeth"}, ".experiment = 'dpeth'", "depth, .* .did you mean depth"),
        (
            {"measure": "order", "arguments": {"variable": "impairmnt", "axis": "depth"}},
            ".arguments.variable = 'impairmnt'",
            "train_loss, .* .did you mean impairment..: what phase_portraits records$",
        ),
        ({"figure": "fig4"}, ".figure = 'fig4'", "fig01, .* .did you mean fig04"),
        ({"at_most": 0.3}, ": thresholds = ['below', 'at_most']", "exactly one of below, at_most, above, at_least$"),
        ({"below": None}, ": thresholds = []", "exactly one of below, at_most, above, at_least$"),
        ({"below": float("nan")}, ".below = nan", "null or number, at least"),
        (
            {"below": "1e-3"},
            ".below = '1e-3'",
            r"null or number, at least -1000000000000, at most 1000000000000 .*1\.0e-3 a number\)$",
        ),
        ({"belwo": 1}, ": unknown key = 'belwo'", "figure, .*did you mean below"),
        ({"statement": "two\nlines"}, ".statement = ", "word, one line of 1 to 1000 characters"),
        (
            {"solver": "descent"},
            ".solver = 'descent'",
            "null or gradient_descent or gradient_flow or strided_descent .did you mean strided_descent",
        ),
    ],
)
def test_a_claim_that_could_never_be_judged_is_refused_in_one_line(config, changes, place, allowed):
    config["claims"]["own"] = CLAIM | changes
    with pytest.raises(ConfigError, match=f"; allowed: (.*, )?{allowed}") as refused:
        Plan(config)
    assert str(refused.value).startswith(f"claims.own{place}")
    assert str(refused.value).isprintable()


def study(config, tmp_path, **claims):
    """Configuration of the extensions with further claims."""
    content = EXTENSIONS | {"claims": EXTENSIONS["claims"] | claims}
    (tmp_path / "extensions.yaml").write_text(yaml.safe_dump(content))
    return studies(config, [tmp_path / "extensions.yaml"])["extensions"].runs["extensions/"]


def test_claims_on_the_extensions_are_about_the_extensions(config, tmp_path):
    own = CLAIM | {"experiment": "gating_windo", "figure": "ext_window"}
    with pytest.raises(ConfigError, match=r"^claims\.own\.experiment = 'gating_windo'; .*gating_window\?"):
        Plan(study(config, tmp_path, own=own))


def test_a_claim_is_what_the_configuration_says(config):
    assert config["claims"]["1c"] == CLAIM
    assert CLAIMS["1c"] == NumberedClaim(id="1c", figure="fig01", **CLAIM)
    assert CLAIMS["7a"].criterion.endswith("latest switch; at least the threshold")


def test_a_claim_is_shown_by_the_first_figure_drawn_from_its_experiment_unless_it_names_another(config):
    config["figures"]["mine"] = config["figures"]["fig01"]
    assert claims_of(config)["1c"]["figure"] == "fig01"
    config["claims"]["1c"]["figure"] = "mine"
    config["claims"]["2a"]["experiment"] = "of_no_figure"
    shown = {name: claim["figure"] for name, claim in claims_of(config).items()}
    assert (shown["1c"], shown["2a"], shown["5a"]) == ("mine", "", "fig04")


def test_a_claim_without_a_threshold_is_refused(config):
    del config["claims"]["1c"]["below"]
    with pytest.raises(ConfigError, match=r"claims\.1c: thresholds = \[\]; allowed: exactly one of below"):
        Plan(config)


def test_the_name_of_a_claim_is_given_once(config, tmp_path):
    with pytest.raises(
        ConfigError, match=r"extensions\.claims = '1c'; allowed: another name: the paper has it already"
    ):
        study(config, tmp_path, **{"1c": CLAIM})


@pytest.mark.parametrize("name", [12, "a b", "", "</script>", "1a\n"])
def test_names_of_claims_are_letters_and_digits(config, name):
    config["claims"][name] = CLAIM
    with pytest.raises(ConfigError, match="claims"):
        Plan(config)


def test_claims_on_experiments_that_were_replaced_stay_and_are_not_judged(config):
    config["experiments"] = {"mine": config["experiments"]["depth"]}
    config["figures"] = {}
    Plan(config)
    judgement = judge(CLAIMS.values(), {"mine": SHOWN["depth"]})
    assert not judgement.verdicts
    assert ("5c", "no experiment depth") in [(claim.id, reason) for claim, reason in judgement.skipped]


def test_every_argument_of_a_measure_says_what_it_may_be():
    for name, measure in measures_of_claims().items():
        for argument, part in arguments(measure).model_json_schema()["properties"].items():
            assert {"type", "enum", "anyOf"} & set(part), f"{name}: {argument}"


def test_arguments_of_a_measure_are_those_of_its_function_whose_dataset_may_have_a_default():
    def one(dataset=None, x: int = 1, *, y: float): ...

    def other(dataset=None, **where: bool): ...

    assert {name: field.is_required() for name, field in arguments(one).model_fields.items()} == {
        "x": False,
        "y": True,
    }
    assert arguments(other)(depth=True).model_extra == {"depth": True}


def test_an_argument_of_a_plugins_measure_whose_type_cannot_be_looked_up_is_refused_in_one_line():
    def unknown(dataset, x: "Unknown"): ...  # noqa: F821

    with pytest.raises(
        ConfigError, match=r"^plugins: test_claims: unknown = .*'Unknown'.*; allowed: .*types"
    ) as refused:
        arguments(unknown)
    assert str(refused.value).isprintable()


def test_a_claim_on_an_axis_that_its_variable_lacks_is_not_judged():
    claim = CLAIMS["5c"].model_copy(update={"arguments": {"mode": 1}})
    assert "mode" in SHOWN["depth"]["singular_value"].dims
    [(_, reason)] = judge([claim], {"depth": SHOWN["depth"]}).skipped
    assert reason == "no mode in the experiment"


def test_claims_are_checked_without_the_packages_that_measure():
    code = (
        "import sys\n"
        "from critical_periods.configuration.files import paper\n"
        "from critical_periods.planning.plan import Plan\n"
        "Plan(paper())\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "critical_periods.analysis.measures" in loaded
    assert not {"xarray", "pandas", "scipy", "torch", "matplotlib", "seaborn", "plotly", "sklearn"} & loaded


def test_the_verdict_on_several_seeds_is_that_of_the_whole_interval():
    claim = CLAIMS["5c"]
    harm = curves("depth", DEPTHS, seeds=4)
    noise = xr.DataArray([-1.5, -0.5, 0.5, 1.5], dims="seed")
    verdict = judge_claim(claim, harm.assign(relative_accuracy=harm["relative_accuracy"] + noise))
    assert verdict.value == pytest.approx(-1)
    assert verdict.interval[1] > claim.threshold
    assert not verdict.holds
    assert judge_claim(claim, harm).holds


def test_confidence_interval_is_students():
    low, high = confidence_interval(np.array([1.0, 2.0, 3.0]))
    assert (low, high) == pytest.approx((2 - 2.484, 2 + 2.484), abs=1e-3)


def test_claims_without_their_data_are_skipped_by_name():
    judgement = judge(CLAIMS.values(), {"depth": curves("depth", {2: 0.1, 3: 0.5})})
    reasons = {claim.id: reason for claim, reason in judgement.skipped}
    assert reasons["1a"] == "no experiment phase_portraits"
    assert reasons["5a"] == "no depth = 1 in the experiment"
    assert {verdict.claim.id for verdict in judgement.verdicts} == {"5b", "5c", "5d"}


def test_claims_about_gradient_descent_are_not_judged_on_gradient_flow():
    dataset = balance(0.01, 1)
    dataset.attrs["parameters"] = json.dumps({"depth": 3, "solver": "gradient_flow"})
    judgement = judge([CLAIMS["11d"]], {"conservation": dataset})
    assert [reason for _, reason in judgement.skipped] == ["about gradient_descent only"]


def test_tables_have_the_columns_agreed_on_and_name_what_fails(tmp_path):
    judgement = judge(CLAIMS.values(), SHOWN | {"lesion": lesion([1, 0, 1], [0, 0, 0])})
    write_csv(judgement, tmp_path / "claims.csv")
    with open(tmp_path / "claims.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["id"] for row in rows if row["holds"] == "False"] == ["4a"]
    assert verdicts_text(judgement).endswith("1 do not (4a).")
    page = as_html(judgement)
    assert page.index('class="no"') < page.index('class="yes"'), "what does not hold is on top"
    bars = re.findall(r'<tr class="(yes|no)">.*?left: (\d+)%; width: (\d+)%', page)
    assert all((int(left) == 50) == (word == "yes") or int(width) == 0 for word, left, width in bars)


def test_harmless_window_ends_where_the_loss_reaches_the_limit():
    accuracy = xr.DataArray([0.0, 0.0, -0.2], coords={"switch_epoch": [0, 100, 200]}, dims="switch_epoch")
    assert float(harmless_window(accuracy, 0.1)) == 150
    assert float(harmless_window(accuracy, 0.5)) == 200


def test_rank_correlation_knows_order_only():
    values = xr.DataArray([1.0, 10.0, 11.0], coords={"switch_epoch": [0, 1, 2]}, dims="switch_epoch")
    assert float(measures.rank_correlation(values, "switch_epoch")) == pytest.approx(1)
    assert float(measures.rank_correlation(-values, "switch_epoch")) == pytest.approx(-1)
    assert float(measures.rank_correlation(values * 0, "switch_epoch")) == 0


def test_a_late_change_is_that_of_the_same_networks_without_the_deficit():
    even = portraits({2: 0.2, 3: 0.1}, {2: 0.5, 3: 0.5})
    uneven = even.copy(deep=True)
    uneven["pathway_singular_value"][{"pathway": 1, "trajectory": 0}] *= 1.3  # chance, as much with and without
    assert late_change(uneven, 0).item() == late_change(even, 0).item() == 0


def test_a_measure_that_fails_names_its_claim_and_is_not_taken_for_missing_data(monkeypatch):
    def lacking(dataset):
        return dataset["relative"]

    def lacking_axis(dataset):
        return dataset["relative_accuracy"]["sed"]

    def broken(dataset):
        return {}["typo"]

    data = {"depth": curves("depth", {2: 0.1, 3: 0.5})}
    for measure, missing in ((lacking, "relative"), (lacking_axis, "sed")):
        monkeypatch.setattr(verdicts, "_measure", lambda name, measure=measure: measure)
        [(_, reason)] = judge([CLAIMS["5b"].model_copy(update={"arguments": {}})], data).skipped
        assert reason == f"no {missing} in the experiment"
    monkeypatch.setattr(verdicts, "_measure", lambda name: broken)
    with pytest.raises(RuntimeError, match=r"^claim 5b: measure \w+: KeyError: 'typo'$"):
        judge([CLAIMS["5b"].model_copy(update={"arguments": {}})], data)

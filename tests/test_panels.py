"""Panels that are planned can be drawn; those that cannot are refused, in one line, before anything is computed."""

import copy
import itertools
import warnings
from functools import partial

import matplotlib.pyplot as plt
import pytest
import yaml
from conftest import CONFIG

import critical_periods as cp
from critical_periods.configuration.document import FigureSettings
from critical_periods.configuration.fields import ConfigError
from critical_periods.figures import plotly_renderer, seaborn_renderer
from critical_periods.figures.drawing import template_of
from critical_periods.figures.figure import figure
from critical_periods.figures.kinds import checked_panel
from critical_periods.planning.panels import check_figure
from critical_periods.planning.plan import Plan

TINY = {"size": 6, "pretrain_rank": 3, "final_epochs": 20, "n_singular_values": 4, "learning_rate": 0.1}
SMALL = TINY | {"n_observed": 30, "final_rank": 2, "switch_epochs": [0, 20]}
LOOKED_AT = {"balancedness": True, "diagnostics": True, "sharpness": True}
SHORT = {"epochs": 300, "n_trajectories": 3}
NARROW = {"width": 8, "epochs": 200}

#: An experiment of every model, small, and what varies: of several draws, initial conditions, pathways and modes.
EXPERIMENTS = {
    "completion": ("matrix_completion", SMALL, {"depth": [1, 2]}),
    "looked_at": ("matrix_completion", SMALL | LOOKED_AT, {"depth": [2, 3]}),
    "portraits": ("scalar_pathways", SHORT, {"depth": [2, 3], "onset": [0, 50]}),
    "no_portraits": ("scalar_pathways", SHORT | {"portrait": False}, {"duration": [5, 15, 50]}),
    "three_pathways": ("scalar_pathways", SHORT | {"n_pathways": 3}, {"depth": [2, 3]}),
    "lesioned": ("scalar_pathways", SHORT | {"lesioned_pathway": "b"}, {"lesion_duration": [5, 9]}),
    "by_size": ("scalar_pathways", SHORT, {"singular_value": [5, 10]}),
    "network": ("pathway_network", NARROW, {"onset": [0, 50]}),
    "tanh": ("pathway_network", NARROW | {"activation": "tanh"}, {"onset": [0, 50]}),
    "gated": ("pathway_network", NARROW, {"gated_pathway": ["a", "b"]}),
    "flow": ("singular_flow", SMALL, {"n_observed": [20, 30]}),
    "modes": ("shared_modes", {**TINY, "pretrain_epochs": 20}, {"n_observed": [20, 36]}),
}
SEEDS = [0, 1]


def settings(name):
    """Model, parameters that do not vary, and those that do."""
    model, fixed, vary = EXPERIMENTS[name]
    return model, {"record_every": 10} | {key: value for key, value in fixed.items() if key not in vary}, vary


@pytest.fixture(scope="module")
def experiments():
    """The plan of all of them."""
    config = copy.deepcopy(CONFIG) | {"figures": {}, "claims": {}, "experiments": {}}
    for name in EXPERIMENTS:
        model, fixed, vary = settings(name)
        config["experiments"][name] = {"title": name, "model": model, "seeds": SEEDS, "set": fixed, "vary": vary}
    return Plan(config).experiments


@pytest.fixture(scope="module")
def datasets():
    """What the workflow would write of them."""
    found = {}
    for name in EXPERIMENTS:
        model, fixed, vary = settings(name)
        found[name] = cp.simulate(model, vary=vary, seeds=SEEDS, **(CONFIG["models"][model] | fixed))
    return found


def refusal(experiments, panel, **keys):
    """The line that refuses a figure of one panel; "" for none."""
    try:
        check_figure("figures.mine", FigureSettings(title="Mine", panels=[panel], **keys), experiments, {"1a": {}})
    except ConfigError as error:
        return str(error)
    return ""


def failure(datasets, panel):
    """What goes wrong where a figure is drawn from its dataset, by all renderers; "" for nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of logarithms of nothing, and the like
        try:
            templates = {name: partial(template_of, each) for name, each in datasets.items()}
            parsed = checked_panel(panel, "panel", templates)
            made = figure("Mine", [parsed], datasets)
            assert len(made.csv())
            plotly_renderer.charts_of(made)
            seaborn_renderer.drawn(made)
        except (ValueError, KeyError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            plt.close("all")
    return ""


def panels(experiments, datasets):
    """Every variable on every axis of its experiment, alone or by another, with all others selected; and portraits."""
    for name, experiment in experiments.items():
        dataset = datasets[name]
        axes = list(dict.fromkeys([*experiment.axes, *map(str, dataset.dims)]))
        for index, variable in enumerate([*dataset.data_vars, "misspelt"]):
            has = [axis for axis in map(str, dataset[variable].dims) if axis in axes] if variable in dataset else axes
            for x in axes if index % 3 == 0 else has:
                other = axes[(index + axes.index(x)) % len(axes)]
                rest = [axis for axis in has if axis not in (x, other, "seed", "trajectory")]
                select = {axis: dataset[axis].values[:1].tolist()[0] for axis in rest if axis in dataset.coords}
                base = {"experiment": name, "x": x, "select": select}
                yield base | {"plot": "line", "y": variable, "hue": other}
                yield base | {"plot": "heatmap", "y": other, "hue": variable}
                yield base | {"plot": "scatter", "y": variable}
                yield base | {"plot": "line", "y": variable}
        for predicted, measured in (("predicted_closing", "measured_closing"), ("share", "impairment")):
            yield {"plot": "prediction", "experiment": name, "x": predicted, "y": measured}
        for axis in experiment.axes:
            yield {"plot": "phase_portrait", "experiment": name, "col": axis}


def test_panels_are_planned_if_and_only_if_they_can_be_drawn(experiments, datasets):
    count = {"planned": 0, "refused": 0}
    for panel in itertools.islice(panels(experiments, datasets), 0, None, 5):
        refused, failed = refusal(experiments, panel), failure(datasets, panel)
        assert bool(refused) == bool(failed), (panel, refused, failed)
        count["refused" if refused else "planned"] += 1
    assert min(count.values()) > 30, count


LINE = "{plot: line, experiment: completion, x: switch_epoch, y: relative_accuracy, hue: depth"


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        (
            "{plot: pie, experiment: completion}",
            "plot = 'pie'; allowed: phase_portrait, line, scatter, heatmap, prediction",
        ),
        ("{plot: linee, experiment: completion, x: depth, y: relative_accuracy}", "(did you mean line?)"),
        ("{experiment: completion, x: depth, y: relative_accuracy}", "missing key = 'plot'"),
        ("{plot: line, experiment: completed, x: depth, y: relative_accuracy}", "did you mean completion?"),
        ("{plot: phase_portrait, experiment: completion, col: depth}", "allowed: one that records path"),
        ("{plot: phase_portrait, experiment: no_portraits, col: duration}", "allowed: one that records path"),
        ("{plot: phase_portrait, experiment: three_pathways, col: depth}", "one of 2 pathways and one singular_value"),
        (
            "{plot: phase_portrait, experiment: by_size, col: singular_value}",
            "one of 2 pathways and one singular_value",
        ),
        (
            "{plot: line, experiment: portraits, x: depth, y: share, select: {onset: 0}}",
            "a value of pathway, one of a, b",
        ),
        ("{plot: line, experiment: completion, x: epoch, y: balancedness}", "y = 'balancedness'; allowed: "),
        ("{plot: line, experiment: completion, x: switch_epoch, y: sharpness}", "y = 'sharpness'; allowed: "),
        ("{plot: line, experiment: portraits, x: depth, y: recovery_epochs}", "y = 'recovery_epochs'; allowed: "),
        (
            "{plot: line, experiment: completion, x: epoch, y: relative_accuracy, hue: depth}",
            "x = 'epoch'; allowed: seed, depth, switch_epoch (did you mean depth?): axes of relative_accuracy",
        ),
        ("{plot: line, experiment: completion, x: depth, y: relatve_accuracy}", "did you mean relative_accuracy?"),
        (
            "{plot: line, experiment: completion, x: depth, y: relative_accuracy, hue: depth}",
            "an axis of its own for each of",
        ),
        (
            LINE + ", select: {depth: 2}}",
            "select.depth = 2; allowed: a list, as it is the panel's hue",
        ),
        (
            LINE + ", select: {depth: [7]}}",
            "select.depth = 7; allowed: 1, 2",
        ),
        (
            LINE + ", marks: [deficits]}",
            "marks[0] = 'deficits'",
        ),
        (
            "{plot: line, experiment: portraits, x: depth, y: impairment, select: {onset: 0}, marks: [lesion]}",
            "allowed: none of an experiment without lesioned_modes",
        ),
        (
            "{plot: prediction, experiment: completion, x: predicted_closing, y: relative_accuracy}",
            "variables in the same unit, not in 1 and epoch",
        ),
    ],
)
def test_what_a_panel_cannot_show_is_said_in_one_line(experiments, panel, message):
    refused = refusal(experiments, yaml.safe_load(panel))
    assert refused.startswith("figures.mine.panels[0]")
    assert message in refused
    assert refused.isprintable()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("chart: curves", "plot: line, heatmap or prediction"),
        ("show: relative_accuracy", "y, or hue in a heatmap"),
        ("lines: depth", "hue"),
        ("columns: depth", "col"),
        ("log: y", "xscale and yscale"),
        ("switch_epochs: [0]", "col: switch_epoch"),
    ],
)
def test_words_of_earlier_versions_are_refused_with_the_new_one(experiments, old, new):
    panel = {"experiment": "completion", "x": "switch_epoch"} | yaml.safe_load(old)
    refused = refusal(experiments, panel)
    assert f"unknown key = '{old.partition(':')[0]}'" in refused
    assert f"(it is {new}" in refused or f"{new} now)" in refused


def test_a_kind_of_a_whole_figure_is_refused_with_the_new_word(config):
    config["figures"]["fig04"]["kind"] = "charts"
    with pytest.raises(
        ConfigError, match=r"figures.fig04: unknown key = 'kind'; .* \(it is plot, in every panel now\)"
    ):
        Plan(config)


def test_a_title_states_claims_that_there_are(experiments):
    panel = {"plot": "line", "experiment": "completion", "x": "switch_epoch", "y": "relative_accuracy", "hue": "depth"}
    assert not refusal(experiments, panel, states=["not 1a"])
    assert "states[0] = '1b'; allowed: 1a" in refusal(experiments, panel, states=["1b"])

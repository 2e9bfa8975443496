"""Panels that are planned can be drawn; those that cannot are refused, in one line, before anything is computed."""

import copy
import itertools
import warnings

import matplotlib.pyplot as plt
import pytest
import yaml
from conftest import CONFIG

import critical_periods as cp
from critical_periods.configuration.document import Figure
from critical_periods.configuration.fields import ConfigError
from critical_periods.execution.jobs import loaded
from critical_periods.figures.kinds import kinds
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


def refusal(experiments, kind, *panels):
    """The line that refuses a figure; "" for none."""
    try:
        check_figure("figures.mine", Figure(title="Mine", kind=kind, panels=list(panels)), experiments)
    except ConfigError as error:
        return str(error)
    return ""


def failure(datasets, kind, panel):
    """What goes wrong where a figure is drawn; "" for nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of logarithms of nothing, and the like
        try:
            loaded(kinds()[kind].draw)([panel], datasets)
        except (ValueError, KeyError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            plt.close("all")
    return ""


def selection(experiment, *spread):
    """The first value of every parameter that varies and that a panel does not spread out."""
    axes = experiment.axes.items()
    return {axis: values[0] for axis, values in axes if axis not in ("seed", *spread) and len(values) > 1}


def panels_of_papers_kinds(experiments):
    """Every kind of the paper's figures, drawn from every experiment, spread out over every parameter that varies."""
    for name, experiment in experiments.items():
        for axis in experiment.axes:
            base = {"experiment": name, "select": selection(experiment, axis)}
            for show in ("relative_accuracy", "reconstruction_error"):
                yield "charts", base | {"chart": "curves", "x": "switch_epoch", "show": show, "lines": axis}
            yield "spectra", base | {"columns": axis}
            yield "phase_portraits", base | {"columns": axis}
            yield "pathway_panels", base | {"show": "curves", "columns": axis}
        base = {"experiment": name, "select": selection(experiment)}
        yield "spectra", base | {"switch_epochs": [0]}
        yield "spectra", base | {"switch_epochs": [0], "select": base["select"] | {"seed": 1}}
        for show in ("curves", "matrices"):
            yield "pathway_panels", base | {"show": show}
            yield "pathway_panels", base | {"show": show, "select": base["select"] | {"seed": 1}}


def charts(experiments, datasets):
    """Every variable on every axis of its experiment, alone or by another, with all others selected, or one not."""
    for name, experiment in experiments.items():
        dataset = datasets[name]
        axes = list(dict.fromkeys([*experiment.axes, *map(str, dataset.dims)]))
        for index, variable in enumerate([*dataset.data_vars, "misspelt"]):
            has = [axis for axis in map(str, dataset[variable].dims) if axis in axes] if variable in dataset else axes
            for x in axes if index % 3 == 0 else has:
                y = axes[(index + axes.index(x)) % len(axes)]
                rest = [axis for axis in has if axis not in (x, y, "seed", "trajectory")]
                select = {axis: dataset[axis].values[:1].tolist()[0] for axis in rest}
                chart = {"experiment": name, "show": variable, "x": x, "select": select}
                yield chart | {"chart": "curves", "lines": y}
                yield chart | {"chart": "map", "y": y}
                yield chart | {"chart": "curves"}
        for predicted, measured in (("predicted_closing", "measured_closing"), ("share", "impairment")):
            yield {"chart": "prediction", "experiment": name, "x": predicted, "y": measured}


def test_panels_of_the_papers_kinds_are_planned_if_and_only_if_they_can_be_drawn(experiments, datasets):
    accepted = {kind: set() for kind in kinds()}
    for kind, panel in panels_of_papers_kinds(experiments):
        refused = refusal(experiments, kind, panel)
        if refused:
            # What is drawn all the same says something untrue: initial conditions as points, or labels of other cells.
            told = "no trajectory" in refused or "cells of one" in refused
            assert told or failure(datasets, kind, panel), (kind, panel, refused)
            continue
        accepted[kind].add(panel["experiment"])
        assert not failure(datasets, kind, panel), (kind, panel)
        if twin := kinds()[kind].interactive:
            loaded(twin)([panel], datasets)
    assert accepted == {
        "spectra": {"completion", "looked_at", "flow", "modes"},
        "phase_portraits": {"portraits", "lesioned", "by_size"},
        "pathway_panels": {"network", "tanh", "gated"},
        "charts": {"completion", "looked_at"},
    }


def test_charts_are_planned_if_and_only_if_they_can_be_drawn(experiments, datasets):
    count = {"planned": 0, "refused": 0}
    for panel in itertools.islice(charts(experiments, datasets), 0, None, 4):
        refused = refusal(experiments, "charts", panel)
        failed = failure(datasets, "charts", panel)
        if refused:
            # A mean over draws against draws is a single point; a coordinate is no result.
            harmless = (
                "not what is averaged over" in refused or panel.get("show") in datasets[panel["experiment"]].coords
            )
            assert failed or harmless, (panel, refused)
        else:
            assert not failed, (panel, failed)
        count["refused" if refused else "planned"] += 1
    assert min(count.values()) > 50, count


@pytest.mark.parametrize(
    ("kind", "panel", "message"),
    [
        ("spectra", "{experiment: portraits, columns: depth}", "experiment = 'portraits'; allowed: "),
        (
            "spectra",
            "{experiment: completion, columns: depth}",
            "experiment = 'completion'; allowed: one whose singular_value has no switch_epoch: modes",
        ),
        ("spectra", "{experiment: modes, switch_epochs: [0], select: {n_observed: 20}}", "switch_epochs"),
        ("phase_portraits", "{experiment: completion, columns: depth}", "allowed: one that records path: portraits"),
        (
            "phase_portraits",
            "{experiment: no_portraits, columns: duration}",
            "allowed: one that records path: portraits",
        ),
        (
            "phase_portraits",
            "{experiment: three_pathways, columns: depth}",
            "allowed: cells of one n_pathways in a panel, 2 and no 3",
        ),
        (
            "phase_portraits",
            "{experiment: portraits, columns: onset, select: {depth: 2}}",
            "cells of one onset in a panel, 0 and no 50",
        ),
        (
            "phase_portraits",
            "{experiment: by_size, columns: singular_value}",
            "cells of one singular_value in the figure, 5 and no 10",
        ),
        (
            "pathway_panels",
            "{experiment: portraits, show: curves, columns: depth, select: {onset: 0}}",
            "allowed: one whose pathway_singular_value has no trajectory: network, tanh, gated",
        ),
        (
            "pathway_panels",
            "{experiment: network, show: matrices, columns: onset}",
            "columns = 'onset'; allowed: no such key where matrices are shown",
        ),
        (
            "pathway_panels",
            "{experiment: gated, show: curves, columns: gated_pathway}",
            "cells of one gated_pathway in the figure, a and no b",
        ),
        ("charts", "{experiment: completion, show: balancedness, x: epoch}", "show = 'balancedness'; allowed: "),
        ("charts", "{experiment: completion, show: sharpness, x: switch_epoch}", "show = 'sharpness'; allowed: "),
        (
            "charts",
            "{experiment: completion, show: effective_rank, x: switch_epoch}",
            "show = 'effective_rank'; allowed: ",
        ),
        (
            "charts",
            "{experiment: portraits, show: recovery_epochs, x: depth, select: {onset: 0}}",
            "show = 'recovery_epochs'; allowed: ",
        ),
        (
            "charts",
            "{experiment: portraits, show: share, x: depth, select: {onset: 0}}",
            "with one of the values of pathway, which varies: a, b",
        ),
        (
            "charts",
            "{experiment: completion, show: relative_accuracy, x: epoch, lines: depth}",
            "x = 'epoch'; allowed: seed, depth, switch_epoch (did you mean depth?): axes of relative_accuracy",
        ),
        ("charts", "{experiment: completion, show: relatve_accuracy, x: depth}", "did you mean relative_accuracy?"),
        (
            "charts",
            "{experiment: completion, show: relative_accuracy, x: seed, lines: depth}",
            "not what is averaged over",
        ),
    ],
)
def test_what_a_panel_cannot_show_is_said_in_one_line(experiments, kind, panel, message):
    panel = ({"chart": "curves"} if kind == "charts" else {}) | yaml.safe_load(panel)
    refused = refusal(experiments, kind, panel)
    assert refused.startswith("figures.mine.panels")
    assert message in refused
    assert refused.isprintable()


def test_portraits_of_other_singular_values_do_not_share_axes(experiments):
    rows = [{"experiment": "by_size", "columns": "seed", "select": {"singular_value": value}} for value in (5, 10)]
    assert not refusal(experiments, "phase_portraits", rows[0])
    assert "cells of one singular_value in the figure, 5 and no 10" in refusal(experiments, "phase_portraits", *rows)


def test_predictions_are_compared_in_one_unit(experiments):
    panel = {"chart": "prediction", "experiment": "completion", "x": "predicted_closing", "y": "relative_accuracy"}
    assert "variables in the same unit, not in 1 and epoch" in refusal(experiments, "charts", panel)

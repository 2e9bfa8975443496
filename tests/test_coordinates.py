"""Null among the values of a parameter: from the configuration through datasets and files to figures and measures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from critical_periods.analysis import coordinates
from critical_periods.analysis.assemble import assemble
from critical_periods.analysis.measures import MissingDataError, at
from critical_periods.execution.jobs import run_batches
from critical_periods.figures import legend, seaborn_renderer, words
from critical_periods.figures.figure import figure as made
from critical_periods.models.matrix_completion.simulation.simulate import batch_key, complete, pretrain
from critical_periods.models.pathways.simulation.simulate_scalar import simulate_scalar
from critical_periods.models.registry import models
from critical_periods.planning.descriptions import descriptions
from critical_periods.planning.plan import Plan
from critical_periods.storage.datasets import read_dataset, write

SMALL = {
    "matrix_completion": {
        "size": 12,
        "n_observed": 60,
        "final_rank": 2,
        "pretrain_rank": 4,
        "init_scale": 0.05,
        "switch_epochs": [0, 20],
        "final_epochs": 20,
        "record_every": 10,
    },
    "scalar_pathways": {"n_trajectories": 2, "epochs": 100, "record_every": 50, "duration": 5},
}
SIMULATE = {
    "matrix_completion": lambda cells: run_batches(
        "matrix_completion", cells, lambda batch, progress, diverged: complete(batch, pretrain(batch)), batch_key
    ),
    "scalar_pathways": lambda cells: run_batches("scalar_pathways", cells, simulate_scalar),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def experiment(config, tmp_path):
    """An experiment called `e`, planned with its figures, simulated, assembled, written and read."""

    def run(model, vary, figures=()):
        settings = {"title": "E", "model": model, "set": SMALL[model], "vary": vary}
        drawn = {f"figure_{index}": figure | {"title": "F"} for index, figure in enumerate(figures)}
        plan = Plan(config | {"experiments": {"e": settings}, "figures": drawn}).experiments["e"]
        datasets = SIMULATE[model]({cell.id: dict(cell.parameters) for cell in plan.cells.values()})
        cells = [cell.id for cell in plan.cells.values()]
        predict, derive = models()[model].predict, models()[model].derive
        said = descriptions(models()[model], plan.axes)
        dataset = assemble(plan.axes, cells, datasets.__getitem__, said, predict, derive)
        write(dataset, tmp_path / "e.nc")
        assert read_dataset(tmp_path / "e.nc").equals(dataset)
        return read_dataset(tmp_path / "e.nc"), {
            axes[list(plan.axes).index(next(iter(vary)))]: datasets[cell.id] for axes, cell in plan.cells.items()
        }

    return run


def test_numbers_stay_numbers_beside_null(experiment):
    line = {"plot": "line", "experiment": "e", "y": "reconstruction_error"}
    panels = [
        line | {"x": "switch_epoch", "hue": "pretrain_n_observed"},
        line | {"x": "pretrain_n_observed", "select": {"switch_epoch": 20}},
        line | {"x": "switch_epoch", "select": {"pretrain_n_observed": None}},
        {**line, "plot": "heatmap", "x": "switch_epoch", "y": "pretrain_n_observed", "hue": "reconstruction_error"},
    ]
    dataset, cells = experiment("matrix_completion", {"pretrain_n_observed": [None, 100, 30]}, [{"panels": panels}])
    error = dataset["reconstruction_error"].squeeze("seed")
    np.testing.assert_array_equal(dataset["pretrain_n_observed"], [np.nan, 100, 30])
    for value, cell in cells.items():
        np.testing.assert_array_equal(at(error, pretrain_n_observed=value), cell["reconstruction_error"])
    np.testing.assert_array_equal(error.sel(pretrain_n_observed=100), cells[100]["reconstruction_error"])
    with pytest.raises(MissingDataError, match="no pretrain_n_observed = 50"):
        at(error, pretrain_n_observed=50)

    plan = made("F", panels, {"e": dataset})
    lines, across, chosen, table = seaborn_renderer.drawn(plan).axes[:4]
    named = {text.get_text().split(" ")[-1] for text in lines.texts}
    assert {"final", "100", "30"} >= named
    for line, cell in zip(lines.lines, cells.values(), strict=False):
        np.testing.assert_allclose(line.get_ydata(), cell["reconstruction_error"])
    ticks = ["same as final", "100", "30"]
    assert [tick.get_text() for tick in across.get_xticklabels()] == ticks
    assert [tick.get_text() for tick in table.get_yticklabels()] == ticks
    np.testing.assert_allclose(across.lines[0].get_ydata(), error.sel(switch_epoch=20))
    np.testing.assert_allclose(chosen.lines[0].get_ydata(), cells[None]["reconstruction_error"])


def test_words_stand_beside_none(experiment):
    select = {"lesioned_pathway": None, "depth": 2}
    panels = [{"plot": "phase_portrait", "experiment": "e", "select": select, "col": "alternate_every"}]
    dataset, _ = experiment(
        "scalar_pathways",
        {"lesioned_pathway": [None, "a"], "alternate_every": [None, 2], "depth": [2, 3]},
        [{"panels": panels}],
    )
    assert dataset["lesioned_pathway"].values.tolist() == ["none", "a"]
    undisturbed = coordinates.select(dataset, {"lesioned_pathway": None, "alternate_every": None})
    assert undisturbed["share"].equals(dataset.isel(lesioned_pathway=0, alternate_every=0)["share"])
    assert [facet.head for facet in made("F", panels, {"e": dataset}).facets] == ["never", "epochs of a turn 2"]


def test_true_and_false_stay_what_they_are(experiment):
    dataset, cells = experiment("matrix_completion", {"balancedness": [True, False]})
    assert dataset["balancedness"].dtype == bool
    chosen = at(dataset["reconstruction_error"], balancedness=True)
    np.testing.assert_array_equal(chosen.squeeze("seed"), cells[True]["reconstruction_error"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [([2, 3], "i"), ([0.1, 1.0], "f"), (["a", "b"], "U"), ([True, False], "b")],
)
def test_axes_without_null_are_as_they_were(values, kind):
    made = coordinates.from_values(values)
    assert made.dtype == np.asarray(values).dtype
    assert made.dtype.kind == kind
    assert made.tolist() == values
    assert [coordinates.find(made, value).tolist() for value in (values[1], None)] == [[1], []]


@pytest.mark.parametrize("known", [[2, 30], [0.1, 20000.0], ["a", "b"], [True, False], []])
def test_null_is_found_and_has_a_word(known):
    made = coordinates.from_values([None, *known])
    stored = xr.Dataset(coords={"axis": made})
    assert coordinates.find(made, None).tolist() == [0]
    assert coordinates.find(made, made[0]).tolist() == [0]
    assert coordinates.value_of(coordinates.select(stored, {"axis": None})["axis"]) is None
    assert words.said(made) == ["none", *words.said(known)]
    declared = descriptions(models()["scalar_pathways"], ["lesion_duration"])["lesion_duration"]
    assert words.said(made, declared["null"]) == ["to the end", *words.said(known)]


def test_predictions_are_told_apart_where_an_axis_has_null():
    axis = coordinates.from_values([None, 100])
    dataset = xr.Dataset(
        {name: (("seed", "axis"), np.array([[2.0, 8.0], [4.0, 8.0]])) for name in ("predicted", "measured")},
        coords={"seed": [0, 1], "axis": axis},
    )
    panel = {"plot": "prediction", "experiment": "e", "x": "predicted", "y": "measured", "hue": "axis"}
    plan = made("F", [panel], {"e": dataset})
    assert len(set(plan.palette("axis").values())) == 2
    assert [key.label for key in legend.keys(plan, every=True) if "axis" in key.label] == ["axis none", "axis 100"]

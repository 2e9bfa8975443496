"""Null among the values of a parameter: from the configuration through datasets and files to figures and measures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from critical_periods.analysis import coordinates
from critical_periods.analysis.assemble import assemble
from critical_periods.analysis.measures import MissingDataError, at
from critical_periods.execution.jobs import run_batches
from critical_periods.figures import charts, spectra, style
from critical_periods.models.matrix_completion.simulation.simulate import batch_key, complete, pretrain
from critical_periods.models.pathways.panels import phase_portraits
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


def legend(figure):
    return [text.get_text() for row in figure.legends for text in row.get_texts()]


def test_numbers_stay_numbers_beside_null(experiment):
    curves = {"experiment": "e", "show": "reconstruction_error", "lines": "pretrain_n_observed"}
    curves |= {"chart": "curves", "x": "switch_epoch"}
    spectrum = {"experiment": "e", "select": {"pretrain_n_observed": None}, "switch_epochs": [0, 20]}
    chart = {"chart": "curves", "experiment": "e", "show": "reconstruction_error"}
    charted = [
        chart | {"x": "pretrain_n_observed", "select": {"switch_epoch": 20}},
        chart | {"x": "switch_epoch", "select": {"pretrain_n_observed": None}},
        chart | {"x": "pretrain_n_observed", "lines": "switch_epoch"},
        chart | {"chart": "map", "x": "switch_epoch", "y": "pretrain_n_observed"},
    ]
    dataset, cells = experiment(
        "matrix_completion",
        {"pretrain_n_observed": [None, 100, 30]},
        [
            {"kind": "charts", "panels": [curves]},
            {"kind": "spectra", "panels": [spectrum]},
            {"kind": "charts", "panels": charted},
        ],
    )
    error = dataset["reconstruction_error"].squeeze("seed")
    np.testing.assert_array_equal(dataset["pretrain_n_observed"], [np.nan, 100, 30])
    for value, cell in cells.items():
        np.testing.assert_array_equal(at(error, pretrain_n_observed=value), cell["reconstruction_error"])
    np.testing.assert_array_equal(error.sel(pretrain_n_observed=100), cells[100]["reconstruction_error"])
    with pytest.raises(MissingDataError, match="no pretrain_n_observed = 50"):
        at(error, pretrain_n_observed=50)

    figure = charts.draw([curves], {"e": dataset})
    assert legend(figure) == ["observed while pre-training", "same as final", "100", "30"]
    lines = [line for line in figure.axes[0].lines if line.get_marker() in style.MARKERS]
    for line, cell in zip(lines, cells.values(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), cell["reconstruction_error"])

    figure = spectra.draw([spectrum], {"e": dataset})
    assert figure.axes[0].get_ylabel().endswith("observed while pre-\ntraining: same as final")
    leading = cells[None]["singular_value"].sel(switch_epoch=20).isel(mode=0).dropna("epoch")
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), leading)

    figure = charts.draw(charted, {"e": dataset})
    figure.canvas.draw()
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["same as final", "100", "30"]
    assert [tick.get_text() for tick in figure.axes[3].get_yticklabels()] == ticks
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), error.sel(switch_epoch=20))
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), cells[None]["reconstruction_error"])


def test_words_stand_beside_none(experiment):
    panels = [{"experiment": "e", "select": {"lesioned_pathway": None, "depth": 2}, "columns": "alternate_every"}]
    dataset, _ = experiment(
        "scalar_pathways",
        {"lesioned_pathway": [None, "a"], "alternate_every": [None, 2], "depth": [2, 3]},
        [{"kind": "phase_portraits", "panels": panels}],
    )
    assert dataset["lesioned_pathway"].values.tolist() == ["none", "a"]
    undisturbed = coordinates.select(dataset, {"lesioned_pathway": None, "alternate_every": None})
    assert undisturbed["share"].equals(dataset.isel(lesioned_pathway=0, alternate_every=0)["share"])
    assert style.parameter(undisturbed, "lesioned_pathway") is None
    assert style.parameter(undisturbed, "alternate_every") is None
    figure = phase_portraits.draw(panels, {"e": dataset})
    titles = [axes.get_title(loc="left").split("  ")[1] for axes in figure.axes]
    assert titles == ["epochs of a turn never", "epochs of a turn 2"]


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
    assert style.value_labels(made) == ["none", *style.value_labels(known)]
    declared = descriptions(models()["scalar_pathways"], ["lesion_duration"])["lesion_duration"]
    said = stored["axis"].assign_attrs(declared)
    assert style.value_labels(said) == ["to the end", *style.value_labels(known)]


def test_predictions_are_told_apart_where_an_axis_has_null():
    axis = coordinates.from_values([None, 100])
    dataset = xr.Dataset(
        {name: (("seed", "axis"), np.array([[2.0, 8.0], [4.0, 8.0]])) for name in ("predicted", "measured")},
        coords={"seed": [0, 1], "axis": axis},
    )
    panel = {"chart": "prediction", "experiment": "e", "x": "predicted", "y": "measured", "lines": "axis"}
    figure = charts.draw([panel], {"e": dataset})
    points = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert len({str(point.get_color()) for point in points}) == 2
    texts = legend(figure)
    assert texts == ["axis", "none", "100"]

"""Bands of every kind of figure: the sample standard deviation over runs, and the line that says so."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from critical_periods.figures import charts, curves, error_curves, pathway_panels, spectra

SEEDS, EPOCHS = [0, 1, 2], [0, 10, 20, 30]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def values(seeds=SEEDS, **axes):
    """Positive values that differ between seeds."""
    axes = {"seed": seeds} | axes
    drawn = np.random.default_rng(0).uniform(1, 2, [len(points) for points in axes.values()])
    return xr.DataArray(drawn, dims=list(axes), coords=axes)


def error_curves_of(seeds, **panel):
    dataset = xr.Dataset({"reconstruction_error": values(seeds, depth=[2, 3], switch_epoch=EPOCHS)})
    panel = {"experiment": "e", "show": "reconstruction_error", "lines": "depth"} | panel
    return error_curves.draw([panel], {"e": dataset}), dataset["reconstruction_error"].isel(depth=0)


def charts_of(seeds, **panel):
    dataset = xr.Dataset({"share": values(seeds, trajectory=[0], onset=EPOCHS)})
    panel = {"chart": "curves", "experiment": "e", "show": "share", "x": "onset"} | panel
    return charts.draw([panel], {"e": dataset}), dataset["share"].squeeze("trajectory")


def spectra_of(seeds):
    dataset = xr.Dataset({"singular_value": values(seeds, switch_epoch=[0], epoch=EPOCHS, mode=[1, 2])})
    dataset = dataset.assign_coords(phase=(("switch_epoch", "epoch"), [["final"] * len(EPOCHS)]))
    figure = spectra.draw([{"experiment": "e", "switch_epochs": [0]}], {"e": dataset})
    return figure, dataset["singular_value"].isel(switch_epoch=0, mode=0)


def pathway_panels_of(seeds):
    dataset = xr.Dataset({"pathway_singular_value": values(seeds, epoch=EPOCHS, pathway=["a", "b"], mode=[1, 2])})
    dataset = dataset.assign_coords(
        onset=0, duration=10, gated_pathway="b", lesioned_pathway="none", task_singular_value=("mode", [2.0, 1.0])
    )
    figure = pathway_panels.draw([{"experiment": "e", "show": "curves"}], {"e": dataset})
    return figure, dataset["pathway_singular_value"].isel(pathway=0, mode=0)


def noted(figure):
    """What is written below the figure, or last in its legend."""
    legends = [legend.get_texts()[-1].get_text().replace("\n", " ") for legend in figure.legends]
    return figure.get_supxlabel() or "".join(legends)


KINDS = [error_curves_of, charts_of, spectra_of, pathway_panels_of]


@pytest.mark.parametrize("kind", KINDS)
def test_bands_are_the_sample_standard_deviation_and_the_figure_says_so(kind):
    figure, expected = kind(SEEDS)
    figure.canvas.draw()
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    for epoch in EPOCHS:
        low, *_, high = sorted(band[np.isclose(band[:, 0], epoch), 1])
        runs = expected.values.reshape(len(SEEDS), -1)[:, EPOCHS.index(epoch)]
        deviation = np.sqrt(np.square(runs - runs.mean()).sum() / (len(runs) - 1))
        np.testing.assert_allclose([low, high], [runs.mean() - deviation, runs.mean() + deviation])
    assert noted(figure) == "Bands: standard deviation over 3 seeds"


@pytest.mark.parametrize("kind", KINDS)
def test_figures_of_one_seed_have_neither_bands_nor_a_line_about_them(kind):
    figure, _ = kind([0])
    assert "standard deviation" not in noted(figure)
    assert not figure.axes[0].collections


def test_the_line_tells_logarithms_and_bars():
    assert error_curves_of(SEEDS, log=True)[0].get_supxlabel() == (
        "Bands: standard deviation over 3 seeds; on logarithmic axes, of the logarithms"
    )
    dataset = xr.Dataset({"error": values(activation=["tanh", "relu"])})
    panel = {"chart": "curves", "experiment": "e", "show": "error", "x": "activation"}
    assert charts.draw([panel], {"e": dataset}).get_supxlabel() == "Bars: standard deviation over 3 seeds"


def test_panels_over_different_runs_are_told_apart():
    few, many = curves.Band("3 seeds"), curves.Band("3 seeds × 20 initial conditions")  # noqa: RUF001
    assert curves.describe_bands([few, None, few]) == "Bands: standard deviation over 3 seeds"
    assert curves.describe_bands([few, None, many, few]) == (
        "Bands: standard deviation over 3 seeds (a, d), 3 seeds × 20 initial conditions (c)"  # noqa: RUF001
    )
    assert curves.band(values(trajectory=range(20), onset=EPOCHS), "onset") == many
    assert curves.band(values(trajectory=range(20), onset=EPOCHS), "onset", "seed").runs == "20 initial conditions"
    assert curves.describe_bands([None, None]) == ""


def test_runs_without_a_value_do_not_count():
    array = values(onset=EPOCHS)
    array[0, 1], array[:2, 2] = np.nan, np.nan
    mean, low, high = curves.mean_and_band(array)
    np.testing.assert_allclose(mean[1], array[1:, 1].mean())
    np.testing.assert_allclose((high - low)[1], 2 * np.std(array.values[1:, 1], ddof=1))
    np.testing.assert_allclose(mean[2], array[2, 2])
    assert np.isnan(low[2])
    assert np.isnan(high[2])

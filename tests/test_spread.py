"""The spread over runs in every kind of figure: few of them one by one, the middle half of many, and what says so."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from critical_periods.figures import charts, curves, spectra, style
from critical_periods.models.pathways.panels import pathway_panels

FEW, MANY, EPOCHS = [0, 1, 2], list(range(20)), [0, 10, 20, 30]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def values(seeds=FEW, **axes):
    """Positive values that differ between seeds."""
    axes = {"seed": seeds} | axes
    drawn = np.random.default_rng(0).uniform(1, 2, [len(points) for points in axes.values()])
    return xr.DataArray(drawn, dims=list(axes), coords=axes)


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
    """What is written below the figure."""
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def bold(figure):
    """The first line that is the median over runs."""
    return next(line for line in figure.axes[0].lines if not line.get_alpha() and len(line.get_xdata()) == len(EPOCHS))


KINDS = [charts_of, spectra_of, pathway_panels_of]


@pytest.mark.parametrize("kind", [charts_of, pathway_panels_of])
def test_few_runs_are_drawn_one_by_one_below_their_median(kind):
    figure, expected = kind(FEW)
    faint = [line.get_ydata() for line in figure.axes[0].lines if line.get_alpha()]
    np.testing.assert_array_equal(faint[: len(FEW)], expected.values.reshape(len(FEW), -1))
    np.testing.assert_allclose(bold(figure).get_ydata(), np.median(faint[: len(FEW)], axis=0))
    assert noted(figure) == "Medians; thin lines: single runs of 3 seeds"


@pytest.mark.parametrize(("kind", "seeds"), [*((kind, MANY) for kind in KINDS), (spectra_of, FEW)])
def test_bands_are_the_middle_half_of_many_runs_or_of_many_modes_and_the_figure_says_so(kind, seeds):
    figure, expected = kind(seeds)
    bands = [shape for shape in figure.axes[0].collections if shape.get_alpha() == curves.PALE]
    band = bands[0].get_paths()[0].vertices
    runs = expected.values.reshape(len(seeds), -1)
    for index, epoch in enumerate(EPOCHS):
        low, *_, high = sorted(band[np.isclose(band[:, 0], epoch), 1])
        np.testing.assert_allclose([low, high], np.quantile(runs[:, index], [0.25, 0.75]))
    np.testing.assert_allclose(bold(figure).get_ydata(), np.median(runs, axis=0))
    assert not [line for line in figure.axes[0].lines if line.get_alpha()], "single runs would cover each other"
    assert noted(figure) == f"Medians; bands: the middle half of {len(seeds)} seeds"


@pytest.mark.parametrize("kind", KINDS)
def test_figures_of_one_seed_have_neither_bands_nor_a_line_about_them(kind):
    figure, _ = kind([0])
    assert noted(figure) == ""
    assert not [shape for shape in figure.axes[0].collections if shape.get_alpha() == curves.PALE]


def test_a_band_of_shares_stays_a_share():
    shares = values(MANY, onset=EPOCHS) - 1
    shares = shares.where(shares > 0.5, 0)  # most are 0: a standard deviation would reach below
    low, high = curves.middle(shares)
    assert low.min() >= 0
    assert high.max() <= 1


def test_panels_over_different_runs_are_told_apart():
    few, many = curves.Spread("3 seeds", True), curves.Spread("3 seeds × 20 initial conditions", False)  # noqa: RUF001
    assert curves.described([few, few]) == "Medians; thin lines: single runs of 3 seeds"
    assert curves.described([few, None, many, few]) == (
        "Medians; thin lines: single runs of 3 seeds (A, D); "
        "bands: the middle half of 3 seeds × 20 initial conditions (C)"  # noqa: RUF001
    )
    assert curves.shown_of(values(trajectory=range(20), onset=EPOCHS)) == many
    assert curves.shown_of(values(trajectory=range(20), onset=EPOCHS), "seed").runs == "20 initial conditions"
    assert curves.described([None, None]) == ""
    assert [style.panel_letter(index) for index in (0, 25, 26, 53)] == ["A", "Z", "AA", "BB"]


def test_runs_without_a_value_do_not_count():
    array = values(onset=EPOCHS)
    array[0, 1] = np.nan
    np.testing.assert_allclose(curves.median(array)[1], np.median(array[1:, 1]))


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0, 5000, 10_000, 12_500], ["0", "5k", "10k", "12.5k"]),
        ([1250, 2000], ["1250", "2000"]),
        ([0.1, 0.001, 1e-5, 2.5e-7], ["0.1", "0.001", "10⁻⁵", "2.5·10⁻⁷"]),
        ([-0.1, 123_456], ["\N{MINUS SIGN}0.1", "123.456k"]),
        (["block_diagonal", "none"], ["block diagonal", "none"]),
    ],
)
def test_numbers_are_written_in_one_way(values, written):
    assert style.value_labels(values) == written

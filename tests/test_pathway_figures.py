"""Figures of pathways, drawn from the paper's experiments at small size."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import CONFIG

from critical_periods.models.pathways.panels import pathway_panels, phase_portraits
from critical_periods.simulations import simulate

SMALL = {
    "scalar_pathways": {"n_trajectories": 3, "record_every": 100},
    "pathway_network": {"width": 8, "record_every": 20, "epochs": 920},
}


def experiment(name, seeds=(0,)):
    """One experiment of the paper at small size."""
    settings = CONFIG["experiments"][name]
    model = settings["model"]
    parameters = CONFIG["models"][model] | SMALL[model] | settings.get("set", {})
    return simulate(model, settings.get("vary"), seeds, **parameters)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def panels(figure):
    return CONFIG["figures"][figure]["panels"]


@pytest.mark.parametrize(
    ("figure", "name", "columns"),
    [("fig01", "phase_portraits", [2, 5, 8, 13]), ("fig07", "phase_portraits_small_init", [2, 3, 4])],
)
def test_phase_portraits(figure, name, columns):
    dataset = experiment(name)
    drawn = phase_portraits.draw(panels(figure), {name: dataset})
    drawn.canvas.draw()
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    letters = [rf"$\mathbf{{({letter})}}$" for letter in "ABCDEFGH"]
    assert (
        titles
        == [f"{letter}  $D$ = {depth}" for letter, depth in zip(letters, columns, strict=False)]
        + letters[len(columns) : 2 * len(columns)]
    )
    for axes in drawn.axes:
        rest = next(line for line in axes.lines if line.get_linestyle() == "--")
        np.testing.assert_array_equal(rest.get_xdata() + rest.get_ydata(), 10)
    windows = [drawn.axes[index].get_ylabel().splitlines()[0] for index in (0, len(columns))]
    expected = {"fig01": ["[0, 15)", "[100, 115)"], "fig07": ["[0, 5)", "[500k, 510k)"]}[figure]
    assert windows == [f"b gated in {window}" for window in expected]


def test_curves_show_gradient_descent_as_markers_and_the_ode_as_lines():
    dataset = experiment("gating")
    drawn = pathway_panels.draw(panels("fig02"), {"gating": dataset})
    drawn.canvas.draw()
    panels_of = itertools.product("ab", (0, 400, 750))
    for axes, (pathway, onset) in zip(drawn.axes, panels_of, strict=True):
        shade = axes.patches[0]
        assert (shade.get_x(), shade.get_width()) == (onset, 150)
        chosen = dataset["pathway_singular_value"].sel(onset=onset, pathway=pathway).isel(seed=0)
        markers = [line for line in axes.lines if line.get_linestyle() == "None"]
        curves = [line for line in axes.lines if line.get_linestyle() != "None"]
        for lines, solver in ((markers, "gradient_descent"), (curves, "ode")):
            values = chosen.sel(solver=solver).transpose("mode", "epoch").values
            np.testing.assert_allclose([line.get_ydata() for line in lines], values)
    assert legend(drawn)[:5] == ["mode", "1: $s$ = 3.87", "2: $s$ = 2.65", "3", "4: $s$ = 1.73"]


def legend(figure):
    return [text.get_text() for row in figure.legends for text in row.get_texts()]


def test_matrices_and_lesion():
    drawn = pathway_panels.draw(panels("fig03"), {"lesion": experiment("lesion")})
    drawn.canvas.draw()
    heat = [axes for axes in drawn.axes if axes.images]
    titles = [axes.get_title(loc="left").split("  ")[1] for axes in heat]
    assert titles == ["final $K_a$", "final $K_b$"]
    first, second = (axes.images[0].get_array() for axes in heat)
    assert abs(first[1, 1]) < 1e-10
    assert second[1, 1] > 2.6
    assert "lesion: mode 2 of a" in legend(drawn)
    assert [len(axes.patches) for axes in heat] == [1, 0], "the lesion is marked"


def test_networks_without_an_ode_and_with_several_seeds():
    dataset = experiment("gating_relu", seeds=(0, 1))
    assert "solver" not in dataset.dims
    drawn = pathway_panels.draw(panels("fig12"), {"gating_relu": dataset})
    drawn.canvas.draw()
    single = [[line for line in axes.lines if line.get_alpha()] for axes in drawn.axes]
    assert {len(lines) for lines in single} == {2 * 8}, "both seeds of every mode"


def test_a_phase_portrait_of_three_pathways_is_refused():
    dataset = experiment("phase_portraits").drop_vars("flow")
    with pytest.raises(ValueError, match="needs two pathways"):
        phase_portraits.draw(panels("fig01"), {"phase_portraits": dataset})

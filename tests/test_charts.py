"""Charts, drawn from synthetic datasets whose numbers are known."""

import gzip
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from conftest import described, wait
from matplotlib.colors import SymLogNorm
from plotly.offline import get_plotlyjs_version

from critical_periods.analysis.closing import agreement, compared
from critical_periods.configuration.fields import ConfigError
from critical_periods.figures import charts, interactive, interactive_charts, interactive_spectra, style
from critical_periods.models.pathways.panels import interactive_panels
from critical_periods.planning.plan import Plan

SEEDS, EPOCHS = [0, 1, 2, 3], [0, 1000, 2000, 5000, 10000, 40000]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def dataset(name="relative_accuracy", noise=0.01, **axes):
    """A variable that falls linearly along its last axis, with noise of mean 0 over seeds."""
    axes = {"seed": SEEDS} | axes
    last = list(axes.values())[-1]
    shape = [len(values) for values in axes.values()]
    values = np.broadcast_to(-np.linspace(0, 1, len(last)), shape).copy()
    values += noise * (np.arange(shape[0]) - (shape[0] - 1) / 2).reshape(-1, *[1] * (len(shape) - 1))
    array = xr.DataArray(values, dims=list(axes), coords=axes, attrs={"long_name": name.replace("_", " ")})
    return described(array.to_dataset(name=name))


def drawn(data, **panel):
    figure = charts.draw([{"experiment": "e", **panel}], {"e": data})
    figure.canvas.draw()
    return figure.axes[0]


def labelled(axes):
    """Label in the legend -> the line of its colour."""
    bold = {line.get_color(): line for line in axes.lines if not line.get_alpha() and line.get_zorder() == 2}
    keys = {text: line for row in axes.figure.legends for text, line in zip(row.get_texts(), row.get_lines())}  # noqa: B905
    return {text.get_text(): bold[line.get_color()] for text, line in keys.items() if line.get_color() in bold}


def legend(figure):
    return [text.get_text() for row in figure.legends for text in row.get_texts()]


def test_a_curve_is_the_median_over_seeds_with_single_seeds():
    data = dataset(depth=[2, 3], switch_epoch=EPOCHS)
    axes = drawn(data, chart="curves", x="switch_epoch", show="relative_accuracy", lines="depth")
    lines = labelled(axes)
    assert list(lines) == ["2", "3"]
    np.testing.assert_array_equal(lines["2"].get_xdata(), EPOCHS)
    np.testing.assert_allclose(lines["2"].get_ydata(), -np.linspace(0, 1, len(EPOCHS)), atol=1e-12)
    faint = [line for line in axes.lines if line.get_alpha()]
    assert len(faint) == 2 * len(SEEDS)
    assert [tick.get_text() for tick in axes.get_xticklabels()][1:3] == ["0", "10k"]


def test_a_draw_that_fails_without_a_deficit_is_ringed():
    data = dataset(switch_epoch=EPOCHS)
    error = 0.1 - data["relative_accuracy"]
    data["reconstruction_error"] = error.where(error["seed"] != 2, 8.4 + data["relative_accuracy"])
    axes = drawn(data, chart="curves", x="switch_epoch", show="relative_accuracy")
    (ringed,) = [line for line in axes.lines if line.get_mfc() == "none" and np.isfinite(line.get_ydata()).any()]
    np.testing.assert_allclose(ringed.get_ydata(), data["relative_accuracy"].sel(seed=2))
    assert legend(axes.figure) == ["error above 1 without the deficit"]


def test_one_seed_has_no_band_and_no_faint_lines():
    axes = drawn(dataset(seed=[7], switch_epoch=EPOCHS), chart="curves", x="switch_epoch", show="relative_accuracy")
    assert not axes.collections
    assert not [line for line in axes.lines if line.get_alpha()]


def test_trajectories_are_runs_as_seeds_are():
    data = dataset("share", trajectory=list(range(20)), onset=[0, 10, 100])
    data["share"] += data["trajectory"]
    axes = drawn(data, chart="curves", x="onset", show="share")
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), 9.5 - np.linspace(0, 1, 3))
    assert not [line for line in axes.lines if line.get_alpha()], "eighty single runs would cover each other"


def test_a_history_ends_where_its_training_ends():
    data = dataset("rank", switch_epoch=[0, 20000], epoch=list(range(0, 60001, 1000)))
    data["rank"] = data["rank"].where(data["epoch"] <= data["switch_epoch"] + 30000)
    axes = drawn(data, chart="curves", x="epoch", show="rank", lines="switch_epoch")
    lines = labelled(axes)
    assert list(lines) == ["0", "20k"]
    assert [lines[name].get_xdata()[-1] for name in lines] == [30000, 50000]
    one = drawn(data, chart="curves", x="epoch", show="rank", select={"switch_epoch": 20000})
    assert one.lines[-1].get_xdata()[-1] == 50000


def test_words_stand_side_by_side_in_the_order_of_the_configuration():
    data = dataset(activation=["linear", "tanh", "relu"])
    axes = drawn(data, chart="curves", x="activation", show="relative_accuracy")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["linear", "tanh", "relu"]
    median = axes.lines[len(SEEDS)]
    np.testing.assert_allclose(median.get_ydata(), [0, -0.5, -1], atol=1e-12)
    assert median.get_linestyle() == "None", "nothing lies between two words"


def test_selection_by_any_axis_of_the_dataset():
    data = dataset("share", pathway=["a", "b"], onset=[0, 10])
    data["share"] = data["share"].where(data["pathway"] == "a", 5.0)
    axes = drawn(data, chart="curves", x="onset", show="share", select={"pathway": "b"})
    np.testing.assert_array_equal(axes.lines[-1].get_ydata(), [5, 5])


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        ({"show": "nonsense", "x": "onset"}, "no variable nonsense; it has share"),
        ({"show": "share", "x": "onset"}, "share has pathway too; select a value of each"),
        ({"show": "share", "x": "epoch", "select": {"pathway": "a"}}, "no axis epoch"),
        ({"show": "share", "x": "onset", "select": {"pathway": "c"}}, "select.pathway = c; allowed: a, b"),
        ({"show": "share", "x": "onset", "select": {"mode": 1}}, "no axis mode to select from"),
    ],
)
def test_a_chart_of_what_is_not_there_is_refused_by_name(panel, message):
    with pytest.raises(ValueError, match=message):
        drawn(dataset("share", pathway=["a", "b"], onset=[0, 10]), chart="curves", **panel)


def map_of(data, **panel):
    axes = drawn(data, chart="map", **panel)
    return axes, axes.collections[0]


def test_a_map_shows_harm_as_red_above_white_and_where_the_period_closes_along_edges():
    data = dataset(depth=[2, 3, 5], switch_epoch=EPOCHS)
    axes, mesh = map_of(data, x="switch_epoch", y="depth", show="relative_accuracy", contour=-0.5)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (pytest.approx(0), pytest.approx(1)), "no colour is left over"
    assert mesh.to_rgba([0])[0, :3] == pytest.approx(1, abs=0.05)
    red, _, blue, _ = mesh.to_rgba([1])[0]
    assert red > blue
    np.testing.assert_allclose(mesh.get_array()[0], np.linspace(0, 1, len(EPOCHS)), atol=1e-12)
    edges = mesh.get_coordinates()
    np.testing.assert_allclose(edges[0, 1:-1, 0], [500, 1500, 3500, 7500, 25000])
    np.testing.assert_allclose(edges[:, 0, 1], [1.5, 2.5, 4, 6])
    # a loss of 0.5 lies half way between the third and the fourth switch epoch, for all depths
    border = np.array(axes.collections[2].get_segments())
    np.testing.assert_allclose(border[..., 0], 3500)
    assert (border[..., 1].min(), border[..., 1].max()) == (edges[0, 0, 1], edges[-1, 0, 1])
    assert "(line:\N{NO-BREAK SPACE}0.5)" in axes.figure.axes[-1].get_ylabel().replace("\n", " ")


def test_a_map_of_shares_is_sequential_whatever_the_order_of_its_axes():
    data = dataset("share", noise=0, duration=[3, 1, 2], onset=[0, 10])
    data["share"] = data["duration"] / 10 + data["share"] * 0
    _, mesh = map_of(data, x="onset", y="duration", show="share")
    assert mesh.get_cmap().name == "viridis"
    np.testing.assert_allclose(mesh.get_array()[:, 0], [0.1, 0.2, 0.3])


def test_a_logarithmic_map_keeps_its_cells_apart_and_gives_zero_a_place():
    data = dataset(depth=[2, 3], switch_epoch=EPOCHS)
    axes, mesh = map_of(data, x="switch_epoch", y="depth", show="relative_accuracy", log="x")
    on_scale = axes.xaxis.get_transform().transform(mesh.get_coordinates()[0, :, 0])
    assert (np.diff(on_scale) > 0.1 * np.diff(on_scale).max()).all()
    np.testing.assert_allclose(mesh.get_coordinates()[0, 2, 0], np.sqrt(1000 * 2000))
    assert axes.get_xticks()[0] == 0
    assert "0" in [tick.get_text() for tick in axes.get_xticklabels()]


def test_missing_values_leave_a_gap_in_a_map():
    data = dataset(depth=[2, 3], switch_epoch=EPOCHS)
    data["relative_accuracy"][:, 0, 3] = np.nan
    axes, mesh = map_of(data, x="switch_epoch", y="depth", show="relative_accuracy", contour=-0.5)
    assert np.ma.getmaskarray(mesh.get_array()).sum() == 1
    assert len(axes.collections[2].get_segments()) == 1, "a missing value is on neither side of the line"


def predicted(factor, missing=False):
    """Measurements off by a factor in turn up and down, of 12 settings and 4 seeds."""
    theory = np.geomspace(100, 10000, 12).reshape(3, 4)
    off = np.where(np.arange(12).reshape(3, 4) % 2, factor, 1 / factor)
    runs = theory * off * np.array([0.5, 0.5, 2, 2])[:, None, None]
    data = xr.Dataset(
        {"theory": (("depth", "init_scale"), theory), "measured": (("seed", "depth", "init_scale"), runs)},
        coords={"seed": SEEDS, "depth": [2, 3, 4], "init_scale": [0.1, 0.01, 0.001, 0.0001]},
    )
    if missing:
        data["measured"][:, 0, 0] = np.nan
    return described(data)


def test_a_perfect_prediction_has_correlation_and_factor_one():
    correlation, factors = agreement(compared(predicted(1), "theory", "measured"))
    assert correlation == pytest.approx(1)
    assert factors.tolist() == pytest.approx([1] * 12)


def test_a_prediction_off_by_a_factor_says_so():
    points = compared(predicted(3, missing=True), "theory", "measured")
    correlation, factors = agreement(points)
    assert correlation < 0.9
    assert factors.tolist() == pytest.approx([3] * 11)
    np.testing.assert_allclose(points["high"] / points["low"], [np.nan] + 11 * [4])


def test_a_prediction_shows_every_setting_and_its_numbers():
    axes = drawn(
        predicted(1.5, missing=True), chart="prediction", x="theory", y="measured", lines="depth", markers="init_scale"
    )
    points = [line for line in axes.lines if line.get_marker() in style.MARKERS]
    assert len(points) == 11
    assert {line.get_fillstyle() for line in points} == {"full"}
    assert {line.get_color() for line in points} == set(style.ordered_colours(3))
    assert {line.get_marker() for line in points} == set(style.MARKERS[:4])
    text = axes.texts[0].get_text()
    assert "median factor 1.50" in text
    assert f"11 points of {len(SEEDS)} seeds\n1 without a value" in text
    assert axes.get_xlim() == axes.get_ylim()
    assert legend(axes.figure) == ["depth $N$", "2", "3", "4", "initial scale", "0.1", "0.01", "0.001", "0.0001"]
    note = axes.figure.texts[0].get_text().replace("\n", " ")
    assert "shaded: within a factor of 2" in note
    assert note.endswith("without a value: depth $N$ 2, initial scale 0.1")
    gone = predicted(1.5, missing=True)
    gone["theory"] = gone["theory"].where(gone["depth"] != 3)
    note = drawn(gone, chart="prediction", x="theory", y="measured", lines="depth").figure.texts[0].get_text()
    assert note.replace("\n", " ").endswith("without a value: depth $N$ 3; depth $N$ 2, initial scale 0.1")
    filled = drawn(predicted(1.5), chart="prediction", x="theory", y="measured", fills="depth")
    assert {line.get_fillstyle() for line in filled.lines if line.get_marker() == "o"} == {"full", "none", "left"}


def test_a_page_has_a_key_for_what_its_first_panel_has_no_points_of():
    data = predicted(1.5)
    data["measured"] = data["measured"].where(data["depth"] != 3)
    panels = [
        {"chart": "prediction", "x": "theory", "y": "measured", "lines": "depth", "experiment": "one"},
        {"chart": "curves", "x": "init_scale", "show": "theory", "lines": "depth", "experiment": "one"},
    ]
    twin = interactive_charts.draw(panels, {"one": data})
    keys = {trace.name: len(trace.x) for trace in twin.data if trace.showlegend}
    assert list(keys) == ["2", "4", "3"]
    assert all(keys.values())


def test_an_axis_that_is_logarithmic_says_so():
    runs = np.array([1e-6, 1e-4])[:, None] * np.array([1.0, 10.0])
    data = xr.Dataset({"error": (("seed", "switch_epoch"), runs)}, coords={"seed": [0, 1], "switch_epoch": [0, 9]})
    axes = drawn(data, chart="curves", x="switch_epoch", show="error", log="y")
    assert axes.get_ylabel() == "error,\nlog scale"
    assert {"10⁻⁵", "10⁻⁴"} <= {tick.get_text() for tick in axes.get_yticklabels()}


def test_one_value_has_one_look_in_all_panels_and_one_place_in_the_legend():
    first, second = (
        dataset(n_observed=[1500, 2000], switch_epoch=EPOCHS),
        dataset(n_observed=[1000, 2000], switch_epoch=EPOCHS),
    )
    panel = {"chart": "curves", "x": "switch_epoch", "show": "relative_accuracy", "lines": "n_observed"}
    figure = charts.draw([panel | {"experiment": "f"}, panel | {"experiment": "s"}], {"f": first, "s": second})
    assert legend(figure)[1:] == ["1000", "1500", "2000"]
    left, right = (labelled(axes) for axes in figure.axes)
    assert left["2000"].get_color() == right["2000"].get_color()
    assert left["2000"].get_marker() == right["2000"].get_marker()
    second = dataset(n_observed=[2000, 10000], switch_epoch=EPOCHS)
    figure = charts.draw([panel | {"experiment": "f"}, panel | {"experiment": "s"}], {"f": first, "s": second})
    assert legend(figure)[1:] == ["1.5k", "2k", "10k"]


def test_lines_that_coincide_are_all_seen():
    looks = list(style.looks([1, 2, 3, 4]).values())
    assert all(after["lw"] < before["lw"] for before, after in itertools.pairwise(looks))
    sizes = [look["ms"] / style.LARGER[look["marker"]] for look in looks]
    assert sizes == sorted(sizes, reverse=True)


def test_seeds_have_colours_without_an_order():
    data = dataset(switch_epoch=EPOCHS)
    axes = drawn(data, chart="curves", x="switch_epoch", show="relative_accuracy", lines="seed")
    assert [line.get_color() for line in labelled(axes).values()] == list(style.UNORDERED[:4])


def test_points_are_joined_by_nothing():
    data = dataset(switch_epoch=EPOCHS)
    axes = drawn(data, chart="curves", x="switch_epoch", show="relative_accuracy", points=True)
    assert {line.get_linestyle() for line in axes.lines if len(line.get_xdata()) == len(EPOCHS)} == {"None"}


def test_harm_of_all_orders_of_magnitude_has_a_logarithmic_axis_beyond_what_counts():
    data = dataset(depth=[2, 3], switch_epoch=EPOCHS) * 100
    data["relative_accuracy"].attrs["long_name"] = "relative accuracy"
    axes = drawn(data, chart="curves", x="switch_epoch", show="relative_accuracy", lines="depth", log="y")
    assert axes.get_yscale() == "symlog"
    assert "\N{MINUS SIGN}10" in [label.get_text() for label in axes.get_yticklabels()]
    heat = drawn(data, chart="map", x="switch_epoch", y="depth", show="relative_accuracy").collections[0]
    assert isinstance(heat.norm, SymLogNorm)


def test_a_map_shows_medians_so_that_one_run_does_not_change_it():
    data = dataset(depth=[2, 3], switch_epoch=EPOCHS)
    data["relative_accuracy"][0] -= 1000
    heat = drawn(data, chart="map", x="switch_epoch", y="depth", show="relative_accuracy").collections[0]
    np.testing.assert_allclose(heat.get_array(), -data["relative_accuracy"].median("seed"))


def test_what_hardly_changes_is_shown_from_0_on():
    data = dataset("nuclear_norm", depth=[2, 3], switch_epoch=EPOCHS)
    assert drawn(data + 10, chart="curves", x="switch_epoch", show="nuclear_norm", lines="depth").get_ylim()[0] == 0
    assert drawn(data + 1.5, chart="curves", x="switch_epoch", show="nuclear_norm", lines="depth").get_ylim()[0] > 0


def test_panels_stand_three_in_a_row_with_letters_and_titles():
    panel = {"chart": "curves", "experiment": "e", "x": "switch_epoch", "show": "relative_accuracy"}
    data = dataset(switch_epoch=EPOCHS)
    figure = charts.draw([panel | {"title": f"number {index}"} for index in range(5)], {"e": data})
    titles = [axes.get_title(loc="left") for axes in figure.axes[:5]]
    assert titles == [rf"$\mathbf{{({letter})}}$  number {index}" for index, letter in enumerate("ABCDE")]
    figure.canvas.draw()
    rows = [round(axes.get_position().y0, 3) for axes in figure.axes[:5]]
    assert len({*rows[:3]}) == len({*rows[3:]}) == 1
    assert figure.get_figwidth() == style.PAGE
    assert charts.grid(4) == (2, 2)


@pytest.mark.parametrize(("model", "letter"), [("matrix_completion", "N"), ("scalar_pathways", "D")])
def test_an_axis_is_called_as_its_model_calls_it(model, letter):
    data = described(dataset("share", depth=[2, 3], onset=[0, 5, 9]), model)
    axes = drawn(data, chart="curves", x="onset", show="share", lines="depth")
    assert legend(axes.figure)[0] == f"depth ${letter}$"
    assert axes.get_xlabel() == "onset of the deficit (epochs)"


def planned(config, **panel):
    config["figures"] = {"mine": {"title": "Mine", "kind": "charts", "panels": [panel]}}
    return Plan(config)


def test_the_configuration_draws_charts_of_axes_that_only_datasets_have(config):
    curves = {"chart": "curves", "experiment": "gating", "show": "pathway_singular_value"}
    planned(config, **curves, x="epoch", lines="onset", select={"pathway": "b", "mode": 1, "solver": "ode"})
    planned(config, chart="map", experiment="depth", show="relative_accuracy", x="switch_epoch", y="depth")
    planned(config, chart="prediction", experiment="depth", x="predicted_closing", y="measured_closing", lines="depth")


@pytest.mark.parametrize(
    ("panel", "message"),
    [
        ({"x": "onset"}, "panels[0].x = 'onset'; allowed: switch_epoch, epoch, mode, task, seed, depth"),
        ({"x": "epoch", "lines": "rank"}, "panels[0].lines = 'rank'"),
        ({"x": "epoch", "lines": "depth", "select": {"switch_epoch": 7}}, "select.switch_epoch = 7; allowed: 0, 1000"),
        ({"x": "epoch", "lines": "depth", "select": {"pathway": "b"}}, "panels[0].select = 'pathway'"),
        ({"x": "depth", "lines": "depth"}, "x = 'depth'; allowed: an axis of its own for each of x, lines"),
        ({"x": "epoch"}, "with one of the values of depth, which varies"),
        (
            {"x": "epoch", "lines": "depth", "contour": 0.1},
            "panels[0].contour = 0.1; allowed: no such key in a chart of kind curves",
        ),
        ({"x": "depth", "chart": "map"}, "missing key = 'y'"),
        ({"x": "depth", "chart": "pie"}, "curves or map or prediction"),
        ({"x": "switch_epoch", "lines": "depth", "log": "z"}, "x or y or both"),
    ],
)
def test_bad_charts_are_refused_with_key_and_reason(config, panel, message):
    with pytest.raises(ConfigError) as error:
        planned(config, **{"chart": "curves", "experiment": "depth", "show": "relative_accuracy"} | panel)
    assert message in str(error.value)


def test_interactive_twins_show_the_same_numbers():
    curves = dataset(depth=[2, 3], switch_epoch=EPOCHS)
    panels = [
        {"chart": "curves", "experiment": "e", "x": "switch_epoch", "show": "relative_accuracy", "lines": "depth"},
        {
            "chart": "map",
            "experiment": "e",
            "x": "switch_epoch",
            "y": "depth",
            "show": "relative_accuracy",
            "log": "x",
        },
        {"chart": "prediction", "experiment": "p", "x": "theory", "y": "measured", "lines": "depth"},
    ]
    twin = interactive_charts.draw(panels, {"e": curves, "p": predicted(2)})
    lines, heat, points = twin.data[:2], twin.data[2], twin.data[4:9:2]
    assert [line.name for line in lines] == ["2", "3"]
    median, errors = curves["relative_accuracy"].median("seed"), curves["relative_accuracy"].sel(depth=3)
    np.testing.assert_allclose(lines[1].y, median.sel(depth=3), rtol=1e-6)
    np.testing.assert_allclose(lines[1].error_y.array, errors.max("seed") - errors.median("seed"), rtol=1e-5)
    np.testing.assert_allclose(heat.z, -median)
    assert (heat.zmin, heat.zmax) == (pytest.approx(0), pytest.approx(1))
    assert heat.colorscale[0][1] > heat.colorscale[-1][1], "from white to red"
    assert sum(len(group.x) for group in points) == 12
    assert points[0].text[1] == "depth <i>N</i> 2<br>initial scale 0.01"
    assert [twin.layout[axis].type for axis in ("xaxis2", "xaxis3", "yaxis3")] == ["category", "log", "log"]


def test_interactive_predictions_have_the_markers_and_fillings_of_the_figure_and_keys_for_them():
    panel = {"chart": "prediction", "experiment": "p", "x": "theory", "y": "measured"}
    twin = interactive_charts.draw([panel | {"lines": "depth", "markers": "init_scale"}], {"p": predicted(2)})
    symbols = {"0.1": "circle", "0.01": "square", "0.001": "triangle-up", "0.0001": "diamond"}
    for key, trace in zip(twin.data[:6:2], twin.data[1:6:2], strict=True):
        assert (key.showlegend, trace.showlegend) == (True, False)
        assert (key.marker.color, key.marker.symbol) == (trace.marker.color, None)
        values = [text.split(" ")[-1] for text in trace.text]
        assert dict(zip(values, trace.marker.symbol, strict=True)) == symbols
    keys = {trace.name: trace.marker.symbol for trace in twin.data if trace.legend == "legend2"}
    assert keys == symbols
    assert twin.layout.legend2.title.text == "initial scale"
    twin = interactive_charts.draw([panel | {"fills": "depth"}], {"p": predicted(1)})
    assert set(twin.data[1].marker.symbol) == {"circle", "circle-open", "circle-dot"}
    assert twin.layout.legend.title.text == "depth <i>N</i>"
    assert (twin.layout.xaxis.dtick, twin.layout.yaxis.dtick) == ("D2", "D2"), "over two decades"


@pytest.mark.filterwarnings("error")
def test_a_page_of_a_prediction_without_a_known_point_has_none():
    panel = {"chart": "prediction", "experiment": "p", "x": "theory", "y": "measured", "lines": "depth"}
    unknown = predicted(1)
    unknown["theory"] = unknown["theory"] * np.nan
    twin = interactive_charts.draw([panel], {"p": unknown})
    assert not any(len(trace.x) for trace in twin.data)


def test_buttons_make_only_axes_of_positive_values_logarithmic_and_say_which_and_what_is_shown():
    curves = dataset(depth=[2, 3], switch_epoch=EPOCHS)
    errors = dataset("reconstruction_error", depth=[2, 3], switch_epoch=EPOCHS) + 2
    panel = {"chart": "curves", "x": "switch_epoch", "lines": "depth", "log": "y"}
    harm = panel | {"experiment": "c", "show": "relative_accuracy"}
    error = panel | {"experiment": "e", "show": "reconstruction_error"}
    twin = interactive_charts.draw([harm, error], {"c": curves, "e": errors})
    assert (twin.layout.yaxis.type, twin.layout.yaxis2.type) == ("linear", "log")
    (menu,) = twin.layout.updatemenus
    assert [button.args for button in menu.buttons] == [({"yaxis2.type": kind},) for kind in ("linear", "log")]
    assert [button.label for button in menu.buttons] == ["linear (B)", "log (B)"]
    assert menu.buttons[menu.active].label == "log (B)"
    assert [line.name for line in twin.data if line.showlegend] == ["2", "3"], "one key for both panels"
    assert not interactive_charts.draw([harm], {"c": curves}).layout.updatemenus
    (menu,) = interactive_charts.draw([error, error], {"e": errors}).layout.updatemenus
    assert [button.label for button in menu.buttons] == ["linear", "log"], "all panels need no letters"


def test_interactive_pathways_have_a_curve_for_every_mode_pathway_and_solver():
    data = dataset(
        "pathway_singular_value",
        onset=[0, 5],
        solver=["gradient_descent", "ode"],
        pathway=["a", "b"],
        mode=[1, 2],
        epoch=[0, 9],
    ).assign_attrs(parameters='{"duration": 3, "gated_pathway": "b"}')
    data = data.assign_coords(task_singular_value=("mode", [2.0, 1.0]))
    panel = {"experiment": "e", "show": "curves", "columns": "onset"}
    twin = interactive_panels.draw([panel], {"e": data})
    lines = [line for line in twin.data if line.type == "scatter" and line.x is None]
    assert len(lines) == 2 * 2 * 2 * 2
    assert {(line.x0, line.dx) for line in lines} == {(0, 9)}
    keys = [line.name for line in twin.data if line.showlegend is not False]
    assert keys == ["mode 1: <i>s</i> = 2", "mode 2: <i>s</i> = 1", "gradient descent", "ODE", "deficit"]
    shades = {(shape.x0, shape.x1) for shape in twin.layout.shapes}
    assert (len(twin.layout.shapes), shades) == (4, {(0, 3), (5, 8)})


def test_interactive_spectra_show_the_switch_and_theory_once_in_the_legend():
    data = dataset(
        "singular_value", solver=["gradient_descent", "ode"], mode=[1, 2], epoch=[0, 9], switch_epoch=[0, 5]
    )
    panel = {"experiment": "e", "switch_epochs": [0, 5]}
    twin = interactive_spectra.draw([panel], {"e": data})
    assert [line.name for line in twin.data if line.visible and line.showlegend] == ["mode 1", "mode 2", "theory"]
    first, second = (button.args[1]["shapes"] for button in twin.layout.updatemenus[0].buttons)
    assert (len(first), second[0]["x0"]) == (0, 5)
    assert [button.label for button in twin.layout.updatemenus[0].buttons] == ["no deficit", "switch at 5"]


def test_interactive_curves_ring_runs_that_fail_without_the_deficit_and_bar_the_others():
    data = dataset(depth=[2, 3], switch_epoch=EPOCHS)
    data["relative_accuracy"][{"seed": 0, "depth": 1}] = -50.0
    error = xr.zeros_like(data["relative_accuracy"])
    error[{"seed": 0, "depth": 1, "switch_epoch": 0}] = 2.0
    panel = {"chart": "curves", "experiment": "e", "x": "switch_epoch", "show": "relative_accuracy", "lines": "depth"}
    twin = interactive_charts.draw([panel], {"e": data.assign(reconstruction_error=error)})
    _, deeper, rings, key = twin.data
    assert set(rings.y) == {-50.0}
    assert (len(rings.x), rings.legendgroup, key.name) == (len(EPOCHS), deeper.legendgroup, style.FAILS)
    assert max(deeper.error_y.arrayminus) < 1
    assert max(map(abs, twin.layout.yaxis.range)) < 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [(r"imbalance $\lambda$ of $s_1$", "imbalance <i>λ</i> of <i>s<sub>1</sub></i>"), ("10%", "10%")],
)
def test_interactive_labels_are_tags_in_place_of_mathematics(text, shown):
    assert interactive.plain(text) == shown


def test_the_library_of_the_pages_is_the_one_of_the_package(tmp_path):
    with gzip.open(interactive.LIBRARY, "rt", encoding="utf-8") as library:
        assert f"plotly.js (lines and maps) v{get_plotlyjs_version()}" in library.read(200)
    twin = interactive_charts.draw(
        [{"chart": "curves", "experiment": "e", "x": "switch_epoch", "show": "relative_accuracy"}],
        {"e": dataset(switch_epoch=EPOCHS)},
    )
    interactive.save(twin, "<b>Title</b> & $name", "fig", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h1>&lt;b&gt;Title&lt;/b&gt; &amp; $name</h1>" in page
    assert len(page) < 500_000, "a report holds a dozen of them"


def test_on_a_phone_a_page_scrolls_under_a_finger_and_nothing_is_printed_over_something_else(tmp_path, phone):
    panel = {"chart": "curves", "experiment": "e", "x": "switch_epoch", "show": "reconstruction_error"}
    panel |= {"lines": "depth", "title": "Titles take as many characters as there is room for"}
    data = {"e": dataset("reconstruction_error", depth=[2, 3], switch_epoch=EPOCHS) + 2}
    interactive.save(interactive_charts.draw([panel] * 3, data), "Three", "three", str(tmp_path / "page.html"))
    phone.get((tmp_path / "page.html").as_uri())
    boxes = """return [...document.querySelectorAll('.annotation-text, .xtick text, .xtitle')].map((element) => {
        const {left, right, top, bottom} = element.getBoundingClientRect();
        return [left, right, top, bottom, element.textContent];
    })"""
    wait(phone, lambda: len(phone.execute_script(boxes)) > 6)
    found = phone.execute_script(boxes)
    for one, other in itertools.combinations(found, 2):
        beside = one[1] <= other[0] or other[1] <= one[0]
        assert beside or one[3] <= other[2] or other[3] <= one[2], (one, other)
    touched = {"type": "touchStart", "touchPoints": [{"x": 250, "y": 300}]}
    for change in (0, 40, 80, 120):
        touched["touchPoints"][0]["x"] = 250 - change
        phone.execute_cdp_cmd("Input.dispatchTouchEvent", touched)
        touched["type"] = "touchMove"
    phone.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait(phone, lambda: phone.execute_script("return document.querySelector('.wide').scrollLeft") > 0)
    assert phone.execute_script("return document.documentElement.scrollWidth") == 390

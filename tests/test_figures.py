"""Figures of synthetic datasets whose numbers are known: seaborn, plotly and CSV show one table."""

import gzip
import itertools
import re
from io import StringIO
from typing import get_args

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import CONFIG, REPOSITORY, STUDIES, described, wait
from matplotlib.colors import to_hex, to_rgb
from plotly.offline import get_plotlyjs_version

import critical_periods as cp
from critical_periods.analysis.closing import agreement, compared
from critical_periods.analysis.tables import read_claims
from critical_periods.configuration.fields import ConfigError
from critical_periods.figures import legend, look, plotly_renderer, scales, seaborn_renderer, words
from critical_periods.figures.figure import figure
from critical_periods.figures.kinds import kinds
from critical_periods.figures.layers import MOST_RUNS, Primitive

FEW, MANY = [0, 1, 2, 3], list(range(2 * MOST_RUNS))
EPOCHS = [0, 1000, 2000, 5000, 10000, 40000]
LINE = {"plot": "line", "experiment": "e", "x": "switch_epoch", "y": "relative_accuracy", "hue": "depth"}
MAP = {"plot": "heatmap", "experiment": "e", "x": "switch_epoch", "y": "depth", "hue": "relative_accuracy"}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def dataset(name="relative_accuracy", seeds=FEW, noise=0.01, **axes):
    """A variable that falls from 0 to -1 along its last axis, with noise of mean 0 over seeds."""
    axes = {"seed": seeds} | (axes or {"depth": [2, 3], "switch_epoch": EPOCHS})
    shape = [len(values) for values in axes.values()]
    values = np.broadcast_to(-np.linspace(0, 1, shape[-1]), shape).copy()
    values += noise * (np.arange(shape[0]) - (shape[0] - 1) / 2).reshape(-1, *[1] * (len(shape) - 1))
    return described(xr.Dataset({name: (list(axes), values)}, axes))


def made(data, *panels, **style):
    return figure("A title", panels, {"e": data}, look.Style(**style))


def drawn(data, *panels, **style):
    """The axes of a figure, as Matplotlib draws them."""
    picture = seaborn_renderer.drawn(made(data, *panels, **style))
    picture.draw_without_rendering()
    return picture.axes


def lines_of(axes):
    """What is drawn as lines of more than one point: opacity and points."""
    return [(line.get_alpha(), line.get_xydata()) for line in axes.lines if len(line.get_xydata()) > 1]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_every_renderer_draws_every_primitive():
    assert set(get_args(Primitive)) == set(seaborn_renderer.PRIMITIVES) == set(plotly_renderer.PRIMITIVES)


@pytest.mark.parametrize("seeds", [[0], FEW, MANY])
def test_seaborn_plotly_and_csv_show_the_same_medians_and_runs(seeds):
    data = dataset(seeds=seeds)
    plan = made(data, LINE)
    table = pd.read_csv(StringIO(plan.csv().to_csv(index=False)))
    axes = drawn(data, LINE)[0]
    [chart] = plotly_renderer.charts_of(plan)
    medians = [points for alpha, points in lines_of(axes) if alpha == 1]
    twins = [trace for trace in chart.data if trace.hovertemplate]
    single = [points for alpha, points in lines_of(axes) if alpha == look.FAINT.alpha]
    assert len(single) == (2 * len(seeds) if 1 < len(seeds) <= MOST_RUNS else 0)
    bands = [trace for trace in chart.data if trace.fill == "toself"]
    assert len(bands) == len(axes.collections) == (2 if len(seeds) > MOST_RUNS else 0)
    for depth, points, twin in zip([2, 3], medians, twins, strict=True):
        expected = data["relative_accuracy"].sel(depth=depth).median("seed")
        np.testing.assert_allclose(points, np.transpose([EPOCHS, expected]))
        np.testing.assert_allclose(np.asarray(twin.y, float), expected, rtol=1e-6)
        rows = table[table["depth"] == depth].groupby("switch_epoch")["relative_accuracy"].median()
        np.testing.assert_allclose(rows, expected)
    assert len(table) == data["relative_accuracy"].size


def test_a_figure_says_what_lines_and_bands_are():
    assert legend.note(made(dataset(seeds=[0]), LINE)) == ""
    assert legend.note(made(dataset(), LINE)) == "Lines are medians; thin lines: single runs of 4 seeds."
    assert "bands: the middle half of 10 seeds" in legend.note(made(dataset(seeds=MANY), LINE))
    trajectories = dataset().rename(seed="trajectory")
    assert "4 initial conditions" in legend.note(made(trajectories, LINE))


def test_one_value_has_one_colour_in_all_figures_and_one_marker_in_a_figure():
    one, other = (
        made(dataset(depth=[2, 3], switch_epoch=EPOCHS), LINE),
        made(dataset(depth=[3, 5, 8], switch_epoch=EPOCHS), LINE),
    )
    assert one.palette("depth")[3] == other.palette("depth")[3] == look.RAMPS["depth"].colour(3)
    both = made(dataset(), LINE, LINE | {"hue": "switch_epoch", "x": "depth"})
    marked = [*both.markers("depth").values(), *both.markers("switch_epoch").values()]
    assert len(set(marked)) == len(marked) == 8
    [curve, *_] = [line for line in drawn(dataset(seeds=[0]), LINE)[0].lines if len(line.get_xdata()) > 1]
    assert to_hex(curve.get_color()) == look.RAMPS["depth"].colour(2)


@pytest.mark.parametrize("column", look.RAMPS)
def test_values_beside_each_other_on_a_ramp_are_told_apart(column):
    parts = (CONFIG, *STUDIES.values())
    axes = [e.get("vary", {}).get(column, ()) for part in parts for e in part.get("experiments", {}).values()]
    known = {value for values in axes for value in values if value is not None}
    ramp = look.RAMPS[column]
    assert all(ramp.low <= value <= ramp.high for value in known), "beyond its ends all colours are equal"
    for values in axes:
        for a, b in itertools.pairwise(sorted(values)):
            assert np.abs(np.subtract(to_rgb(ramp.colour(a)), to_rgb(ramp.colour(b)))).sum() > 0.04, (a, b)


def test_the_same_variable_has_the_same_limits_in_all_panels():
    data = dataset()
    data["relative_accuracy"] = data["relative_accuracy"].where(data["depth"] == 2, 5 * data["relative_accuracy"])
    panels = [LINE | {"select": {"depth": [depth]}} for depth in (2, 3)]
    one, other = drawn(data, *panels)
    assert one.get_ylim() == other.get_ylim()
    assert one.get_ylabel() == "relative accuracy"
    assert other.get_ylabel() == "", "said once"
    norms = made(data, *(MAP | {"select": {"depth": [depth]}} for depth in (2, 3))).norms
    assert len(norms) == 1
    assert (norms["relative_accuracy"].low, round(norms["relative_accuracy"].high)) == (0, 5)


def test_lines_have_names_at_their_ends_and_share_one_where_they_end_together():
    data = dataset(depth=[1, 2, 3, 4], switch_epoch=EPOCHS)
    data["relative_accuracy"] = data["relative_accuracy"] * xr.DataArray([0, 0, 1, 2], dims="depth")
    [axes] = drawn(data, LINE)
    assert sorted(texts(axes)) == ["3", "4", "depth 1, 2"]
    assert not axes.figure.legends
    many = drawn(dataset(depth=list(range(1, 13)), switch_epoch=EPOCHS), LINE)[0]
    assert [text.get_text() for text in many.figure.legends[0].get_texts()] == ["depth 1 to 12"]


def test_names_move_apart_and_no_further_than_they_must():
    moved = scales.apart([0.0, 1.0, 50.0], 10)
    assert np.diff(np.sort(moved)).min() == pytest.approx(10)
    assert moved[2] == 50


def test_a_logarithmic_axis_with_0_tells_0_and_thousands_apart():
    axis = made(dataset(), LINE | {"xscale": "symlog"}).axis(
        made(dataset(), LINE | {"xscale": "symlog"}).plots[0], "x"
    )
    places = axis.places(EPOCHS)
    assert np.all(np.diff(places) > 0.04 * np.ptp(places))
    assert axis.labels[:2] == ["0", "1k"]
    np.testing.assert_allclose(scales.untransformed(places, "symlog", axis.linthresh), EPOCHS)
    shown = drawn(dataset(), LINE | {"xscale": "symlog"})[0].transData.transform([(x, 0) for x in EPOCHS])[:, 0]
    fitted = np.polyfit(places, shown, 1)
    np.testing.assert_allclose(
        np.polyval(fitted, places), shown, atol=0.01, err_msg="plotly lies where Matplotlib does"
    )


@pytest.mark.parametrize(
    ("scale", "said"), [("linear", ""), ("log", ", log scale"), ("symlog", ", log scale beyond ±0.1")]
)
def test_a_variable_on_a_logarithmic_axis_says_so(scale, said):
    axes = drawn(1 - dataset("reconstruction_error", seeds=[0]), LINE | {"y": "reconstruction_error", "yscale": scale})
    assert axes[0].get_ylabel().replace("\n", " ").endswith(said)
    assert ("log" in axes[0].get_ylabel()) == bool(said)


def test_a_map_shows_harm_above_0_and_where_it_begins_along_edges():
    data = dataset(seeds=[0])
    [axes, bar] = drawn(data, MAP | {"contour": -0.1})
    [mesh] = [each for each in axes.collections if each.get_array() is not None]
    np.testing.assert_allclose(mesh.get_array(), -data["relative_accuracy"].squeeze("seed"))
    assert bar.get_ylabel() == "loss of relative accuracy"
    border = {x for line in axes.lines for x in line.get_xdata()}
    assert border == {500}, "half way between the last value below and the first above"
    [chart] = plotly_renderer.charts_of(made(data, MAP | {"contour": -0.1}))
    np.testing.assert_allclose(np.asarray(chart.data[0].z, float), -data["relative_accuracy"].squeeze("seed"))


def test_a_missing_value_leaves_a_gap_in_a_map_and_no_border():
    data = dataset(seeds=[0])
    data["relative_accuracy"][0, 0, 3] = np.nan
    grid = made(data, MAP).plots[0].layers[0].grid(made(data, MAP).plots[0].layers[0].table)
    assert grid.isna().to_numpy().sum() == 1
    border = scales.border(grid, "linear", "linear", 0.5)
    assert border["edge"].nunique() == 1, "a missing value is on neither side of the line"


def test_what_is_better_and_worse_is_white_in_between():
    data = dataset()
    data["relative_accuracy"].values += 0.5
    norm = made(data, MAP).norms["relative_accuracy"]
    whitest = max(range(len(norm.colours)), key=lambda index: sum(to_rgb(norm.colours[index])))
    at = norm.low + (norm.high - norm.low) * whitest / (len(norm.colours) - 1)
    assert abs(at) < 0.03


def test_a_point_is_ringed_where_most_runs_fail_even_without_a_deficit():
    fails = xr.DataArray([[True] * 2, [True] * 2, [True, False], [False] * 2], dims=("seed", "depth"))
    data = dataset().assign_coords(failed=fails)
    [axes] = drawn(data, LINE)
    [rings] = axes.collections
    assert len(rings.get_offsets()) == 2 * len(EPOCHS)
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == [
        "most runs fail even without a deficit"
    ]
    assert sum(alpha == look.FAINT.alpha for alpha, _ in lines_of(axes)) == 3, (
        "single runs that have something to lose"
    )
    table = made(data, LINE).csv()
    assert (table["status"] == "fails").sum() == 5 * len(EPOCHS)


def test_words_stand_side_by_side_and_nothing_joins_them():
    data = dataset("reconstruction_error", observations=["random", "connected"], switch_epoch=[0, 10])
    panel = LINE | {"x": "observations", "y": "reconstruction_error", "hue": "switch_epoch"}
    axes = drawn(data, panel)[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["random", "connected"]
    assert all(line.get_linewidth() == 0 for line in axes.lines if line.get_alpha() == 1)


def test_a_history_ends_where_its_training_ends():
    data = dataset("effective_rank_history", seeds=[0], switch_epoch=[0, 10], epoch=[0, 10, 20, 30])
    data["effective_rank_history"][:, 0, 2:] = np.nan
    panel = LINE | {"x": "epoch", "y": "effective_rank_history", "hue": "switch_epoch"}
    assert [points[-1, 0] for _, points in lines_of(drawn(data, panel)[0])] == [10, 30]


def test_theory_is_thin_and_dashed_on_training_of_the_same_colour():
    data = dataset("singular_value", seeds=[0], solver=["gradient_descent", "ode"], mode=[1, 2], epoch=[0, 10, 20])
    panel = LINE | {"x": "epoch", "y": "singular_value", "hue": "mode", "style": "solver"}
    curves = drawn(data, panel)[0].lines
    training, theory = curves[:2], curves[2:4]
    assert [to_hex(line.get_color()) for line in training] == [to_hex(line.get_color()) for line in theory]
    assert all(
        line.get_linewidth() > 2 * dashed.get_linewidth() for line, dashed in zip(training, theory, strict=True)
    )
    assert all(line.get_linestyle() == "--" for line in theory)


def predicted(factor, missing=False):
    """Measurements off by a factor in turn up and down, of 12 settings and 4 seeds."""
    theory = np.geomspace(100, 10000, 12).reshape(3, 4)
    off = np.where(np.arange(12).reshape(3, 4) % 2, factor, 1 / factor)
    runs = theory * off * np.array([0.5, 0.5, 2, 2])[:, None, None]
    data = xr.Dataset(
        {"theory": (("depth", "init_scale"), theory), "measured": (("seed", "depth", "init_scale"), runs)},
        coords={"seed": FEW, "depth": [2, 3, 4], "init_scale": [0.1, 0.01, 0.001, 0.0001]},
    )
    if missing:
        data["measured"][:, 0, 0] = np.nan
    return described(data)


PREDICTION = {"plot": "prediction", "experiment": "e", "x": "theory", "y": "measured"}


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


def test_a_prediction_shows_every_setting_and_its_numbers_above_the_data():
    data = predicted(1.5, missing=True)
    panel = PREDICTION | {"hue": "depth", "style": "init_scale"}
    [axes] = drawn(data, panel)
    assert len(axes.collections[-1].get_offsets()) == 11
    [remark] = texts(axes)
    assert remark.replace("\n", " ") == "off by a factor of 1.50 (median), 1.50 at most; 11 of 12 settings"
    assert axes.get_xlim() == axes.get_ylim()
    keys = [text.get_text() for legend in axes.figure.legends for text in legend.get_texts()]
    assert keys[:3] == ["depth 2", "depth 3", "depth 4"]
    assert keys[3:7] == ["scale 0.0001", "scale 0.001", "scale 0.01", "scale 0.1"]
    [chart] = plotly_renderer.charts_of(made(data, panel))
    shown = sum(len(trace.x) for trace in chart.data if trace.mode == "markers")
    assert shown == 11


@pytest.mark.filterwarnings("error")
def test_a_prediction_without_a_known_point_is_drawn_empty():
    data = predicted(1)
    data["measured"] = data["measured"] * np.nan
    assert "no value in any of 12 settings" in made(data, PREDICTION | {"hue": "depth"}).remark(
        made(data, PREDICTION).facets[0]
    )


def test_panels_are_lettered_and_fill_their_rows():
    for count, columns in ((1, 1), (2, 2), (3, 3), (4, 2), (6, 3)):
        plan = made(dataset(), *[LINE] * count)
        assert [len(band) for band in plan.bands] == [columns] * (count // columns)
        assert "".join(facet.letter for facet in plan.facets) == ("ABCDEF"[:count] if count > 1 else "")
    faceted = made(dataset(), LINE | {"hue": None, "col": "depth"})
    assert [facet.head for facet in faceted.facets] == ["depth 2", "depth 3"]


def test_a_mark_lies_where_it_should_in_every_panel():
    data = dataset("pathway_singular_value", seeds=[0], onset=[0, 40], pathway=["a", "b"], epoch=[0, 50, 100])
    data = data.assign_coords(duration=15).assign_attrs(parameters='{"gated_pathway": "b"}')
    panel = {"plot": "line", "experiment": "e", "x": "epoch", "y": "pathway_singular_value", "hue": "pathway"}
    plan = made(data, panel | {"col": "onset", "marks": ["deficit"]})
    spans = [
        rows[["onset", "end"]].to_numpy().tolist()
        for facet in plan.facets
        for layer, rows in facet.layers
        if layer.plot == "span"
    ]
    assert spans == [[[0, 15]], [[40, 55]]]
    assert [facet.head for facet in plan.facets] == [
        f"b blocked, epochs {begin}{words.DASH}{begin + 15}" for begin in (0, 40)
    ]
    assert (
        to_hex(drawn(data, panel | {"col": "onset", "marks": ["deficit"]})[0].patches[0].get_facecolor())
        == look.TOKENS["deficit"]
    )
    assert to_hex(drawn(data, panel | {"select": {"onset": 0}})[0].lines[0].get_color()) == look.TOKENS["a"]


def test_the_first_draw_is_a_line_among_several_and_none_alone():
    panel = LINE | {"marks": ["draw"]}
    plan = made(dataset(seeds=MANY), panel)
    [single] = [layer for layer in plan.plots[0].layers if layer.plot == "path"]
    rows = single.table.sort_values(["depth", "switch_epoch"])
    np.testing.assert_allclose(
        rows["relative_accuracy"], dataset(seeds=MANY)["relative_accuracy"].sel(seed=0).values.ravel()
    )
    assert not [layer for layer in made(dataset(seeds=[0]), panel).plots[0].layers if layer.plot == "path"]


def test_a_phase_portrait_shows_runs_deficit_and_ends():
    few = {"n_trajectories": 3, "epochs": 200, "record_every": 50}
    data = cp.simulate("scalar_pathways", {"depth": [2, 4], "onset": [0, 100]}, **few)
    plan = made(data, {"plot": "phase_portrait", "experiment": "e", "col": "depth", "row": "onset"})
    assert len(plan.facets) == 4
    layers = {layer.stroke.label: layer for layer in plan.plots[0].layers}
    ends = layers["end, mean of the runs"].table
    path = data["path"].isel(point=-1, seed=0).mean("trajectory")
    for row in ends.itertuples():
        expected = path.sel(depth=row.depth, onset=row.onset)
        np.testing.assert_allclose([row[-2], row[-1]], expected.sel(pathway=["a", "b"]))
    inside = layers["during the deficit"].table
    assert inside["path_epoch"].between(inside["onset"], inside["onset"] + 15).all()
    assert len(plotly_renderer.charts_of(plan)) == len(seaborn_renderer.drawn(plan).axes) == 4


def test_a_matrix_has_rows_from_the_top_and_a_frame_around_a_lesion():
    axes = {"pathway": ["a", "b"], "output_mode": [1, 2, 3], "input_mode": [1, 2, 3]}
    data = dataset("pathway_matrix", seeds=[0], **axes)
    data = data.assign_attrs(parameters='{"lesioned_pathway": "a", "lesioned_modes": [2]}')
    panel = {"plot": "heatmap", "experiment": "e", "x": "input_mode", "y": "output_mode", "hue": "pathway_matrix"}
    plan = made(data, panel | {"matrix": True, "row": "pathway", "marks": ["lesion"]})
    assert plan.axis(plan.plots[0], "y").limits == (3.5, 0.5)
    frames = [[layer.plot for layer, _ in facet.layers].count("path") for facet in plan.facets]
    assert frames == [1, 0]


def test_tidy_gives_the_table_that_figures_are_drawn_from():
    data = dataset(seeds=MANY).assign_coords(frozen_layer=0)
    table = cp.tidy(data, "relative_accuracy", select={"depth": 3})
    assert len(table) == len(MANY) * len(EPOCHS)
    assert table.groupby("switch_epoch")["relative_accuracy"].median().iloc[-1] == pytest.approx(-1)
    with pytest.raises(ConfigError, match="did you mean relative_accuracy"):
        cp.tidy(data, "relative_acuracy")
    with pytest.raises(ConfigError, match=r"select.depth = 7; allowed: 2, 3"):
        cp.tidy(data, "relative_accuracy", select={"depth": 7})


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0, 1000, 20000], ["0", "1k", "20k"]),
        ([1000, 1500], ["1000", "1500"]),
        ([1e-5, 0.1], ["10⁻⁵", "0.1"]),
        ([-3e-7], [f"{words.MINUS}3·10⁻⁷"]),
        ([None, 2], ["none", "2"]),
    ],
)
def test_numbers_are_written_in_one_way(values, written):
    assert words.said(values) == written


@pytest.mark.parametrize(
    ("label", "plain"),
    [
        (r"imbalance $\lambda$", "imbalance λ"),
        ("imbalance $q^2 - p^2$", f"imbalance q² {words.MINUS} p²"),
        ("depth $N$", "depth N"),
    ],
)
def test_labels_have_no_mathematics_whose_subscripts_would_be_too_small(label, plain):
    assert words.plain(label) == plain


def test_texts_of_a_figure_are_written_for_latex():
    assert words.tex(f"50 % a_b {words.number(-3e-7)}") == r"50 \% a\_b $-$3$\cdot$10$^{-7}$"


def test_no_text_of_a_figure_is_smaller_than_seven_points():
    data = dataset(seeds=MANY, depth=[2, 3], switch_epoch=EPOCHS)
    picture = seaborn_renderer.drawn(made(data, LINE | {"title": "Lines"}, MAP | {"contour": -0.1, "title": "Map"}))
    sizes = {text.get_fontsize() for text in picture.findobj(plt.Text) if text.get_text()}
    assert min(sizes) >= 7


def test_equal_figures_are_equal_files(tmp_path):
    for name in ("one", "two"):
        picture = seaborn_renderer.drawn(made(dataset(), LINE))
        seaborn_renderer.save_picture(
            picture, "Title", *(str(tmp_path / f"{name}.{kind}") for kind in ("svg", "pdf", "png"))
        )
    for kind in ("svg", "pdf", "png"):
        one, two = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("one", "two"))
        assert one == two


# Titles.


def stated():
    """Figure, the table of its run, and every claim that its title states, as the configuration writes it."""
    runs = {"paper": CONFIG["figures"], **{name: study.get("figures", {}) for name, study in STUDIES.items()}}
    runs["ensemble"] = {name: CONFIG["figures"][name] for name in ("fig04", "fig05", "fig06", "fig08", "fig13")}
    for run, figures in runs.items():
        for name, settings in figures.items():
            yield from ((name, run, claim) for claim in settings.get("states", ()))


@pytest.mark.parametrize(("name", "run", "claim"), stated())
def test_a_title_states_what_published_verdicts_say(name, run, claim):
    row = read_claims(REPOSITORY / f"docs/claims/{run}.csv")[claim.removeprefix("not ")]
    assert row["holds"] == str(not claim.startswith("not ")), f"{name}: {row['statement']}"


def test_nearly_every_title_states_claims():
    figures = {**CONFIG["figures"]} | {
        name: f for study in STUDIES.values() for name, f in study.get("figures", {}).items()
    }
    assert {name for name, settings in figures.items() if not settings.get("states")} == {"ext_maps", "ext_stages"}


# Pages.


def page_of(data, path, *panels):
    plotly_renderer.save_page(made(data, *panels), "Caption & <more>.", {"data": "../fig.csv"}, str(path))
    return path.read_text(encoding="utf-8")


def test_a_page_has_caption_links_and_the_library_of_the_package(tmp_path):
    with gzip.open(plotly_renderer.LIBRARY, "rt", encoding="utf-8") as library:
        assert f"plotly.js (lines and maps) v{get_plotlyjs_version()}" in library.read(200)
    plan = figure("<b>Title</b> & $name", [LINE], {"e": dataset()})
    plotly_renderer.save_page(plan, "Caption & <more>.", {"data": "../fig.csv"}, str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h1>&lt;b&gt;Title&lt;/b&gt; &amp; $name</h1>" in page
    assert "Caption &amp; &lt;more&gt;." in page
    assert '<a href="../fig.csv">data</a>' in page
    assert len(page) < 510_000, "a report holds dozens of them"
    assert not re.search(r"""(src|href)=["']https?:""", page)


def test_on_a_phone_all_panels_stand_one_below_the_other(tmp_path, phone):
    page_of(dataset(), tmp_path / "page.html", *[LINE] * 3)
    phone.get((tmp_path / "page.html").as_uri())
    wait(phone, lambda: len(phone.find_elements("css selector", ".scatterlayer")) == 3)
    assert phone.execute_script("return document.documentElement.scrollWidth") == 390
    tops = [chart.rect["y"] for chart in phone.find_elements("css selector", ".chart")]
    assert tops == sorted(set(tops))
    keys = [button.text for button in phone.find_elements("css selector", ".keys button")]
    assert keys == ["depth 2", "depth 3"]


def test_on_a_page_equal_axes_zoom_together_and_a_key_hides_its_lines(tmp_path, browser):
    page_of(dataset(), tmp_path / "page.html", LINE, LINE)
    browser.get((tmp_path / "page.html").as_uri())
    wait(browser, lambda: browser.execute_script("return document.body.dataset.drawn") == "2")
    browser.execute_script("Plotly.relayout('c0', {'xaxis.range[0]': 100, 'xaxis.range[1]': 2000})")
    limits = "return document.getElementById('c1').layout.xaxis.range"
    wait(browser, lambda: browser.execute_script(limits) == [100, 2000])
    browser.find_elements("css selector", ".keys button")[0].click()
    hidden = "return document.getElementById('c1').data.filter(trace => trace.visible === false).length"
    wait(browser, lambda: browser.execute_script(hidden) == 2)


def test_kinds_say_what_they_draw():
    assert set(kinds()) >= {"line", "scatter", "heatmap", "prediction", "phase_portrait"}

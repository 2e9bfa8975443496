"""What goes from a figure into a paper: its numbers, an SVG, and a caption."""

import csv
import re
from io import StringIO

import numpy as np
import pytest
import xarray as xr
from conftest import CONFIG
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from critical_periods.figures import curves, style
from critical_periods.figures.numbers import as_csv
from critical_periods.publishing.captions import REFERENCES, figure_caption, paper_caption


def numbers(figure):
    return list(csv.DictReader(StringIO(as_csv(figure))))


def points(rows, **where):
    return [
        (float(row["x"]), float(row["y"])) for row in rows if all(row[key] == value for key, value in where.items())
    ]


def test_curves_runs_and_their_names_are_those_of_the_data():
    error = xr.DataArray(
        np.arange(12.0).reshape(2, 2, 3), dims=("seed", "depth", "epoch"),
        coords={"seed": [0, 1], "depth": [2, 3], "epoch": [0, 10, 20]},
    )  # fmt: skip
    axes = Figure().subplots()
    axes.set(xlabel="epoch", ylabel="error,\nlog")
    axes.set_title(r"$\mathbf{(A)}$  By depth", loc="left")
    curves.draw(axes, error, "epoch", "depth", style.looks([2, 3], "depth"))
    rows = numbers(axes.figure)
    assert points(rows, name="2", drawn="curve") == [(0, 3), (10, 4), (20, 5)]
    assert points(rows, name="3", drawn="curve") == [(0, 6), (10, 7), (20, 8)]
    assert len(points(rows, drawn="run")) == 12
    runs = {row["piece"] for row in rows if row["drawn"] == "run"}
    assert sorted(points(rows, piece=run) for run in runs) == [
        [(0, start), (10, start + 1), (20, start + 2)] for start in (0, 3, 6, 9)
    ]
    assert {row["title"] for row in rows} == {"By depth"}
    assert {row["y_label"] for row in rows} == {"error, log"}


def test_maps_bands_and_pieces_of_lines_are_numbers_too():
    figure = Figure()
    map_axes, axes = figure.subplots(1, 2)
    mesh = map_axes.pcolormesh([0, 2, 4], [0, 1, 2], [[1.0, 2.0], [3.0, np.nan]])
    figure.colorbar(mesh, ax=map_axes)
    axes.fill_between([0, 1, 2, 3, 4], [2, 3, np.nan, 4, 5], [4, 3, 3, 2, 1], color="r", label="spread")
    axes.add_collection(LineCollection([[(0, 0), (1, 1)], [(1, 1), (2, 0)], [(5, 5), (6, 6)]], colors="b"))
    axes.plot([0.5], [0.5], transform=axes.transAxes)
    axes.axhline(0)
    figure.legend(handles=axes.plot([9], [9], color="b"), labels=["path"])
    rows = numbers(figure)
    assert [(*point, row["value"]) for point, row in zip(points(rows, panel="1"), rows, strict=False)] == [
        (1, 0.5, "1"), (3, 0.5, "2"), (1, 1.5, "3"), (3, 1.5, "nan"),
    ]  # fmt: skip
    spread = [row for row in rows if row["drawn"] == "band"]
    assert [(row["name"], row["x"], row["low"], row["high"], row["y"]) for row in spread] == [
        ("spread", "0", "2", "4", ""),
        ("spread", "1", "3", "3", ""),
        ("spread", "3", "2", "4", ""),
        ("spread", "4", "1", "5", ""),
    ]
    assert [row["piece"] == spread[0]["piece"] for row in spread] == [True, True, False, False]
    pieces = dict.fromkeys(row["piece"] for row in rows if row["name"] == "path")
    assert [points(rows, panel="2", piece=piece) for piece in pieces] == [
        [(0, 0), (1, 1), (2, 0)],
        [(5, 5), (6, 6)],
        [(9, 9)],
    ]
    assert {row["panel"] for row in rows} == {"1", "2"}


def test_equal_figures_are_equal_files(tmp_path):
    for name in ("one", "two"):
        figure = Figure()
        figure.subplots().plot([0, 1], [1, 0])
        style.save(figure, "Title", *(str(tmp_path / f"{name}.{kind}") for kind in ("svg", "pdf", "png")))
    for kind in ("svg", "pdf", "png"):
        one, two = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("one", "two"))
        assert one == two


VERDICTS = {
    "5b": {"holds": "True", "statement": "50 % of W_1", "value": "-0.6", "threshold": "0"},
    "1a": {"holds": "False", "statement": "of another figure", "value": "1", "threshold": "0"},
}


def test_a_caption_names_parameters_and_verdicts(config):
    config["figures"]["fig04"]["title"] = "100 % of $5 & {more}"
    tex = paper_caption(config, "fig04", VERDICTS, "tex")
    assert tex.startswith(r"\caption{\textbf{100 \% of \$5 \& \{more\}.} Pre-training on a matrix of higher rank")
    assert "(depth $N$: 1, 2, 3; seed 0)" in tex
    assert r"holds: 50 \% of W\_1 (-0.6, threshold 0)" in tex
    assert "another figure" not in tex
    assert tex.endswith("}\n\\label{fig:fig04}\n")
    [key] = [word.split("{")[1].rstrip(",") for word in REFERENCES.splitlines() if word.startswith("@")]
    assert rf"\cite{{{key}}}" in tex
    assert paper_caption(config, "fig04", {}, "md").startswith(r"**100 % of \$5 & {more}.** Pre-training")
    config["figures"]["fig04"]["title"] = "<script>1</script>"
    assert paper_caption(config, "fig04", {}, "md").startswith("**&lt;script&gt;1&lt;/script&gt;.** ")


def test_captions_name_the_solver_that_trained_what_is_drawn(config):
    def solvers(name):
        [told] = re.findall(r"2308\.12221\)(.*?)\.", paper_caption(config, name, {}, "md"))
        return told, re.findall(r"^Seed 0(.*); all else", figure_caption(config, name), re.MULTILINE)

    assert config["solver"]["scalar_pathways"] == "gradient_descent"
    assert solvers("fig01") == (", trained by gradient descent", [", gradient descent"])
    assert solvers("fig07") == (", trained by gradient flow", [", gradient flow"])
    assert solvers("fig08") == (", trained by strided descent", [", strided descent"])
    assert solvers("fig02") == ("", [""])  # whose model knows one way only
    config["experiments"]["phase_portraits"]["vary"]["solver"] = ["gradient_descent", "gradient_flow"]
    both = ", trained by gradient descent and gradient flow"
    assert solvers("fig01") == (both, [", gradient descent, gradient flow"])


@pytest.mark.parametrize("name", CONFIG["figures"])
def test_every_figure_of_the_paper_has_a_caption_of_balanced_braces(name):
    tex = paper_caption(CONFIG, name, {}, "tex").replace(r"\{", "").replace(r"\}", "")
    assert tex.count("{") == tex.count("}")
    assert tex.count("$") % 2 == 0
    assert "_" not in tex.replace("\\_", "").split("$")[0]

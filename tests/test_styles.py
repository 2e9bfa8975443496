"""Named styles of figures: widths, fonts, LaTeX and dark paper, and what of it is refused."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb

import critical_periods as cp
from critical_periods.configuration.document import STYLES, StyleSettings, style_asked
from critical_periods.figures import look
from critical_periods.planning.panels import check_style

PANEL = {"plot": "line", "x": "epoch", "y": "error", "hue": "depth", "title": "Error"}
MAP = {"plot": "heatmap", "x": "epoch", "y": "depth", "hue": "error"}


@pytest.fixture
def drawn():
    """Draws panels of a dataset in a style."""
    dataset = xr.Dataset(
        {"error": (("seed", "depth", "epoch"), np.arange(6.0).reshape(1, 2, 3) + 1)},
        coords={"seed": [0], "depth": [2, 3], "epoch": [0, 10, 20]},
    )
    return lambda asked, *panels: cp.draw({"panels": list(panels)}, dataset, style=asked)


def test_a_figure_is_as_wide_as_its_style_and_folds_its_panels(drawn):
    for asked, inches, rows in (("paper", 6.9, 1), ("single_column", 3.4, 2), ({"width": 5}, 5, 1)):
        figure = drawn(asked, PANEL, PANEL, PANEL)
        assert figure.get_figwidth() == inches
        assert len({axes.get_position().y0 for axes in figure.axes}) == rows
    assert drawn("paper", PANEL).get_figwidth() == 3.4
    assert drawn("double_column", PANEL).get_figwidth() == 6.9
    folded = drawn("single_column", {**PANEL, "hue": None, "col": "depth"}, PANEL)
    assert len({axes.get_position().y0 for axes in folded.axes}) == 2


def lightness(colour):
    return (max(to_rgb(colour)) + min(to_rgb(colour))) / 2


def test_what_was_dark_is_light_on_dark_paper_but_for_the_colours_of_maps(drawn):
    light, dark = (drawn(asked, PANEL, MAP) for asked in ("paper", "dark"))
    assert lightness(dark.get_facecolor()) == pytest.approx(look.DARK, abs=0.01)
    inks = []
    for figure in (light, dark):
        axes = figure.axes[0]
        colours = [*(line.get_color() for line in axes.lines), axes.xaxis.label.get_color()]
        colours += [axes.get_xticklabels()[0].get_color(), axes.xaxis.get_majorticklines()[0].get_color()]
        inks.append([lightness(colour) for colour in colours])
    assert inks[1] == pytest.approx([look.DARK + (1 - look.DARK) * (1 - ink) for ink in inks[0]], abs=0.02)
    keys = [key.get_color() for key in dark.legends[0].get_lines()] if dark.legends else []
    drawn_in = {line.get_color() for line in dark.axes[0].lines}
    assert set(keys) <= drawn_in, "keys have the colours of their lines"
    meshes = [next(iter(figure.axes[1].collections)) for figure in (light, dark)]
    assert np.array_equal(*(mesh.to_rgba(mesh.get_array()) for mesh in meshes))


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ("tlk", "style.named = 'tlk'; allowed: paper or single_column or double_column or talk or dark"),
        ({"widht": 3}, "style: unknown key = 'widht'; allowed: named, width, font, usetex, dark, dpi"),
        ({"width": 1}, "style.width = 1; allowed: null or number, at least 2, at most 40"),
        ({"font": "DejaVu Sand"}, "style.font = 'DejaVu Sand'; allowed: "),
        ({"usetex": True}, "style.usetex = true; allowed: false where latex and dvipng cannot be found"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_in_one_line(asked, refusal, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(cp.ConfigError) as error:
        check_style(style_asked(asked))
    assert str(error.value).startswith(refusal)
    assert "\n" not in str(error.value)


def test_named_styles_are_those_declared():
    assert list(STYLES) == StyleSettings.model_json_schema()["properties"]["named"]["enum"]

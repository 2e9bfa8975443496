"""What goes from a figure into a paper and a report: captions."""

import re

import pytest
from conftest import CONFIG

from critical_periods.publishing.captions import REFERENCES, figure_caption, page_caption, paper_caption

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


def test_the_caption_of_a_page_says_what_is_drawn_and_what_its_title_states():
    text = page_caption(CONFIG, "fig01")
    assert text.startswith("Competition of two pathways under early and late gating, by depth (depth: 2, 5, 8, 13;")
    assert text.endswith("The title states what claims 1a, 1b, 2a say. It goes against 2b.")

"""Configuration of the documentation site: make docs."""

import logging
import os
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "src"))
os.environ.setdefault("MPLBACKEND", "Agg")
logging.getLogger("critical_periods").setLevel(logging.WARNING)

import critical_periods as cp  # noqa: E402

project = "Critical learning periods"
copyright = "2026, the critical-periods developers"
version = release = cp.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "README.md", "auto_examples/*.ipynb", "auto_examples/*.py"]

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

templates_path = ["_templates"]
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "none"
autosummary_ignore_module_all = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "run_stale_examples": True,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "within_subsection_order": "FileNameSortKey",
    "show_signature": False,
    "capture_repr": ("_repr_html_",),
    "backreferences_dir": "auto_examples/backreferences",
    "doc_module": ("critical_periods",),
}

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_extra_path = ["../src/critical_periods/publishing/explorer.html"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
copybutton_prompt_text = "$ "

#: Beside the public names: what a model, a kind of panel or a landscape of one's own is made of.
TO_EXTEND = (
    "critical_periods.models.registry",
    "critical_periods.configuration.fields.key",
    "critical_periods.figures.panels.Panel",
    "critical_periods.figures.layers.Layer",
    "critical_periods.dynamics.landscape",
)


def api() -> str:
    """The page that lists all public names, each with a page of its own."""
    groups = {
        group: [name if definition else _short(module) for name, (module, definition) in names.items()]
        for group, names in cp.groups().items()
    } | {"To extend it": map(_short, TO_EXTEND)}
    lines = [
        "API reference",
        "=" * 13,
        "",
        "Public names are those of ``import critical_periods as cp``: ``cp.simulate``",
    ]
    lines += ["and so on. Each is loaded when it is used first.", "", ".. currentmodule:: critical_periods"]
    for group, names in groups.items():
        lines += ["", group, "-" * len(group), "", ".. autosummary::", "   :toctree:", "", *(f"   {n}" for n in names)]
    return "\n".join([*lines, ""])


def _short(place: str) -> str:
    return place.removeprefix("critical_periods.")


(DOCS / "api").mkdir(exist_ok=True)
(DOCS / "api/index.rst").write_text(api(), encoding="utf-8")


def _literal_marks(app, what, name, item, options, lines):
    """|x| is an absolute value in these docstrings and s* a task's, no marks of reStructuredText."""
    lines[:] = [line if ">>>" in line else line.replace("|", r"\|").replace("*", r"\*") for line in lines]


def _formula(display):
    def visit(translator, node):
        translator.body.append(convert(node.astext(), display=display))
        raise SkipNode

    return visit


def setup(app):
    """Register what this site has of its own: literal docstrings, and formulas as MathML, which needs no script."""
    app.connect("autodoc-process-docstring", _literal_marks, priority=400)
    app.add_html_math_renderer("mathml", (_formula("inline"), None), (_formula("block"), None))

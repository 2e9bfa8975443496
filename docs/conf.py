"""Configuration of the documentation site: make docs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

project = "Critical learning periods"
copyright = "2026, the critical-periods developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_typehints = "none"


def _literal_bars(app, what, name, item, options, lines):
    """|x| is an absolute value in these docstrings, not a substitution of reStructuredText."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def setup(app):
    """Register the hook."""
    app.connect("autodoc-process-docstring", _literal_bars)

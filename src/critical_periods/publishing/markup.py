"""Words of the configuration where a page would read markup: each function makes them text again for one format.

A title can hold any printable character. Light enough for planning.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

#: From "!" to "~", the wide form of a character is so far from it.
_TO_WIDE = ord("\N{FULLWIDTH EXCLAMATION MARK}") - ord("!")


def report_label(text: str) -> str:
    """Label of a file in Snakemake's report, which writes it into a script as it is and takes braces for wildcards.

    Angle brackets and braces are wide ones, as nothing else can stand for them there.
    """
    return text.translate({ord(character): ord(character) + _TO_WIDE for character in "<>{}"})


def report_parameter(value: Any) -> str:
    """JSON of a job's parameter, which the report writes into a script: without a character that could end it."""
    return json.dumps(value).replace("<", r"\u003c")


def rest_text(words: Any) -> str:
    """Words in reStructuredText, where a character after a backslash starts no markup, nor does a line of its own."""
    characters = str(words).strip()
    return "".join(" " if c.isspace() else c if c.isalnum() else f"\\{c}" for c in characters)


def markdown_text(text: str) -> str:
    """Text of one line in Markdown, of a table too: no HTML, links, emphasis or mathematics.

    Angle brackets are entities, as not every viewer knows them after a backslash.
    """
    line = re.sub(r"&(?=#?\w+;)", "&amp;", re.sub(r"\s", " ", text))
    line = line.replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]$|~])", r"\\\1", line)


def plotly_text(text: str) -> str:
    """Title, label or name of an interactive figure, where tags and entities have a meaning."""
    return html.escape(text, quote=False)


def matplotlib_text(text: str) -> str:
    """Text of a figure, where what stands between dollars would be mathematics."""
    return text.replace("$", r"\$")

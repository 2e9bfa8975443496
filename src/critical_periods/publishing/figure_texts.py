r"""Captions for a paper, as LaTeX and Markdown: what a figure shows, from which parameters, and the claims on it.

`\cite{KleinmanAchilleSoatto2024}` is the paper that is reproduced; `references.bib` beside the figures has it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from critical_periods.configuration.studies import drawn_from
from critical_periods.models.registry import models

#: BibTeX of what captions cite.
REFERENCES = """\
@inproceedings{KleinmanAchilleSoatto2024,
  title = {Critical Learning Periods Emerge Even in Deep Linear Networks},
  author = {Kleinman, Michael and Achille, Alessandro and Soatto, Stefano},
  booktitle = {International Conference on Learning Representations},
  year = {2024},
  url = {https://arxiv.org/abs/2308.12221},
}
"""

_TEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def tex_caption(config: Mapping[str, Any], name: str, verdicts: Mapping[str, Mapping[str, str]]) -> str:
    r"""Caption of a figure in LaTeX, with its `\label`, for a `figure` environment.

    Parameters
    ----------
    config
        The configuration that the figure is part of.
    name
        Name of the figure.
    verdicts
        Claim -> its row in the table of claims, where there is one.
    """
    title, sentences = _caption(config, name, verdicts, _tex, r"\cite{KleinmanAchilleSoatto2024}")
    return f"\\caption{{\\textbf{{{title}.}} {' '.join(sentences)}}}\n\\label{{fig:{name}}}\n"


def markdown_caption(config: Mapping[str, Any], name: str, verdicts: Mapping[str, Mapping[str, str]]) -> str:
    """Caption of a figure in Markdown, parameters as of `tex_caption`."""
    cite = "[Kleinman, Achille and Soatto 2024](https://arxiv.org/abs/2308.12221)"
    title, sentences = _caption(config, name, verdicts, _markdown, cite)
    return f"**{title}.** {' '.join(sentences)}\n"


def verdicts_of(path: str | Path) -> dict[str, dict[str, str]]:
    """Rows of a table of claims by the number of the claim; none where there is no table."""
    if not Path(path).is_file():
        return {}
    with Path(path).open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_<>\[\]$|])", r"\\\1", text)


def _caption(
    config: Mapping[str, Any],
    name: str,
    verdicts: Mapping[str, Mapping[str, str]],
    escaped: Callable[[str], str],
    cite: str,
) -> tuple[str, list[str]]:
    """Title and sentences of a caption; labels of parameters keep their mathematics."""
    figure, sentences = config["figures"][name], []
    for experiment_name in drawn_from(figure):
        experiment = config["experiments"][experiment_name]
        varied, fixed = experiment.get("vary", {}), experiment.get("set", {})
        called = {key: _called(experiment["model"], key, escaped) for key in (*varied, *fixed)}
        given = [f"{called[key]}: {escaped(', '.join(map(_value, values)))}" for key, values in varied.items()]
        given += [f"{called[key]}: {escaped(_value(value))}" for key, value in fixed.items()]
        seeds = experiment.get("seeds", config["seeds"])
        given.append(f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}")
        sentences.append(f"{escaped(experiment['title'])} ({'; '.join(given)}).")
    sentences.append(f"Models as in {cite}, trained by {config['solver'].replace('_', ' ')}.")
    judged = [
        f"{'holds' if row['holds'] == 'True' else 'does not hold'}: {escaped(row['statement'])} "
        f"({escaped(row['value'])}, threshold {escaped(row['threshold'])})"
        for claim, row in verdicts.items()
        if config.get("claims", {}).get(claim, {}).get("figure") == name
    ]
    if judged:
        sentences.append(f"Judged by machine, {'; '.join(judged)}.")
    return escaped(figure["title"]), sentences


def _called(model: str, key: str, escaped: Callable[[str], str]) -> str:
    declared = models()[model].parameters.model_fields if model in models() else {}
    extra = declared[key].json_schema_extra if key in declared else {}
    label = str(extra.get("label") or "") if isinstance(extra, Mapping) else ""
    # Every second part of a label stands between dollars.
    parts = label.split("$")
    return "$".join(part if index % 2 else escaped(part) for index, part in enumerate(parts)) or escaped(
        key.replace("_", " ")
    )


def _value(value: Any) -> str:
    return value if isinstance(value, str) else "none" if value is None else json.dumps(value)

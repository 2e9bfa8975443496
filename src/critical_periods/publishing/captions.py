r"""Captions of figures: one for the report, and those for a paper, in LaTeX and Markdown.

All say what a figure is drawn from, what differs from the defaults, and which claims rest on it. What they cite,
`\cite{KleinmanAchilleSoatto2024}`, is the paper that is reproduced; `references.bib` beside the figures has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from critical_periods.configuration.claims import claims_of
from critical_periods.configuration.studies import drawn_from
from critical_periods.models.registry import models, shared_values
from critical_periods.planning.descriptions import descriptions
from critical_periods.publishing.markup import markdown_text, rest_text, tex_text

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

#: Ending of a file with a caption for a paper -> how text is escaped in it, how it cites, and the caption as a whole.
PAPER_FORMS: Mapping[str, tuple[Callable[[str], str], str, str]] = {
    "tex": (
        tex_text,
        r"\cite{KleinmanAchilleSoatto2024}",
        "\\caption{{\\textbf{{{title}.}} {sentences}}}\n\\label{{fig:{name}}}\n",
    ),
    "md": (
        markdown_text,
        "[Kleinman, Achille and Soatto 2024](https://arxiv.org/abs/2308.12221)",
        "**{title}.** {sentences}\n",
    ),
}


def figure_caption(config: Mapping[str, Any], name: str) -> str:
    """Caption of a figure in the report, in reStructuredText, with what the variables are that it shows.

    Parameters
    ----------
    config
        The configuration that the figure is part of, that of the paper or of a study.
    name
        Name of the figure.
    """
    figure = config["figures"][name]
    lines = [f"**{rest_text(figure['title'])}.**", ""]
    if meanings := _meanings(config, figure):
        lines += [" ".join(meanings), ""]
    lines.append("Drawn from:")
    for experiment_name, experiment, parameters, seeds in _drawn_from(config, figure, null="null"):
        lines.append(f"*{experiment_name}*: {rest_text(experiment['title'])}.")
        lines += [f"{rest_text(key)}: {rest_text(words)}." for key, words in parameters.items()]
        model = rest_text(f"models.{experiment['model']}")
        how = ", ".join([seeds.capitalize(), *_solvers(config, experiment)])
        lines.append(f"{how}; all else as in {model}.")
    if claims := _claims(config, name):
        lines += ["", f"Claims that rest on it: {', '.join(claims)}."]
    return "\n".join(lines)


def paper_caption(config: Mapping[str, Any], name: str, verdicts: Mapping[str, Mapping[str, str]], form: str) -> str:
    r"""Caption of a figure for a paper; in LaTeX with its `\label`, for a `figure` environment.

    Labels of parameters keep their mathematics.

    Parameters
    ----------
    config
        The configuration that the figure is part of.
    name
        Name of the figure.
    verdicts
        Claim -> its row in the table of claims, where there is one.
    form
        "tex" or "md", of `PAPER_FORMS`.
    """
    escaped, cite, caption = PAPER_FORMS[form]
    figure, sentences = config["figures"][name], []
    solvers: dict[str, None] = {}
    for _, experiment, parameters, seeds in _drawn_from(config, figure, null="none"):
        model = models().get(experiment["model"])
        known = descriptions(model, parameters) if model else {}
        labels = {key: known.get(key, {}).get("label") or key.replace("_", " ") for key in parameters}
        given = [f"{_label(labels[key], escaped)}: {escaped(words)}" for key, words in parameters.items()]
        sentences.append(f"{escaped(experiment['title'])} ({'; '.join([*given, seeds])}).")
        solvers |= dict.fromkeys(_solvers(config, experiment))
    trained = f", trained by {' and '.join(solvers)}" if solvers else ""
    sentences.append(f"Models as in {cite}{trained}.")
    judged = [
        f"{'holds' if row['holds'] == 'True' else 'does not hold'}: {escaped(row['statement'])} "
        f"({escaped(row['value'])}, threshold {escaped(row['threshold'])})"
        for claim, row in verdicts.items()
        if claim in _claims(config, name)
    ]
    if judged:
        sentences.append(f"Judged by machine, {'; '.join(judged)}.")
    return caption.format(title=escaped(figure["title"]), sentences=" ".join(sentences), name=name)


def page_caption(config: Mapping[str, Any], name: str) -> str:
    """Caption of a figure's page, plain text: what it is drawn from, and the claims of its title.

    Parameters
    ----------
    config
        The configuration that the figure is part of.
    name
        Name of the figure.
    """
    figure, sentences = config["figures"][name], []
    for _, experiment, parameters, seeds in _drawn_from(config, figure, null="none"):
        given = [f"{key}: {words}" for key, words in parameters.items()]
        sentences.append(f"{experiment['title']} ({'; '.join([*given, seeds])}).")
    for words, negative in (("The title states what claims {} say.", False), ("It goes against {}.", True)):
        stated = [
            claim.removeprefix("not ") for claim in figure.get("states", ()) if claim.startswith("not ") == negative
        ]
        sentences += [words.format(", ".join(stated))] if stated else []
    return " ".join(sentences)


def _drawn_from(
    config: Mapping[str, Any], figure: Mapping[str, Any], null: str
) -> Iterator[tuple[str, Mapping[str, Any], dict[str, str], str]]:
    """Experiments that a figure is drawn from: name, settings, what varies and what is set, in words, and seeds."""
    for name in drawn_from(figure):
        experiment = config["experiments"][name]
        given = experiment.get("vary", {}) | {key: [value] for key, value in experiment.get("set", {}).items()}
        parameters = {key: ", ".join(_value(value, null) for value in values) for key, values in given.items()}
        seeds = experiment.get("seeds", config["seeds"])
        yield name, experiment, parameters, f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _value(value: Any, null: str) -> str:
    return value if isinstance(value, str) else null if value is None else json.dumps(value)


def _solvers(config: Mapping[str, Any], experiment: Mapping[str, Any]) -> list[str]:
    """Solvers of an experiment, in words; none where its model has but one way to train."""
    model = models().get(experiment["model"])
    if model is None or "solver" not in model.model_fields:
        return []
    solvers = experiment.get("vary", {}).get("solver") or [
        experiment.get("set", {}).get("solver") or shared_values(config, model)["solver"]
    ]
    return [solver.replace("_", " ") for solver in solvers]


def _claims(config: Mapping[str, Any], figure: str) -> list[str]:
    """Claims that rest on a figure."""
    return [claim for claim, settings in claims_of(config).items() if settings["figure"] == figure]


def _meanings(config: Mapping[str, Any], figure: Mapping[str, Any]) -> list[str]:
    """What the variables are that the panels of a figure name, a sentence each."""
    found = {}
    for panel in figure["panels"]:
        model = models()[config["experiments"][panel["experiment"]]["model"]]
        for key in ("x", "y", "hue"):
            variable = model.variables.get(panel.get(key, ""))
            if variable is not None and variable.dims is not None:
                called = (variable.label or panel[key]).replace("$", "")
                more = f"; {variable.reading}" if variable.reading else ""
                meaning = variable.long_name.removeprefix(called.partition(" (")[0]).lstrip(": ") + more
                found[called] = f"{rest_text(called.capitalize())}: {rest_text(meaning)}."
    return list(found.values())


def _label(label: str, escaped: Callable[[str], str]) -> str:
    """A label, of which every second part stands between dollars."""
    parts = label.split("$")
    return "$".join(part if index % 2 else escaped(part) for index, part in enumerate(parts))

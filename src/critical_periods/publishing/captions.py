"""Captions of figures in the report: what is to be seen, what differs from the defaults, claims that rest on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from critical_periods.configuration.studies import drawn_from
from critical_periods.models.registry import models
from critical_periods.publishing.markup import rest_text


def figure_caption(config: Mapping[str, Any], name: str) -> str:
    """Caption of a figure, in reStructuredText.

    Parameters
    ----------
    config
        The configuration that the figure is part of, that of the paper or of a study.
    name
        Name of the figure.
    """
    figure = config["figures"][name]
    parts = [f"**{rest_text(figure['title'])}.**"]
    if meanings := _meanings(config, figure):
        parts.append(" ".join(meanings))
    lines = ["Drawn from:"]
    for experiment_name in drawn_from(figure):
        experiment = config["experiments"][experiment_name]
        varied, fixed = experiment.get("vary", {}), experiment.get("set", {})
        lines.append(f"*{experiment_name}*: {rest_text(experiment['title'])}.")
        lines += [f"{_said(key, ', '.join(map(_value, values)))}." for key, values in varied.items()]
        lines += [f"{_said(key, _value(value))}." for key, value in fixed.items()]
        seeds = ", ".join(map(str, experiment.get("seeds", config["seeds"])))
        counted, solver = "Seeds" if "," in seeds else "Seed", config["solver"].replace("_", " ")
        lines.append(f"{counted} {seeds}, {solver}; all else as in {rest_text('models.' + experiment['model'])}.")
    parts.append("\n".join(lines))
    claims = [claim for claim, settings in config.get("claims", {}).items() if settings["figure"] == name]
    if claims:
        parts.append(f"Claims that rest on it: {', '.join(claims)}.")
    return "\n\n".join(parts)


def _meanings(config: Mapping[str, Any], figure: Mapping[str, Any]) -> list[str]:
    """What the variables are that the panels of a figure name, a sentence each."""
    found = {}
    for panel in figure["panels"]:
        model = models()[config["experiments"][panel["experiment"]]["model"]]
        for key in ("show", "x", "y"):
            variable = model.variables.get(panel.get(key, ""))
            if variable is not None and variable.dims is not None:
                called = (variable.label or panel[key]).replace("$", "")
                more = f"; {variable.reading}" if variable.reading else ""
                meaning = variable.long_name.removeprefix(called.partition(" (")[0]).lstrip(": ") + more
                found[called] = f"{rest_text(called.capitalize())}: {rest_text(meaning)}."
    return list(found.values())


def _said(key: str, words: str) -> str:
    return f"{rest_text(key)}: {rest_text(words)}"


def _value(value: Any) -> str:
    """A value as YAML has it."""
    return value if isinstance(value, str) else json.dumps(value)

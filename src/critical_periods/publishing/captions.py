"""Captions of figures in the report: what was drawn, from which parameters, and the claims that rest on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from critical_periods.configuration.studies import drawn_from
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
    parts = [f"**{rest_text(figure['title'])}.** Drawn from:"]
    for experiment_name in drawn_from(figure):
        experiment = config["experiments"][experiment_name]
        varied, fixed = experiment.get("vary", {}), experiment.get("set", {})
        lines = [f"*{experiment_name}*: {rest_text(experiment['title'])}."]
        lines += [f"{_said(key, ', '.join(map(_value, values)))}." for key, values in varied.items()]
        lines += [f"{_said(key, _value(value))}." for key, value in fixed.items()]
        lines.append(f"Seeds {', '.join(map(str, experiment.get('seeds', config['seeds'])))}, {config['solver']}.")
        defaults = config["models"].get(experiment["model"], {})
        rest = [
            f"{rest_text(key)} {rest_text(_value(value))}"
            for key, value in defaults.items()
            if key not in {**varied, **fixed}
        ]
        lines.append(f"Defaults of {experiment['model']}: {', '.join(rest)}.")
        parts.append("\n".join(lines))
    claims = [claim for claim, settings in config.get("claims", {}).items() if settings["figure"] == name]
    if claims:
        parts.append(f"Claims that rest on it: {', '.join(claims)}.")
    return "\n\n".join(parts)


def _said(key: str, words: str) -> str:
    return f"{rest_text(key)}: {rest_text(words)}"


def _value(value: Any) -> str:
    """A value as YAML has it."""
    return value if isinstance(value, str) else json.dumps(value)

"""Claims of a configuration: which figure shows each, and whether it could ever be judged.

Imported whenever the workflow is planned, so it needs nothing heavier than pydantic.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from critical_periods.analysis.claims import COMPARISONS, Claim
from critical_periods.analysis.measure_signatures import RECORDED, arguments, measures
from critical_periods.configuration.fields import ConfigError, one_of, validated

#: Likeness from which on a name that is not there is taken for a slip: of two letters that change places in five, and,
#: as figures are numbered, that of `seed` and `seeds`.
SLIPS = {"experiment": 0.8, "figure": 0.88}


def claims_of(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Claims of a valid configuration, each with the figure that shows it: the first, where it names none."""
    shown: dict[str, str] = {}
    for name, figure in config.get("figures", {}).items():
        for panel in figure["panels"]:
            shown.setdefault(panel["experiment"], name)
    return {
        name: {**claim, "figure": claim.get("figure") or shown.get(claim["experiment"], "")}
        for name, claim in config.get("claims", {}).items()
    }


def check_claim(
    place: str, claim: Claim, recorded: Mapping[str, Iterable[str]], figures: Iterable[str], axes: Iterable[str]
) -> None:
    """Refuse a claim that could never be judged.

    An experiment or a figure that is not there is no error, unless it is nearly called like one that is: who replaces
    the experiments of a configuration keeps claims on those that were, and the verdicts say that they are not judged.

    Parameters
    ----------
    place
        Key of the claim, for errors.
    claim
        The claim.
    recorded
        Variables that each experiment of the configuration records.
    figures
        Names of its figures.
    axes
        Axes that datasets may have, which measures may select on.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If it has none or several thresholds, if the name of its experiment or figure is misspelt, if there is no such
        measure, or if the measure cannot be given such arguments, a variable that is not recorded among them.
    """
    if len(claim.comparisons) != 1:
        raise ConfigError(f"{place}: thresholds", claim.comparisons, f"exactly one of {', '.join(COMPARISONS)}")
    for kind, name, known in (("experiment", claim.experiment, recorded), ("figure", claim.figure, figures)):
        if name is not None and name not in known and difflib.get_close_matches(name, known, cutoff=SLIPS[kind]):
            raise ConfigError(f"{place}.{kind}", name, one_of(name, known))
    if claim.measure not in measures():
        raise ConfigError(f"{place}.measure", claim.measure, one_of(claim.measure, sorted(measures())))
    declared = arguments(measures()[claim.measure])
    selects = sorted(axes) if declared.model_config.get("extra") == "allow" else []
    known = list(dict.fromkeys((*declared.model_fields, *selects)))
    for name in claim.arguments:
        if name not in known:
            raise ConfigError(f"{place}.arguments: unknown key", name, one_of(name, known))
    validated(declared, claim.arguments, f"{place}.arguments")
    for name, value in claim.arguments.items():
        variables = recorded.get(claim.experiment, [value])
        if (
            name in declared.model_fields
            and RECORDED in declared.model_fields[name].metadata
            and value not in variables
        ):
            words = f"{one_of(value, variables)}: what {claim.experiment} records"
            raise ConfigError(f"{place}.arguments.{name}", value, words)

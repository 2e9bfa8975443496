"""Claims: statements of the configuration that a machine can check.

Imported whenever the workflow is planned, so it needs nothing heavier than pydantic.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field

from critical_periods.analysis.measure_signatures import RECORDED, arguments, measures
from critical_periods.configuration.fields import (
    ConfigError,
    Section,
    key,
    matching,
    one_line,
    one_of,
    validated,
)
from critical_periods.configuration.solvers import SolverName

#: How a measure may compare with a threshold, by the key that gives the threshold.
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "below": operator.lt,
    "at_most": operator.le,
    "above": operator.gt,
    "at_least": operator.ge,
}

#: Likeness from which on a name that is not there is taken for a slip: of two letters that change places in five, and,
#: as figures are numbered, that of `seed` and `seeds`.
SLIPS = {"experiment": 0.8, "figure": 0.88}

ClaimName = Annotated[
    str, matching("^[A-Za-z0-9][A-Za-z0-9_]{0,31}$", "letters, digits and underscores, no underscore first")
]
Threshold = Annotated[float, Field(ge=-1e12, le=1e12)]
Text = Annotated[str, one_line(1000)]


class Claim(Section):
    """A statement that a machine can check: it holds where a measure compares so with a threshold."""

    figure: str | None = key("The figure that shows it; null, the first that is drawn from its experiment.", None)
    experiment: str = key("The experiment whose dataset it is judged on.")
    statement: Text = key("What is claimed, in words.")
    measure: str = key("Name of a measure: a function that is called with the dataset.")
    arguments: dict[str, Any] = key("What the measure is given beside the dataset.", {})
    quantity: Text = key("What the measure is, in words.")
    below: Threshold | None = key("Threshold that the measure has to be below.", None)
    at_most: Threshold | None = key("Threshold that the measure may not exceed.", None)
    above: Threshold | None = key("Threshold that the measure has to be above.", None)
    at_least: Threshold | None = key("Threshold that the measure has to reach.", None)
    why: Text = key("Where the threshold comes from.")
    solver: SolverName | None = key("The only solver that the claim is about, if it is about one.", None)
    learned: bool = key(
        "Whether it is judged only where the networks that it looks at have learned without a deficit; false where it "
        "cannot hold for one that has learned nothing.",
        True,
    )

    @property
    def comparisons(self) -> list[str]:
        """Keys of `COMPARISONS` that the claim gives a threshold; one, where it is sound."""
        return [name for name in COMPARISONS if getattr(self, name) is not None]

    @property
    def comparison(self) -> str:
        """How the measure compares with the threshold where the claim holds, in words."""
        return self.comparisons[0].replace("_", " ")

    @property
    def threshold(self) -> float:
        """What the measure is compared with."""
        return float(getattr(self, self.comparisons[0]))

    @property
    def criterion(self) -> str:
        """What is measured and how it compares where the claim holds."""
        return f"{self.quantity}; {self.comparison} the threshold"

    def holds(self, value: float) -> bool:
        """Whether a value of the measure is on the right side of the threshold."""
        return COMPARISONS[self.comparisons[0]](value, self.threshold)


class NumberedClaim(Claim):
    """A claim with its name in the configuration."""

    id: ClaimName = key("Its name: the paper's are a number and a letter.")
    figure: str = key('The figure that shows it; "" for none.')


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


def numbered(claims: Mapping[str, Mapping[str, Any]]) -> list[NumberedClaim]:
    """Claims, as `claims_of` gives them, each with its name."""
    return [NumberedClaim.model_validate({"id": name, **settings}) for name, settings in claims.items()]


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

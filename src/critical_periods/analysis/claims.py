"""A claim: a statement with a measure, a threshold, and how they compare where it holds.

Imported whenever the workflow is planned, so it needs nothing heavier than pydantic.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field

from critical_periods.configuration.fields import Section, key, matching, one_line
from critical_periods.configuration.solvers import SolverName

#: How a measure may compare with a threshold, by the key that gives the threshold.
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "below": operator.lt,
    "at_most": operator.le,
    "above": operator.gt,
    "at_least": operator.ge,
}

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


def numbered(claims: Mapping[str, Mapping[str, Any]]) -> list[NumberedClaim]:
    """Claims, as `claims_of` gives them, each with its name."""
    return [NumberedClaim.model_validate({"id": name, **settings}) for name, settings in claims.items()]

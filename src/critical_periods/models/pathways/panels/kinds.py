"""Kinds of figures that show pathways: what a panel of each says, and what draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from critical_periods.configuration.fields import ConfigError, key
from critical_periods.figures.kinds import Kind, Panel

_HERE = "critical_periods.models.pathways.panels"


class PhasePortraitsPanel(Panel):
    """Trajectories in the plane of K, a row of the figure."""

    #: Named on the left of a row.
    alike: ClassVar[Mapping[str, Any]] = {"gated_pathway": None, "onset": None, "duration": None, "n_pathways": 2}

    columns: str = key("Parameter that tells the columns apart, an axis of the experiment.")

    def variables(self) -> dict[str, str]:
        """Paths and flow, whatever the panel."""
        return {"": "path"}

    def drawn(self) -> tuple[str, ...]:
        """Paths of all draws and initial conditions, in the plane of both pathways."""
        return "seed", "trajectory", "point", "pathway"


class PathwayPanelsPanel(Panel):
    """What each pathway learns: curves over training, or matrices at its end."""

    show: Literal["curves", "matrices"] = key(
        "Singular values against epoch, or the final matrix of every pathway as a heat map."
    )
    columns: str | None = key("Parameter that tells neighbouring axes apart, an axis of the experiment.", None)
    modes: Annotated[int, Field(ge=1, le=10_000)] | None = key(
        "How many modes are drawn, the largest first; all if not given.", None
    )

    def variables(self) -> dict[str, str]:
        """Curves or matrices of the network."""
        return {"show": "pathway_matrix" if self.show == "matrices" else "pathway_singular_value"}

    def drawn(self) -> tuple[str, ...]:
        """Modes of every pathway, averaged over draws."""
        if self.show == "matrices":
            return "seed", "pathway", "output_mode", "input_mode"
        return "seed", "solver", "epoch", "pathway", "mode"

    def check(self, place: str) -> None:
        """Refuse columns of matrices: pathways are their columns."""
        if self.show == "matrices" and self.columns is not None:
            raise ConfigError(f"{place}.columns", self.columns, "no such key where matrices are shown")


KINDS = {
    "phase_portraits": Kind(
        f"{_HERE}.phase_portraits:draw",
        PhasePortraitsPanel,
        alike={"singular_value": None},  # all portraits have the same axes
    ),
    "pathway_panels": Kind(
        f"{_HERE}.pathway_panels:draw",
        PathwayPanelsPanel,
        f"{_HERE}.interactive_panels:draw",
        alike=dict.fromkeys(("gated_pathway", "lesioned_pathway", "lesioned_modes")),  # in the legend
    ),
}

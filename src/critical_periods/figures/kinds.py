"""Kinds of figures: what a panel of each says, what it can draw, and the module that draws it.

Light enough for planning: the modules that draw are named, not imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from critical_periods import plugins
from critical_periods.configuration.document import Title
from critical_periods.configuration.fields import ConfigError, Epochs, Section, key, one_of
from critical_periods.models.registry import families

Select = dict[str, Any]


class Panel(Section):
    """What every panel has: the experiment drawn, and values of the axes that it does not spread out."""

    experiment: str = key("Experiment drawn.")
    select: Select = key("Value of every axis that varies and that the panel does not spread out.", {})

    #: Whether it draws any variable, on axes that it has no idea of; else what is refused is the experiment.
    any_variable: ClassVar[bool] = False
    #: Keys that name axes.
    roles: ClassVar[tuple[str, ...]] = ("x", "y", "lines", "columns")
    #: Keys of axes along which it draws means over runs, so that these cannot be the runs.
    averaged: ClassVar[tuple[str, ...]] = ()
    #: What a panel says once for all cells that it draws: parameter -> the value that it has to have; None for any.
    alike: ClassVar[Mapping[str, Any]] = {}

    def axes(self) -> dict[str, str]:
        """Axes that the panel spreads out, by the key that names them, where that names no variable."""
        names = [name for name in self.roles if name not in self.variables()]
        return {name: value for name in names if (value := getattr(self, name, None))}

    def variables(self) -> dict[str, str]:
        """Variables that the panel draws, by the key that names them; "" for one that the kind implies."""
        return {"show": show} if (show := getattr(self, "show", None)) else {}

    def drawn(self) -> tuple[str, ...] | None:
        """Axes that it draws, or averages over, without a key that names them; None for all that there are."""
        return None

    def check(self, place: str) -> None:
        """Refuse keys that do not go together."""


class SpectraPanel(Panel):
    """Singular values against the epoch, a row of the figure."""

    columns: str | None = key("Parameter whose values are the columns; instead of switch_epochs.", None)
    switch_epochs: Annotated[list[Epochs], Field(min_length=1, max_length=8)] | None = key(
        "Switch epochs drawn, one column each; instead of columns.", None
    )

    def variables(self) -> dict[str, str]:
        """Singular values, whatever the panel."""
        return {"": "singular_value"}

    def drawn(self) -> tuple[str, ...]:
        """Modes against epochs, averaged over draws; theory upon training."""
        return ("seed", "epoch", "mode", "solver", *(() if self.switch_epochs is None else ("switch_epoch",)))

    def check(self, place: str) -> None:
        """Refuse both or none of the two keys that name columns."""
        if (self.columns is None) == (self.switch_epochs is None):
            raise ConfigError(f"{place}", "columns and switch_epochs", "one of the two")


class ChartsPanel(Panel):
    """Curves of a variable against an axis, a map of it over two axes, or a prediction against a measurement."""

    any_variable: ClassVar[bool] = True
    roles: ClassVar[tuple[str, ...]] = ("x", "y", "lines", "markers", "fills")
    averaged: ClassVar[tuple[str, ...]] = ("x", "y")

    chart: Literal["curves", "map", "prediction"] = key(
        "Curves of a variable against an axis, a map of it over two axes, or a prediction against what was measured."
    )
    title: Title | None = key("A few words above the panel.", None)
    x: str = key(
        "Horizontal axis, a varied parameter or an axis of the dataset; of a prediction, the predicted variable."
    )
    y: str | None = key("Vertical axis of a map; of a prediction, the measured variable.", None)
    show: str | None = key("Variable drawn by curves and maps.", None)
    lines: str | None = key("Axis that tells lines, or the colours of points, apart.", None)
    markers: str | None = key("Axis that tells the markers of a prediction apart.", None)
    fills: str | None = key("Axis that tells the fillings of a prediction's markers apart.", None)
    points: bool = key("Whether curves are points that nothing joins.", False)
    log: Literal["x", "y", "both"] | None = key(
        "Which axes are logarithmic; a value of 0 on them has a place of its own.", None
    )
    contour: Annotated[float, Field(ge=-1e9, le=1e9)] | None = key(
        "Value along which a map is marked with a line.", None
    )

    def variables(self) -> dict[str, str]:
        """Variables drawn: of a prediction, x and y."""
        return {"x": self.x, "y": self.y or ""} if self.chart == "prediction" else super().variables()

    def drawn(self) -> tuple[str, ...] | None:
        """Means over runs; of a prediction every setting is a point."""
        return None if self.chart == "prediction" else ("seed", "trajectory")

    def check(self, place: str) -> None:
        """Refuse keys that a chart of this kind has no use for, and the lack of one that it needs."""
        needed, unused = {
            "curves": (("show",), ("y", "markers", "fills", "contour")),
            "map": (("show", "y"), ("lines", "markers", "fills", "points")),
            "prediction": (("y",), ("show", "log", "contour", "points")),
        }[self.chart]
        for name in needed:
            if getattr(self, name) is None:
                raise ConfigError(f"{place}: missing key", name, f"all of {', '.join(('experiment', 'x', *needed))}")
        for name in unused:
            if getattr(self, name) not in (None, False):
                raise ConfigError(
                    f"{place}.{name}", getattr(self, name), f"no such key in a chart of kind {self.chart}"
                )


@dataclass(frozen=True)
class Kind:
    """A kind of figures.

    Parameters
    ----------
    draw
        `module:function` that makes the figure of panels and datasets.
    panel
        Declaration of a panel.
    interactive
        `module:function` that makes the interactive twin of panels and datasets, a figure of plotly's; "" for none.
    selects_axes
        Whether panels select among recorded axes too, not only among parameters that vary.
    alike
        What a figure says once for all of its cells: parameter -> the value that it has to have; None for any.
    """

    draw: str
    panel: type[Panel]
    interactive: str = ""
    selects_axes: bool = False
    alike: Mapping[str, Any] = field(default_factory=dict)


_KINDS: Mapping[str, Kind] = {
    "spectra": Kind(
        "critical_periods.figures.spectra:draw", SpectraPanel, "critical_periods.figures.interactive_spectra:draw"
    ),
    "charts": Kind(
        "critical_periods.figures.charts:draw",
        ChartsPanel,
        "critical_periods.figures.interactive_charts:draw",
        selects_axes=True,
    ),
}


def kinds() -> dict[str, Kind]:
    """All kinds by name: those above, and those of models and plugins, in their dictionaries `KINDS`."""
    found = dict(_KINDS)
    for family in families():
        found |= getattr(family, "KINDS", {})
    for plugin in plugins.LOADED:
        for name, kind in plugins.brought(plugin, "KINDS", Mapping, Kind).items():
            plugins.refuse_taken(plugin, "kind of figures", name, found)
            found[name] = kind
    return found


def kind_of(place: str, name: str) -> Kind:
    """A kind by its name.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If there is none of that name.
    """
    if name == "error_curves":
        raise ConfigError(f"{place}.kind", name, "charts, with chart: curves and x: switch_epoch in every panel")
    if name not in kinds():
        raise ConfigError(f"{place}.kind", name, one_of(name, kinds()))
    return kinds()[name]

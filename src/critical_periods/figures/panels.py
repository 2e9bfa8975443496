"""What a configuration says of a panel, in seaborn's words, and whether an experiment has what it asks for.

A kind of panel is a class derived from `Panel`, in one file: its fields are the keys of the configuration, and its
method `layers` makes tables of a dataset, which seaborn, plotly and CSV show alike. Light enough for planning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from critical_periods.analysis.coordinates import RUNS
from critical_periods.configuration.fields import ConfigError, Section, Title, key, one_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from critical_periods.figures.layers import Layer

#: Columns of tables that datasets do not have: the axis that each is made of.
DERIVED = {"since_switch": "epoch"}

Scale = Literal["linear", "log", "symlog"]
Limits = Annotated[list[Annotated[float, Field(ge=-1e12, le=1e12)]], Field(min_length=2, max_length=2)]
Column = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Template:
    """What the dataset of an experiment has, without its values.

    Parameters
    ----------
    axes
        Axis -> its values; None where only the dataset knows them.
    variables
        Variable -> its axes.
    units
        Variable -> its unit.
    shared
        Parameters that all cells have in common, and `()` of those in which they differ but are told apart.
    """

    axes: Mapping[str, tuple[Any, ...] | None]
    variables: Mapping[str, tuple[str, ...]]
    units: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mark:
    """Something beside the data: a layer with few rows.

    Parameters
    ----------
    make
        Function of the panel, its table and the dataset that gives the layer, or None where there is nothing to mark.
    needs
        Axes, variables or shared parameters of the experiment without which it means nothing.
    sentence
        What it marks, for the documentation.
    """

    make: Callable[[Panel, pd.DataFrame, xr.Dataset], Layer | None]
    needs: tuple[str, ...]
    sentence: str


class Panel(Section):
    """What every panel has, whatever its kind."""

    plot: str = key("Kind of panel.")
    experiment: str = key("Experiment drawn.")
    title: Title | None = key("A few words above the panel.", None)
    select: dict[str, Any] = key("Axis -> the value, or the list of values, that is drawn.", {})
    col: Column | None = key("Axis with a column of axes for each of its values.", None)
    row: Column | None = key("Axis with a row of axes for each of its values.", None)
    marks: Annotated[list[str], Field(min_length=0, max_length=10)] = key("What is marked beside the data.", [])
    xlabel: Title | None = key("What the horizontal axis is called, if not as the dataset says.", None)
    ylabel: Title | None = key("What the vertical axis is called, if not as the dataset says.", None)

    #: Keys that name columns.
    roles: ClassVar[tuple[str, ...]] = ("x", "y", "hue", "style", "size", "col", "row")
    #: Variables that it draws, whatever its keys say, and axes that it draws without a key that names them.
    implied: ClassVar[tuple[str, ...]] = ()
    drawn: ClassVar[tuple[str, ...]] = RUNS
    #: Whether every value of an axis that no key names is a point of its own.
    every_setting: ClassVar[bool] = False
    #: Whether x and y are the same quantity, with the same limits.
    square: ClassVar[bool] = False

    def layers(self, dataset: xr.Dataset) -> list[Layer]:
        """What is drawn, from below: tables, and how they are drawn.

        Parameters
        ----------
        dataset
            The experiment's.
        """
        raise NotImplementedError

    def remark(self, dataset: xr.Dataset) -> str:
        """A line of numbers below the panel's title; "" for none."""
        return ""

    def scale(self, which: str) -> str:
        """Scale of an axis, "x" or "y": linear where the kind says nothing of it."""
        return str(getattr(self, f"{which}scale", "linear"))

    def columns(self) -> dict[str, str]:
        """Columns of the table that the panel names, by role."""
        named = {role: getattr(self, role, None) for role in self.roles}
        return {role: name for role, name in named.items() if name is not None}

    def table(self, dataset: xr.Dataset) -> pd.DataFrame:
        """The tidy table of what the panel names, where it selects it: a row a point and run."""
        from critical_periods.figures.tables import tidy

        variables = [name for name in (*self.columns().values(), *self.implied) if name in dataset.data_vars]
        table = tidy(dataset, *dict.fromkeys(variables), select=self.select)
        if (limits := getattr(self, "xlim", None)) is not None:
            table = table[table[self.columns()["x"]].between(*limits)].reset_index(drop=True)
        return table

    def check(self, place: str, template: Template) -> None:
        """Refuse a panel that an experiment has no data for.

        Parameters
        ----------
        place
            Its key, for errors.
        template
            What the experiment's dataset has.

        Raises
        ------
        critical_periods.configuration.fields.ConfigError
            On the first thing that is not there, with key, value and what is allowed.
        """
        named = self.columns()
        known = [*template.variables, *template.axes, *DERIVED]
        for role, name in named.items():
            if name not in known:
                raise ConfigError(f"{place}.{role}", name, one_of(name, known))
        for name in self.implied:
            if name not in template.variables:
                raise ConfigError(f"{place}.experiment", self.experiment, f"one that records {name}")
        shown = [name for name in (*self.implied, *named.values()) if name in template.variables]
        if not shown:
            allowed = f"a variable in one of {', '.join(named)}: {one_of('', template.variables)}"
            raise ConfigError(f"{place}", named, allowed)
        has = dict.fromkeys(axis for name in shown for axis in template.variables[name])
        axes = {axis: template.axes.get(axis) for axis in has if template.axes.get(axis) != ()}
        self._check_axes(place, {role: DERIVED.get(name, name) for role, name in named.items()}, shown, axes)

    def _check_axes(
        self, place: str, named: Mapping[str, str], shown: list[str], axes: Mapping[str, tuple[Any, ...] | None]
    ) -> None:
        """Refuse axes that the variables shown lack, and those that are neither drawn nor selected."""
        of = f"axes of {', '.join(shown)}"
        for axis, given in self.select.items():
            if axis not in axes:
                raise ConfigError(f"{place}.select", axis, f"{one_of(axis, axes)}: {of}")
            values = axes[axis]
            for value in given if isinstance(given, list) else [given]:
                if values is not None and not any(_same(value, other) for other in values):
                    raise ConfigError(f"{place}.select.{axis}", value, one_of(value, values))
        spread = {role: name for role, name in named.items() if name not in shown}
        for role, axis in spread.items():
            if axis not in axes:
                raise ConfigError(f"{place}.{role}", axis, f"{one_of(axis, axes)}: {of}")
            if list(spread.values()).count(axis) > 1:
                raise ConfigError(f"{place}.{role}", axis, f"an axis of its own for each of {', '.join(spread)}")
            if axis in self.select and not isinstance(self.select[axis], list):
                raise ConfigError(f"{place}.select.{axis}", self.select[axis], f"a list, as it is the panel's {role}")
        single = [axis for axis, given in self.select.items() if not isinstance(given, list)]
        for axis, values in axes.items():
            drawn = axis in (*self.drawn, *spread.values(), *single) or self.every_setting
            if not drawn and (values is None or len(values) > 1):
                some = f", one of {', '.join(map(str, values[:8]))}" if values else ""
                raise ConfigError(f"{place}.select", self.select, f"a value of {axis}{some}; or the axis as x or hue")


def _same(value: Any, other: Any) -> bool:
    """Whether two values of the configuration are equal; true is not 1."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)

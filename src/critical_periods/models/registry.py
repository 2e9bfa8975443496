"""What a model is: its parameters, how its cells simulate, what they record, and what a job of it asks for.

Light enough for planning: what takes NumPy is named as `module:function` and loaded by the job that runs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from critical_periods import plugins
from critical_periods.configuration.fields import ConfigError, Section
from critical_periods.configuration.solvers import WITH_OPTIONS
from critical_periods.dynamics.precision import PRECISIONS

#: Keys of the configuration's top level that every cell whose model knows them takes over.
SHARED_PARAMETERS = ("solver", "dtype", "device", *WITH_OPTIONS)

#: Part of the training loss at the start below which training ends where a network has learned.
LEARNED = 0.01


class Parameters(Section):
    """Parameters of a model; a cell is one set of them and a seed."""

    def check(self, place: str) -> None:
        """Refuse what no single parameter is to blame for.

        Parameters
        ----------
        place
            Key of the experiment, for errors.

        Raises
        ------
        critical_periods.configuration.fields.ConfigError
            With the parameter, its value and what the others allow.
        """

    def require(self, place: str, name: str, holds: bool, allowed: str) -> None:
        """Refuse the value of a parameter unless something holds, with what is allowed; for `check`."""
        if not holds:
            raise ConfigError(f"{place}: {name}", getattr(self, name), allowed)

    def identity(self) -> dict[str, Any]:
        """Parameters as the cell has them: what follows from others resolved, so that equal simulations are equal.

        What came to a model later is left out at its neutral value, and so are options of solvers that are not used.
        """
        idle = WITH_OPTIONS.keys() - {getattr(self, "solver", None)}
        found = {name: value for name, value in self.plain().items() if not self._neutral(name, value)}
        return {name: value for name, value in found.items() if name not in idle}

    def plain(self) -> dict[str, Any]:
        """Parameters as numbers, words, lists and dictionaries."""
        return {name: _plain(value) for name, value in self}

    @classmethod
    def _neutral(cls, name: str, value: Any) -> bool:
        return name in later(cls) and value == cls.model_fields[name].default


@cache
def later(parameters: type[Section]) -> frozenset[str]:
    """Parameters that came to a model later, and are left out of its cells at their neutral value."""
    fields = parameters.model_fields
    return frozenset(name for name, info in fields.items() if (info.json_schema_extra or {}).get("later"))  # type: ignore[union-attr]


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return {name: _plain(item) for name, item in value}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def check_at_most(place: str, parameters: Parameters, names: Sequence[str], most: int, words: str) -> None:
    """Refuse parameters above what another allows; null is not."""
    for name in names:
        value = getattr(parameters, name)
        if value is not None and value > most:
            raise ConfigError(f"{place}: {name}", value, f"1 to {words}")


def check_init_scale(place: str, init_scale: float, dtype: str, size: int) -> None:
    """Refuse weights whose product, with entries of some init_scale / sqrt(size), is smaller than floats can be."""
    least = PRECISIONS[dtype].smallest * math.sqrt(size)
    if init_scale < least:
        allowed = f"{least:.3g} or more, as entries of the initial W vanish below in {dtype}"
        raise ConfigError(f"{place}: init_scale", init_scale, allowed)


def check_ascending(place: str, name: str, values: list[int]) -> None:
    """Refuse a list that is not ascending."""
    if values != sorted(set(values)):
        raise ConfigError(f"{place}: {name}", values, "ascending, none twice")


@dataclass(frozen=True)
class Variable:
    """A quantity or an axis in the datasets of a model.

    Parameters
    ----------
    long_name, unit
        What it is.
    label
        What axes and legends of figures call it; the long name if not given.
    dims
        Axes beside `seed` and what varies; None for a coordinate: an axis, or what lies along one.
    needs
        Parameter without which it is not recorded, or a function of the parameters that says whether it is; "" for
        neither.
    along
        Parameter along whose axis it is found, so that it does not have it, and is not there where that does not vary;
        "" for none.
    signed
        1 for harm, -1 for its opposite, with 0 in between; 0 for anything else.
    reading
        How its values are to be read, for captions; "" where that is plain.
    theory
        Whether it is there only where an experiment asks for theory.
    """

    long_name: str
    unit: str = "1"
    label: str = ""
    dims: tuple[str, ...] | None = None
    needs: str | Callable[[Mapping[str, Any]], bool] = ""
    along: str = ""
    signed: int = 0
    reading: str = ""
    theory: bool = False

    def recorded(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a cell of these parameters records it."""
        if callable(self.needs):
            return self.needs(parameters)
        return not self.needs or bool(parameters.get(self.needs))


#: Axes that several models have.
AXES = {
    "switch_epoch": Variable(
        "epochs of pre-training before the switch to the final task", "epoch", "duration of the deficit"
    ),
    "epoch": Variable("training epoch", "epoch", "epoch"),
    "mode": Variable("mode, in descending order of singular value"),
}


def closings(*dims: str, along: str = "") -> dict[str, Variable]:
    """Predicted and measured closing of the period, as models with a theory of it have them.

    Parameters
    ----------
    dims
        Axes of what is measured beside those of the experiment.
    along
        Parameter that is the length of the deficit, where that is one.
    """

    def closing(name: str, *dims: str) -> Variable:
        text = f"{name} closing: deficit that does half the harm"
        return Variable(text, "epoch", f"{name} closing (epochs)", dims, along=along)

    return {"predicted_closing": closing("predicted"), "measured_closing": closing("measured", *dims)}


def learning_variables(run: str) -> dict[str, Variable]:
    """Whether a network has learned, as datasets of all models have it: claims are judged only where it has.

    Parameters
    ----------
    run
        The run whose training loss tells, in words.
    """
    return {
        "remaining_loss": Variable(
            f"training loss at the end of {run}, over that at its start", "1", "remaining part of the training loss",
            dims=(),
        ),
        "learned": Variable(f"whether the training loss of {run} ended below {LEARNED:.0%} of its start", dims=()),
    }  # fmt: skip


@dataclass(frozen=True)
class Simulation:
    """How cells are computed: by which rule and function, and what its jobs ask for.

    Parameters
    ----------
    cells
        Name of the kind of cells, of which their folder is called too.
    rule
        Name of the rule.
    simulate
        `module:function`, as of `critical_periods.execution.jobs.run_batches`; where it keeps checkpoints, it is
        called with `checkpoints` too.
    message
        What a job of it does, for the terminal; `{cells}` stands for what varies among its cells, `{log}` for its log.
    minutes
        Run time asked for, for a job's first cell and for each one more.
    megabytes
        Memory asked for.
    batch_key
        `module:function` that gives, for parameters, what cells of one batch have in common; "" for cells by
        themselves.
    checkpoints
        Whether it keeps checkpoints.
    solvers
        Solvers that it uses, beside the one that the parameter `solver` names.
    uses
        Code of other families that it runs, relative to the package.
    cells_per_job
        Cells of a job, of a kind that the configuration has no say in; 0 for what that says.
    cost
        Seconds and bytes of a cell, given its parameters, see `critical_periods.planning.estimate`; None if unknown.
    """

    cells: str
    rule: str
    simulate: str
    message: str
    minutes: tuple[int, int]
    megabytes: int = 1000
    batch_key: str = ""
    checkpoints: bool = False
    solvers: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    cells_per_job: int = 0
    cost: Callable[[Mapping[str, Any]], tuple[float, float]] | None = None

    def functions(self) -> dict[str, Any]:
        """What a job has to know of it."""
        names = ("cells", "simulate", "batch_key", "checkpoints")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Model:
    """A model of the configuration.

    Parameters
    ----------
    name
        Its name, a key of `models`.
    parameters
        Declaration of its parameters; its docstring is the model in a sentence.
    simulation
        How its cells are computed.
    variables
        What its datasets hold, axes included.
    bundled_by
        Parameter whose value is the key of `cells_per_job` for a cell; "" for the model's name.
    derive
        `module:function` that adds to the dataset of an experiment what follows from it; "" for nothing.
    predict
        `module:function` that adds to the dataset of a cell what theory says of it, called with dataset, parameters
        and axes of the experiment; "" for nothing.
    first
        What its cells need to be computed before.
    default_cells_per_job
        Cells of a job where the configuration says nothing.
    first_of
        Parameters of that, given those of a cell.
    theory
        How theory is computed beside its cells, in jobs of its own, where an experiment asks for it; it needs nothing
        but parameters.
    theory_of
        Parameters of that, given those of a cell.
    axis_values
        Values of recorded axes as far as a cell's parameters tell them, given those, and () of axes that its variables
        lack; for the checks of panels.
    uses
        Code of other families that `predict` and `derive` run, relative to the package.
    explored
        Whether the page that computes (`explorer/`) draws a cell of such parameters; None where it does not know the
        model.
    """

    name: str
    parameters: type[Parameters]
    simulation: Simulation
    variables: Mapping[str, Variable] = field(default_factory=dict)
    bundled_by: str = ""
    default_cells_per_job: int = 1
    derive: str = ""
    predict: str = ""
    first: Simulation | None = None
    first_of: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    theory: Simulation | None = None
    theory_of: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    axis_values: Callable[[Mapping[str, Any]], Mapping[str, Sequence[Any]]] = lambda parameters: {}
    uses: tuple[str, ...] = ()
    explored: Callable[[Mapping[str, Any]], bool] | None = None

    def simulations(self) -> list[Simulation]:
        """How its cells, what they need first and theory are computed."""
        return [simulation for simulation in (self.first, self.simulation, self.theory) if simulation is not None]


def models() -> dict[str, Model]:
    """All models by name: those of every folder beside this file, and of plugins, in their tuples `MODELS`.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If a plugin has a model whose name is taken, or something else in its place.
    """
    return _models(tuple(plugins.LOADED))


def built_in() -> dict[str, Model]:
    """Models that the configuration has to have defaults of: all but those of plugins."""
    return _models(())


@cache
def families() -> list[ModuleType]:
    """Packages beside this file: each has `MODELS`, and may have `KINDS` of figures and `PUBLIC` names."""
    folders = sorted(module.name for module in iter_modules([str(Path(__file__).parent)]) if module.ispkg)
    return [import_module(f"{__package__}.{folder}") for folder in folders]


@cache
def _models(plugged: tuple[str, ...]) -> dict[str, Model]:
    found = {model.name: model for family in families() for model in family.MODELS}
    for name in plugged:
        for model in plugins.brought(name, "MODELS", Sequence, Model):
            plugins.refuse_taken(name, "model", model.name, found)
            found[model.name] = model
    return found


def simulations() -> dict[str, Simulation]:
    """How every kind of cells is computed, by kind."""
    return {simulation.cells: simulation for model in models().values() for simulation in model.simulations()}

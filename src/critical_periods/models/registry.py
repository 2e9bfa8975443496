"""What a model is: its parameters, how its cells simulate, what they record, and what a job of it asks for.

Light enough for planning: a model imports what is heavier than NumPy where it uses it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from critical_periods import plugins
from critical_periods.analysis.learning import LEARNED
from critical_periods.configuration.fields import ConfigError, Section
from critical_periods.configuration.solvers import WITH_OPTIONS
from critical_periods.dynamics.precision import PRECISIONS

if TYPE_CHECKING:
    import xarray as xr

#: Keys of the configuration's top level that every cell whose model knows them takes over.
SHARED_PARAMETERS = ("solver", "dtype", "device", *WITH_OPTIONS)


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


class Simulation(Section):
    """A kind of cells: how they are computed, and what a job of them asks for. Not instantiated.

    What takes longer to import than NumPy is imported by the method that uses it.
    """

    #: Name of the kind, of which the folder of its cells is called too; and of the rule.
    cells: ClassVar[str]
    rule: ClassVar[str]
    #: What a job does, for the terminal; `{cells}` stands for what varies among its cells, `{log}` for its log.
    message: ClassVar[str]
    #: Run time asked for, for a job's first cell and for each one more; and memory.
    minutes: ClassVar[tuple[int, int]]
    megabytes: ClassVar[int] = 1000
    #: Whether `simulate` keeps checkpoints.
    checkpoints: ClassVar[bool] = False
    #: Solvers that it uses, beside the one that the parameter `solver` names.
    solvers: ClassVar[tuple[str, ...]] = ()
    #: Code of other families that it runs, relative to the package.
    uses: ClassVar[tuple[str, ...]] = ()
    #: Cells of a job, of a kind that the configuration has no say in; 0 for what that says.
    cells_per_job: ClassVar[int] = 0
    #: Whether `simulate` computes several cells at once, those with the same `batch_key`.
    batched: ClassVar[bool] = False

    @staticmethod
    def batch_key(parameters: Mapping[str, Any]) -> Hashable | None:
        """What cells of one batch have in common; None for a cell by itself."""
        return None

    @staticmethod
    def simulate(*cells: Any, **options: Any) -> Any:
        """Dataset of a cell, or datasets of a batch, as of `critical_periods.execution.jobs.run_batches`.

        Where it keeps checkpoints, it is called with `checkpoints` too.
        """
        raise NotImplementedError

    @staticmethod
    def cost(parameters: Mapping[str, Any]) -> tuple[float, float]:
        """Seconds and bytes of a cell, see `critical_periods.planning.estimate`; a guess where it does not say."""
        return 1.0, 1e5

    @staticmethod
    def parameters_of(cell: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of such a cell, given those of one that needs it, or that it is the theory of."""
        raise NotImplementedError


class ModelSpec(Simulation):
    """A model of the configuration: its fields are the parameters, its docstring is the model in a sentence.

    A cell is one set of parameters and a seed.
    """

    #: Its name, a key of `models`.
    name: ClassVar[str]
    #: What its datasets hold, axes included.
    variables: ClassVar[Mapping[str, Variable]] = {}
    #: Parameter whose value is the key of `cells_per_job` for a cell; "" for the model's name.
    bundled_by: ClassVar[str] = ""
    #: Cells of a job where the configuration says nothing.
    default_cells_per_job: ClassVar[int] = 1
    #: What its cells need to be computed before.
    first: ClassVar[type[Simulation] | None] = None
    #: How theory is computed beside its cells, in jobs of its own, where an experiment asks for it.
    theory: ClassVar[type[Simulation] | None] = None
    #: Whether the page that computes (`explorer/`) knows the model.
    in_explorer: ClassVar[bool] = False
    #: Code of other families that `predict` and `derive` run, relative to the package.
    assembled_by: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Cells of a model are called as it is."""
        if "name" in vars(cls):
            cls.cells = cls.name

    @staticmethod
    def predict(dataset: xr.Dataset, parameters: Mapping[str, Any], axes: Mapping[str, Any]) -> xr.Dataset:
        """Dataset of a cell with what theory says of it, given its parameters and the axes of the experiment."""
        return dataset

    @staticmethod
    def derive(dataset: xr.Dataset) -> xr.Dataset:
        """Dataset of an experiment with what follows from it."""
        return dataset

    @staticmethod
    def axis_values(parameters: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Values of recorded axes as far as a cell's parameters tell them, and () of axes that its variables lack."""
        return {}

    @staticmethod
    def explored(parameters: Mapping[str, Any]) -> bool:
        """Whether the page that computes draws such a cell as it is."""
        return True

    @classmethod
    def simulations(cls) -> list[type[Simulation]]:
        """How its cells, what they need first and theory are computed."""
        return [each for each in (cls.first, cls, cls.theory) if each is not None]

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


def check_at_most(place: str, parameters: ModelSpec, names: Sequence[str], most: int, words: str) -> None:
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


#: What a model has to say of itself beside its parameters.
NEEDED = ("name", "rule", "message", "minutes")


def models() -> dict[str, type[ModelSpec]]:
    """All models by name: those of every folder beside this file, and of plugins, in their tuples `MODELS`.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If a plugin has a model whose name is taken, or something else in its place.
    """
    return _models(tuple(plugins.LOADED))


def built_in() -> dict[str, type[ModelSpec]]:
    """Models that the configuration has to have defaults of: all but those of plugins."""
    return _models(())


@cache
def families() -> list[ModuleType]:
    """Modules `model` of the folders here: each has `MODELS`, and may have `KINDS` of figures and `PUBLIC` names."""
    folders = sorted(module.name for module in iter_modules([str(Path(__file__).parent)]) if module.ispkg)
    return [import_module(f"{__package__}.{folder}.model") for folder in folders]


@cache
def _models(plugged: tuple[str, ...]) -> dict[str, type[ModelSpec]]:
    found = {model.name: model for family in families() for model in family.MODELS}
    for name in plugged:
        for model in plugins.brought(name, "MODELS", Sequence, ModelSpec):
            if lacking := [each for each in NEEDED if not hasattr(model, each)]:
                allowed = f"a model with a {', '.join(NEEDED)}; it lacks {', '.join(lacking)}"
                raise ConfigError(f"plugins: {name}: MODELS", model.__name__, allowed)
            plugins.refuse_taken(name, "model", model.name, found)
            found[model.name] = model
    return found


def simulations() -> dict[str, type[Simulation]]:
    """How every kind of cells is computed, by kind."""
    return {simulation.cells: simulation for model in models().values() for simulation in model.simulations()}

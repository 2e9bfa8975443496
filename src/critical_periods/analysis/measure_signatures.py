"""Measures by name, and the arguments that a claim may give them: what their signatures say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from inspect import Parameter, isfunction, signature
from pathlib import Path
from typing import Any

from pydantic import create_model
from pydantic.errors import PydanticUserError

from critical_periods import plugins
from critical_periods.configuration.fields import ConfigError, Section

Measure = Callable[..., Any]

#: Marks an argument, by `Annotated`, that names a variable which the experiment of a claim has to record.
RECORDED = "recorded"


def measures() -> Mapping[str, Measure]:
    """All measures by name: public functions of a `dataset` in the `modules` that may have them."""
    return _measures(modules())


def modules() -> tuple[str, ...]:
    """Modules that may have measures: `analysis/measures.py`, `measures.py` beside models, and plugins."""
    package = Path(__file__).parents[1]
    families = sorted(file.parent.name for file in package.glob("models/*/measures.py"))
    own = ("analysis", *(f"models.{family}" for family in families))
    return (*(f"critical_periods.{folder}.measures" for folder in own), *plugins.LOADED)


@cache
def _measures(modules: tuple[str, ...]) -> Mapping[str, Measure]:
    found: dict[str, Measure] = {}
    for module in modules:
        for name, function in vars(import_module(module)).items():
            if not isfunction(function) or function.__module__ != module or name.startswith("_"):
                continue
            if next(iter(signature(function).parameters), "") == "dataset":
                plugins.refuse_taken(module, "measure", name, found)
                found[name] = function
    return found


@cache
def arguments(measure: Measure) -> type[Section]:
    """Arguments of a measure beside its dataset, declared like keys of the configuration.

    Parameters
    ----------
    measure
        The measure. Of its annotations only those of these arguments are looked up, so that it may import what it
        measures with, which planning can do without, for type checkers alone.

    Returns
    -------
    type
        Accepts further keys where the measure has `**where`, of the values that this may have.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If an annotation is none that a value of the configuration can be compared with.
    """
    fields: dict[str, Any] = {}
    options: dict[str, Any] = {"arbitrary_types_allowed": True}
    for name, argument in list(signature(measure).parameters.items())[1:]:
        kind = Any if argument.annotation is Parameter.empty else argument.annotation
        if argument.kind is Parameter.VAR_KEYWORD:
            fields["__pydantic_extra__"] = dict[str, kind]  # type: ignore[valid-type]
            options["extra"] = "allow"
        else:
            fields[name] = (kind, ... if argument.default is Parameter.empty else argument.default)
    try:
        found = create_model(
            measure.__name__, __base__=Section, __module__=measure.__module__, __cls_kwargs__=options, **fields
        )
        found.model_rebuild()
    except (PydanticUserError, NameError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"plugins: {measure.__module__}: {measure.__name__}", reason, "arguments with types"
        ) from error
    return found

"""What models declare: their parameters with the paper's values, and what their datasets hold. Nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from tabulate import tabulate

from critical_periods.configuration.fields import ConfigError, Section, allowed, inlined, one_of, validated
from critical_periods.configuration.files import paper
from critical_periods.models.registry import ModelSpec, models, shared_values

#: Widths of the last column of a description and of the ones before it, as text.
SENTENCE, CELL = 60, 26


@dataclass(frozen=True)
class Description:
    """What a model is, printed as text or, in a notebook, as tables.

    Parameters
    ----------
    name, sentence
        What it is called, and what it is.
    tables
        Title -> rows of words, the first of which are the names of the columns.
    """

    name: str
    sentence: str
    tables: dict[str, list[tuple[str, ...]]]

    def __repr__(self) -> str:
        parts = [f"{self.name}: {self.sentence}" if self.name else self.sentence]
        for title, rows in self.tables.items():
            widths = [*[CELL] * (len(rows[0]) - 1), SENTENCE]
            table = tabulate(
                rows, tablefmt="plain", disable_numparse=True, maxcolwidths=widths, break_long_words=False
            )
            parts += ["", title, "-" * len(title), *map(str.rstrip, table.splitlines())]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<p><code>{escape(self.name)}</code> {escape(self.sentence)}</p>"]
        for title, (head, *rows) in self.tables.items():
            table = tabulate(rows, head, tablefmt="html", disable_numparse=True)
            parts.append(table.replace("<table>", f"<table><caption>{escape(title)}</caption>", 1))
        return "\n".join(parts)


def defaults(model: str) -> dict[str, Any]:
    """All parameters of a model with the values that they have where nothing else is said: the paper's.

    >>> cp.simulate(model, **cp.defaults(model) | {"depth": 4})

    Parameters
    ----------
    model
        Name of a model, a key of `models` in the configuration.

    Returns
    -------
    dict
        Parameter -> value; parameters without any value are left out, of a model that the paper does not have.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If there is no such model.
    """
    settings = model_named(model)
    given = paper_values(settings)
    if any(info.is_required() and name not in given for name, info in settings.model_fields.items()):
        neutral = settings.model_fields.items()
        return {name: info.default for name, info in neutral if not info.is_required()} | given
    return validated(settings, given, model).plain()


def describe(model: str | None = None) -> Description:
    """What a model is: its parameters, with values and units, and what its datasets hold; or which models there are.

    Parameters
    ----------
    model
        Name of a model; of all models if not given.

    Returns
    -------
    Description
        Prints as text, and as tables in a notebook.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If there is no such model.
    """
    if model is None:
        rows = [(name, sentence_of(settings)) for name, settings in models().items()]
        return Description("", "cp.describe(model) says what a model is.", {"models": [("name", "what"), *rows]})
    settings, given = model_named(model), defaults(model)
    parameters = [
        (name, _written(given[name]) if name in given else "required", values, unit, what)
        for name, values, _, unit, what in key_rows(settings)
    ]
    recorded = [
        (name, "an axis" if each.dims is None else ", ".join(each.dims), as_unit(each.unit), each.long_name)
        for name, each in settings.variables.items()
    ]
    return Description(
        model,
        sentence_of(settings),
        {
            "parameters": [("name", "value", "allowed", "unit", "what"), *parameters],
            "datasets, over seed, what varies, and": [("variable", "axes", "unit", "what"), *recorded],
        },
    )


def model_named(name: str) -> type[ModelSpec]:
    """A model by its name.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If there is none of that name.
    """
    if name not in models():
        raise ConfigError("model", name, one_of(name, models()))
    return models()[name]


def paper_values(model: type[ModelSpec]) -> dict[str, Any]:
    """What config.yaml says of a model's parameters, those that models share included."""
    return shared_values(paper(), model) | dict(paper()["models"].get(model.name, {}))


def key_rows(section: type[Section]) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, values allowed, default ("required" for none), unit ("" for none) and sentence of every key."""
    schema = section.model_json_schema()
    for name, info in section.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, Mapping) else {}
        default = "required" if info.is_required() else _written(info.default)
        # Its sentence is no word for its values.
        values = _values(inlined(schema["properties"][name], schema) | {"description": "another value"})
        yield name, values, default, as_unit(str(extra.get("unit", "1"))), str(info.description)


def _values(schema: Mapping[str, Any]) -> str:
    """What a key may be, and what each value inside of it."""
    if "anyOf" in schema:
        return " or ".join(map(_values, sorted(schema["anyOf"], key=lambda option: option.get("type") != "null")))
    inside = schema.get("items") or schema.get("additionalProperties")
    if schema.get("properties"):
        return f"keys {', '.join(schema['properties'])}"
    if not isinstance(inside, Mapping) or not (inside.get("type") or inside.get("anyOf")):
        return allowed(schema)
    return f"{allowed(schema)} (each {_values(inside)})"


def _written(value: Any) -> str:
    """A value as YAML writes it; of a section that its keys have neutral values of their own."""
    if isinstance(value, Section):
        return "as its keys"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def as_unit(unit: str) -> str:
    """A unit as tables show it: "" for none."""
    return "" if unit == "1" else unit


def sentence_of(section: type[Section]) -> str:
    """What a section or a model is: the first line of its docstring."""
    return str(section.__doc__).splitlines()[0]

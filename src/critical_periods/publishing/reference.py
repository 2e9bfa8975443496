"""The page of all keys in the documentation, from the declarations: make schema."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from critical_periods.configuration.claims import Claim
from critical_periods.configuration.document import Configuration, Experiment, Figure
from critical_periods.configuration.fields import GradientFlow, Section, allowed
from critical_periods.configuration.studies import Comparison, StudyFile, Taken, Variant
from critical_periods.figures.kinds import kinds
from critical_periods.models.registry import Model, models
from critical_periods.publishing.schema import GENERATED

#: The page, from the root of the repository.
PAGE = Path("docs/keys.md")

_INTRODUCTION = """
Every key of `config.yaml`, of files given with `--configfile`, and of files of studies: what it may be, what it is
where nothing is said, its unit, and what it is for. What is required has no neutral value; of models `config.yaml`
gives the paper's, with the place in the paper. A key that is not here is refused, and so is a value that is not
allowed; what keys may be only together is checked before anything runs, too.
"""


def page() -> str:
    """The page, in Markdown."""
    parts = [f"<!-- {GENERATED} -->\n\n# All keys\n{_INTRODUCTION}"]
    parts += [_section("The configuration", "Top level.", Configuration)]
    parts += [_section("`gradient_flow`", _sentence(GradientFlow), GradientFlow)]
    parts += [_section("`experiments.<name>`", _sentence(Experiment), Experiment)]
    parts += [_section("`figures.<name>`", _sentence(Figure), Figure)]
    parts += [_section("`claims.<name>`", _sentence(Claim), Claim)]
    parts += ["## Models\n\nParameters of `models.<model>`, and of `set` and `vary` of experiments of the model.\n"]
    parts += [_model(model) for model in models().values()]
    parts += ["## Panels\n\nEntries of `panels` of a figure, by its `kind`.\n"]
    parts += [_section(f"`{name}`", _sentence(kind.panel), kind.panel, 3) for name, kind in kinds().items()]
    parts += ["## Studies\n\nFiles of `studies/`, and those that the key `studies` names.\n"]
    parts += [_section("A file", _sentence(StudyFile), StudyFile, 3)]
    parts += [_section("`take`", _sentence(Taken), Taken, 3)]
    parts += [_section("`variants.<name>`", _sentence(Variant), Variant, 3)]
    parts += [_section("`compare`", _sentence(Comparison), Comparison, 3)]
    return "\n".join(parts)


def _model(model: Model) -> str:
    recorded = [
        f"| `{name}` | {', '.join(f'`{axis}`' for axis in variable.dims)} | {_unit(variable.unit)} "
        f"| {_cell(variable.long_name)} |"
        for name, variable in model.variables.items()
        if variable.dims is not None
    ]
    head = "What its datasets hold, over `seed`, what varies, and\n\n"
    head += "| variable | axes | unit | what |\n|---|---|---|---|\n"
    keys = _section(f"`{model.name}`", _sentence(model.parameters), model.parameters, 3)
    return f"{keys}\n{head}" + "\n".join(recorded) + "\n"


def _section(title: str, sentence: str, section: type[Section], level: int = 2) -> str:
    rows = [
        f"| `{name}` | {_cell(values)} | {_cell(default)} | {unit} | {_cell(what)} |"
        for name, values, default, unit, what in keys(section)
    ]
    head = "| key | values | default | unit | what |\n|---|---|---|---|---|\n"
    return f"{'#' * level} {title}\n\n{textwrap.fill(sentence, 119)}\n\n{head}" + "\n".join(rows) + "\n"


def keys(section: type[Section]) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, values allowed, default ("required" for none), unit ("" for none) and sentence of every key."""
    schema = section.model_json_schema()
    for name, info in section.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, Mapping) else {}
        default = "required" if info.is_required() else _yaml(info.default)
        values = _values(_inlined(schema["properties"][name], schema.get("$defs", {})))
        yield name, values, default, _unit(str(extra.get("unit", "1"))), str(info.description)


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


def _inlined(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a schema with what it refers to, without the sentence that describes it."""
    inner = dict(schema) | (definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {})
    if "anyOf" in inner:
        inner["anyOf"] = [_inlined(part, definitions) for part in inner["anyOf"]]
    if "items" in inner:
        inner["items"] = _inlined(inner["items"], definitions)
    return {name: part for name, part in inner.items() if name != "description"}


def _yaml(value: Any) -> str:
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def _sentence(section: type[Section]) -> str:
    return str(section.__doc__).splitlines()[0]


def _cell(text: str) -> str:
    """A text in a cell of a table: no mark of Markdown in it."""
    return "".join(f"\\{mark}" if mark in "|*_<>[]$" else mark for mark in text)


def main() -> None:
    """Write the page, into the repository that is the working directory."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

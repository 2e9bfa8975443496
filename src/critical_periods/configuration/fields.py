"""Typed keys of the configuration: bounds, unit, label and sentence in one place each, and errors in one line.

Imported whenever the workflow is planned, so it needs nothing heavier than pydantic.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

#: What earlier versions called a key, or a value, and where it is now; for a release.
MOVED = {name: f"studies/{name}.yaml" for name in ("extensions", "ensemble", "agreement")}

#: What earlier versions called keys of figures, and what they are in seaborn's words; for a release.
OLD_WORDS = {
    "kind": "plot, in every panel",
    "chart": "plot: line, heatmap or prediction",
    "show": "y, or hue in a heatmap",
    "lines": "hue",
    "markers": "style",
    "fills": "size",
    "columns": "col",
    "log": "xscale and yscale",
    "points": "plot: scatter",
    "modes": "select: {mode: [1, 2]}",
    "switch_epochs": "select: {switch_epoch: [0, 1000]} and col: switch_epoch",
    "drawn_as": "drawn_over, an axis",
}

#: Characters after which the value of an error, or what it allows, is cut.
LONGEST_VALUE, LONGEST_ALLOWED = 200, 2000


class ConfigError(ValueError):
    """The configuration asks for something that cannot be, in one line.

    Parameters
    ----------
    key
        What is wrong: keys with dots between them, and what of them after a colon.
    value
        What it is.
    allowed
        What it may be.

    Attributes
    ----------
    path
        Keys and indices that lead to the value; at first those of `key`.
    origin
        File and line of the value, where they are known; "" otherwise.
    """

    def __init__(self, key: str, value: Any, allowed: str) -> None:
        super().__init__(key, value, allowed)
        self.key, self.value, self.allowed, self.origin = key, value, allowed, ""
        place = key.partition(":")[0].removeprefix("configuration")
        steps = re.findall(r"([^.\[\]]+)|\[(\d+)\]", place)
        self.path: list[str | int] = [name or int(index) for name, index in steps]

    def __str__(self) -> str:
        place = f"{self.origin}: {self.key}" if self.origin else self.key
        said = f"{place} = {_cut(_shown(self.value), LONGEST_VALUE)}; allowed: {_cut(self.allowed, LONGEST_ALLOWED)}"
        return said if said.isprintable() else repr(said)[1:-1]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."


def _shown(value: Any) -> str:
    """A value for an error: a key without one is empty, and truth is true, as YAML writes it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_shown(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return repr(value)


class Section(BaseModel):
    """A part of the configuration: its keys are known, no other is accepted, nor a value of another type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


AnySection = TypeVar("AnySection", bound=Section)


def key(
    sentence: str,
    default: Any = ...,
    *,
    label: str = "",
    unit: str = "1",
    null: str = "",
    later: bool = False,
    **bounds: Any,
) -> Any:
    """Declare a key.

    Parameters
    ----------
    sentence
        What it is, with a full stop.
    default
        Neutral value, which it has where the configuration is silent; without one the configuration must have the key.
    label
        What axes and legends of figures call it.
    unit
        Unit of its values; "1" for none.
    null
        What figures call null; "none" if not given.
    later
        Whether it came to a model that had results already: at its neutral value it is then left out of the identity
        of cells, which stays what it was.
    bounds
        As of `pydantic.Field`: ge, gt, le, lt, min_length, max_length, pattern.
    """
    extra: JsonDict = {"label": label, "unit": unit, "null": null, "later": later}
    return Field(default, description=sentence, json_schema_extra=extra, **bounds)


def _unique(items: list[Any]) -> list[Any]:
    if len({repr(item) for item in items}) < len(items):
        raise ValueError("an item twice")
    return items


#: Marks a list that may hold no item twice.
UNIQUE = (AfterValidator(_unique), Field(json_schema_extra={"uniqueItems": True}))


def matching(pattern: str, words: str, **bounds: Any) -> Any:
    """The pattern of a text, and what errors call it."""
    extra: JsonDict = {"words": words}
    return Field(pattern=pattern, json_schema_extra=extra, **bounds)


def one_line(longest: int) -> Any:
    """What makes a text one line: no control character in it, nor another that ends a line."""
    words = f"one line of 1 to {longest} characters, none of them a control character"
    return matching(r"^[^\x00-\x1F\x7F-\x9F\u2028\u2029]+$", words, min_length=1, max_length=longest)


Title = Annotated[str, one_line(200)]
Epochs = Annotated[int, Field(ge=0, le=1_000_000_000)]
SomeEpochs = Annotated[int, Field(ge=1, le=1_000_000_000)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]
Tolerance = Annotated[float, Field(ge=1e-13, le=0.1)]
PrecisionName = Literal["float32", "float64"]
Rank = Annotated[int, Field(ge=1, le=10_000)]
Device = Literal["cpu", "cuda"]
ActivationName = Literal["linear", "tanh", "relu"]
Seeds = Annotated[list[Annotated[int, Field(ge=0, le=2**32 - 1)]], Field(min_length=1, max_length=1000), *UNIQUE]


def validated(section: type[AnySection], value: Any, place: str = "") -> AnySection:
    """A part of the configuration, checked against its declaration.

    Parameters
    ----------
    section
        The declaration.
    value
        What the configuration has.
    place
        Its key, for errors.

    Raises
    ------
    ConfigError
        On the first violation, with key, value and what is allowed.
    """
    try:
        return section.model_validate(value)
    except ValidationError as error:
        raise _refusal(section, value, place, error.errors(include_url=False, include_context=False)) from None


#: Errors of pydantic that are told before others: what is misspelt is missing, too.
_RANK = {"extra_forbidden": 0, "invalid_key": 0, "missing": 1}


def _refusal(section: type[Section], value: Any, place: str, errors: Iterable[Mapping[str, Any]]) -> ConfigError:
    """The error to tell: an unknown key, a missing one, or the value that lies deepest.

    That is the alternative that the value was meant as, where there are several. Their names, which pydantic puts into
    the location, are left out.
    """
    error = min(errors, key=lambda each: (_RANK.get(each["type"], 2), -len(each["loc"])))
    location, rank, where = error["loc"], _RANK.get(error["type"], 2), place
    schema: Mapping[str, Any] = _schema(section)
    name = location[-1] if location else ""
    above = 2 if name == "[key]" else int(rank == 0)
    for step in location[: len(location) - above]:
        if step in (range(len(value)) if isinstance(value, list) else value if isinstance(value, Mapping) else ()):
            schema, value = _inside(schema, step), value[step]
            where += f"[{step}]" if isinstance(step, int) else f".{step}" if where else step
    where = where or "configuration"
    if rank == 0:
        known = [key for option in _options(schema) for key in option.get("properties", ())]
        new = f" (it is {OLD_WORDS[name]} now)" if name in OLD_WORDS else _meant(name, list(map(str, known)))
        return ConfigError(f"{where}: unknown key", name, ", ".join(known) + new)
    if rank == 1:
        required = [key for option in _options(schema) for key in option.get("required", ())]
        return ConfigError(f"{where}: missing key", name, f"all of {', '.join(required)}")
    if name == "[key]":
        names = next((option["propertyNames"] for option in _options(schema) if "propertyNames" in option), None)
        return ConfigError(f"{where}: key", location[-2], _expected(location[-2], names or {"type": "string"}))
    return ConfigError(where, value, _expected(value, schema))


def _expected(value: Any, schema: Mapping[str, Any]) -> str:
    """What a part of a schema allows, and what a value was probably meant as."""
    if isinstance(value, str) and (found := re.fullmatch(r"([+-]?\d+)(\.\d*)?[eE]([+-]?)(\d+)", value)):
        whole, fraction, sign, power = found.groups()
        number = f"{whole}{fraction or '.0'}e{sign or '+'}{power}"
        return f"{allowed(schema)} (for YAML {value} is a word, {number} a number)"
    choices = [str(choice) for option in _options(schema) for choice in option.get("enum", ())]
    return allowed(schema) + _meant(value, choices)


def _options(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A part of a schema, and its alternatives."""
    return [schema, *schema.get("anyOf", ())]


def _inside(schema: Mapping[str, Any], step: str | int) -> Mapping[str, Any]:
    """The part of a schema that is for a key or an index."""
    for option in _options(schema):
        others = next(iter(option.get("patternProperties", {}).values()), option.get("additionalProperties"))
        part = option.get("items") if isinstance(step, int) else option.get("properties", {}).get(step, others)
        if isinstance(part, Mapping):
            return part
    return {}


def inlined(schema: Any, root: Mapping[str, Any]) -> Any:
    """A part of a schema that refers to nothing outside of it."""
    if isinstance(schema, list):
        return [inlined(part, root) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    own = {name: inlined(part, root) for name, part in schema.items() if name not in ("$defs", "$ref")}
    return inlined(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root) | own if "$ref" in schema else own


@cache
def _schema(section: type[Section]) -> dict[str, Any]:
    schema = section.model_json_schema()
    return dict(inlined(schema, schema))


#: What YAML calls the types of JSON that it calls otherwise.
TYPES = {"object": "keys with values", "array": "list", "string": "word", "boolean": "true or false"}


def allowed(schema: Mapping[str, Any]) -> str:
    """A part of a JSON schema, without references, in words."""
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        options = sorted(schema["anyOf"], key=lambda option: option.get("type") != "null")
        return " or ".join(map(allowed, options))
    limits = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "minItems": "{} or more items",
        "maxItems": "{} items at most",
        "minProperties": "{} or more keys",
    }
    bounds = [text.format(_number(schema[name])) for name, text in limits.items() if name in schema]
    if "pattern" in schema or "words" in schema:
        bounds.append(str(schema.get("words", schema.get("description", ""))).rstrip("."))
    if schema.get("uniqueItems"):
        bounds.append("no item twice")
    kind = str(schema.get("type", ""))
    return ", ".join([*filter(None, [TYPES.get(kind, kind)]), *bounds]) or str(
        schema.get("description", "another value")
    )


def _number(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() and abs(bound) >= 1 else bound


def one_of(value: Any, names: Iterable[Any]) -> str:
    """The names allowed, and the one that was probably meant."""
    known = [str(name) for name in names]
    return (", ".join(known) or "none") + _meant(value, known)


def _meant(value: Any, known: Sequence[str]) -> str:
    """The one of some names that was probably meant, as a hint; "" where none is like the value."""
    if isinstance(value, str) and value in MOVED:
        return f" (it is {MOVED[value]} now)"
    close = difflib.get_close_matches(str(value), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""

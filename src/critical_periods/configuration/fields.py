"""Typed keys of the configuration: bounds, unit, label and sentence in one place each, and errors in one line.

Imported whenever the workflow is planned, so it needs nothing heavier than pydantic.
"""

from __future__ import annotations

import difflib
import math
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

#: Largest absolute value of an integer: that of 64 bits.
LARGEST_INTEGER = 2**63 - 1

#: Most items of one list.
LONGEST_LIST = 10_000

#: Most values of a configuration, aliases counted as often as they are used.
MOST_VALUES = 1_000_000

#: Levels below which nothing of a configuration lies.
DEEPEST_LEVEL = 20


class ConfigError(ValueError):
    """The configuration asks for something that cannot be: names the key, the value and what is allowed."""

    def __init__(self, key: str, value: Any, allowed: str) -> None:
        super().__init__(f"{_line(key)} = {_line(_REPR.repr(value))}; allowed: {_line(allowed, 2000)}")


class Section(BaseModel):
    """A part of the configuration: its keys are known, no other is accepted, nor a value of another type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=())


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


Epochs = Annotated[int, Field(ge=0, le=1_000_000_000)]
SomeEpochs = Annotated[int, Field(ge=1, le=1_000_000_000)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]
Tolerance = Annotated[float, Field(ge=1e-13, le=0.1)]
Solver = Literal["gradient_descent", "gradient_flow"]
Method = Literal["RKC", "RK23", "RK45", "DOP853", "LSODA"]
Precision = Literal["float32", "float64"]
Device = Literal["cpu", "cuda"]
Activation = Literal["linear", "tanh", "relu"]
Seeds = Annotated[list[Annotated[int, Field(ge=0, le=2**32 - 1)]], Field(min_length=1, max_length=1000), *UNIQUE]


class GradientFlow(Section):
    """How gradient flow is integrated."""

    method: Method = key(
        "Integrator; RKC is Runge-Kutta-Chebyshev, with errors like rtol^(2/3); the others are those of "
        "scipy.integrate, with errors in proportion to rtol."
    )
    rtol: float = key("Relative tolerance on the error of a step.", gt=0, le=0.1)
    atol: float = key("Absolute tolerance on the error of a step, in units of the weights.", gt=0, le=0.1)
    shadowing: bool = key("Whether to follow gradient descent with this learning rate instead of its limit.")


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


def _refusal(section: type[Section], value: Any, place: str, errors: Sequence[Mapping[str, Any]]) -> ConfigError:
    """The one error to tell: of those nearest to the top an unknown key, a missing one, or the first value."""
    found = []
    for error in errors:
        schema, path, part = _walk(_schema(section), error["loc"], value, error["type"] == "extra_forbidden")
        rank = {"extra_forbidden": 0, "missing": 1}.get(error["type"], 2)
        fitting = _fitting(schema, part)
        if error["type"].endswith("_type") or error["type"] == "none_required":
            rank += fitting is not schema  # an alternative that the value is not meant as
        found.append((rank == 3, len(path) + (rank < 2), rank, error, fitting if rank < 2 else schema, path, part))
    *_, rank, error, schema, path, part = min(found, key=lambda item: item[:3])
    where = _joined(place, path) or "configuration"
    name = error["loc"][-1] if error["loc"] else ""
    if rank == 0:
        return ConfigError(f"{where}: unknown key", name, one_of(name, schema.get("properties", {})))
    if rank == 1:
        return ConfigError(f"{where}: missing key", name, f"all of {', '.join(schema['required'])}")
    if name == "[key]":
        return ConfigError(where, error["loc"][-2], allowed(schema["propertyNames"] | {"pattern": ""}))
    hint = _meant(part, _choices(schema))
    if isinstance(part, str) and (number := re.fullmatch(r"([+-]?\d+)(\.\d*)?[eE]([+-]?)(\d+)", part)):
        whole, fraction, sign, power = number.groups()
        hint = f" (for YAML {part} is a word, {whole}{fraction or '.0'}e{sign or '+'}{power} a number)"
    return ConfigError(where, as_yaml(part), allowed(schema) + hint)


class _Word(str):
    """A word that errors show without quotes."""

    __repr__ = str.__str__


def as_yaml(value: Any) -> Any:
    """A value for an error: a key without one is empty, and truth is true, as YAML writes it."""
    if value is None:
        return _Word("empty")
    if isinstance(value, Mapping):
        return _Word("{" + ", ".join(f"{name}: {as_yaml(part)!r}" for name, part in value.items()) + "}")
    return _Word(str(value).lower()) if isinstance(value, bool) else value


def _joined(place: str, path: Iterable[str | int]) -> str:
    """A place in the configuration with the way from there: keys after dots, indices in brackets."""
    for step in path:
        place += f"[{step}]" if isinstance(step, int) else f".{step}" if place else step
    return place


def _walk(
    schema: Mapping[str, Any], location: Sequence[str | int], value: Any, unknown: bool
) -> tuple[Mapping[str, Any], list[str | int], Any]:
    """Follow the place of an error through schema and value, past the names that pydantic gives to alternatives.

    Ends at the innermost alternatives, so that all of them are told, and above a key that is unknown, missing or badly
    named.
    """
    root, path = schema, list[str | int]()
    above = 2 if location and location[-1] == "[key]" else int(unknown)
    for step in location[: len(location) - above]:
        outer = _fitting(inlined(schema, root), value)
        if isinstance(value, Mapping) and step in value:
            (others,) = outer.get("patternProperties", {"": outer.get("additionalProperties")}).values()
            inside = outer.get("properties", {}).get(step, others)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            inside = outer.get("items")
        else:
            continue
        if not isinstance(inside, Mapping):
            break
        schema, value = inside, value[step]
        path.append(step)
    return inlined(schema, root), path, value


def _fitting(schema: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """Of alternatives the one that a list, or keys with values, can be meant as; else the schema as it is."""
    kind = "array" if isinstance(value, list) else "object" if isinstance(value, Mapping) else None
    options = [option for option in schema.get("anyOf", ()) if kind and option.get("type") == kind]
    return options[0] if len(options) == 1 else schema


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
    return section.model_json_schema()


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
    if "pattern" in schema:
        bounds.append(str(schema.get("words", schema.get("description", ""))).rstrip("."))
    if schema.get("uniqueItems"):
        bounds.append("no item twice")
    kind = str(schema.get("type", ""))
    return ", ".join([*filter(None, [TYPES.get(kind, kind)]), *bounds]) or str(
        schema.get("description", "another value")
    )


def _choices(schema: Mapping[str, Any]) -> list[str]:
    """Words that a part of a JSON schema allows, one of them."""
    options = [choice for option in schema.get("anyOf", ()) for choice in _choices(option)]
    return [*map(str, schema.get("enum", ())), *options]


def _number(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() and abs(bound) >= 1 else bound


def one_of(value: Any, names: Iterable[Any]) -> str:
    """The names allowed, and the one that was probably meant."""
    known = [str(name) for name in names]
    return (", ".join(known) or "none") + _meant(value, known)


def _meant(value: Any, known: Sequence[str]) -> str:
    """The one of some names that was probably meant, as a hint; "" where none is like the value."""
    close = difflib.get_close_matches(str(value), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def check_values(instance: Any, place: str = "") -> None:
    """Refuse what would make validation itself slow or endless, and the numbers that JSON does not know.

    Raises
    ------
    ConfigError
        On the first such value.
    """
    for count, (name, level, value) in enumerate(_values(instance, place)):
        if count >= MOST_VALUES:
            raise ConfigError(name, value, f"{MOST_VALUES} values in the whole configuration")
        if level > DEEPEST_LEVEL:
            raise ConfigError(name, value, f"{DEEPEST_LEVEL} levels at most")
        if isinstance(value, list | tuple) and len(value) > LONGEST_LIST:
            raise ConfigError(name, value, f"{LONGEST_LIST} items at most in any list")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(name, value, "finite numbers")
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise ConfigError(name, value, "integers of 64 bits")
        for word in value if isinstance(value, Mapping) else [value]:
            if isinstance(value, Mapping) and not isinstance(word, str):
                raise ConfigError(f"{name}: key" if name else "key", word, "words as keys")
            if isinstance(word, str) and word.encode(errors="ignore").decode() != word:  # half of a pair of code units
                raise ConfigError(name or "key", word, "Unicode text")


def _values(value: Any, place: str) -> Iterator[tuple[str, int, Any]]:
    """All values of a nested structure with their keys and levels, each before what it holds."""
    waiting = [(place, 0, value)]
    while waiting:
        place, level, value = waiting.pop()
        yield place, level, value
        if isinstance(value, Mapping | list | tuple):
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            waiting += [(_joined(place, [step]), level + 1, item) for step, item in reversed(list(items))]


class _Repr(reprlib.Repr):
    """repr of values of any size, no longer than an error's line can be."""

    def repr_int(self, x: int, level: int) -> str:
        """Decimal digits, of which Python refuses to write thousands."""
        return repr(x) if abs(x) <= LARGEST_INTEGER else f"<integer of {x.bit_length()} bits>"


_REPR = _Repr()
_REPR.maxlevel, _REPR.maxdict, _REPR.maxlist, _REPR.maxtuple = 3, 8, 20, 20
_REPR.maxstring = _REPR.maxother = 120


def _line(text: str, longest: int = 200) -> str:
    """A text as one line of printable characters, cut where it is longer."""
    printable = "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text[:longest]
    )
    return printable if len(text) <= longest else printable + "..."

"""Names and arguments of the measures, read from their source: planning need not import them, which takes a second."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from critical_periods import plugins


@dataclass(frozen=True)
class Kind:
    """What an argument may be: in words, and as a test of a value; and whether it names a variable of the data."""

    words: str
    allows: Callable[[Any], bool]
    variable: bool = False


@dataclass(frozen=True)
class Signature:
    """Arguments of a measure beside its dataset.

    Parameters
    ----------
    arguments
        Name -> what it may be.
    required
        Names of those without a default.
    where
        What may select on an axis of the dataset, given by the axis's name; None if nothing may.
    """

    arguments: Mapping[str, Kind]
    required: tuple[str, ...]
    where: Kind | None


def signatures() -> Mapping[str, Signature]:
    """Signatures of all measures: public functions of a `dataset` in the `files` that may have them."""
    found: dict[str, Signature] = {}
    for module, file in files().items():
        for name, signature in _signatures(file).items():
            plugins.refuse_taken(module, "measure", name, found)
            found[name] = signature
    return found


def files() -> dict[str, Path]:
    """Modules that may have measures: `analysis/measures.py`, `measures.py` beside models, and plugins."""
    package = Path(__file__).parents[1]
    own = [package / "analysis/measures.py", *sorted(package.glob("models/*/measures.py"))]
    names = [".".join(("critical_periods", *file.relative_to(package).with_suffix("").parts)) for file in own]
    return dict(zip(names, own, strict=True)) | plugins.LOADED


@cache
def _signatures(file: Path) -> Mapping[str, Signature]:
    """Signatures of the measures of a file."""
    aliases = _aliases(Path(__file__).with_name("measures.py")) | _aliases(file)
    return {
        function.name: _signature(function.args, aliases)
        for function in _statements(file)
        if isinstance(function, ast.FunctionDef) and not function.name.startswith("_")
        if function.args.args and function.args.args[0].arg == "dataset"
    }


@cache
def _statements(file: Path) -> list[ast.stmt]:
    return ast.parse(file.read_text(encoding="utf-8")).body


def _aliases(file: Path) -> dict[str, ast.expr]:
    """What a file calls types of arguments by; those of `analysis/measures.py` are for all to import."""
    assignments = [node for node in _statements(file) if isinstance(node, ast.Assign)]
    return {name.id: node.value for node in assignments for name in node.targets if isinstance(name, ast.Name)}


def _signature(arguments: ast.arguments, aliases: Mapping[str, ast.expr]) -> Signature:
    named = [*arguments.args[1:], *arguments.kwonlyargs]
    without = [None] * (len(arguments.args) - len(arguments.defaults))
    defaults = [*without, *arguments.defaults, *arguments.kw_defaults][1:]  # the dataset's is of no matter
    kinds = {argument.arg: _kind(argument.annotation, aliases) for argument in named}
    required = tuple(argument.arg for argument, default in zip(named, defaults, strict=True) if default is None)
    where = _kind(arguments.kwarg.annotation, aliases) if arguments.kwarg else None
    return Signature(kinds, required, where)


def _kind(annotation: ast.expr | None, aliases: Mapping[str, ast.expr]) -> Kind:
    """What an annotation allows; anything, where it is none of those that the configuration can say."""
    match annotation:
        case ast.Name(id="bool"):
            return Kind("true or false", lambda value: isinstance(value, bool))
        case ast.Name(id="int"):
            return Kind("integer", lambda value: isinstance(value, int) and not isinstance(value, bool))
        case ast.Name(id="float"):
            return Kind("number", lambda value: isinstance(value, int | float) and not isinstance(value, bool))
        case ast.Name(id="Recorded"):
            return Kind("a variable", lambda value: isinstance(value, str), variable=True)
        case ast.Name(id="str"):
            return Kind("word", lambda value: isinstance(value, str))
        case ast.Constant(value=None):
            return Kind("null", lambda value: value is None)
        case ast.Name(id=name) if name in aliases:
            return _kind(aliases[name], aliases)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            one, other = _kind(left, aliases), _kind(right, aliases)
            return Kind(f"{one.words} or {other.words}", lambda value: one.allows(value) or other.allows(value))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            known = [ast.literal_eval(item) for item in getattr(choices, "elts", [choices])]
            return Kind(
                " or ".join(map(str, known)), lambda value: any(value is item or value == item for item in known)
            )
        case ast.Subscript(value=ast.Name(id="list"), slice=items):
            item = _kind(items, aliases)
            return Kind(
                f"list of {item.words}", lambda value: isinstance(value, list) and all(map(item.allows, value))
            )
        case ast.Subscript(value=ast.Name(id="Mapping"), slice=ast.Tuple(elts=[keys, values])):
            key, item = _kind(keys, aliases), _kind(values, aliases)
            return Kind(
                f"{{{key.words}: {item.words}}}",
                lambda value: (
                    isinstance(value, Mapping)
                    and all(map(key.allows, value))
                    and all(map(item.allows, value.values()))
                ),
            )
    return Kind("anything", lambda value: True)

"""Files of a configuration: what Snakemake lets pass in them, a key given twice above all; and `--config`.

Imported whenever the workflow is planned, so it needs nothing heavier than a YAML parser. Run by itself it checks
files that `snakemake --configfile` reads before the workflow can look at them:

    PYTHONPATH=src python -m critical_periods.configuration.files mine.yaml
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from critical_periods.configuration.fields import ConfigError, as_yaml
from critical_periods.locations import PROJECT

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: What a parser raises for numbers, dates and truth values that are none, and for values within themselves.
_UNREADABLE = (ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


@cache
def paper() -> dict[str, Any]:
    """The paper as data: what config.yaml says, read once; not to be changed."""
    return read_file(PROJECT / "config.yaml")


def read_file(path: Path) -> dict[str, Any]:
    """What a file of the configuration holds.

    Parameters
    ----------
    path
        The file, YAML or JSON.

    Raises
    ------
    ConfigError
        If it cannot be read as keys and values, or gives a key twice, of which YAML and JSON keep the last value
        without a word; with file, line and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}", getattr(error, "strerror", "") or "other bytes", "a text file in UTF-8") from None
    try:
        content = _content(text, path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark else f"{path}"
        raise ConfigError(place, getattr(error, "problem", None) or "broken", "YAML or JSON") from None
    except ConfigError:
        raise
    except _UNREADABLE as error:
        raise ConfigError(f"{path}", f"{error}", "numbers of 4300 digits at most, dates that exist") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}", as_yaml(content), "keys with values")
    return content


def read_words(config: Mapping[str, Any], words: Iterable[str]) -> None:
    """Read the values of `snakemake --config` as those of a file are read: lists, numbers, true and null too.

    Snakemake takes a number for one, but leaves words inside of lists, and true and null, what they are.

    Parameters
    ----------
    config
        The configuration, in which Snakemake has put the words; values that it has from elsewhere are left alone.
    words
        As given, `key=value` each.

    Raises
    ------
    ConfigError
        If a value is no YAML.
    """
    for word in words:
        key, _, text = word.partition("=")
        text = text.strip("'\"")  # as Snakemake does
        if key not in config:
            continue
        try:
            untyped = yaml.load(text, Loader=yaml.BaseLoader)
            typed = yaml.load(text, Loader=_LOADER)
        except (yaml.YAMLError, *_UNREADABLE):
            raise ConfigError(f"--config {key}", text, "YAML") from None
        _give_types(config, key, untyped, typed)


def _give_types(config: Any, key: str, untyped: Any, typed: Any) -> None:
    """Replace what the configuration has under a key, and under the keys below it, where it is what was given."""
    if isinstance(untyped, Mapping) and isinstance(config[key], Mapping):
        for name in untyped:
            if name in typed and name in config[key]:
                _give_types(config[key], name, untyped[name], typed[name])
    elif config[key] == untyped:
        config[key] = typed


def _content(text: str, path: Path) -> Any:
    """What a text says in YAML, or in JSON, which is YAML but for tabs."""
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
    except yaml.YAMLError:
        with suppress(json.JSONDecodeError):
            return json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, path))
        raise
    _refuse_twins(root, path, "", set())
    return loader.construct_document(root) if root else None


def _refuse_twins(node: yaml.Node | None, path: Path, place: str, known: set[int]) -> None:
    """Refuse a key that a mapping, or one below it, gives twice."""
    if id(node) in known or not isinstance(node, yaml.CollectionNode):
        return
    known.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twins(item, path, place, known)
        return
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        name = f"{place}.{key.value}".removeprefix(".")
        line = key.start_mark.line + 1
        twin = key.tag, str(key.value)
        if twin in lines:
            allowed = f"once (it is in line {lines[twin]} already)"
            raise ConfigError(f"{path}, line {line}: duplicated key", name, allowed)
        lines[twin] = line
        _refuse_twins(value, path, name, known)


def _unique(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ConfigError(f"{path}: duplicated key", name, "once")
        found[name] = value
    return found


if __name__ == "__main__":
    try:
        for file in sys.argv[1:]:
            read_file(Path(file))
    except ConfigError as error:
        sys.exit(f"Configuration: {error}")

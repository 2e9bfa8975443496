"""Files of a configuration, in which a key may be given once, and what of them a value comes from; and `--config`.

Imported whenever the workflow is planned, so it needs nothing heavier than a YAML parser.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from critical_periods.configuration.fields import ConfigError
from critical_periods.locations import PROJECT

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):
    """Loader that refuses a key given twice, of which YAML itself keeps the last value without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            line, twin = key.start_mark.line + 1, (key.tag, str(key.value))
            if twin in lines:
                allowed = f"once (it is in line {lines[twin]} already)"
                raise ConfigError(f"line {line}: duplicated key", key.value, allowed)
            lines[twin] = line
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


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
        If it cannot be read as keys and values, or gives a key twice; with file and line.
    """
    try:
        content = yaml.load(_text(path), Loader=_Loader)
    except ConfigError as error:
        raise ConfigError(f"{path}, {error.key}", error.value, error.allowed) from None
    except OSError as error:
        raise ConfigError(f"{path}", error.strerror, "a text file in UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: dates that do not exist, other bytes than text
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"{path}, line {mark.line + 1}" if mark else f"{path}"
        raise ConfigError(place, problem or str(error), "YAML or JSON, as UTF-8") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}", content, "keys with values")
    return content


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    # JSON is YAML but for tabs, which can only stand between its parts.
    return text.replace("\t", " ") if path.suffix == ".json" else text


def located(error: ConfigError, config: Mapping[str, Any], files: Mapping[Path, Mapping[str, Any]]) -> ConfigError:
    """An error of a configuration that says from which line of which file its value comes, if it is of one.

    Parameters
    ----------
    error
        The error.
    config
        The configuration.
    files
        What it was read from, by file: of several that have a key, the last one counts. A value that none of them has
        comes from `--config` or from a parent workflow.
    """
    path: list[Any] = list(error.path)
    while path and _at(config, path) is _NOTHING:  # a key that is missing
        path.pop()
    value = _at(config, path)
    if isinstance(value, Mapping) and isinstance(error.value, Hashable) and error.value in value:  # a key
        path, value = [*path, error.value], value[error.value]
    for file, content in reversed(list(files.items())):
        given = _at(content, path)
        if path and (given == value or (isinstance(given, Mapping) and isinstance(value, Mapping))):
            error.origin = f"{file}, line {_line(file, path)}"
            break
    return error


#: Stands for a value that is not there.
_NOTHING = object()


def _at(content: Any, path: Iterable[Any]) -> Any:
    """What lies at the end of some keys and indices."""
    for step in path:
        try:
            content = content[step]
        except (LookupError, TypeError):
            return _NOTHING
    return content


def _line(file: Path, path: Sequence[Any]) -> int:
    """Line of a file where a key or an item stands, or what it is merged into."""
    node: Any = yaml.compose(_text(file), Loader=_SafeLoader)
    line = 1
    for step in path:
        if isinstance(node, yaml.SequenceNode):
            at, node = node.value[step], node.value[step]
        else:
            found = [pair for pair in node.value if pair[0].value == str(step)]
            if not found:
                break
            [(at, node)] = found
        line = at.start_mark.line + 1
    return line


def files_named(
    key: str, config: Mapping[str, Any], files: Mapping[Path, Mapping[str, Any]], of_parent: bool
) -> list[tuple[str, Path]]:
    """Files that a list of the configuration names, each with the folder that the name is relative to.

    Of several files that have the list Snakemake keeps the last one's only, and not whose it is.

    Parameters
    ----------
    key
        The list.
    config
        The configuration.
    files
        What it was read from, by file: names are relative to it. Names that none of them has are relative to the
        working directory.
    of_parent
        Whether the configuration comes from a parent workflow: what a file names counts only where the parent hands
        it over.

    Raises
    ------
    ConfigError
        If it is no list of names.
    """
    found, known = [], set()
    for content, folder in [*((content, file.parent) for file, content in files.items()), (config, Path.cwd())]:
        entries = content.get(key, [])
        if of_parent and entries != config.get(key, []):
            continue
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise ConfigError(key, entries, "a list of files")
        found += [(entry, folder.resolve()) for entry in entries if content is not config or entry not in known]
        known.update(entries)
    return found


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
            typed = yaml.load(text, Loader=_Loader)
        except (yaml.YAMLError, ValueError):
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

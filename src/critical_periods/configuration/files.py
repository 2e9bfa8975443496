"""What the files of a configuration may not hold: broken or endless YAML, and a key given twice; and `--config`.

Imported whenever the workflow is planned, so it needs nothing heavier than a YAML parser. Run by itself it checks
files that `snakemake --configfile` reads before the workflow can look at them:

    PYTHONPATH=src python -m critical_periods.configuration.files mine.yaml
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from critical_periods.configuration.fields import DEEPEST_LEVEL, MOST_VALUES, ConfigError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_files(paths: Iterable[Path | str]) -> None:
    """Refuse configuration files that are broken or endless, or give a key twice.

    YAML and JSON keep the last value of such a key and drop the others without a word.

    Parameters
    ----------
    paths
        The files, YAML or JSON.

    Raises
    ------
    ConfigError
        On the first such key, with file, line and key; on a file that cannot be read as keys and values, or that
        stands for more values or levels than a configuration may have.
    """
    for path in paths:
        _check_file(Path(path))


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
        except (yaml.YAMLError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError):
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


def _check_file(path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}", type(error).__name__, "a text file in UTF-8") from None
    try:
        # Nesting first: the parser's C code overflows the stack where it builds thousands of levels.
        level = 0
        for event in yaml.parse(text, Loader=_LOADER):
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if level > DEEPEST_LEVEL:
                raise ConfigError(f"{path}", f"{level} levels", f"{DEEPEST_LEVEL} levels at most")
        loader = _LOADER(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            value = root.value if isinstance(root, yaml.ScalarNode) else None
            raise ConfigError(f"{path}", value, "keys with values")
        _check_node(root, path, "", 0, {})
        try:
            loader.construct_document(root)
        except (ValueError, LookupError, AttributeError, ArithmeticError) as error:
            # What the constructors of numbers, dates and truth values raise.
            raise ConfigError(f"{path}", f"{error}", "numbers of 4300 digits at most, dates that exist") from None
    except yaml.YAMLError as error:
        # JSON is YAML but for tabs, and Snakemake tries it first.
        if not _is_json(text, path):
            mark = getattr(error, "problem_mark", None)
            place = f"{path}, line {mark.line + 1}" if mark else f"{path}"
            raise ConfigError(place, getattr(error, "problem", None) or "broken", "YAML or JSON") from None


def _check_node(node: yaml.Node, path: Path, place: str, level: int, known: dict[int, Any]) -> tuple[int, int]:
    """Values that a node stands for, aliases counted as often as they are used, and levels below it."""
    if isinstance(node, yaml.ScalarNode):
        return 1, 0
    if level >= DEEPEST_LEVEL:  # a node that contains itself ends here too
        raise ConfigError(f"{path}: {place}", "an alias within itself or deeper", f"{DEEPEST_LEVEL} levels at most")
    if id(node) not in known:
        values, height = 1, 0
        for name, child in _children(node, path, place):
            child_values, child_height = _check_node(child, path, name, level + 1, known)
            values, height = values + child_values, max(height, child_height + 1)
        known[id(node)] = values, height
    values, height = known[id(node)]
    if values > MOST_VALUES:
        raise ConfigError(f"{path}: {place}", f"{values} values", f"{MOST_VALUES} values in the whole configuration")
    if level + height > DEEPEST_LEVEL:
        raise ConfigError(f"{path}: {place}", f"{level + height} levels", f"{DEEPEST_LEVEL} levels at most")
    return values, height


def _children(node: yaml.Node, path: Path, place: str) -> Iterable[tuple[str, yaml.Node]]:
    """Nodes of a list or of a mapping, each with its place; refuses a key given twice."""
    if isinstance(node, yaml.SequenceNode):
        yield from ((place, item) for item in node.value)
        return
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            yield place, key
            yield place, value
            continue
        name = f"{place}.{key.value}" if place else key.value
        line = key.start_mark.line + 1
        if (key.tag, key.value) in lines:
            first = lines[key.tag, key.value]
            raise ConfigError(f"{path}, line {line}: duplicated key", name, f"once (it is in line {first} already)")
        lines[key.tag, key.value] = line
        yield name, value


def _is_json(text: str, path: Path) -> bool:
    """Whether a text that is no YAML is JSON; refuses a key given twice, of which JSON knows no line."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise ConfigError(f"{path}: duplicated key", name, "once")
            found[name] = value
        return found

    try:
        json.loads(text, object_pairs_hook=unique)
    except ConfigError:
        raise
    except (ValueError, RecursionError):
        return False
    return True


if __name__ == "__main__":
    try:
        check_files(sys.argv[1:])
    except ConfigError as error:
        sys.exit(f"Configuration: {error}")

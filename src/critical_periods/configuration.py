"""What the files of a configuration may not hold although Snakemake reads them without a word: a key given twice.

Imported whenever the workflow is planned, so it needs nothing heavier than a YAML parser.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from critical_periods.experiments import DEEPEST_LEVEL, ConfigError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_files(paths: Iterable[Path | str]) -> None:
    """Refuse configuration files that give a key twice: YAML and JSON keep the last value and drop the others.

    Parameters
    ----------
    paths
        The files, YAML or JSON.

    Raises
    ------
    ConfigError
        On the first such key, with file, line and key; on a file that cannot be read as keys and values.
    """
    for path in paths:
        _check_file(Path(path))


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
        # Nodes, not values: an alias stays one node, so that nested aliases cost no more than their text.
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        # JSON is YAML but for tabs, and Snakemake tries it first.
        if not _is_json(text, path):
            mark = getattr(error, "problem_mark", None)
            place = f"{path}, line {mark.line + 1}" if mark else f"{path}"
            raise ConfigError(place, getattr(error, "problem", None) or "broken", "YAML or JSON") from None
        return
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}", root.value if isinstance(root, yaml.ScalarNode) else None, "keys with values")
    _check_nodes(root, path)


def _check_nodes(root: yaml.Node, path: Path) -> None:
    """Visit every node once, without recursion: a mapping may contain itself."""
    visited: set[int] = set()
    waiting: list[tuple[yaml.Node, str]] = [(root, "")]
    while waiting:
        node, place = waiting.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    name = f"{place}.{key.value}" if place else key.value
                    line = key.start_mark.line + 1
                    if (key.tag, key.value) in lines:
                        first = lines[key.tag, key.value]
                        where = f"{path}, line {line}: duplicated key"
                        raise ConfigError(where, name, f"once (it is in line {first} already)")
                    lines[key.tag, key.value] = line
                    waiting.append((value, name))
                else:
                    waiting += [(key, place), (value, place)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, place) for item in node.value if not isinstance(item, yaml.ScalarNode)]


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

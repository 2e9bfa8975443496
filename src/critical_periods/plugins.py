"""Models, measures and kinds of panels from outside: modules that a configuration names under `plugins`.

A plugin is Python code: a configuration with plugins runs its author's code. It may have a tuple `MODELS` of
`critical_periods.models.registry.ModelSpec`, a dictionary `KINDS` of classes derived from
`critical_periods.figures.panels.Panel`, another of `critical_periods.figures.panels.Mark`, `MARKS`, and
measures: public functions of a `dataset`. Light enough for planning, as long as plugins are: what they import at their
top is imported whenever the workflow is planned.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from critical_periods.configuration.fields import ConfigError

#: Plugins loaded so far: module -> its file.
LOADED: dict[str, Path] = {}


def resolved(entries: Iterable[tuple[str, Path]]) -> list[str]:
    """Plugins as any process can load them: files by their absolute path, modules by their name, each once.

    Parameters
    ----------
    entries
        What configurations say, each with the folder that its paths are relative to.
    """
    found = [str((folder / entry).resolve()) if entry.endswith(".py") else entry for entry, folder in entries]
    return list(dict.fromkeys(found))


def load(plugins: Iterable[str]) -> None:
    """Import plugins; what they declare is there from then on, as if it were built in.

    Parameters
    ----------
    plugins
        As `resolved` gives them.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If one is missing or broken, or takes the name of a module that is there already.
    """
    for plugin in plugins:
        path, is_file = Path(plugin), plugin.endswith(".py")
        name = path.stem if is_file else plugin
        if LOADED.get(name) == path:
            continue
        if is_file:
            _check_file(plugin, name, path)
        try:
            module = _from_file(name, path) if is_file else import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever its author raises, as SystemExit
            raise ConfigError("plugins", plugin, f"a module that can be imported ({_reason(error)})") from error
        file = getattr(module, "__file__", None)
        if file is None:
            raise ConfigError("plugins", plugin, "a module that is a file: measures are read from its source")
        LOADED[name] = Path(file)


def files(plugin: str) -> list[Path]:
    """Files of a loaded plugin: of a package all, of a module its own and those beside it that it imports."""
    start = LOADED[plugin]
    if start.name == "__init__.py":
        return sorted(start.parent.rglob("*.py"))
    if start.parent == Path(sysconfig.get_path("purelib")):  # beside it lies what other people have made
        return [start]
    found, pending = set(), {start}
    while pending:
        file = pending.pop()
        found.add(file)
        for name in _imported(file):
            beside = start.parent / name
            pending |= {beside.with_suffix(".py"), *beside.rglob("*.py")} - found
        pending = {file for file in pending if file.is_file()}
    return sorted(found)


def _imported(file: Path) -> Iterator[str]:
    """Every name that import statements of a file have in them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            yield from (name for module in modules for name in module.split(".") if name.isidentifier())


def brought(plugin: str, name: str, container: type, item: type) -> Any:
    """What a loaded plugin brings under a name: a sequence or a mapping of items, empty if it has none.

    Items are of one type, or classes derived from it.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If it is anything else.
    """

    def fits(each: Any) -> bool:
        return issubclass(each, item) if isinstance(each, type) else isinstance(each, item)

    try:
        found: Any = getattr(sys.modules[plugin], name, {} if container is Mapping else ())
        items = found.values() if isinstance(found, Mapping) else found
        fitting = isinstance(found, container) and all(map(fits, items))
    except Exception as error:
        place = f"plugins: {plugin}: {name}"
        raise ConfigError(place, str(LOADED[plugin]), f"an attribute that can be read ({_reason(error)})") from error
    if not fitting:
        allowed = f"a {container.__name__.lower()} of {item.__module__}.{item.__name__}"
        raise ConfigError(f"plugins: {plugin}: {name}", found, allowed)
    return found


def refuse_taken(plugin: str, what: str, name: str, known: Iterable[str]) -> None:
    """Refuse what a plugin brings under a name that is taken.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        With the plugin, the name and the names taken.
    """
    if name in known:
        taken = f"another name of a {what}, none of {', '.join(known)}"
        raise ConfigError(f"plugins: {plugin}: {what}", name, taken)


def _check_file(plugin: str, name: str, path: Path) -> None:
    if not path.is_file():
        raise ConfigError(
            "plugins", plugin, "a Python file that is there, relative to the configuration that names it"
        )
    if not name.isidentifier():
        raise ConfigError("plugins", plugin, "a file whose name is that of a module: letters, digits and underscores")
    # Where the folder of the plugin is one that Python imports from, the module there is may be the plugin itself.
    if (other := _place(name)) and Path(other).resolve() != path:
        raise ConfigError(
            "plugins", plugin, f"another name of the file, as there is a module {name} already ({other})"
        )


def _place(name: str) -> str:
    """Where the module lies that Python has under a name; "" if it has none."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None) or "built in"
    spec = importlib.util.find_spec(name)
    if spec is None:
        return ""
    return spec.origin or ", ".join(spec.submodule_search_locations or ())


def _reason(error: BaseException) -> str:
    """What went wrong in a plugin, in one line, with the plugin's own line and file."""
    said = f"{type(error).__name__}: {error}".split("\n")[0].removesuffix(": ")
    others = (__file__, importlib.__file__, "<frozen ")
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith(others)]
    lines = [frame.lineno for frame in frames if frame.filename == frames[0].filename]
    return f"{said}, line {lines[-1]} of {frames[0].filename}" if lines else said


def _from_file(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

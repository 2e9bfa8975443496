"""What code a job runs, as a fingerprint: exactly the definitions that its script reaches."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from critical_periods.locations import SCRIPTS, SOURCE
from critical_periods.plugins import LOADED

PACKAGE = __name__.split(".")[0]

#: In place of a definition's name: what a module runs whenever it is imported, and all of a module.
ALWAYS, EVERYTHING = "", "*"

#: Decorators that register nothing: what they decorate counts only where it is used.
PURE_DECORATORS = {
    *("cache", "lru_cache", "cached_property", "property", "staticmethod", "classmethod", "abstractmethod"),
    *("contextmanager", "dataclass", "overload", "override", "wraps", "runtime_checkable", "total_ordering", "final"),
}


class CodeChangedError(RuntimeError):
    """The code of a job is not the code that it was planned with."""


@dataclass(frozen=True)
class Code:
    """What a job runs: where its fingerprint begins and ends.

    Parameters
    ----------
    script
        Name of the script in the workflow's folder of scripts.
    loads
        What the script imports by a name that only the job knows, each `module` or `module:definition`; None where
        that is not known.
    without
        Modules that the script names but does not run.
    """

    script: str
    loads: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()

    def fingerprint(self, scripts: Path = SCRIPTS, source: Path = SOURCE) -> str:
        """Fingerprint of this code as it lies in a folder of scripts, and in one that holds the package."""
        return fingerprint(scripts / self.script, source, self.without, self.loads)

    def planned(self, fingerprint: str, upstream: Iterable[str] = ()) -> dict[str, Any]:
        """What a rule hands to its job, so that an edit of the code, or of what made its inputs, runs the job again.

        Parameters
        ----------
        fingerprint
            Fingerprint at planning.
        upstream
            Those of the jobs whose files the job reads: times of files tell the order of events on one clock only.
        """
        return {**asdict(self), "fingerprint": fingerprint, "upstream": sorted(set(upstream))}


def check_code(planned: Mapping[str, Any], scripts: Path = SCRIPTS) -> None:
    """Compare the code as it lies on disk with what a job was planned with.

    Parameters
    ----------
    planned
        As `Code.planned` gave it.
    scripts
        The folder of the job's script.

    Raises
    ------
    CodeChangedError
        If it has changed: results would pass for those of the code planned.
    """
    code = Code(planned["script"], planned["loads"], planned["without"])
    found = code.fingerprint(scripts)
    if found != planned["fingerprint"]:
        raise CodeChangedError(
            f"{code.script}: code = {found}; allowed: {planned['fingerprint']}, as planned; it was edited since, "
            "start the run again"
        )


def fingerprint(
    script: Path, source: Path, without: tuple[str, ...] = (), loads: tuple[str, ...] | None = None
) -> str:
    """Hash of exactly the code that a script uses: itself, and every definition of this package it reaches.

    Comments, layout and docstrings (unless code reads them) do not count, and neither do definitions that nothing
    reaches: an edit of one function changes the fingerprint of the scripts that use this function and of no others.
    Statements that define nothing run whenever their module is imported, and so does what a decorator may register;
    they count for every script that imports the module, directly or not. Where a name cannot be followed (star
    imports, a module handed on as a value, an attribute that no statement defines, an import by a computed name),
    the whole module counts, or the whole package. The hash is the same under every version of Python.

    Parameters
    ----------
    script
        The Python script.
    source
        The folder that holds the package.
    without
        Modules, by their dotted name, that the script names but does not run.
    loads
        What imports by a computed name stand for, each `module` or `module:definition`; None for the whole package.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return _Reached(_Modules(source), frozenset(without), loads).digest(script)


class _Reached:
    """All code that a script reaches, found by following names from statement to statement."""

    def __init__(self, modules: _Modules, without: frozenset[str], loads: tuple[str, ...] | None) -> None:
        self.modules, self.without, self.loads = modules, without, loads
        self.code: dict[tuple[str, str], list[ast.stmt]] = {}
        self.pending: list[tuple[_Module, ast.stmt]] = []

    def digest(self, script: Path) -> str:
        start = _Module(ast.parse(script.read_text(encoding="utf-8")), "", False, self.modules)
        self._take(start, EVERYTHING)
        for name in self.loads or ():
            self._load(name)
        while self.pending:
            module, statement = self.pending.pop()
            for target, name in module.references(statement):
                self._take(target, name)
            for name in _computed_imports(statement):
                for loaded in (name,) if name else self.modules.all_names() if self.loads is None else self.loads:
                    self._load(loaded)
        statements = [statement for found in self.code.values() for statement in found]
        documented = any(_reads_docstrings(statement) for statement in statements)
        parts = [
            f"{module}:{name}:{_normal(found if documented else _undocumented(found), documented)}"
            for (module, name), found in sorted(self.code.items())
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def _load(self, name: str) -> None:
        """Add a module, or a definition of it: `module` or `module:name`."""
        module, _, definition = name.partition(":")
        if (found := self.modules[module]) is not None:
            self._take(found, definition or EVERYTHING)

    def _take(self, module: _Module, name: str) -> None:
        """Add a definition of a module, or what it always runs, or all of it; and what importing it runs."""
        if (module.name, name) in self.code or module.name in self.without:
            return
        found = module.named(name)
        self.code[module.name, name] = found
        self.pending += [(module, statement) for statement in found]
        if name != ALWAYS:
            self._take(module, ALWAYS)
            return
        for imported in module.imported:
            self._take(imported, ALWAYS)


class _Modules(dict[str, "_Module | None"]):
    """Modules of the package and plugins by name, parsed when first asked for."""

    def __init__(self, source: Path) -> None:
        self.source = source

    def __missing__(self, name: str) -> _Module | None:
        path = self.source.joinpath(*name.split("."))
        ours = (path.with_suffix(".py"), path / "__init__.py") if name.split(".")[0] == PACKAGE else ()
        for file in (LOADED[name],) if name in LOADED else ours:
            if file.is_file():
                self[name] = _Module(_parse(file, file.stat().st_mtime_ns), name, file.name == "__init__.py", self)
                return self[name]
        self[name] = None
        return None

    def all_names(self) -> list[str]:
        """Dotted names of all modules of the package."""
        files = (file.relative_to(self.source).with_suffix("") for file in self.source.glob(f"{PACKAGE}/**/*.py"))
        ours = (file for file in files if file.parts[1] != "project")
        return sorted(".".join(file.parts).removesuffix(".__init__") for file in ours)


class _Module:
    """Definitions of a module by name, what it imports, and the statements that always run."""

    def __init__(self, tree: ast.Module, name: str, is_package: bool, modules: _Modules) -> None:
        self.name, self.modules, self.statements = name, modules, tree.body
        self.package = name if is_package else name.rpartition(".")[0]
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.always: list[ast.stmt] = []
        self.outside = [node for statement in tree.body for node in _outside_scopes(statement)]
        self.imports = dict(self._bound(self.outside))
        imported = [node for node in self.outside if isinstance(node, ast.ImportFrom)]
        self.stars = [self._origin(node) for node in imported if node.names[0].name == "*"]
        for statement in tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                continue
            names = _defined(statement)
            for defined in names:
                self.definitions.setdefault(defined, []).append(statement)
            if not names or isinstance(statement, _COMPOUND) or _may_register(statement):
                self.always.append(statement)

    @cached_property
    def imported(self) -> list[_Module]:
        """Modules of the package that importing this one imports, packages on the way to them included."""
        parents = [self.name.rsplit(".", count)[0] for count in range(self.name.count("."), 0, -1)]
        return self._on_the_way([*parents, *self._loaded(self.outside)])

    def _loaded(self, nodes: Iterable[ast.AST]) -> Iterator[str]:
        """Dotted names of modules that import statements load."""
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield (origin := self._origin(node))
                yield from (f"{origin}.{alias.name}" for alias in node.names)

    def _on_the_way(self, names: Iterable[str]) -> list[_Module]:
        """Modules of the package among those named and the packages that they lie in."""
        found: dict[str, _Module] = {}
        for whole in names:
            for end in range(1, whole.count(".") + 2):
                name = ".".join(whole.split(".")[:end])
                if (module := self.modules[name]) is not None and module is not self:
                    found[name] = module
        return list(found.values())

    def named(self, name: str) -> list[ast.stmt]:
        """Statements behind a definition's name, `ALWAYS` or `EVERYTHING`."""
        if name == EVERYTHING:
            return self.statements
        return self.definitions.get(name, []) if name else self.always

    def references(self, statement: ast.stmt) -> Iterator[tuple[_Module, str]]:
        """Definitions, of this module or others, that a statement of it names."""
        inside = [node for node in ast.walk(statement) if isinstance(node, ast.Import | ast.ImportFrom)]
        yield from ((module, ALWAYS) for module in self._on_the_way(self._loaded(inside)))
        imports = self.imports | dict(self._bound(inside))
        for first, *rest in _chains(statement):
            if first in imports:
                module, names = imports[first]
                yield from self._resolve(module, names + rest)
            elif first in self.definitions:
                yield self, first
        for star in self.stars:
            yield from self._resolve(star, [])

    def _resolve(self, name: str, names: list[str]) -> Iterator[tuple[_Module, str]]:
        """Follow attributes of a module, through re-exports and submodules, to the definition they name."""
        module = self.modules[name]
        if module is None:
            return
        if not names:
            yield module, EVERYTHING  # the module itself is handed on: to getattr, to another name
            return
        yield module, ALWAYS
        first, rest = names[0], names[1:]
        if first in module.definitions:
            yield module, first
        elif first in module.imports:
            origin, path = module.imports[first]
            yield from self._resolve(origin, path + rest)
        elif self.modules[f"{name}.{first}"] is not None:
            yield from self._resolve(f"{name}.{first}", rest)
        else:
            yield module, EVERYTHING  # __getattr__, __dict__, or a name that a statement sets behind the scenes

    def _bound(self, nodes: Iterable[ast.AST]) -> Iterator[tuple[str, tuple[str, list[str]]]]:
        """Names that import statements bind: name -> (module, attributes of it)."""
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    root = alias.name.split(".")[0]
                    yield (alias.asname, (alias.name, [])) if alias.asname else (root, (root, []))
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if alias.name != "*":
                        yield alias.asname or alias.name, (self._origin(node), [alias.name])

    def _origin(self, node: ast.ImportFrom) -> str:
        """Dotted name of the module that a `from` imports from; dots count from this module's package."""
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


_COMPOUND = (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.Match)
_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


@lru_cache(maxsize=1000)
def _parse(file: Path, changed: int) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _outside_scopes(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and what it holds, but not what functions, classes and comprehensions hold."""
    yield node
    if not isinstance(node, _SCOPES):
        for child in ast.iter_child_nodes(node):
            yield from _outside_scopes(child)


def _defined(statement: ast.stmt) -> list[str]:
    """Names that a statement of a module binds, but for imports."""
    found = []
    for node in _outside_scopes(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.append(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id)
    return found


def _may_register(statement: ast.stmt) -> bool:
    """Whether a decorator may keep what it decorates, or a base class its subclasses."""
    if isinstance(statement, ast.ClassDef) and statement.keywords:
        return True
    decorators = getattr(statement, "decorator_list", [])
    called = [decorator.func if isinstance(decorator, ast.Call) else decorator for decorator in decorators]
    return any((_chain(decorator) or [""])[-1] not in PURE_DECORATORS for decorator in called)


def _computed_imports(statement: ast.stmt) -> Iterator[str]:
    """Modules imported by a call: their names where they are written out, else ""."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and (_chain(node.func) or [""])[-1] in ("import_module", "__import__"):
            name = node.args[0] if node.args else None
            yield name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""


def _reads_docstrings(statement: ast.stmt) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr == "__doc__")
        or (isinstance(node, ast.Name) and node.id in ("__doc__", "getdoc"))
        for node in ast.walk(statement)
    )


def _chains(node: ast.AST) -> Iterator[list[str]]:
    """Names and attributes of names in a piece of code, each as long as it is: `a.b.c`, not `a.b` and `a` too."""
    if chain := _chain(node):
        yield chain
        return
    for child in ast.iter_child_nodes(node):
        yield from _chains(child)


def _chain(node: ast.AST) -> list[str]:
    """`a.b.c` as a list of names; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else []


def _normal(value: Any, documented: bool) -> str:
    """Code as text without comments, layout and, unless they count, docstrings.

    Unlike `ast.dump` it is the same under every version of Python: fields that are empty, which versions add, are
    left out.
    """
    if isinstance(value, ast.AST):
        fields = ((name, field) for name, field in ast.iter_fields(value) if name != "type_comment")
        if not documented and isinstance(getattr(value, "body", None), list):
            fields = ((name, _undocumented(field) if name == "body" else field) for name, field in fields)
        parts = [f"{name}={_normal(field, documented)}" for name, field in fields if field is not None and field != []]
        return f"{type(value).__name__}({','.join(parts)})"
    if isinstance(value, list):
        return f"[{','.join(_normal(item, documented) for item in value)}]"
    return repr(value)


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    return [item for item in body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]

"""Where a result comes from: the code it depends on, and the software it was computed with."""

from __future__ import annotations

import ast
import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

#: Packages whose version is recorded in every dataset.
RECORDED_PACKAGES = ("numpy", "scipy", "torch", "xarray", "netCDF4", "snakemake")
PACKAGE = __package__ or "critical_periods"


def software_versions() -> str:
    """Versions of the packages that results depend on, as `name version` separated by commas."""
    found = []
    for name in RECORDED_PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def code_version() -> str:
    """Version of the package and commit of its repository, `-dirty` if edited; the version alone outside of git.

    The repository may belong to somebody else. One that only happens to lie around a copy of the code is not asked.
    """
    from critical_periods import __version__

    root = Path(__file__).resolve().parents[2]
    # Told where the repository is, git looks for none further up, and does not mind whose it is.
    repository = (f"--git-dir={root / '.git'}", f"--work-tree={root}")
    try:
        described = subprocess.run(
            ["git", *repository, "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__} ({described.stdout.strip()})"


def fingerprint(script: Path, source: Path, without: tuple[str, ...] = ()) -> str:
    """Hash of exactly the code that a script uses: itself, and every definition of this package it reaches.

    Comments, docstrings and layout do not count, and neither do definitions that nothing reaches: an edit of one
    function changes the fingerprint of the scripts that use this function and of no others.

    Parameters
    ----------
    script
        The Python script.
    source
        The folder that holds the package.
    without
        Modules, by their dotted name, that the script names but does not run.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    modules = _Modules(source)
    seen: dict[tuple[str, str], str] = {}
    start = _Module(ast.parse(script.read_text()), "", modules)
    pending = [(start, node) for node in start.statements]
    code = [_normal(node) for node in start.statements]
    while pending:
        module, node = pending.pop()
        for target, name in module.references(node):
            if (target.name, name) in seen or target.name in without:
                continue
            nodes = target.definitions.get(name, []) if name else target.always
            seen[target.name, name] = "".join(_normal(found) for found in nodes)
            pending += [(target, found) for found in nodes]
    parts = code + [f"{key}{text}" for key, text in sorted(seen.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class _Modules(dict[str, "_Module | None"]):
    """The package's modules by name, parsed when first asked for."""

    def __init__(self, source: Path) -> None:
        self.source = source

    def __missing__(self, name: str) -> _Module | None:
        path = self.source.joinpath(*name.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if name.split(".")[0] == PACKAGE and file.is_file():
                self[name] = _Module(_parse(file), name, self)
                return self[name]
        self[name] = None
        return None


class _Module:
    """Definitions of a module by name, what it imports, and the statements that always run."""

    def __init__(self, tree: ast.Module, name: str, modules: _Modules) -> None:
        self.name, self.modules, self.statements = name, modules, tree.body
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.always: list[ast.stmt] = []
        self.imports = dict(_imports(tree.body))
        for node in tree.body:
            names = _defined(node)
            for defined in names:
                self.definitions.setdefault(defined, []).append(node)
            if not names and not isinstance(node, ast.Import | ast.ImportFrom):
                self.always.append(node)

    def references(self, node: ast.AST) -> Iterator[tuple[_Module, str]]:
        """Definitions, of this module or others, that a piece of its code names; '' is what a module always runs."""
        if self.name:
            yield self, ""
        imports = self.imports | dict(_imports(ast.walk(node)))
        for child in ast.walk(node):
            chain = _chain(child)
            if chain and chain[0] in imports:
                module, names = imports[chain[0]]
                yield from self._resolve(module, names + chain[1:])
            elif chain and chain[0] in self.definitions and self.name:
                yield self, chain[0]

    def _resolve(self, name: str, names: list[str]) -> Iterator[tuple[_Module, str]]:
        """Follow attributes of a module, through re-exports and submodules, to the definition they name."""
        module = self.modules[name]
        if module is None:
            return
        yield module, ""
        if not names:
            return
        first, rest = names[0], names[1:]
        if first in module.definitions:
            yield module, first
        elif first in module.imports:
            origin, path = module.imports[first]
            yield from self._resolve(origin, path + rest)
        else:
            yield from self._resolve(f"{name}.{first}", rest)


@cache
def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Names that import statements bind: name -> (module, attributes of it)."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    (alias.asname, (alias.name, []))
                    if alias.asname
                    else (root := alias.name.split(".")[0], (root, []))
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, [alias.name])


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = (
        node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    )
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]


def _chain(node: ast.AST) -> list[str]:
    """`a.b.c` as a list of names; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else []


def _normal(node: ast.stmt) -> str:
    """Code without comments, layout and docstrings."""
    return ast.dump(_Undocumented().visit(ast.parse(ast.unparse(node))))


class _Undocumented(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                item for item in body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
            ]
        return super().generic_visit(node)

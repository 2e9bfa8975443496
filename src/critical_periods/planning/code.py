"""What code makes a result: a hash of the folders and files that it lies in, so that an edit of them makes it anew."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from critical_periods import plugins
from critical_periods.figures.kinds import kinds, marks
from critical_periods.locations import SCRIPTS, SOURCE
from critical_periods.models.registry import ModelSpec, models, simulations
from critical_periods.planning.cells import PlannedExperiment

PACKAGE = SOURCE / __name__.split(".")[0]

#: What makes numbers, whatever the model and the solver.
MAKERS = ("dynamics", "solvers/__init__.py", "solvers/shared")

#: What puts cells side by side, and what figures are drawn with.
ASSEMBLING = (
    *(f"analysis/{name}.py" for name in ("assemble", "closing", "coordinates", "learning", "measures", "statistics")),
    "dynamics/coverage.py",
)
DRAWING = ("figures", "publishing/markup.py", *ASSEMBLING[1:])


class CodeChangedError(RuntimeError):
    """The code of a job is not the code that it was planned with."""


def code_of(*places: str, source: Path = SOURCE) -> str:
    """Hash of all code in some places, the same under every version of Python.

    Comments, layout, docstrings and the texts of `key(...)` do not count.

    Parameters
    ----------
    places
        Folders and files of the package, relative to it, and methods, as `<file>::<class>.<method>`; `scripts/<name>`
        for a script of the workflow, and `plugins/<module>` for a plugin and the modules beside it that it imports.
        Their order does not count.
    source
        The folder that holds the package.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digests = {
        f"{name}:{_digest(file, file.stat().st_mtime_ns, name.partition('::')[2])}"
        for name, file in _files(places, source)
    }
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:16]


def planned(places: Iterable[str], before: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What a rule hands to its job, so that an edit of its code, or of what made its inputs, runs the job again.

    Parameters
    ----------
    places
        Where the job's code lies, as of `code_of`.
    before
        The same of the jobs whose files it reads: times of files tell the order of events on one clock only.
    """
    places = sorted(set(places))
    upstream = {code for each in before for code in (each["fingerprint"], *each["upstream"])}
    return {"places": places, "fingerprint": _once(*places), "upstream": sorted(upstream)}


#: As it lies when it is planned: many jobs have the same code.
_once = cache(code_of)


def check_code(code: Mapping[str, Any]) -> None:
    """Compare the code as it lies on disk with what a job was `planned` with.

    Raises
    ------
    CodeChangedError
        If it has changed: results would pass for those of the code planned.
    """
    found, wanted = code_of(*code["places"]), code["fingerprint"]
    if found != wanted:
        latest, _ = max(_files(code["places"], SOURCE), key=lambda named: named[1].stat().st_mtime_ns)
        raise CodeChangedError(
            f"{latest}: code = {found}; allowed: {wanted}, as planned; it was edited since, start the run again"
        )


@cache
def simulation_code(kind: str, solver: str | None) -> dict[str, Any]:
    """Code of the jobs that compute a kind of cells with a solver: what makes numbers, and no more.

    That is `dynamics`, what solvers share, the solvers used, and `simulation` of the family. A plugin may use all of
    it, and has its own.
    """
    model = next(model for model in models().values() if kind in {each.cells for each in model.simulations()})
    simulation, family = simulations()[kind], _family(model)
    if family is None:
        every = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("models/*/simulation")]
        return planned([*MAKERS, "solvers", *every, *_plugins(model.__module__)])
    solvers = [f"solvers/{name}.py" for name in (solver, *simulation.solvers) if name is not None]
    methods = _place(simulation.simulate), _place(simulation.batch_key)
    first = [simulation_code(model.first.cells, solver)] if model.first and kind == model.name else []
    return planned([*MAKERS, *solvers, *methods, f"{family}/simulation", *simulation.uses], first)


def assembling_places(model: type[ModelSpec]) -> list[str]:
    """Where the code lies that puts cells of a model side by side, and adds what theory says and what follows."""
    family = _family(model)
    if family is None:
        return [*ASSEMBLING, *_plugins(model.__module__)]
    own = [f"{family}/{name}.py" for name in ("theory", "derived") if (PACKAGE / family / f"{name}.py").is_file()]
    return [*ASSEMBLING, *own, _place(model.predict), _place(model.derive), *model.assembled_by]


def assembling_code(experiment: PlannedExperiment) -> dict[str, Any]:
    """Code of the job that puts the cells of an experiment side by side."""
    cells = [*experiment.cells.values(), *experiment.theory.values()]
    simulated = {(cell.model, cell.parameters.get("solver")) for cell in cells}
    before = [simulation_code(*kind) for kind in simulated]
    return planned(["scripts/aggregate.py", *assembling_places(models()[experiment.model])], before)


def drawing_code(
    script: str, panels: Iterable[Mapping[str, Any]], before: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Code of a job that draws a figure, by what makes the tables of its panels and of their marks."""
    modules = set()
    for panel in panels:
        makers = [kinds()[panel["plot"]], *(marks()[name].make for name in panel.get("marks", ()))]
        modules |= {maker.__module__ for maker in makers}
    drawn_by = [place for module in modules for place in _of_module(module)]
    return planned([f"scripts/{script}", *DRAWING, *drawn_by], before)


def judging_code(before: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Code of the job that judges claims: all measures there are, and what compares them with thresholds."""
    measures = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("models/*/measures.py")]
    own = [f"plugins/{name}" for name in plugins.LOADED]
    return planned(["scripts/judge.py", "analysis", *measures, *own], before)


def _family(model: type[ModelSpec]) -> str | None:
    """Folder of the family of a model; None of a plugin's."""
    package, *folders = model.__module__.split(".")
    return "/".join(folders[:-1]) if package == PACKAGE.name else None


def _plugins(module: str) -> list[str]:
    """The plugin that a module is of; all of them where that is not plain."""
    own = [name for name in plugins.LOADED if f"{module}.".startswith(f"{name}.")]
    return [f"plugins/{name}" for name in own or plugins.LOADED]


def _of_module(module: str) -> list[str]:
    """The file of a module of the package, or the plugin that it is of."""
    ours, _, name = module.partition(".")
    return [f"{name.replace('.', '/')}.py"] if ours == PACKAGE.name else _plugins(module)


def _place(function: Callable[..., Any]) -> str:
    """A method of a declaration, which says what of the code is run."""
    path = function.__module__.removeprefix(f"{PACKAGE.name}.").replace(".", "/")
    return f"{path}.py::{function.__qualname__}"


def _files(places: Iterable[str], source: Path) -> Iterator[tuple[str, Path]]:
    """Every Python file of some places, with a name that does not depend on where the code lies."""
    package = source / PACKAGE.name
    for place in places:
        kind, _, name = place.partition("/")
        if kind == "plugins":
            yield from ((f"{place}/{file.stem}", file) for file in plugins.files(name))
        elif kind == "scripts":
            yield place, SCRIPTS / name
        elif (path := package / place).is_dir():
            yield from ((file.relative_to(package).as_posix(), file) for file in path.rglob("*.py"))
        else:
            yield place, package / place.partition("::")[0]


@lru_cache(maxsize=1000)
def _digest(file: Path, changed: int, definition: str) -> str:
    """Hash of a file, or of a definition in it, as `Class.method`."""
    tree: Any = ast.parse(file.read_text(encoding="utf-8"))
    for name in definition.split(".") if definition else ():
        tree = next((node for node in tree.body if getattr(node, "name", "") == name), ast.Module([], []))
    words: list[str] = []
    _spell(tree, words.append)
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def _spell(node: Any, say: Callable[[str], None]) -> None:
    """Say what a syntax tree is, without docstrings, texts of keys, and empty fields, which versions of Python add."""
    if isinstance(node, ast.Name):  # half of all nodes
        say(node.id)
    elif isinstance(node, ast.AST):
        node = _bare(node)
        say(f"{type(node).__name__}(")
        for name in node._fields:
            if (
                name not in ("ctx", "type_comment")
                and (value := getattr(node, name, None)) is not None
                and value != []
            ):
                say(name)
                _spell(value, say)
        say(")")
    elif isinstance(node, list):
        say("[")
        for item in node:
            if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)):
                _spell(item, say)
        say("]")
    else:
        say(repr(node))


def _bare(node: ast.AST) -> ast.AST:
    """A node without what does not count."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "key":
        keywords = [word for word in node.keywords if word.arg not in ("label", "unit", "null")]
        return ast.Call(node.func, node.args[1:], keywords)
    if isinstance(node, ast.JoinedStr):  # Python 3.12.1 puts empty texts between the parts
        return ast.JoinedStr([part for part in node.values if getattr(part, "value", None) != ""])
    return node

"""Where code lies says what it does: imports go down the floors of the house, and no module changes another."""

import ast
from importlib import import_module

import pytest
from conftest import REPOSITORY

PACKAGE = REPOSITORY / "src/critical_periods"

#: What makes numbers, and what each part of it may import of the package beside itself.
MAKING = {
    "dynamics": (),
    "solvers": ("dynamics", "configuration.fields"),
    **{
        f"models.{folder.parent.name}.simulation": ("dynamics", "solvers", "models.*.simulation")
        for folder in sorted(PACKAGE.glob("models/*/simulation"))
    },
}


def imported(file):
    """Modules of the package that a file imports anywhere, types apart, without the package's name."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    of_types = {each for node in typing for each in ast.walk(node)}
    for node in ast.walk(tree):
        if node in of_types:
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.removeprefix("critical_periods.") for name in names if name.startswith("critical_periods"))


#: The floors, lowest first: a module imports from its own and from those below it. A part of a part may have its own.
FLOORS = (
    ("configuration.fields", "locations", "plugins"),
    ("dynamics",),
    ("solvers",),
    ("configuration.solvers",),
    ("models.*.simulation",),
    ("storage",),
    ("analysis",),
    ("models.registry", "publishing.markup"),
    ("figures",),
    ("models",),
    ("configuration", "declarations"),
    ("planning",),
    ("figures.drawing", "execution"),
    ("publishing",),
    ("simulations",),
    ("__init__", "__main__"),
)

MODULES = {".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in sorted(PACKAGE.rglob("*.py"))}


def floor_of(module):
    """The floor of the longest part that a module lies in."""
    places = [
        (len(part.split(".")), height) for height, floor in enumerate(FLOORS) for part in floor if within(module, part)
    ]
    return max(places)[1] if places else None


def imports(module):
    """Modules of the package that a module imports, wherever it does."""
    for name in imported(MODULES[module]):
        yield next(
            each
            for each in (name, f"{name}.__init__", name.rpartition(".")[0], f"{name.rpartition('.')[0]}.__init__")
            if each in MODULES
        )


def within(module, part):
    """Whether a module lies in a part of the package, of which a `*` stands for any name."""
    there, wanted = module.split("."), part.split(".")
    return len(there) >= len(wanted) and all(b in ("*", a) for a, b in zip(there, wanted, strict=False))


@pytest.mark.parametrize("part", MAKING)
def test_what_makes_numbers_imports_nothing_else(part):
    files = sorted((PACKAGE / part.replace(".", "/")).rglob("*.py"))
    assert files
    found = {(file.name, module) for file in files for module in imported(file)}
    above = {
        (file, module) for file, module in found if not any(within(module, each) for each in (part, *MAKING[part]))
    }
    assert not above


@pytest.mark.parametrize("part", MAKING)
def test_nobody_can_change_what_code_that_makes_numbers_looks_up(part):
    """A plugin that did would make cells of built-in models otherwise, and no hash would show it."""
    for file in (PACKAGE / part.replace(".", "/")).rglob("*.py"):
        name = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        public = {key: value for key, value in vars(import_module(name)).items() if not key.startswith("_")}
        # Where files of matrices lie is told to jobs; cells know them by what they hold.
        changeable = {key for key, value in public.items() if isinstance(value, dict | list | set)} - {
            "FOLDERS",
            "FILES",
        }
        assert not changeable, name


def test_every_module_is_on_a_floor():
    assert [module for module in MODULES if floor_of(module) is None] == []


def test_no_import_runs_up_the_floors():
    up = [(module, other) for module in MODULES for other in imports(module) if floor_of(other) > floor_of(module)]
    up = [
        (module, other)
        for module, other in up
        if not within(other, "figures") and not within(module, "models.*.panels")
    ]
    assert up == []


def test_no_imports_run_in_a_circle():
    graph = {module: set(imports(module)) - {module} for module in MODULES}
    while bottom := {module for module, others in graph.items() if not others}:
        graph = {module: others - bottom for module, others in graph.items() if module not in bottom}
    assert graph == {}


#: Methods that change a list, a dictionary or a set.
CHANGING = {
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "clear",
    "update",
    "setdefault",
    "add",
    "discard",
    "popitem",
}


def changed_elsewhere(file):
    """Definitions and modules of the package that a file imports and then changes."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("critical_periods")
        for alias in node.names
    }
    for node in ast.walk(tree):
        targets = {
            ast.Assign: lambda n: n.targets,
            ast.AugAssign: lambda n: [n.target],
            ast.Delete: lambda n: n.targets,
        }
        changed = list(targets.get(type(node), lambda n: [])(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            changed.append(node.func)
        for target in changed:
            if isinstance(target, ast.Attribute | ast.Subscript):
                base = target
                while isinstance(base, ast.Attribute | ast.Subscript):
                    base = base.value
                if isinstance(base, ast.Name) and base.id in ours:
                    yield ast.unparse(target)


def test_no_module_changes_what_another_one_holds():
    assert {module: list(changed_elsewhere(file)) for module, file in MODULES.items()} == {
        module: [] for module in MODULES
    }


def test_a_change_of_what_another_module_holds_is_seen(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        "from critical_periods import plugins\nfrom critical_periods.plugins import LOADED, name\n"
        "LOADED['a'] = 1\nplugins.LOADED.update(b=2)\nplugins.x = 1\nname(LOADED)\nown = {}\nown['a'] = 1\n"
    )
    assert set(changed_elsewhere(file)) == {"LOADED['a']", "plugins.LOADED.update", "plugins.x"}


#: What every family, renderer or command has under the same name.
EACH_HAS = {
    *("MODELS", "PUBLIC", "KINDS", "MARKS", "PHRASES", "COVERS", "ASSUMED", "predict", "predict_learning", "derive"),
    *("PRIMITIVES", "main", "logger"),
}


def test_no_public_name_means_two_things():
    places = {}
    for module, file in MODULES.items():
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
            names = {getattr(each, "id", getattr(each, "name", "_")) for each in targets}
            for name in {name for name in names if not name.startswith("_")} - EACH_HAS:
                places.setdefault(name, []).append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}

"""Where code lies says what it does: what makes numbers imports nothing of what describes or keeps them."""

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
    """Modules of the package that a file imports anywhere, without the package's name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.removeprefix("critical_periods.") for name in names if name.startswith("critical_periods"))


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

"""Where code lies says what it does: what makes numbers imports nothing of what describes or keeps them."""

import ast

import pytest
from conftest import REPOSITORY

PACKAGE = REPOSITORY / "src/critical_periods"

#: What makes numbers, and what each part of it may import of the package beside itself.
MAKING = {
    "dynamics": (),
    "solvers": ("dynamics",),
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

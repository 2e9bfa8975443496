import os
import shutil
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY

from critical_periods.models.registry import models, simulations
from critical_periods.planning.fingerprint import Code, fingerprint
from critical_periods.storage.provenance import code_version, merged_versions, software_versions

SCRIPTS = REPOSITORY / "workflow/scripts"

PACKAGE = {
    "__init__": '"""Package."""\n',
    "tools": '''
        """Tools."""
        LIMIT = 3
        OTHER = 4

        def used(x):
            """Say something."""
            return helper(x) + LIMIT  # and comment on it

        def helper(x):
            return x

        def unused(x):
            return x - OTHER
        ''',
    "parts/__init__": (
        "from critical_periods.parts.solve import solve\nfrom critical_periods.parts.other import other\n"
    ),
    "parts/solve": "def solve():\n    return 1\n",
    "parts/other": "def other():\n    return 2\n",
}


@pytest.fixture
def package(tmp_path):
    """A small package and a script that uses part of it; edits a module and returns the script's fingerprint."""

    def edit(module, old, new):
        file = tmp_path / "critical_periods" / f"{module}.py"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        return fingerprint(tmp_path / "script.py", tmp_path)

    for module, code in PACKAGE.items():
        file = tmp_path / "critical_periods" / f"{module}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(code))
    script = tmp_path / "script.py"
    script.write_text(
        "from critical_periods import tools\nfrom critical_periods.parts import solve\nprint(tools.used(1), solve())\n"
    )
    return edit


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("tools", "helper(x) + LIMIT", "helper(x) - LIMIT"),
        ("tools", "    return x\n", "    return -x\n"),
        ("tools", "LIMIT = 3", "LIMIT = 5"),
        ("parts/solve", "return 1", "return 3"),
        ("../script", "used(1)", "used(2)"),
    ],
)
def test_an_edit_of_what_is_used_changes_the_fingerprint(package, module, old, new):
    before = package("tools", "LIMIT", "LIMIT")
    assert package(module, old, new) != before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("tools", "x - OTHER", "x + OTHER"),
        ("tools", "OTHER = 4", "OTHER = 5"),
        ("tools", "Say something", "Say something else"),
        ("tools", "# and comment on it", ""),
        ("parts/other", "return 2", "return 3"),
    ],
)
def test_an_edit_of_anything_else_does_not(package, module, old, new):
    before = package("tools", "LIMIT", "LIMIT")
    assert package(module, old, new) == before


@pytest.fixture
def fingerprint_of(tmp_path):
    """Writes the modules of a package, and a script, and returns the script's fingerprint."""

    def written(script, **modules):
        for name, code in {"__init__": "", **modules}.items():
            file = tmp_path / "critical_periods" / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(code))
            (file.parent / "__init__.py").touch()
        (tmp_path / "script.py").write_text(textwrap.dedent(script))
        return fingerprint(tmp_path / "script.py", tmp_path)

    return written


SOLVE = "def solve():\n    return 1\n\ndef other():\n    return 2\n"

#: How code can reach a definition out of sight: name -> (script, modules).
OUT_OF_SIGHT = {
    "relative import": (
        "from critical_periods.parts.use import use\nuse()",
        {"parts/use": "from .solve import solve\ndef use():\n    return solve()"},
    ),
    "relative import of the parent": (
        "from critical_periods.parts.use import use\nuse()",
        {"parts/use": "from ..parts import solve\ndef use():\n    return solve.solve()"},
    ),
    "star import": ("from critical_periods.parts.solve import *\nsolve()", {}),
    "import under a condition": (
        "from critical_periods.use import use\nuse()",
        {"use": "if True:\n    from critical_periods.parts.solve import solve\ndef use():\n    return solve()"},
    ),
    "import that may fail": (
        "from critical_periods.use import use\nuse()",
        {
            "use": "try:\n    from critical_periods.parts.solve import solve\nexcept ImportError:\n    solve = None\n"
            "def use():\n    return solve()"
        },
    ),
    "getattr": ("from critical_periods.parts import solve\ngetattr(solve, 'sol' + 've')()", {}),
    "alias": (
        "from critical_periods.use import use\nuse()",
        {"use": "from critical_periods.parts import solve\nshort = solve\ndef use():\n    return short.solve()"},
    ),
    "dictionary of the module": ("from critical_periods.parts import solve\nsolve.__dict__['solve']()", {}),
    "import_module": (
        "from importlib import import_module\nimport_module('critical_periods.parts.solve').solve()",
        {},
    ),
    "import_module of a computed name": (
        "from importlib import import_module\nname = 'solve'\nimport_module(f'critical_periods.parts.{name}').solve()",
        {},
    ),
    "registry filled by a decorator": (
        "from critical_periods.registry import KNOWN\nimport critical_periods.entry\nKNOWN['solve']()",
        {
            "registry": "KNOWN = {}\ndef register(function):\n    KNOWN[function.__name__] = function\n",
            "entry": "from critical_periods.registry import register\nfrom critical_periods.parts import solve as s\n"
            "@register\ndef solve():\n    return s.solve()",
        },
    ),
    "assignment to an attribute of a module": (
        "from critical_periods import tools\nimport critical_periods.patch\ntools.run()",
        {
            "tools": "def run():\n    return 0",
            "patch": "from critical_periods import tools\nfrom critical_periods.parts.solve import solve\n"
            "tools.run = solve",
        },
    ),
    "definition under a condition": (
        "from critical_periods.use import use\nuse()",
        {"use": "from critical_periods.parts.solve import solve\nif True:\n    def use():\n        return solve()"},
    ),
    "lazy names of a package": (
        "import critical_periods.parts as parts\nparts.anything()",
        {
            "parts/__init__": "from importlib import import_module\n"
            "NAMES = {'anything': 'critical_periods.parts.solve'}\n"
            "def __getattr__(name):\n    return import_module(NAMES[name]).solve"
        },
    ),
}


@pytest.mark.parametrize("way", OUT_OF_SIGHT)
def test_what_is_reached_out_of_sight_counts(fingerprint_of, way):
    script, modules = OUT_OF_SIGHT[way]
    before = fingerprint_of(script, **modules | {"parts/solve": SOLVE})
    assert fingerprint_of(script, **modules | {"parts/solve": SOLVE.replace("return 1", "return 3")}) != before


def test_docstrings_count_where_code_reads_them(fingerprint_of):
    script = "from critical_periods.tools import names\nprint(names())"
    plain = 'def names():\n    """One."""\n    return 1'
    reading = plain.replace("return 1", "return names.__doc__")
    assert fingerprint_of(script, tools=plain) == fingerprint_of(script, tools=plain.replace("One", "Two"))
    assert fingerprint_of(script, tools=reading) != fingerprint_of(script, tools=reading.replace("One", "Two"))


def test_a_registry_that_nothing_imports_does_not_count(fingerprint_of):
    script = "from critical_periods.tools import run\nrun()"
    entry = "from critical_periods.tools import register\n@register\ndef solve():\n    return 1"
    tools = "def register(function):\n    return function\ndef run():\n    return 0"
    before = fingerprint_of(script, tools=tools, entry=entry)
    assert fingerprint_of(script, tools=tools, entry=entry.replace("return 1", "return 2")) == before


def test_fingerprints_are_those_of_every_python(fingerprint_of):
    """The very digits: what a newer Python adds to its syntax trees must not show."""
    script = """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class Rate:
            value: float = 0.25
            def times(self, *factors, scale=1e-3, **rest):
                return f"{self.value!r:>{8}}" "s" if factors else [*factors, {**rest}]
        match Rate():
            case Rate(value=v) if (w := v) > 0:
                print(w, b"x", 1j, ..., "a" "b")
    """
    assert fingerprint_of(script) == "9326001a2a77cf1c"


def test_versions_behind_several_datasets_are_all_named():
    assert merged_versions(["numpy 2.1, torch 2.13", "numpy 2.3 and 2.1"]) == "numpy 2.1 and 2.3, torch 2.13"


def edited(tmp_path, module, old, new):
    """A copy of the package with one edit."""
    import shutil

    source = tmp_path / f"src{len(list(tmp_path.iterdir()))}"
    shutil.copytree(REPOSITORY / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "critical_periods" / module
    assert old in file.read_text(), (module, old)
    file.write_text(file.read_text().replace(old, new))
    return source


def stale(source):
    """Kinds of cells that the code in a folder computes, and models it assembles, otherwise than the package does."""
    codes = {
        kind: Code("simulate.py", tuple(filter(None, (simulation.simulate, simulation.batch_key))))
        for kind, simulation in simulations().items()
    }
    for name, model in models().items():
        codes[f"{name} assembled"] = Code("aggregate.py", tuple(filter(None, (model.predict, model.derive))))
    return {
        kind
        for kind, code in codes.items()
        if code.fingerprint(SCRIPTS, source) != code.fingerprint(SCRIPTS, REPOSITORY / "src")
    }


TRAINED = {"pretraining", "matrix_completion", "two_layers", "singular_flow", "shared_modes"}
DRAWN = {"pretraining", "matrix_completion", "two_layers"}  # a cure draws weights anew
PATHWAYS = {"scalar_pathways", "pathway_network", "gating_schedules"}


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        ("analysis/measures.py", "drop=True) - recon", "drop=True) + recon", {"matrix_completion assembled"}),
        (
            "models/matrix_completion/simulation/tasks.py",
            "len(matrix) / np.linalg.norm(matrix)",
            "1",
            {*TRAINED, "learning_stages"},
        ),
        ("models/matrix_completion/simulation/landscape.py", "phase, -learning_rate", "phase, learning_rate", TRAINED),
        ("models/matrix_completion/simulation/landscape.py", "size**-0.5", "size**-1.5", DRAWN),
        (
            "models/pathways/simulation/network.py",
            "0.5 * (self._residual",
            "0.4 * (self._residual",
            {"pathway_network"},
        ),
        ("models/pathways/simulation/scalar.py", "np.square(q) - np.square(p)", "q - p", PATHWAYS),
        ("models/product_matrix/simulation/landscape.py", "step * pair", "pair", {"singular_flow"}),
        (
            "models/product_matrix/simulation/closed_form.py",
            "start / (np.exp(-exponent)",
            "2 / (np.exp(-exponent)",
            {"shared_modes"},
        ),
        (
            "models/pathways/theory.py",
            "(singular_value / n_pathways + start) / 2",
            "start",
            {"scalar_pathways assembled"},
        ),
        ("figures/style.py", "COLUMN, PAGE = 3.4", "COLUMN, PAGE = 3.5", set()),
    ],
)
def test_an_edit_of_the_science_makes_exactly_its_users_stale(tmp_path, module, old, new, expected):
    assert stale(edited(tmp_path, module, old, new)) == expected


@pytest.mark.parametrize("family", ["matrix_completion", "pathways", "product_matrix"])
def test_an_edit_of_what_a_model_declares_simulates_nothing(tmp_path, family):
    """Labels, sentences, bounds, units, long names, resources."""
    folder = f"models/{family}"
    source = edited(tmp_path, f"{folder}/model.py", "learning rate", "rate of learning")
    for module, old, new in (
        (f"{folder}/model.py", "Epochs between two records", "Epochs from one record to the next"),
        (f"{folder}/model.py", "ge=", "gt="),
        (f"{folder}/__init__.py", '"singular value', '"the singular value'),
        ("models/registry.py", "training epoch", "epoch of training"),
        (f"{folder}/__init__.py", "minutes=(", "minutes=(1 + "),
        ("models/registry.py", "megabytes: int = 1000", "megabytes: int = 2000"),
        ("configuration/fields.py", "1_000_000_000", "2_000_000_000"),
        ("planning/descriptions.py", "seed of the random draws", "number of the random draws"),
    ):
        file = source / "critical_periods" / module
        assert old in file.read_text(), (module, old)
        file.write_text(file.read_text().replace(old, new))
    assert stale(source) == set()


def test_training_depends_only_on_the_solver_it_uses(tmp_path):
    simulate = simulations()["matrix_completion"].simulate
    source = edited(tmp_path, "solvers/gradient_flow.py", "    return Solution(", "    print()\n    return Solution(")
    for without, changed in (((), True), (("critical_periods.solvers.gradient_flow",), False)):
        code = Code("simulate.py", (simulate,), without)
        assert (code.fingerprint(SCRIPTS, source) != code.fingerprint(SCRIPTS, REPOSITORY / "src")) == changed


def test_versions_are_told():
    assert "numpy" in software_versions()
    assert code_version()


@pytest.fixture
def checkout(tmp_path):
    """A repository that holds the package, and the version that its code tells: of itself, or of a copy of it."""

    def git(*arguments):
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", f"safe.directory={folder}")
        return subprocess.run(
            ["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True
        ).stdout

    def version(folder):
        told = "from critical_periods.storage.provenance import code_version; print(code_version())"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", told]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    folder = tmp_path / "checkout"
    shutil.copytree(REPOSITORY / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "All")
    return SimpleNamespace(
        folder=folder, git=git, version=version, commit=git("rev-parse", "--short=12", "HEAD").strip()
    )


def test_the_code_version_names_the_commit_and_whether_it_was_edited(checkout):
    assert checkout.version(checkout.folder) == checkout.commit
    tree = checkout.folder.with_name("tree")
    checkout.git("worktree", "add", "--quiet", str(tree))
    assert checkout.version(tree) == checkout.commit
    (checkout.folder / "src/critical_periods/dynamics/random_streams.py").write_text("")
    assert checkout.version(checkout.folder) == f"{checkout.commit}-dirty"


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder away takes root")
def test_the_code_version_names_the_commit_of_somebody_elses_checkout(checkout):
    for path in [checkout.folder, *checkout.folder.rglob("*")]:
        os.chown(path, 54321, 54321, follow_symlinks=False)
    assert checkout.version(checkout.folder) == checkout.commit


def test_a_copy_inside_of_another_repository_does_not_name_its_commit(checkout):
    copy = checkout.folder / "vendored" / "critical-periods"
    shutil.copytree(checkout.folder / "src", copy / "src")
    assert checkout.version(copy).startswith("code ")

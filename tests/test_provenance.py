import os
import shutil
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY

from critical_periods import __version__
from critical_periods.provenance import code_version, fingerprint, software_versions

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
    """A small package and a script that uses part of it; returns how to edit it and the script's fingerprint."""

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
    from critical_periods import provenance

    provenance._parse.cache_clear()
    yield lambda *change: (provenance._parse.cache_clear(), edit(*change))[1]
    provenance._parse.cache_clear()


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


def edited(tmp_path, module, old, new):
    """A copy of the package with one edit."""
    import shutil

    source = tmp_path / f"src{len(list(tmp_path.iterdir()))}"
    shutil.copytree(REPOSITORY / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "critical_periods" / module
    assert old in file.read_text(), (module, old)
    file.write_text(file.read_text().replace(old, new))
    return source


@pytest.mark.parametrize(
    ("module", "old", "new", "stale"),
    [
        ("measures.py", "drop=True) - recon", "drop=True) + recon", {"aggregate.py"}),
        ("tasks.py", "len(matrix) / np.linalg.norm(matrix)", "1", {"pretrain.py", "train.py"}),
        ("models/factorization.py", "alpha=-learning_rate", "alpha=learning_rate", {"pretrain.py", "train.py"}),
        ("models/factorization.py", "size**-0.5", "size**-1.5", {"pretrain.py"}),
        ("figures/style.py", "COLUMN, PAGE = 3.4", "COLUMN, PAGE = 3.5", set()),
    ],
)
def test_an_edit_of_the_science_makes_exactly_its_users_stale(tmp_path, module, old, new, stale):
    scripts = REPOSITORY / "workflow" / "scripts"
    source = edited(tmp_path, module, old, new)
    changed = {
        script
        for script in ("pretrain.py", "train.py", "aggregate.py")
        if fingerprint(scripts / script, source) != fingerprint(scripts / script, REPOSITORY / "src")
    }
    assert changed == stale


def test_training_depends_only_on_the_solver_it_uses(tmp_path):
    script = REPOSITORY / "workflow/scripts/train.py"
    source = edited(tmp_path, "solvers/gradient_flow.py", "    return Solution(", "    print()\n    return Solution(")
    without = ("critical_periods.solvers.gradient_flow",)
    assert fingerprint(script, source) != fingerprint(script, REPOSITORY / "src")
    assert fingerprint(script, source, without) == fingerprint(script, REPOSITORY / "src", without)


def test_versions_are_told():
    assert "numpy" in software_versions()
    assert code_version().startswith("0.")


@pytest.fixture
def checkout(tmp_path):
    """A repository that holds the package, and the version that its code tells: of itself, or of a copy of it."""

    def git(*arguments):
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", f"safe.directory={folder}")
        return subprocess.run(
            ["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True
        ).stdout

    def version(folder):
        told = "from critical_periods.provenance import code_version; print(code_version())"
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
    assert checkout.version(checkout.folder) == f"{__version__} ({checkout.commit})"
    tree = checkout.folder.with_name("tree")
    checkout.git("worktree", "add", "--quiet", str(tree))
    assert checkout.version(tree) == f"{__version__} ({checkout.commit})"
    (checkout.folder / "src/critical_periods/tasks.py").write_text("")
    assert checkout.version(checkout.folder) == f"{__version__} ({checkout.commit}-dirty)"


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder away takes root")
def test_the_code_version_names_the_commit_of_somebody_elses_checkout(checkout):
    for path in [checkout.folder, *checkout.folder.rglob("*")]:
        os.chown(path, 54321, 54321, follow_symlinks=False)
    assert checkout.version(checkout.folder) == f"{__version__} ({checkout.commit})"


def test_a_copy_inside_of_another_repository_does_not_name_its_commit(checkout):
    copy = checkout.folder / "vendored" / "critical-periods"
    shutil.copytree(checkout.folder / "src", copy / "src")
    assert checkout.version(copy) == __version__

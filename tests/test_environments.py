"""Environments agree with each other and with what the rules import; a release is the same everywhere."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import rattler
import yaml
from conftest import REPOSITORY

SOURCE = REPOSITORY / "src"

#: Names on conda-forge of packages that are imported, or locked, under another name.
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "netCDF4": "netcdf4",
    "yaml": "pyyaml",
    "sklearn": "scikit-learn",
}

#: Packages that no rule imports itself, but that others need at exactly this version for the same results.
INDIRECT = {"python", "pandas", "scipy"}


def modules(pattern):
    """Modules of all families of models."""
    files = (file.relative_to(SOURCE).with_suffix("") for file in SOURCE.glob(f"critical_periods/models/*/{pattern}"))
    return [".".join(file.parts) for file in files]


#: What scripts load by name: code of models, and what draws kinds of panels.
LOADED = {
    "simulate.py": modules("simulation/*.py"),
    "aggregate.py": [*modules("theory.py"), *modules("derived.py")],
    "draw.py": modules("panels.py"),
    "draw_interactive.py": modules("panels.py"),
}


def rules():
    """Every rule that runs a script: name -> (environment, script)."""
    found = {}
    for file in sorted((REPOSITORY / "workflow/rules").glob("*.smk")):
        for block in re.split(r"^ *(?=rule\b)", file.read_text(), flags=re.MULTILINE)[1:]:
            name = re.match(r"rule *(\w*)", block)[1]
            script = re.search(r'script:\s+"([^"]+)"', block)
            if script:
                environment = re.search(r'conda:\s+"([^"]+)"', block)
                found[name] = (environment and file.parent / environment[1], file.parent / script[1])
    return found


def dependencies(environment):
    """Package -> version of an environment file."""
    specs = [rattler.MatchSpec(text) for text in yaml.safe_load(environment.read_text())["dependencies"]]
    return {str(spec).split()[0]: str(spec.version) for spec in specs}


def imports_of(file, only_at_once):
    """Import statements of a file; those inside of functions too, unless only what importing it runs is wanted."""
    pending = [ast.parse(file.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (only_at_once and (isinstance(node, ast.FunctionDef) or is_for_types(node))):
            pending += ast.iter_child_nodes(node)


def is_for_types(node):
    """Whether a statement is one for type checkers only."""
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imported(script):
    """Packages that a script imports, directly or through the modules of ours that it imports.

    All scripts know what solvers and kinds of panels there are; what these import when they run, only simulations and
    drawings need.
    """
    loaded = {name.partition(":")[0] for name in LOADED.get(script.name, ()) if name}
    found, seen = set(), set()
    pending = [script, *(SOURCE.joinpath(*module.split(".")).with_suffix(".py") for module in loaded)]
    while pending:
        file = pending.pop()
        if file in seen:
            continue
        seen.add(file)
        solves = {"dynamics", "solvers"} & set(file.parts)
        draws = "figures" in file.parts or file.name == "panels.py"
        idle = (solves and script.name != "simulate.py") or (draws and not script.name.startswith("draw"))
        for node in imports_of(file, only_at_once=idle):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                if name.split(".")[0] == "critical_periods":
                    path = SOURCE.joinpath(*name.split("."))
                    pending += [p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()]
                else:
                    found.add(name.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"snakemake"}


@pytest.fixture(scope="module")
def locked():
    return {CONDA_NAMES.get(name, name.lower()): version for name, version in pinned("requirements.lock").items()}


def pinned(lock):
    """Package -> version in a lock file, without those that it takes from another."""
    lines = (REPOSITORY / lock).read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))


def test_every_rule_with_a_script_names_an_environment():
    assert len(rules()) >= 4
    for name, (environment, script) in rules().items():
        assert environment is not None, name
        assert environment.resolve() in ENVIRONMENTS, name
        assert script.is_file(), name


@pytest.mark.parametrize("name", rules())
def test_environment_has_all_that_the_rule_imports(name):
    environment, script = rules()[name]
    needed = {CONDA_NAMES.get(package, package) for package in imported(script)}
    assert needed <= dependencies(environment).keys()


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environment_is_small_exact_and_from_conda_forge(environment, locked):
    content = yaml.safe_load(environment.read_text())
    assert content["channels"] == ["conda-forge", "nodefaults"]
    assert all(isinstance(dependency, str) for dependency in content["dependencies"]), "no pip section"
    used = set()
    for rule_environment, script in rules().values():
        if rule_environment.resolve() == environment:
            used |= {CONDA_NAMES.get(package, package) for package in imported(script)}
    for package, version in dependencies(environment).items():
        assert package in used | INDIRECT, f"{package}: no rule imports it"
        wanted = re.fullmatch(r"=*([0-9.]+?)(\.\*)?", version)[1]
        if package != "python":
            assert locked[package].startswith(wanted), f"{package}: {version}, locked at {locked[package]}"
            assert wanted.count(".") >= 2, f"{package} = {version} is not exact"


def test_pinned_environments_are_those_of_an_environment():
    for pin in (REPOSITORY / "envs").glob("*.pin.txt"):
        text = pin.read_text()
        assert "@EXPLICIT" in text
        for package, version in dependencies(pin.with_name(pin.name.split(".")[0] + ".yaml")).items():
            wanted = re.fullmatch(r"=*([0-9.]+?)(\.\*)?", version)[1]
            assert re.search(rf"/{re.escape(f'{package}-{wanted}')}[.-]", text), f"{pin.name}: {package} {version}"


def normal(name):
    return re.sub("[-_.]+", "-", name).lower()


def test_running_needs_no_tools_and_every_package_is_locked_once():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    running, tools = ({normal(name) for name in pinned(f"requirements{part}.lock")} for part in ("", "-dev"))
    assert not running & tools
    needed = {normal(re.match(r"[\w.-]+", text)[0]) for text in project["dependencies"]}
    extra = {
        normal(re.match(r"[\w.-]+", text)[0]) for part in project["optional-dependencies"].values() for text in part
    }
    assert needed <= running
    assert extra <= running | tools
    assert not running & {"ruff", "pytest", "selenium", "sphinx", "mypy", "snakefmt", "hypothesis"}


def test_torch_for_cpus_comes_from_one_index_that_one_file_names():
    lock = REPOSITORY / "requirements-cpu.lock"
    assert "-r requirements.lock\n" in lock.read_text()
    index = re.search(r"^--extra-index-url (https://\S+)$", lock.read_text(), re.MULTILINE)[1]
    files = subprocess.run(["git", "grep", "-l", index], cwd=REPOSITORY, capture_output=True, text=True).stdout
    assert files.split() in ([lock.name], [])  # none outside of a repository
    for torch, wanted in (("cpu", lock.name), ("", "requirements.lock")):
        command = ["make", "--dry-run", "--always-make", "figures", f"TORCH={torch}"]
        planned = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
        assert re.findall(r"pip install .*--requirement (\S+)", planned) == [wanted]


def test_an_environment_of_make_imports_the_package_from_its_clone(tmp_path):
    clone = tmp_path / "a clone"
    package = clone / "src/critical_periods/__init__.py"
    package.parent.mkdir(parents=True)
    package.touch()
    shutil.copy(REPOSITORY / "Makefile", clone)
    (clone / "requirements.lock").touch()
    subprocess.run(["make", ".venv/installed", f"PYTHON={sys.executable}", "TORCH="], cwd=clone, check=True)
    command = [clone / ".venv/bin/python", "-c", "import critical_periods; print(critical_periods.__file__)"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == str(package), done.stderr


def test_a_release_is_the_same_everywhere():
    releases = re.findall(r"^## (\d+\.\d+\.\d+) - (\S+)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    version, date = releases[0]
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert (citation["version"], str(citation["date-released"])) == (version, date)
    code, deposit = (json.loads((REPOSITORY / file).read_text()) for file in ("codemeta.json", ".zenodo.json"))
    assert (code["version"], code["dateModified"]) == (version, date)
    assert (deposit["version"], deposit["publication_date"]) == (version, date)
    tags = subprocess.run(["git", "tag", "--list", "v*"], cwd=REPOSITORY, capture_output=True, text=True).stdout
    assert set(tags.split()) <= {f"v{number}" for number, _ in releases}
    assert code["description"] == deposit["description"] == " ".join(citation["abstract"].split())


def test_hooks_are_the_linters_of_make_lint():
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = re.search(r"^lint: .*\n((?:\t.*\n)+)", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)[1]
    commands = [
        re.sub(r" --check| \.$| Snakefile workflow$", "", line) for line in re.findall(r"\$\(BIN\)/(.*)", lint)
    ]
    assert [hook["entry"].removeprefix(".venv/bin/") for hook in hooks] == commands


def test_container_installs_from_the_lock():
    text = (REPOSITORY / "Dockerfile").read_text()
    assert "requirements.lock" in text
    assert re.search(r"^FROM python:3\.\d+\.\d+-slim", text, re.MULTILINE)

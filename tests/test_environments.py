"""Conda environments: exact, in agreement with the lock file, and with everything that the rules import."""

import ast
import re
import sys

import pytest
import rattler
import yaml
from conftest import REPOSITORY

from critical_periods.figures.kinds import kinds
from critical_periods.models.registry import models, simulations

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

#: What scripts load by name, `module:function`.
LOADED = {
    "simulate.py": [name for item in simulations().values() for name in (item.simulate, item.batch_key)],
    "aggregate.py": [name for model in models().values() for name in (model.predict, model.derive)],
    "draw.py": [kind.draw for kind in kinds().values()],
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


def imported(script):
    """Packages that a script imports, directly or through the modules of ours that it imports."""
    loaded = {name.partition(":")[0] for name in LOADED.get(script.name, ()) if name}
    found, seen = set(), set()
    pending = [script, *(SOURCE.joinpath(*module.split(".")).with_suffix(".py") for module in loaded)]
    while pending:
        file = pending.pop()
        if file in seen:
            continue
        seen.add(file)
        for node in ast.walk(ast.parse(file.read_text())):
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
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {CONDA_NAMES.get(name, name.lower()): version for name, version in pairs}


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


def test_pinned_environments_belong_to_an_environment():
    for pin in (REPOSITORY / "envs").glob("*.pin.txt"):
        assert pin.with_name(pin.name.split(".")[0] + ".yaml") in ENVIRONMENTS
        assert "@EXPLICIT" in pin.read_text()


def test_container_installs_from_the_lock():
    text = (REPOSITORY / "Dockerfile").read_text()
    assert "requirements.lock" in text
    assert re.search(r"^FROM python:3\.\d+\.\d+-slim", text, re.MULTILINE)

"""The workflow as part of another one: imported by its path, from git, or deployed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY

from critical_periods.storage.datasets import CHECKSUM, read_dataset

pytestmark = pytest.mark.workflow

#: fig07 at toy size; what a parent gives is laid over the defaults.
TOY = {"models": {"scalar_pathways": {"epochs": 200, "n_trajectories": 3}}}
DATASET = "results/experiments/phase_portraits_small_init.nc"


def git(folder, *arguments):
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A repository with one commit of everything that is here."""
    folder = tmp_path_factory.mktemp("origin") / "critical-periods"
    ignored = shutil.ignore_patterns(".git", ".venv*", ".snakemake", ".*cache*", ".smoke", "results", "__pycache__")
    shutil.copytree(REPOSITORY, folder, ignore=ignored)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "All")
    git(folder, "tag", "v0.2.0")
    return folder


def install(repository, folder):
    command = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(folder))
    subprocess.run([sys.executable, *command, str(repository)], check=True)


@pytest.fixture(scope="module")
def installed(clone, tmp_path_factory):
    """A folder of packages with a wheel of the repository in it."""
    folder = tmp_path_factory.mktemp("site-packages")
    install(clone, folder)
    return folder


class Parent:
    """A workflow that uses this one, in a folder of its own."""

    def __init__(self, folder, snakefile, config=None, packages=None):
        self.folder = folder
        (folder / "Snakefile").write_text(textwrap.dedent(snakefile))
        if config is not None:
            (folder / "config.yaml").write_text(yaml.safe_dump(config))
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE", "PYTHONPATH"))}
        self.environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(packages or "")}

    def snakemake(self, *arguments, fails=False):
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=280
        )
        output = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, output
        return output


def dataset(folder, path=DATASET):
    return read_dataset(folder / path)


@pytest.fixture(scope="module")
def reached_directly(clone, tmp_path_factory):
    """The dataset of the clone's own workflow, which does not use what else is installed by its package's name."""
    folder = tmp_path_factory.mktemp("direct")
    other = folder / "site-packages/critical_periods/__init__.py"
    other.parent.mkdir(parents=True)
    other.write_text("raise RuntimeError('the package that is installed')")
    parent = Parent(folder, f'include: "{clone}/workflow/Snakefile"\n', TOY, packages=folder / "site-packages")
    parent.snakemake(DATASET, "--configfile", "config.yaml")
    return dataset(folder)


def test_rules_are_renamed_and_one_is_overridden_without_a_configuration_of_the_parent(tmp_path):
    parent = Parent(
        tmp_path,
        f"""
        module critical:
            snakefile: "{REPOSITORY}/workflow/Snakefile"
            config: {{"seeds": [3], "solver": "gradient_flow"}}
        use rule * from critical as critical_*
        use rule figure from critical as critical_figure with:
            message: "Drawn as the parent likes it"
        rule paper:
            input: rules.critical_fig07.input
        rule train:
            output: "trained"
            shell: "touch {{output}}"
        """,
    )
    output = parent.snakemake("--dry-run", "critical_fig07", "trained")
    assert "Drawn as the parent likes it" in output
    assert re.search(r"^train +1$", output, re.MULTILINE)
    assert "critical_integrate_pathways" in output


def test_a_configuration_of_the_parent_is_laid_over_the_defaults_below_a_prefix(tmp_path, reached_directly):
    snakefile = f"""
        configfile: "config.yaml"
        module critical:
            snakefile: "{REPOSITORY}/workflow/Snakefile"
            config: config
            prefix: "periods"
        use rule * from critical as critical_*
        """
    parent = Parent(tmp_path, snakefile, TOY | {"samples": ["a", "b"], "genome": {"name": "hg38"}})
    output = parent.snakemake(f"periods/{DATASET}")
    assert "Keys of the parent that are not of critical_periods: genome, samples\n" in output
    assert dataset(tmp_path, f"periods/{DATASET}").attrs[CHECKSUM] == reached_directly.attrs[CHECKSUM]
    assert not (tmp_path / "results").exists()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TOY | {"experimets": {}}))
    output = parent.snakemake("--dry-run", fails=True)
    assert re.search(r"config\.yaml, line \d+: configuration: unknown key = 'experimets'; allowed: seeds, ", output)
    assert "(did you mean experiments?)" in output


def test_a_parent_may_keep_its_configuration_to_itself(tmp_path):
    snakefile = f"""
        configfile: "config.yaml"
        module critical:
            snakefile: "{REPOSITORY}/workflow/Snakefile"
        use rule * from critical
        """
    parent = Parent(tmp_path, snakefile, {"samples": ["a"], "plugins": ["of_the_parent"]})
    assert re.search(r"^integrate_pathways +1$", parent.snakemake("--dry-run", "fig07"), re.MULTILINE)


GITFILE = """
    module critical:
        snakefile: gitfile("{clone}", path="workflow/Snakefile", {ref})
        config: {config}
    use rule * from critical
    """


def test_from_git_it_gives_the_same_with_the_package_installed(clone, installed, tmp_path, reached_directly):
    snakefile = GITFILE.format(clone=clone, ref='tag="v0.2.0"', config=TOY)
    parent = Parent(tmp_path, snakefile, packages=installed)
    parent.snakemake(DATASET)
    found = dataset(tmp_path)
    assert found.attrs[CHECKSUM] == reached_directly.attrs[CHECKSUM]
    assert found.attrs["code"] == reached_directly.attrs["code"]
    assert found.attrs["code_version"] == "0.2.0"
    assert reached_directly.attrs["code_version"] == "v0.2.0"


def test_from_git_a_package_that_is_missing_is_told_with_what_to_install(clone, tmp_path):
    snakefile = GITFILE.format(clone=clone, ref='tag="v0.2.0"', config={})
    bare = tmp_path / "bare"  # an environment may have the package: `make` leaves it importable
    bare.mkdir()
    (bare / "sitecustomize.py").write_text("import sys\nsys.modules['critical_periods'] = None\n")
    output = Parent(tmp_path, snakefile, packages=bare).snakemake("--dry-run", "fig07", fails=True)
    assert f"The package critical_periods is not installed: pip install 'git+file://{clone}@v0.2.0'\n" in output


def test_from_git_a_package_of_another_commit_is_told_with_what_to_install(clone, installed, tmp_path):
    later, packages = tmp_path / "later", tmp_path / "packages"
    git(tmp_path, "clone", "--quiet", str(clone), str(later))
    git(later, "commit", "--quiet", "--allow-empty", "--message", "More")
    commit = git(later, "rev-parse", "HEAD")
    snakefile = GITFILE.format(clone=later, ref=f'commit="{commit}"', config=TOY)
    output = Parent(tmp_path, snakefile, packages=installed).snakemake("--dry-run", "fig07", fails=True)
    assert (
        f"The package critical_periods that is installed is of 0.2.0, not of {commit}: "
        f"pip install --force-reinstall --no-deps 'git+file://{later}@{commit}'\n"
    ) in output
    install(later, packages)
    assert "integrate_pathways" in Parent(tmp_path, snakefile, packages=packages).snakemake("--dry-run", "fig07")
    snakefile = GITFILE.format(clone=later, ref='tag="v0.2.0"', config=TOY)
    output = Parent(tmp_path, snakefile, packages=packages).snakemake("--dry-run", "fig07", fails=True)
    assert re.search(rf"is of 0\.2\.1\.dev1\+g{commit[:7]}\w*, not of v0\.2\.0: pip install", output)


def test_from_a_hosting_service_too(clone, installed, tmp_path):
    """Of which Snakemake keeps a clone in its cache."""
    snakefile = f"""
        module critical:
            snakefile: github("ada/critical-periods", path="workflow/Snakefile", tag="v0.2.0")
            config: {TOY}
        use rule * from critical
        """
    parent = Parent(tmp_path, snakefile, packages=installed)
    cached = (
        Path(parent.environment["XDG_CACHE_HOME"])
        / "snakemake/snakemake/source-cache/snakemake-git-cache/github.com/ada"
    )
    cached.mkdir(parents=True)
    git(cached, "clone", "--quiet", "--bare", str(clone), "critical-periods")
    assert "integrate_pathways" in parent.snakemake("--dry-run", "fig07")


def on_the_page(clone, language):
    """Blocks of docs/module.md, for a clone at its newest commit."""
    page = (REPOSITORY / "docs/module.md").read_text()
    page = page.replace("<repository>", str(clone)).replace("<commit>", git(clone, "rev-parse", "HEAD"))
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_the_module_of_the_page_is_one(clone, installed, tmp_path):
    _, snakefile = on_the_page(clone, "python")
    _, command = on_the_page(clone, "console")
    output = Parent(tmp_path, snakefile, TOY, installed).snakemake(*shlex.split(command)[2:], "--dry-run")
    assert re.search(r"^critical_figure +1$", output, re.MULTILINE)


def test_a_project_deployed_by_the_page_draws_a_figure(clone, installed, tmp_path):
    commands, _ = on_the_page(clone, "console")
    newest, _, deploy, enter, draw = [shlex.split(line)[1:] for line in commands.splitlines()]
    assert git(tmp_path, *newest[1:]).split()[0] == deploy[-1]
    deploy[0] = shutil.which(deploy[0], path=Path(sys.executable).parent)
    subprocess.run(deploy, cwd=tmp_path, check=True, capture_output=True)
    project = tmp_path / enter[1]
    assert "models:" in (project / "config/README.md").read_text()
    snakefile = project / "workflow/Snakefile"
    from_git, _ = on_the_page(clone, "python")
    text = snakefile.read_text().replace('"workflow/Snakefile"', from_git.strip())
    snakefile.write_text(text)
    (project / "config/config.yaml").write_text(yaml.safe_dump(TOY))
    parent = Parent(project, text, packages=installed)
    (project / "Snakefile").unlink()
    parent.snakemake(*draw[1:])
    assert (project / "results/figures/fig07.png").read_bytes().startswith(b"\x89PNG")

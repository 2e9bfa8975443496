"""What docs/how-to.md says can be added, is added to a copy of the repository by the page's own blocks, and runs."""

import csv
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
import yaml
from conftest import REPOSITORY
from PIL import Image
from warm_snakemake import finished

from critical_periods.configuration.document import style_asked
from critical_periods.planning.panels import check_style
from critical_periods.storage.datasets import read_dataset, write

PAGE = (REPOSITORY / "docs/how-to.md").read_text()


def blocks(section):
    """Language and text of every block of a section of the page."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class Copy:
    """A copy of the repository, and a folder to run it in."""

    def __init__(self, folder):
        self.repository, self.work = folder / "repository", folder / "work"
        ignored = shutil.ignore_patterns(".*", "results", "__pycache__")
        shutil.copytree(REPOSITORY, self.repository, ignore=ignored)

    def apply(self, section):
        """Make the edits of a section's blocks; returns the arguments of its commands."""
        commands = []
        for language, text in blocks(section):
            if language == "diff":
                self._edit(text)
            elif language == "yaml":
                name, content = re.match(r"# (\S+)\n(.*)", text, re.DOTALL).groups()
                (self.repository / name).write_text(content)
            elif language == "python":
                subprocess.run([sys.executable, "-c", text], cwd=self.repository, check=True)
            elif language == "console":
                commands += [line.removeprefix("$ snakemake ").split() for line in text.splitlines()]
        return commands

    def _edit(self, text):
        head, *lines = text.splitlines()
        path = self.repository / head.removeprefix("--- ")
        old = "\n".join(line[1:] for line in lines if line[0] in " -")
        new = "\n".join(line[1:] for line in lines if line[0] in " +")
        if not path.exists() and not old:
            path.write_text(new)
            return
        content = path.read_text()
        assert content.count(f"{old}\n") == 1, f"{head}: {old}"
        path.write_text(content.replace(old, new))

    def readme(self):
        """What the last run has written on what there is."""
        return (self.work / "results/README.md").read_text()

    def snakemake(self, *arguments, fails=False):
        """Output of Snakemake at smoke size."""
        arguments = [str(self.repository / word) if word.endswith(".yaml") else word for word in arguments]
        if "--configfile" not in arguments:
            arguments.append("--configfile")
        smoke = self.repository / "tests/smoke.yaml"
        run = finished("--directory", self.work, *arguments, smoke, folder=self.repository)
        assert (run.returncode != 0) == fails, run.output
        return run.output


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_the_page_tells_every_addition():
    for addition in ("parameter", "claim", "deficit", "solver", "model", "kind of panel", "study"):
        assert "```" in PAGE.split(f"\n## Add a {addition}\n")[1].split("\n## ")[0]


@pytest.mark.workflow
def test_a_matrix_of_ones_own_is_completed_and_known_by_what_it_holds(copy, monkeypatch):
    [command] = copy.apply("Complete a matrix of your own")
    copy.snakemake(*command)
    error = read_dataset(copy.work / "results/experiments/flowers.nc")["reconstruction_error"]
    longest = error.sel(switch_epoch=300)
    assert (longest.sel(n_observed=700) < longest.sel(n_observed=300)).all()
    assert (copy.work / "results/figures/flowers_error.png").is_file()
    [look] = copy.apply("Look before the run")
    [row] = re.findall("^paper .*$", copy.snakemake(*look, "--configfile", "flowers.yaml"), re.MULTILINE)
    cells, new = map(int, row.split()[1:3])
    assert cells - new == 3 + 1
    monkeypatch.chdir(copy.work)
    [(_, notebook)] = blocks("Look at a dataset in a notebook")
    exec(notebook, names := {})
    assert names["flowers"]["reconstruction_error"].identical(error)
    file, settings = copy.repository / "distances.csv", copy.repository / "flowers.yaml"
    moved = file.rename(copy.repository / "moved.csv")
    settings.write_text(settings.read_text().replace(file.name, moved.name))
    [drawn] = copy.apply("Draw figures in another style")
    told = copy.snakemake("flowers_error", *drawn, "--configfile", "flowers.yaml")
    assert re.search(r"^figure +1$[^:]*^total +2$", told, re.MULTILINE)
    with Image.open(copy.work / "results/figures/flowers_error.png") as image:
        assert image.width == 4.5 * 400
    check_style(style_asked(yaml.safe_load((copy.repository / "wide.yaml").read_text())["style"]))
    moved.write_text(moved.read_text().replace("1", "2"))
    assert f"\nEstimate: {3 + 1} new cells, " in copy.snakemake("--dry-run", *command)
    assert "flowers: [nc](experiments/flowers.nc) | Pre-training on few of the distances" in copy.readme()
    results = copy.work / "results"
    assert {path.suffix for path in results.glob("figures/flowers_error.*")} == {
        *(".pdf", ".png", ".svg", ".csv", ".tex", ".md"),
    }
    mine = results / "figures/mine.pdf"
    mine.touch()
    listed = copy.snakemake("prune", "--cores", "1", "--configfile", "flowers.yaml")
    assert all(str(path.parent.relative_to(copy.work)) in listed for path in results.glob("cells/*/*/*.nc"))
    assert "final_matrix = sha256:" in listed
    assert "experiments/flowers.nc" not in listed
    copy.snakemake("prune", "--cores", "1", "--config", "yes=true")
    assert [path for path in results.rglob("*") if path.suffix in (".nc", ".pdf", ".png")] == [mine]


def test_two_results_are_compared(tmp_path):
    for name, value in (("results", 1.0), ("elsewhere/results", 1.5)):
        write(xr.Dataset({"error": ("depth", [1.0, value])}), tmp_path / name / "experiments/depth.nc")
    [(_, command)] = [block for block in blocks("Compare two results") if block[0] == "bash"]
    command = command.replace("python", sys.executable).replace("=src", f"={REPOSITORY / 'src'}")
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "error     1 of 2  0.5      0.5       depth=1" in done.stdout


@pytest.mark.workflow
def test_a_parameter_is_added_and_varied(copy):
    [command] = copy.apply("Add a parameter")
    copy.snakemake(*command)
    dataset = read_dataset(copy.work / "results/experiments/unequal.nc")
    error = dataset["reconstruction_error"].sel(switch_epoch=300)
    assert len(np.unique(error)) == 3
    assert dataset["first_layer_scale"].attrs["label"] == "scale of layer 1"
    assert np.isfinite(dataset["predicted_closing"].isel(seed=0)).values.tolist() == [False, True, False]
    assert "predicted_closing where first_layer_scale = 0.5; " in dataset.attrs["not_predicted"]


@pytest.mark.workflow
def test_a_deficit_is_added_and_honoured_by_every_solver(copy):
    [command] = copy.apply("Add a deficit")
    copy.snakemake(*command)
    error = read_dataset(copy.work / "results/experiments/contrast.nc")["reconstruction_error"].isel(seed=0)
    np.testing.assert_allclose(error.isel(solver=0), error.isel(solver=1), rtol=0.1)
    assert (error.sel(switch_epoch=0).std("pretrain_contrast") < 1e-6).all()
    assert (abs(error.sel(switch_epoch=300).diff("pretrain_contrast")) > 1e-3).all()
    chosen = ["tests/test_landscapes.py", "-k", "no_effect_of_a_phase and contrast"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
        cwd=copy.repository, env=os.environ | {"PYTHONPATH": "src"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.workflow
def test_a_solver_is_a_file_that_models_configuration_and_key_reference_offer(copy):
    [command] = copy.apply("Add a solver")
    copy.snakemake(*command)
    dataset = read_dataset(copy.work / "results/experiments/inertia.nc")
    error = dataset["reconstruction_error_history"].sel(switch_epoch=0).isel(seed=0).dropna("epoch")
    slow, fast = error.sel(solver="gradient_descent"), error.sel(solver="heavy_ball")
    # A momentum of 1/2 is twice the speed; records are far apart where the error falls.
    learned = [float(np.interp(-0.5, -curve, curve["epoch"])) for curve in (slow, fast)]
    assert 1.5 < learned[0] / learned[1] < 2.5
    settings = copy.repository / "inertia.yaml"
    settings.write_text(settings.read_text().replace("momentum: 0.5", "momentum: 1.5"))
    assert "heavy_ball.momentum = 1.5; allowed: number, " in copy.snakemake(*command, fails=True)
    code = "from critical_periods.publishing.reference import page; print(page())"
    environment = os.environ | {"PYTHONPATH": str(copy.repository / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy.repository, env=environment, capture_output=True, text=True, check=True
    )
    assert "## `heavy_ball`" in done.stdout
    assert re.search(r"`solver` \| .*heavy", done.stdout)


@pytest.mark.workflow
def test_a_claim_is_added_in_one_place(copy):
    [command] = copy.apply("Add a claim")
    assert "judge " in copy.snakemake(*command, "--dry-run")
    edited = copy.repository / "config.yaml"
    before, after = edited.read_text().split("  5i:\n")
    edited.write_text(f"{before}  5i:\n{after.replace('final_effect', 'final_efect', 1)}")
    refused = copy.snakemake(*command, "--dry-run", fails=True)
    assert "claims.5i.measure = 'final_efect'" in refused
    assert "(did you mean final_effect?)" in refused


@pytest.mark.workflow
def test_a_study_is_a_file(copy):
    [command] = copy.apply("Add a study")
    output = copy.snakemake(*command)
    assert "pretrain " in output
    results = copy.work / "results/rates"
    assert read_dataset(results / "experiments/rates.nc").sizes["learning_rate"] == 2
    assert (results / "figures/rates_curves.pdf").is_file()
    with (results / "claims.csv").open(newline="") as file:
        assert [claim["id"] for claim in csv.DictReader(file)] == ["r1"]
    study = copy.repository / "studies/rates.yaml"
    settings = yaml.safe_load(study.read_text())
    del settings["smoke"]
    settings["experiments"]["depth"] = settings["experiments"].pop("rates")
    study.write_text(yaml.safe_dump(settings))
    refused = copy.snakemake(*command, "--dry-run", fails=True)
    assert "rates.experiments = 'depth'; allowed: another name: the paper has it already" in refused


def test_the_model_and_the_kind_of_figures_on_the_page_are_the_examples():
    files = [text.split("\n")[0] for text in PAGE.split("```{literalinclude} ")[1:]]
    assert files == [f"examples/{name}.{kind}" for name in ("autoencoder", "distributions") for kind in ("py", "yaml")]
    assert all((REPOSITORY / "docs" / file).is_file() for file in files)

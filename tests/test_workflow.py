"""The workflow as a user runs it: every test calls Snakemake on a configuration of toy size."""

import csv
import json
import os
import re
import shutil
import zipfile

import pytest
import yaml
from conftest import CLAIMS, REPOSITORY
from snakemake_runs import wait_for
from warm_snakemake import Run

from critical_periods.storage.datasets import CHECKSUM, read_dataset

pytestmark = pytest.mark.workflow

FIGURES = ("fig04", "fig06")
TINY = {
    "cells_per_job": {"strided_descent": 1},
    "models": {
        "matrix_completion": {
            "size": 8,
            "n_observed": 30,
            "final_rank": 1,
            "pretrain_rank": 2,
            "learning_rate": 0.5,
            "switch_epochs": [0, 10, 20],
            "final_epochs": 200,  # enough to learn, as claims are judged only then
            "record_every": 10,
            "n_singular_values": 4,
        }
    },
    "experiments": {
        "depth": {"title": "Depth", "model": "matrix_completion", "vary": {"depth": [1, 2]}},
        "n_observed": {"title": "Observations", "model": "matrix_completion", "set": {"depth": 2}},
    },
    "figures": {
        "fig04": {
            "title": "Curves",
            "panels": [
                {
                    "plot": "line",
                    "experiment": "depth",
                    "x": "switch_epoch",
                    "y": "relative_accuracy",
                    "hue": "depth",
                }
            ],
        },
        "fig06": {
            "title": "Spectra",
            "panels": [
                {
                    "plot": "line",
                    "experiment": "n_observed",
                    "x": "epoch",
                    "y": "singular_value",
                    "hue": "mode",
                    "col": "switch_epoch",
                    "select": {"switch_epoch": [0, 20]},
                }
            ],
        },
    },
}


class Project:
    """A copy of the repository with a configuration of its own, and a folder to run it in."""

    def __init__(self, folder):
        self.repository, self.workdir = folder / "repository", folder / "elsewhere"
        ignored = shutil.ignore_patterns(".*", "results", "__pycache__", "docs")
        shutil.copytree(REPOSITORY, self.repository, ignore=ignored)
        self.configuration = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
        for key in ("cells_per_job", "models"):
            for name, values in TINY[key].items():
                part = self.configuration[key]
                part[name] = part[name] | values if isinstance(values, dict) else values
        self.configure(experiments=TINY["experiments"], figures=TINY["figures"])

    def configure(self, **changes):
        self.configuration |= changes
        (self.repository / "config.yaml").write_text(yaml.safe_dump(self.configuration, sort_keys=False))

    def edit(self, file, old, new):
        path = self.repository / file
        assert old in path.read_text(), (file, old)
        path.write_text(path.read_text().replace(old, new))

    def start(self, *arguments):
        return Run("--cores", "2", "--directory", self.workdir, *arguments, folder=self.repository)

    def snakemake(self, *arguments, fails=False):
        run = self.start(*arguments)
        assert (run.wait() != 0) == fails, run.output
        return run.output

    def planned(self, *arguments):
        """How many jobs of each rule a dry run plans."""
        output = self.snakemake("--dry-run", *arguments)
        return {} if "Nothing to be done" in output else jobs(output)

    def dataset(self, name):
        return read_dataset(self.workdir / f"results/experiments/{name}.nc")


def jobs(output):
    """The table of jobs that Snakemake prints, without the targets."""
    table = output.split("Job stats:")[1].split("total")[0]
    counts = dict(re.findall(r"^(\w+)\s+(\d+)$", table, re.MULTILINE))
    return {rule: int(count) for rule, count in counts.items() if rule not in ("all", *FIGURES)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project whose workflow has run to its end."""
    project = Project(tmp_path_factory.mktemp("finished"))
    project.output = project.snakemake()
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project that a test may change."""
    copy = Project(tmp_path)
    shutil.rmtree(copy.repository)
    shutil.copytree(finished.repository, copy.repository)
    shutil.copytree(finished.workdir, copy.workdir)
    return copy


def test_everything_is_made_in_a_folder_elsewhere(finished):
    results = finished.workdir / "results"
    for name in FIGURES:
        assert (results / f"figures/{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (results / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG")
    assert finished.dataset("depth").sizes["switch_epoch"] == 3
    assert not (finished.repository / "results").exists()
    # depth 1 and 2 are pre-trained once each, though depth 2 is asked for twice
    assert jobs(finished.output) == {
        "pretrain": 2,
        "train": 2,
        "aggregate": 2,
        "figure": 2,
        "interactive": 2,
        "judge": 1,
    }
    assert "11 of 12 steps" in finished.output


def test_a_job_tells_how_far_it_is(finished):
    logs = list((finished.workdir / "results/logs/train").glob("*/*.log"))
    assert logs
    for log in logs:
        assert re.search(r"epoch 200 of 200, \d+ epochs/s, 0 s left", log.read_text())


def test_datasets_describe_themselves(finished):
    dataset = finished.dataset("depth")
    assert dataset.sizes["seed"] == 1
    assert dataset["depth"].values.tolist() == [1, 2]
    assert {"reconstruction_error", "relative_accuracy", "singular_value"} <= set(dataset)
    assert set(dataset["reconstruction_error"].dims) == {"seed", "depth", "switch_epoch"}
    assert {"epoch", "mode"} <= set(dataset["singular_value"].dims)
    assert {"title", "parameters", "software", "code_version", "created", CHECKSUM} <= set(dataset.attrs)
    for name, variable in dataset.variables.items():
        assert variable.attrs.get("long_name"), name
        assert variable.attrs.get("units"), name


def test_nothing_is_left_to_do_afterwards(finished):
    assert finished.planned() == {}


@pytest.mark.parametrize(
    ("deleted", "again"),
    [
        ("figures/fig04.csv", {"figure": 1}),
        ("figures/fig04.*", {"figure": 1}),
        ("claims.html", {"judge": 1}),
    ],
)
def test_a_file_that_was_deleted_is_made_again_by_one_job(project, deleted, again):
    for file in list((project.workdir / "results").glob(deleted)):
        file.unlink()
    assert project.planned() == again
    shutil.rmtree(project.repository / "studies")  # of another size
    [row] = re.findall("^paper .*$", project.snakemake("estimate"), re.MULTILINE)
    assert int(row.split()[3]) == 1


def test_one_figure_alone_needs_only_its_own_cells(finished):
    assert finished.planned("fig06", "--forceall") == {"pretrain": 1, "train": 1, "aggregate": 1, "figure": 1}


def test_a_longer_list_runs_only_what_is_new(project):
    longer = {"depth": {**TINY["experiments"]["depth"], "vary": {"depth": [1, 2, 3]}}}
    project.configure(experiments=TINY["experiments"] | longer)
    assert project.planned() == {"pretrain": 1, "train": 1, "aggregate": 1, "figure": 1, "interactive": 1, "judge": 1}
    before = project.dataset("depth")
    project.snakemake()
    after = project.dataset("depth")
    assert after["depth"].values.tolist() == [1, 2, 3]
    assert after["reconstruction_error"].sel(depth=[1, 2]).equals(before["reconstruction_error"])


def test_longer_final_training_reuses_the_pretraining(project):
    project.configuration["models"]["matrix_completion"]["final_epochs"] = 300
    project.configure()
    assert project.planned() == {"train": 2, "aggregate": 2, "figure": 2, "interactive": 2, "judge": 1}


def test_an_edit_of_a_drawing_trains_nothing(project):
    project.edit("src/critical_periods/figures/look.py", "width=3.0, alpha=0.4", "width=3.1, alpha=0.4")
    assert project.planned() == {"figure": 2, "interactive": 2}


def test_an_edit_of_a_measure_trains_nothing(project):
    project.edit("src/critical_periods/analysis/measures.py", "drop=True) - recon", "drop=True) + recon")
    assert project.planned() == {"aggregate": 2, "figure": 2, "interactive": 2, "judge": 1}


def test_an_edit_of_a_claim_or_of_what_it_measures_only_judges(project):
    project.edit("src/critical_periods/models/matrix_completion/measures.py", "fewer than two seeds", "one seed alone")
    assert project.planned() == {"judge": 1}
    project.snakemake()
    claims = project.configuration["claims"]
    claims["5b"] |= {"statement": "Deeper is worse", "measure": "effect_rise", "below": -0.125}
    claims["own"] = claims["5a"] | {"arguments": {"depth": 2}, "figure": "fig06"}
    project.configure(claims=claims)
    assert project.planned() == {"judge": 1}
    project.snakemake()
    with (project.workdir / "results/claims.csv").open(newline="") as file:
        judged = {claim["id"]: claim for claim in csv.DictReader(file)}
    assert (judged["5b"]["statement"], judged["5b"]["threshold"]) == ("Deeper is worse", "-0.125")
    assert judged["own"]["figure"] == "fig06"
    assert re.search("1a +An early gating", (project.workdir / "results/claims.txt").read_text())
    assert "every depth: no experiment phase_portraits" in (project.workdir / "results/claims.txt").read_text()
    claims["own"]["measure"] = "largest_efect"
    project.configure(claims=claims)
    refused = project.snakemake("--dry-run", fails=True)
    assert re.search(
        r"Configuration: .*\.yaml, line \d+: claims\.own\.measure = 'largest_efect'; allowed: change_by_deficit",
        refused,
    )


def test_a_figure_of_ones_own_takes_no_claim_from_the_one_that_shows_it(project):
    mine = project.workdir / "mine.yaml"
    panel = {
        "plot": "line",
        "experiment": "depth",
        "x": "switch_epoch",
        "y": "relative_accuracy",
        "hue": "depth",
    }
    mine.write_text(yaml.safe_dump({"figures": {"a_view": {"title": "Mine", "panels": [panel]}}}))
    assert project.planned("results/claims.csv", "a_view", "--configfile", str(mine)) == {"figure": 1, "a_view": 1}


def test_an_edit_of_the_model_runs_everything(project):
    project.edit(
        "src/critical_periods/models/matrix_completion/simulation/landscape.py",
        "phase, -learning_rate, parts",
        "phase, -0.5 * learning_rate, parts",
    )
    assert project.planned() == {"pretrain": 2, "train": 2, "aggregate": 2, "figure": 2, "interactive": 2, "judge": 1}


def test_comments_and_docstrings_run_nothing(project):
    project.edit(
        "src/critical_periods/models/matrix_completion/simulation/landscape.py", '"""Deep matrix', '"""The deep matrix'
    )
    assert project.planned() == {}


def test_other_solvers_do_not_concern_the_one_that_is_used(project):
    flow = "src/critical_periods/solvers/gradient_flow.py"
    project.edit(flow, "        return Solution(", "        print()\n        return Solution(")
    assert project.planned() == {}


def test_a_run_whose_code_is_edited_meanwhile_fails_and_leaves_no_wrong_result(finished, tmp_path):
    """Even where the edit is undone, so that nothing shows it afterwards."""
    project = Project(tmp_path)
    measures, edit = "src/critical_periods/analysis/measures.py", ("drop=True) - recon", "drop=True) + recon")
    run = project.start("results/experiments/depth.nc")
    wait_for(lambda: list(project.workdir.glob("results/logs/pretrain/*/*.log")), "a job")
    project.edit(measures, *edit)
    assert run.wait() != 0
    assert re.search(r"CodeChangedError: analysis/measures\.py: code = \w+; allowed: \w+, as planned", run.output)
    project.edit(measures, *reversed(edit))
    project.snakemake("results/experiments/depth.nc")
    assert project.dataset("depth").attrs[CHECKSUM] == finished.dataset("depth").attrs[CHECKSUM]
    assert re.fullmatch("[0-9a-f]{16}", project.dataset("depth").attrs["code"])


def test_results_are_recognised_in_another_copy_of_the_same_code(project, tmp_path):
    for path in project.repository.rglob("*"):
        path.touch()
    shutil.move(project.repository, tmp_path / "clone")
    project.repository = tmp_path / "clone"
    assert project.planned() == {}
    project.edit("workflow/scripts/simulate.py", "job = Job(", "# It begins.\njob = Job(")
    assert project.planned() == {}


def test_cells_made_anew_are_assembled_whatever_the_clocks_say(project):
    project.edit(
        "src/critical_periods/models/matrix_completion/simulation/landscape.py",
        "phase, -learning_rate, parts",
        "phase, -0.5 * learning_rate, parts",
    )
    project.snakemake("--until", "train")
    for path in project.workdir.glob("results/cells/*/*/*"):
        os.utime(path, (1e9, 1e9))
    assert project.planned() == {"aggregate": 2, "figure": 2, "interactive": 2, "judge": 1}


EVERYTHING = {"pretrain": 2, "train": 2, "aggregate": 2, "figure": 2, "interactive": 2, "judge": 1}
MADE_OF_CELLS = {name: count for name, count in EVERYTHING.items() if name not in ("pretrain", "train")}


def test_results_of_other_versions_are_told_and_made_anew_where_versions_are_strict(project):
    for manifest in project.workdir.glob("results/cells/*/*/*.json"):
        manifest.write_text(re.sub("numpy [^,]*", "numpy 1.26.4", manifest.read_text()))
    output = project.snakemake("--dry-run")
    assert re.search(r"4 bundles of cells come from numpy 1\.26\.4, .*, installed is numpy [2-9]", output)
    assert project.planned("--config", "versions=strict") == EVERYTHING
    project.snakemake("--config", "versions=strict")
    assert project.planned("--config", "versions=strict") == {}


def test_results_without_records_of_snakemake_are_known_by_what_made_them(project):
    records = project.workdir / ".snakemake"
    shutil.rmtree(records)
    assert project.planned() == {}
    fewer = TINY["experiments"]["n_observed"] | {"set": {"depth": 2, "n_observed": 25}}
    project.configure(experiments=TINY["experiments"] | {"n_observed": fewer})
    shutil.rmtree(records)
    assert project.planned() == {"pretrain": 1, "train": 1, "aggregate": 1, "figure": 1, "interactive": 1, "judge": 1}
    project.configure(experiments=TINY["experiments"])
    project.edit(
        "src/critical_periods/models/matrix_completion/simulation/landscape.py",
        "phase, -learning_rate, parts",
        "phase, -0.5 * learning_rate, parts",
    )
    shutil.rmtree(records)
    before = {path: path.read_bytes() for path in project.workdir.rglob("results/**/*") if path.is_file()}
    assert project.planned() == EVERYTHING
    assert {path: path.read_bytes() for path in project.workdir.rglob("results/**/*") if path.is_file()} == before
    project.snakemake()
    shutil.rmtree(records)
    assert project.planned() == {}


def test_cells_may_lie_on_scratch_space(project, tmp_path):
    scratch = tmp_path / "scratch/cells"
    project.configure(cells_folder=str(scratch))
    shutil.rmtree(project.workdir / "results/cells")
    project.snakemake("results/experiments/depth.nc")
    assert len(list(scratch.glob("matrix_completion/*/*.nc"))) == 2
    assert not (project.workdir / "results/cells").exists()
    assert project.planned("results/experiments/depth.nc") == {}
    shutil.rmtree(scratch)
    assert project.planned("results/experiments/depth.nc") == {}


@pytest.mark.parametrize("content", ["", "{", "null", "[]"])
def test_broken_records_of_snakemake_count_as_none(project, content):
    for record in (project.workdir / ".snakemake/metadata").rglob("*"):
        if record.is_file():
            record.write_text(content)
    assert project.planned() == {}


@pytest.mark.parametrize("stamped", ["experiments/.depth.made", "figures/.fig04.made", ".claims.made"])
def test_a_result_that_does_not_say_what_made_it_is_made_anew(project, stamped):
    shutil.rmtree(project.workdir / ".snakemake")
    (project.workdir / "results" / stamped).unlink()
    planned = project.planned()
    assert planned
    assert not {"pretrain", "train"} & planned.keys()


def test_a_comparison_that_something_else_made_is_made_anew(project):
    study = {
        "title": "By both solvers",
        "experiments": {"pair": {"title": "Pair", "model": "matrix_completion", "set": {"depth": 1}}},
        "variants": {"descent": {}, "flow": {"solver": "gradient_flow"}},
        "compare": {"variable": "reconstruction_error", "reference": "descent"},
    }
    file = project.repository / "both.yaml"
    file.write_text(yaml.safe_dump(study))
    project.configure(studies=["both.yaml"])
    project.snakemake("both")
    shutil.rmtree(project.workdir / ".snakemake")
    assert project.planned("both") == {}
    (project.workdir / "results/both/comparison_claims.csv").unlink()
    assert project.planned("both") == {"compare_both": 1, "both": 1}
    project.snakemake("both")
    file.write_text(yaml.safe_dump(study | {"compare": {"variable": "reconstruction_error", "reference": "flow"}}))
    shutil.rmtree(project.workdir / ".snakemake")
    assert project.planned("both") == {"compare_both": 1, "both": 1}


def test_only_new_cells_of_a_longer_or_reordered_axis_are_simulated(project):
    project.configuration["cells_per_job"]["strided_descent"] = 4
    for order, taken in (([3, 1, 2], "2 of 3"), ([2, 3, 1], "3 of 3")):
        axis = {"depth": {**TINY["experiments"]["depth"], "vary": {"depth": order}}}
        project.configure(experiments=TINY["experiments"] | axis)
        logs = set(project.workdir.glob("results/logs/*/*/*.log"))
        project.snakemake("results/experiments/depth.nc")
        new = [log.read_text() for log in set(project.workdir.glob("results/logs/*/*/*.log")) - logs]
        assert len(new) == 2
        assert all(f"{taken} cells were computed before" in log for log in new)


def test_results_are_bit_identical_from_run_to_run(finished, tmp_path):
    again = Project(tmp_path)
    again.configuration["cells_per_job"]["strided_descent"] = 4
    again.configure()
    output = again.snakemake("--cores", "1", "--verbose")
    made = jobs(output)
    assert made == {"pretrain": 1, "train": 1, "aggregate": 2, "figure": 2, "interactive": 2, "judge": 1}
    assert output.count("Ready jobs: ") <= sum(made.values()) + 1  # no look at the queue but where a job has ended
    for name in ("depth", "n_observed"):
        assert again.dataset(name).attrs[CHECKSUM] == finished.dataset(name).attrs[CHECKSUM]


def test_bad_configuration_starts_no_job(project):
    project.configuration["models"]["matrix_completion"]["pretrain_rank"] = 9
    project.configure()
    output = project.snakemake(fails=True)
    assert "experiments.depth: pretrain_rank = 9; allowed: 1 to size = 8" in output
    assert "Traceback" not in output
    assert "Job stats" not in output


def test_divergence_names_the_cell_and_leaves_no_output(project):
    project.configuration["models"]["matrix_completion"] |= {"learning_rate": 5000.0}
    project.configure()
    before = set((project.workdir / "results/cells").rglob("*"))
    output = project.snakemake("fig06", fails=True)
    assert re.search(r"pretraining cell [0-9a-f]{16} \(.*depth=2.*\): diverged by epoch \d+ .*training loss", output)
    assert set((project.workdir / "results/cells").rglob("*")) == before


def test_a_damaged_dataset_is_named_and_not_drawn(project):
    path = project.workdir / "results/experiments/depth.nc"
    path.write_bytes(path.read_bytes()[:-200])
    figure = project.workdir / "results/figures/fig04.png"
    figure.unlink()
    output = project.snakemake("fig04", "--rerun-triggers", "mtime", fails=True)
    assert "results/experiments/depth.nc: unreadable" in output
    assert not figure.exists()


def test_strict_fails_where_a_claim_does_not_hold_or_is_not_judged_and_only_there(project):
    table, unjudged, verdict = (
        project.workdir / "results" / name for name in ("claims.csv", "claims_not_judged.csv", "claims_hold")
    )
    assert "strict_claims" not in project.planned()
    output = project.snakemake("--config", "strict=true", fails=True)
    claims, missing = rows(table), rows(unjudged)
    assert sorted(claim["id"] for claim in claims + missing) == sorted(CLAIMS)
    failed = [claim["id"] for claim in claims if claim["holds"] != "True"]
    assert failed
    assert f"strict: claims that do not hold: {', '.join(failed)}\n" in output
    gating = [name for name, claim in CLAIMS.items() if claim.experiment == "gating"]
    assert f"strict: claims that could not be judged (no experiment gating): {', '.join(gating)}\n" in output
    assert not verdict.exists()

    write(table, [claim | {"holds": "True"} for claim in claims])
    output = project.snakemake("--config", "strict=true", fails=True)
    assert "do not hold" not in output
    assert "could not be judged" in output
    write(unjudged, missing[:0], missing[0])
    project.snakemake("--config", "strict=true")
    assert verdict.exists()


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows, columns=None):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns or rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("name", ["all", "claims", "figure", "ensemble", "strict_claims"])
def test_a_figure_with_the_name_of_a_rule_is_refused(project, name):
    project.configure(figures=TINY["figures"] | {name: TINY["figures"]["fig04"]})
    output = project.snakemake("--dry-run", fails=True)
    assert re.search(rf"line \d+: figures = '{name}'; allowed: a name that no rule has, unlike aggregate, ", output)
    assert len(re.findall("^  File ", output, re.MULTILINE)) == 1


def test_a_run_is_packed_as_a_workflow_run_crate(project):
    plugin = project.workdir / "my_measures.py"
    plugin.write_text("def one(dataset):\n    return 1.0\n")
    project.configure(plugins=[str(plugin)])
    project.snakemake("crate")
    with zipfile.ZipFile(project.workdir / "results/crate.zip") as crate:
        names = set(crate.namelist())
        entities = {entity["@id"]: entity for entity in json.loads(crate.read("ro-crate-metadata.json"))["@graph"]}
        configuration = yaml.safe_load(crate.read("config.yaml"))
        contents = {name: crate.read(name) for name in names}
    files = {name for name, entity in entities.items() if "File" in entity["@type"]}
    assert files | {"ro-crate-metadata.json"} == names
    root = entities["./"]
    profiles = [entities[profile["@id"]]["name"] for profile in root["conformsTo"]]
    assert profiles == ["Process Run Crate", "Workflow Run Crate", "Workflow RO-Crate"]
    workflow, [run] = entities[root["mainEntity"]["@id"]], [entities[action["@id"]] for action in root["mentions"]]
    assert set(workflow["@type"]) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert "numpy" in {entities[package["@id"]]["name"] for package in workflow["softwareRequirements"]}
    assert run["instrument"] == {"@id": workflow["@id"]}
    assert run["startTime"] <= run["endTime"]
    results = {result["@id"] for result in run["result"]}
    made = [f"figures/{name}.{suffix}" for name in FIGURES for suffix in ("pdf", "png", "svg", "csv")]
    wanted = {f"results/{name}" for name in (*made, "experiments/depth.nc", "claims.csv", "claims.html")}
    assert wanted <= results <= names
    assert project.dataset("depth").attrs[CHECKSUM] in entities["results/experiments/depth.nc"]["description"]
    assert configuration["experiments"] == TINY["experiments"]
    assert configuration["plugins"] == ["plugins/my_measures.py"]
    assert contents["plugins/my_measures.py"].decode() == plugin.read_text()
    places = (str(project.workdir).encode(), str(project.repository).encode())
    assert not [name for name, content in contents.items() if any(place in content for place in places)]

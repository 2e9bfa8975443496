"""Words of the command line: `--config`, read as a file is, and the profile for SLURM, which has to be edited."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from conftest import REPOSITORY
from snakemake.cli import parse_config
from snakemake.utils import update_config

from critical_periods.configuration.fields import ConfigError
from critical_periods.configuration.files import read_words

DATASET = "results/experiments/depth.nc"


def configured(before, *words):
    """A configuration after Snakemake and the workflow have read the words of --config."""
    update_config(before, parse_config(words))
    read_words(before, words)
    return before


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("seeds=[1, 2]", [1, 2]),
        ("seeds=7", 7),
        ("seeds=1e-3", 0.001),
        ("seeds=true", True),
        ("seeds=False", False),
        ("seeds=null", None),
        ("seeds=", None),
        ("seeds='[1]'", [1]),
        ("seeds=gradient_flow", "gradient_flow"),
        ("seeds=a=b", "a=b"),
        ("seeds={a: {b: [1.5, yes, ~, '1', x]}}", {"a": {"b": [1.5, True, None, "1", "x"]}}),
    ],
)
def test_words_have_the_types_that_yaml_gives_them(word, value):
    read = configured({"seeds": 0}, word)["seeds"]
    assert read == value
    assert type(read) is type(value)


def test_words_leave_what_files_say_alone():
    file = {"seeds": ["1"], "models": {"pathways": {"depth": "2", "width": "3"}, "others": "true"}}
    read = configured(file, "models={pathways: {depth: 4}}", "models={pathways: {noise: null}}")
    assert read == {
        "seeds": ["1"],
        "models": {"pathways": {"depth": 4, "width": "3", "noise": None}, "others": "true"},
    }


def test_words_for_another_workflow_are_no_concern_of_this_one():
    config = {"seeds": [0]}
    read_words(config, ["parents_own=[1]"])
    assert config == {"seeds": [0]}


def test_words_that_are_no_yaml_are_refused():
    with pytest.raises(ConfigError, match=r"^--config seeds = '\[1'; allowed: YAML$"):
        configured({"seeds": 0}, "seeds=[1")


class Cluster:
    """Runs under a profile, with a stand-in for SLURM that starts the command of every job."""

    def __init__(self, folder):
        self.folder, self.profile = folder, folder / "profile/config.yaml"
        self.profile.parent.mkdir()
        self.profile.write_text((REPOSITORY / "profiles/slurm/config.yaml").read_text())
        tiny = {
            "models": {"matrix_completion": {"final_epochs": 50}},
            "experiments": {"depth": {"vary": {"depth": [2]}}},
        }
        (folder / "tiny.yaml").write_text(yaml.safe_dump(tiny))

    def edit(self):
        self.profile.write_text(re.sub(": EDIT", ": mine", self.profile.read_text()))

    def run(self, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE")}
        command = (
            *(sys.executable, "-m", "snakemake", DATASET, "--profile", str(self.profile.parent)),
            *("--directory", str(self.folder), "--seconds-between-status-checks", "1", "--latency-wait", "5"),
            *("--configfile", str(REPOSITORY / "tests/smoke.yaml"), str(self.folder / "tiny.yaml"), *arguments),
        )
        return subprocess.run(
            command,
            cwd=REPOSITORY,
            env=environment | {"PYTHONPATH": str(REPOSITORY / "tests/plugins")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
        )


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


@pytest.mark.workflow
def test_an_unedited_profile_is_refused_before_a_job_is_submitted(cluster):
    ran = cluster.run()
    assert ran.returncode != 0
    refusal = (
        "Profile: default-resources: slurm_account, slurm_partition = 'EDIT'; allowed: what your cluster calls it"
    )
    assert refusal in ran.stdout.splitlines()
    assert "SUBMITTED" not in ran.stdout
    assert not list(cluster.folder.glob("results/cells/**/*.nc"))


@pytest.mark.workflow
def test_jobs_of_a_cluster_read_the_same_words(cluster):
    from critical_periods.storage.datasets import read_dataset

    cluster.edit()
    ran = cluster.run("--config", "seeds=[3]", "strict=true")
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.count("SUBMITTED") == 3
    assert read_dataset(cluster.folder / DATASET)["seed"].values.tolist() == [3]

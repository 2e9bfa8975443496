"""What jobs ask a scheduler for."""

import json
import subprocess
import sys

import pytest
import yaml
from conftest import REPOSITORY

ASK = """
import json, sys
from pathlib import Path
from snakemake.api import ConfigSettings, DAGSettings, ResourceSettings, SnakemakeApi

repository, folder = map(Path, sys.argv[1:])
with SnakemakeApi() as api:
    workflow = api.workflow(
        resource_settings=ResourceSettings(cores=1),
        config_settings=ConfigSettings(configfiles=[repository / "tests/smoke.yaml", folder / "changes.yaml"]),
        snakefile=repository / "Snakefile",
        workdir=folder,
    )
    workflow.dag(DAGSettings(targets={"results/experiments/depth.nc"})).printrulegraph()
    jobs = workflow._workflow.dag.jobs
    print()
    print(json.dumps({job.rule.name: {k: v for k, v in job.resources.items() if k != "tmpdir"} for job in jobs}))
"""


def resources(folder, **changes):
    """Resources that each rule's job asks for."""
    (folder / "changes.yaml").write_text(yaml.safe_dump(changes))
    ran = subprocess.run([sys.executable, "-c", ASK, str(REPOSITORY), str(folder)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.workflow
@pytest.mark.parametrize(("device", "cards"), [("cuda", 1), ("cpu", 0)])
def test_jobs_that_train_ask_for_a_gpu_where_the_configuration_does(tmp_path, device, cards):
    asked = resources(tmp_path, device=device, experiments={"depth": {"vary": {"depth": [2]}}})
    assert {rule: wanted.get("gpu") for rule, wanted in asked.items()} == {
        "pretrain": cards,
        "train": cards,
        "aggregate": None,
    }


@pytest.mark.workflow
def test_jobs_of_many_cells_ask_for_more_time(tmp_path):
    seeds = {"experiments": {"depth": {"vary": {"depth": [2]}, "seeds": [0, 1, 2]}}}
    single = resources(tmp_path, **seeds, cells_per_job={"strided_descent": 1})
    several = resources(tmp_path, **seeds, cells_per_job={"strided_descent": 3})
    for rule in ("pretrain", "train"):
        assert several[rule]["runtime"] > single[rule]["runtime"]
        assert several[rule]["mem_mb"] == single[rule]["mem_mb"]

"""The experiments beyond the paper, all of them, as a user runs them, at toy size."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from conftest import EXTENSION_CLAIMS, EXTENSIONS, REPOSITORY

from critical_periods.storage.datasets import read_dataset

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of `snakemake extensions`."""
    folder = tmp_path_factory.mktemp("extensions")
    command = (
        *(sys.executable, "-m", "snakemake", "extensions", "--cores", "2"),
        *("--configfile", str(REPOSITORY / "tests/smoke.yaml"), "--directory", str(folder)),
    )
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results/extensions"


@pytest.mark.parametrize("name", EXTENSIONS["experiments"])
def test_every_experiment_has_a_dataset_of_what_it_varies(results, name):
    dataset = read_dataset(results / f"experiments/{name}.nc")
    settings = EXTENSIONS["experiments"][name]
    assert set(settings["vary"]) <= set(dataset.coords)
    scalar = settings["model"] == "scalar_pathways"
    measured = dataset["share"].sel(pathway="b") if scalar else dataset["reconstruction_error"]
    assert np.isfinite(measured).all()


@pytest.mark.parametrize("name", EXTENSIONS["figures"])
def test_every_figure_is_drawn(results, name):
    assert (results / f"figures/{name}.pdf").read_bytes().startswith(b"%PDF")
    assert (results / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (results / f"interactive/{name}.html").stat().st_size > 10_000


def test_claims_are_judged_but_those_that_need_more_than_toy_sizes(results):
    with (results / "claims.csv").open(newline="") as file:
        judged = {claim["id"] for claim in csv.DictReader(file)}
    larger = {"x2c", "x2d", "x3a", "x3b", "x3c", "x3d", "x7b", "x9b", "x9c"}
    assert set(EXTENSION_CLAIMS) - larger <= judged

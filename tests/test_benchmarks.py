"""The benchmarks run, at toy size, and what they compute beside times is right."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
import bench
import growth_figure

#: What sections say that have nothing to measure here.
SKIPPED = {"gpu": "gpu: skipped, torch finds no CUDA device", "run": "run: no results/benchmarks"}

DRAWN = {measure for *_, lines in growth_figure.PANELS for measure, _ in lines.values()}
CURVES = {
    "workflow": {measure for measure in DRAWN if "planning" in measure},
    "cells": {measure for measure in DRAWN if "thousand" in measure},
}
CURVES["growth"] = DRAWN.difference(*CURVES.values())


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bench, "SIZES", bench.QUICK)
    monkeypatch.setattr(bench, "ROWS", [])


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The folder that all sections have written to, and what they said."""
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, str(REPOSITORY / "benchmarks/bench.py"), "--quick", "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.mark.workflow
@pytest.mark.parametrize("section", bench.SECTIONS)
def test_every_section_measures(measured, section):
    folder, said = measured
    with (folder / "bench.csv").open() as stream:
        first, *every = csv.DictReader(stream)
    assert first["section"] == "machine"
    rows = [row for row in every if row["section"] == section]
    assert rows or SKIPPED[section] in said
    assert all(np.isfinite(float(row["value"])) for row in rows)
    assert all(row["met"] in ("yes", "NO") for row in rows if row["target"])
    assert {row["measure"] for row in rows if row["at"]} == CURVES.get(section, set())
    assert (folder / "growth.png").exists()


def test_the_table_keeps_what_other_sections_measured(tmp_path):
    table = tmp_path / "bench.csv"
    row = {"at": "", "value": "1", "unit": "s", "target": "", "met": ""}
    bench.write([row | {"section": name, "measure": "m"} for name in ("steps", "cell")], table, bench.COLUMNS)
    assert [kept["section"] for kept in bench.kept_rows(table, {"cell"})] == ["steps"]
    table.write_text(table.read_text().replace(bench.machine(), "another machine"))
    assert bench.kept_rows(table, {"cell"}) == []


def test_a_target_is_met_on_its_side_only():
    for value, target in ((1, "<= 2"), (3, "<= 2"), (3, ">= 2"), (1, ">= 2"), (2, "<= 2")):
        bench.report("measure", value, "1", target)
    assert [row["met"] for row in bench.ROWS] == ["yes", "NO", "yes", "NO", "yes"]


def test_a_schedule_keeps_cores_busy_and_waits_for_inputs():
    seconds = {"first": 4.0, "other": 3.0, "second": 2.0, "last": 1.0}
    needs = {"second": ["first"], "last": ["other"]}
    assert bench.makespan(seconds, needs, 1) == 10
    assert bench.makespan(seconds, needs, 2) == 6
    assert bench.makespan(seconds, needs, 512) == 6


def test_half_of_the_paper_is_the_same_in_batches_and_cell_by_cell():
    """As on a GPU, here on the CPU: all cells that take the same steps are one batch."""
    _, alone = bench.half_of_paper("cpu", 4)
    _, together = bench.half_of_paper("cpu", 4, lambda cell: bench.batch_key(cell | {"device": "cuda"}))
    assert len(alone) > 10
    for identity, errors in alone.items():
        np.testing.assert_allclose(together[identity], errors, rtol=1e-3, atol=1e-5)


def test_bundles_are_those_that_the_workflow_makes():
    """Order tells which cells share a job: the paper's, whatever is changed."""
    merged = bench.configuration(solver="gradient_flow")
    assert list(merged["experiments"]) == list(bench.paper()["experiments"])
    assert merged["solver"] == "gradient_flow"
    assert merged["models"]["matrix_completion"]["size"] == 20

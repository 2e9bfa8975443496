"""What a job does with its bundle: what was computed before counts, and nothing that is done gets lost."""

import logging
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import xarray as xr
from conftest import REPOSITORY

from critical_periods.dynamics.trajectories import DivergedError
from critical_periods.execution import jobs
from critical_periods.execution.jobs import Job
from critical_periods.planning import code
from critical_periods.planning.code import CodeChangedError, planned
from critical_periods.storage.cells import StoredCells, other_versions
from critical_periods.storage.datasets import DatasetError, read_dataset
from critical_periods.storage.provenance import NUMERICAL_PACKAGES, software_versions

SCRIPTS, SOURCE = REPOSITORY / "workflow/scripts", REPOSITORY / "src"


class Cells:
    """Jobs on bundles of cells, each a number that its simulation squares; negative ones diverge."""

    def __init__(self, folder):
        self.folder, self.simulated = folder, []
        self.code = planned(["scripts/simulate.py"])

    @property
    def place(self):
        return self.folder / "results/cells/toy" / self.code["fingerprint"]

    def job(self, bundle, diverged="fail"):
        return Job(
            SimpleNamespace(
                log=[str(self.folder / "job.log")],
                output=[str(self.place / f"{bundle}.json")],
                params=SimpleNamespace(code=self.code, cells=self.cells, first={}, simulation="toy"),
                config={"diverged": diverged, "checkpoint_minutes": 0},
            )
        )

    def run(self, bundle, *numbers, **options):
        """Identities simulated by the job of a bundle of these numbers."""
        self.cells = {f"cell{number}": {"number": number} for number in numbers}
        self.simulated = []
        try:
            self.job(bundle, **options).simulate()
        finally:
            numbers = self.simulated
        return numbers

    def square(self, parameters, progress, diverged):
        number = parameters["number"]
        self.simulated.append(number)
        dataset = xr.Dataset({"square": ((), float(number) ** 2)})
        if number >= 0:
            return dataset
        if diverged == "fail":
            raise DivergedError("diverged by epoch 3")
        return (dataset * float("nan")).assign_attrs(diverged="diverged by epoch 3")

    def squares(self, bundle):
        stored = StoredCells([self.place / f"{bundle}.json"])
        return {name: stored.read(name)["square"].item() for name in stored.place}


@pytest.fixture
def cells(tmp_path, monkeypatch):
    cells = Cells(tmp_path)
    monkeypatch.setattr(jobs, "log_to", lambda path: logging.getLogger("critical_periods"))
    toy = SimpleNamespace(cells="toy", checkpoints=False, batched=False)
    toy.simulate = lambda *given, **options: cells.square(*given, **options)
    monkeypatch.setattr(jobs, "simulations", lambda: {"toy": toy})
    return cells


def test_cells_of_other_bundles_count_in_any_order(cells):
    assert cells.run("first", 1, 2, 3) == [1, 2, 3]
    assert cells.run("longer", 3, 4, 1) == [4]
    assert cells.squares("longer") == {"cell3": 9, "cell4": 16, "cell1": 1}
    assert cells.run("reordered", 4, 3, 2, 1) == []


def test_each_cell_is_a_file_that_says_what_made_it(cells):
    cells.run("first", 1)
    made = read_dataset(cells.place / "cell1.nc").attrs
    cells.run("second", 1, 2)
    assert read_dataset(cells.place / "cell1.nc").attrs == made
    assert made["code"] == cells.code["fingerprint"]
    assert sorted(path.name for path in cells.place.iterdir()) == ["cell1.nc", "cell2.nc", "first.json", "second.json"]


def test_results_of_other_code_are_not_taken(cells):
    cells.run("first", 1, 2)
    cells.code = cells.code | {"fingerprint": "another"}
    with pytest.raises(CodeChangedError):
        cells.run("second", 1, 2)
    assert not cells.place.exists()


def test_other_versions_behind_results_are_told(cells):
    cells.run("first", 1, 2)
    folder = cells.folder / "results/cells"
    assert other_versions(folder) == {}
    manifest = cells.place / "first.json"
    manifest.write_text(manifest.read_text().replace(software_versions(NUMERICAL_PACKAGES), "numpy 1.0"))
    assert other_versions(folder) == {"numpy 1.0": 1}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"cells": 1}', "\0"])
def test_a_broken_manifest_is_skipped_with_a_warning_that_names_it(cells, content, caplog):
    cells.run("first", 1)
    (cells.place / "broken.json").write_text(content)
    assert other_versions(cells.folder / "results/cells") == {}
    assert "broken.json" in caplog.text
    with pytest.raises(DatasetError, match=r"broken\.json: no manifest of cells"):
        StoredCells([cells.place / "broken.json"])


def test_a_damaged_cell_is_computed_anew_and_nothing_else(cells):
    cells.run("first", 1, 2)
    path = cells.place / "cell1.nc"
    path.write_bytes(path.read_bytes()[:-500])
    assert cells.run("second", 1, 2) == [1]
    assert cells.squares("first") == {"cell1": 1, "cell2": 4}


@pytest.mark.parametrize("how", ["missing", "truncated", "flipped"])
def test_who_reads_a_cell_that_is_broken_sets_it_aside_with_its_manifests(cells, how):
    cells.run("first", 1, 2)
    cells.run("second", 2, 3)
    cells.run("third", 1, 3)
    path = cells.place / "cell2.nc"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :: 97] = bytes(len(content[len(content) // 2 :: 97]))
    path.write_bytes({"missing": b"", "truncated": content[:900], "flipped": content}[how])
    if how == "missing":
        path.unlink()
    stored = StoredCells([cells.place / "first.json"])
    assert stored.read("cell1")["square"] == 1
    with pytest.raises(DatasetError, match=r"cell2\.nc") as raised:
        stored.read("cell2")
    assert "the next run makes it anew" in raised.value.set_aside()
    left = {file.name for file in cells.place.iterdir()}
    assert left - {"cell2.nc.damaged"} == {"cell1.nc", "cell3.nc", "third.json"}
    assert ("cell2.nc.damaged" in left) == (how != "missing")
    assert cells.run("first", 1, 2) == [2]


def test_a_cell_that_a_file_system_shows_late_is_waited_for(cells):
    cells.run("first", 1)
    path = cells.place / "cell1.nc"
    path.rename(path.with_suffix(".late"))
    threading.Timer(0.5, lambda: path.with_suffix(".late").rename(path)).start()
    assert StoredCells([cells.place / "first.json"], patience=30).read("cell1")["square"] == 1


def test_a_cell_that_is_not_what_its_manifest_names_is_refused(cells):
    cells.run("first", 1, 2)
    (cells.place / "cell2.nc").rename(cells.place / "cell1.nc")
    with pytest.raises(DatasetError, match=r"cell1\.nc: another result than its manifest names"):
        StoredCells([cells.place / "first.json"]).read("cell1")


def test_a_diverging_cell_does_not_take_the_others_with_it(cells):
    with pytest.raises(DivergedError, match=r"^toy cell \w+ \(number=-2\): diverged by epoch 3; 1 more in the log$"):
        cells.run("bundle", 1, -2, 3, -4)
    assert cells.simulated == [1, -2, 3, -4]
    assert not (cells.place / "bundle.json").exists()
    with pytest.raises(DivergedError):
        cells.run("bundle", 1, -2, 3, -4)
    assert cells.simulated == [-2, -4]
    assert cells.run("bundle", 1, 3, 5) == [5]


def test_a_diverging_cell_is_a_result_where_it_is_recorded(cells):
    assert cells.run("bundle", 1, -2, diverged="record") == [1, -2]
    stored = read_dataset(cells.place / "cell-2.nc")
    assert stored["square"].isnull().all()
    assert stored.attrs["diverged"] == "diverged by epoch 3"
    assert cells.run("other", 1, -2, 3, diverged="record") == [3]
    with pytest.raises(DivergedError):
        cells.run("third", 1, -2, 3)
    assert cells.simulated == [-2]


def test_what_is_done_when_a_job_is_stopped_is_kept(cells):
    def stop_at_three(parameters, **options):
        if parameters["number"] == 3:
            raise SystemExit(143)
        return Cells.square(cells, parameters, **options)

    cells.square = stop_at_three
    with pytest.raises(SystemExit):
        cells.run("bundle", 1, 2, 3, 4)
    del cells.square
    assert cells.run("bundle", 1, 2, 3, 4) == [3, 4]


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script of the jobs, which a test may edit."""
    monkeypatch.setattr(code, "SCRIPTS", shutil.copytree(SCRIPTS, tmp_path / "scripts"))
    return tmp_path / "scripts/simulate.py"


def test_a_job_refuses_other_code_than_it_was_planned_with(cells, script):
    assert cells.run("bundle", 1) == [1]
    script.write_text(script.read_text() + "print()\n")
    with pytest.raises(CodeChangedError, match=r"scripts/simulate\.py: code = .*; allowed: .*as planned"):
        cells.run("other", 2)
    assert cells.simulated == []


def test_a_job_whose_code_changes_while_it_runs_writes_nothing(cells, script):
    def edit(parameters, **options):
        script.write_text(script.read_text() + "print()\n")
        return Cells.square(cells, parameters, **options)

    cells.square = edit
    with pytest.raises(CodeChangedError):
        cells.run("bundle", 1)
    assert not list((cells.folder / "results").rglob("*.nc"))


@pytest.mark.parametrize(
    ("raised", "told", "traced"),
    [
        ("KeyboardInterrupt", "stopped by SIGINT", False),
        ("MemoryError", "FAILED: MemoryError", True),
        ("ValueError('too long')", "FAILED: too long", True),
    ],
)
def test_a_log_ends_with_the_reason_that_its_job_ends(tmp_path, raised, told, traced):
    code = f"from critical_periods.execution.logs import log_to; log_to('job.log'); raise {raised}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(SOURCE)})
    assert done.returncode != 0
    log = (tmp_path / "job.log").read_text()
    assert log.endswith(f" {told}\n")
    assert ("Traceback" in log) == traced

"""What a job does with its bundle: what was computed before is taken over, and nothing that is done gets lost."""

import logging
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import xarray as xr
from conftest import REPOSITORY

from critical_periods.dynamics.trajectories import DivergedError
from critical_periods.execution import jobs
from critical_periods.execution.jobs import Job
from critical_periods.planning import code
from critical_periods.planning.code import CodeChangedError, planned
from critical_periods.storage.cells import ComputedCells, other_versions, write_cells
from critical_periods.storage.datasets import Stored
from critical_periods.storage.provenance import NUMERICAL_PACKAGES, software_versions

SCRIPTS, SOURCE = REPOSITORY / "workflow/scripts", REPOSITORY / "src"


class Cells:
    """Jobs on bundles of cells, each a number that its simulation squares; negative ones diverge."""

    def __init__(self, folder):
        self.folder, self.simulated = folder, []
        self.code = planned(["scripts/simulate.py"])

    def job(self, bundle, versions="", diverged="fail"):
        return Job(
            SimpleNamespace(
                log=[str(self.folder / "job.log")],
                output=[str(self.folder / f"results/cells/toy/{bundle}.nc")],
                params=SimpleNamespace(
                    code=self.code, versions=versions, cells=self.cells, first={}, simulation="toy"
                ),
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
        path = self.folder / f"results/cells/toy/{bundle}.nc"
        stored = Stored([str(path)])
        return {name: stored.read(name)["square"].item() for name in stored.paths}


@pytest.fixture
def cells(tmp_path, monkeypatch):
    cells = Cells(tmp_path)
    monkeypatch.setattr(jobs, "log_to", lambda path: logging.getLogger("critical_periods"))
    toy = SimpleNamespace(cells="toy", checkpoints=False, batched=False)
    toy.simulate = lambda *given, **options: cells.square(*given, **options)
    monkeypatch.setattr(jobs, "simulations", lambda: {"toy": toy})
    return cells


def test_cells_of_other_bundles_are_taken_over_in_any_order(cells):
    assert cells.run("first", 1, 2, 3) == [1, 2, 3]
    assert cells.run("longer", 3, 4, 1) == [4]
    assert cells.squares("longer") == {"cell3": 9, "cell4": 16, "cell1": 1}
    assert cells.run("reordered", 4, 3, 2, 1) == []


def test_a_cell_taken_over_keeps_its_provenance(cells, tmp_path):
    cells.run("first", 1)
    made = Stored([str(tmp_path / "results/cells/toy/first.nc")]).read("cell1").attrs
    cells.run("second", 1, 2)
    assert Stored([str(tmp_path / "results/cells/toy/second.nc")]).read("cell1").attrs == made
    assert made["code"] == cells.code["fingerprint"]


def test_results_of_other_code_are_not_taken_over(cells):
    cells.run("first", 1, 2)
    cells.code = cells.code | {"fingerprint": "another"}
    with pytest.raises(CodeChangedError):
        cells.run("second", 1, 2)
    assert not ComputedCells([cells.folder / "results/cells/toy"], "another").paths


def test_results_of_other_versions_count_unless_versions_are_strict(cells, monkeypatch):
    cells.run("first", 1, 2)
    folder = cells.folder / "results/cells"
    installed = software_versions(NUMERICAL_PACKAGES)
    assert other_versions(folder) == {}
    listing = folder / "toy/first.cells.txt"
    listing.write_text(listing.read_text().replace(installed, "numpy 1.0"))
    assert other_versions(folder) == {"numpy 1.0": 1}
    assert cells.run("second", 2, 3) == [3]
    assert cells.run("third", 1, 3, versions=installed) == [1]


def test_a_damaged_cell_is_computed_anew(cells):
    cells.run("first", 1, 2)
    path = cells.folder / "results/cells/toy/first.nc"
    path.write_bytes(path.read_bytes()[:-500])
    assert cells.run("second", 1, 3) == [1, 3]


def test_a_diverging_cell_does_not_take_the_others_with_it(cells):
    with pytest.raises(DivergedError, match=r"^toy cell \w+ \(number=-2\): diverged by epoch 3; 1 more in the log$"):
        cells.run("bundle", 1, -2, 3, -4)
    assert cells.simulated == [1, -2, 3, -4]
    assert not (cells.folder / "results/cells/toy/bundle.nc").exists()
    with pytest.raises(DivergedError):
        cells.run("bundle", 1, -2, 3, -4)
    assert cells.simulated == [-2, -4]
    assert cells.run("bundle", 1, 3, 5) == [5]
    assert not list((cells.folder / "results/cells/toy/checkpoints").iterdir())


def test_a_diverging_cell_is_a_result_where_it_is_recorded(cells):
    assert cells.run("bundle", 1, -2, diverged="record") == [1, -2]
    stored = Stored([str(cells.folder / "results/cells/toy/bundle.nc")]).read("cell-2")
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


def test_a_list_never_outlives_the_file_that_it_lists(cells, monkeypatch):
    cells.run("first", 1)
    path = cells.folder / "results/cells/toy/first.nc"
    monkeypatch.setattr("critical_periods.storage.datasets.write", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_cells({"cell9": xr.Dataset()}, path, "code")
    assert not ComputedCells([path.parent], cells.code["fingerprint"]).paths


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

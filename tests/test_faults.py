"""Nothing is lost or falsified when things break: kills, full disks, damaged files, two runs at once."""

import os
import random
import shutil
import signal
import subprocess

import matplotlib.pyplot as plt
import numpy as np
import psutil
import pytest
import xarray as xr
from conftest import CLAIMS
from snakemake_runs import LONG, Runs, kill_tree, training_job, wait_for

from critical_periods.analysis.verdicts import Judgement, Verdict, write_csv
from critical_periods.figures import plotly_renderer, seaborn_renderer
from critical_periods.figures.figure import figure as figure_of
from critical_periods.storage.datasets import DatasetError, read_dataset, write

RESULT = "results/experiments/depth.nc"
CHANGES = LONG | {"checkpoint_minutes": 0.01}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A finished run of one experiment that nothing disturbed."""
    runs = Runs(tmp_path_factory.mktemp("undisturbed"), CHANGES)
    runs.run(RESULT)
    return runs


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "run", CHANGES)


@pytest.fixture
def finished(undisturbed, tmp_path):
    """A finished run that a test may damage."""
    shutil.copytree(undisturbed.folder, tmp_path / "finished")
    return Runs(tmp_path / "finished", CHANGES)


def start_and_wait_for_a_checkpoint(runs):
    process = runs.start(RESULT)
    wait_for(lambda: list(runs.folder.glob("results/cells/*/*/checkpoints/*.npz")), "a checkpoint", runs)
    return process, training_job(process)


def job_log(runs, rule="pretrain"):
    [path] = (runs.folder / "results/logs" / rule).glob("*/*.log")
    return path.read_text()


def test_killed_run_and_job_resume_to_the_same_result(runs, undisturbed):
    process, _ = start_and_wait_for_a_checkpoint(runs)
    kill_tree(process)
    assert not runs.checksums()
    runs.run("--unlock")
    runs.run(RESULT)
    assert "continuing from" in job_log(runs)
    assert runs.checksums() == undisturbed.checksums() != {}
    assert not list(runs.folder.glob("results/cells/*/*/checkpoints/*"))


def test_job_killed_on_its_own_is_reported_and_run_again(runs, undisturbed):
    process, job = start_and_wait_for_a_checkpoint(runs)
    job.kill()
    assert process.wait(60) != 0
    assert "Error in rule pretrain" in runs.output
    assert "results/logs/pretrain/" in runs.output
    assert not runs.checksums()
    assert "continuing from" not in job_log(runs)
    runs.run(RESULT)
    assert "continuing from" in job_log(runs)
    assert runs.checksums() == undisturbed.checksums()


def test_job_stops_cleanly_when_a_scheduler_ends_it(runs, undisturbed):
    process, job = start_and_wait_for_a_checkpoint(runs)
    job.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    assert "stopped by SIGTERM at epoch" in job_log(runs)
    assert not runs.checksums()
    runs.run(RESULT)
    assert "continuing from" in job_log(runs)
    assert runs.checksums() == undisturbed.checksums()


def test_run_interrupted_by_ctrl_c_goes_on_from_its_checkpoint(runs, undisturbed):
    process, job = start_and_wait_for_a_checkpoint(runs)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workflow and to its jobs
    assert process.wait(60) != 0
    psutil.wait_procs([job], timeout=30)
    assert "stopped by SIGINT at epoch" in job_log(runs)
    assert not runs.checksums()
    assert not runs.leftovers()
    runs.run(RESULT)  # without --unlock
    assert "continuing from" in job_log(runs)
    assert runs.checksums() == undisturbed.checksums()


def test_second_run_in_the_same_folder_is_refused(runs, undisturbed):
    process, _ = start_and_wait_for_a_checkpoint(runs)
    second = Runs.__new__(Runs)
    second.__dict__.update(runs.__dict__)
    second.log = "second.txt"
    output = second.run(RESULT, fails=True)
    assert "Directory cannot be locked" in output
    assert process.wait(120) == 0, runs.output
    assert runs.checksums() == undisturbed.checksums()


def test_two_runs_that_share_a_folder_take_nothing_from_each_other(runs, undisturbed):
    process, _ = start_and_wait_for_a_checkpoint(runs)
    second = Runs.__new__(Runs)
    second.__dict__.update(runs.__dict__)
    second.log = "second.txt"
    second.run(RESULT, "--nolock")
    assert process.wait(120) == 0, runs.output
    assert runs.checksums() == undisturbed.checksums()
    assert not runs.leftovers()


def truncated(content):
    return content[: len(content) // 2]


def flipped(content):
    content = bytearray(content)
    for position in range(len(content) // 2, len(content), 997):
        content[position] ^= 16
    return bytes(content)


@pytest.mark.parametrize(
    ("damage", "kind", "target"),
    [(truncated, "pretraining", "train"), (flipped, "matrix_completion", "aggregate")],
)
def test_damaged_input_is_named_set_aside_and_made_anew(damage, kind, target, finished, undisturbed):
    [path] = (finished.folder / "results/cells" / kind).glob("*/*.nc")
    path.write_bytes(damage(path.read_bytes()))
    (finished.folder / RESULT).unlink()
    if target == "train":
        shutil.rmtree(finished.folder / "results/cells/matrix_completion")
    output = finished.run(RESULT, fails=True)
    assert f"Error in rule {target}" in output
    assert f"{path.relative_to(finished.folder)}" in output
    assert f"now {path.name}.damaged" in output
    assert not path.exists()
    finished.run(RESULT)
    assert finished.checksums() == undisturbed.checksums()


def test_no_flipped_bit_passes_for_data(tmp_path):
    grid = np.random.default_rng(0).random((40, 30))
    dataset = xr.Dataset({"grid": (("x", "y"), grid)}, coords={"phase": ("x", ["first"] * 20 + ["final"] * 20)})
    write(dataset, tmp_path / "intact.nc")
    content = (tmp_path / "intact.nc").read_bytes()
    draw = random.Random(0)
    refused = {}
    for number in range(200):
        damaged = bytearray(content)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        path = tmp_path / f"{number}.nc"
        path.write_bytes(damaged)
        try:
            xr.testing.assert_equal(read_dataset(path), dataset)
        except DatasetError as error:
            refused[path] = str(error)
    assert len(refused) > 20
    assert all(str(path) in message for path, message in refused.items())


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of a given size at a folder."""
    mounted = []

    def mount(folder, options):
        if os.geteuid() != 0:
            pytest.skip("mounting a file system takes root")
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk_leaves_no_half_written_file(small_disk, tmp_path):
    small_disk(tmp_path / "disk", "size=64k")
    path = tmp_path / "disk/result.nc"
    fitting = xr.Dataset({"grid": (("x", "y"), np.zeros((4, 3)))})
    write(fitting, path)
    with pytest.raises(OSError, match=r"result\.nc: cannot be written .* MB are free"):
        write(xr.Dataset({"grid": (("x", "y"), np.random.default_rng(0).random((400, 300)))}), path)
    assert [file.name for file in path.parent.iterdir()] == ["result.nc"]
    assert read_dataset(path).equals(fitting)


@pytest.mark.parametrize("drawing", ["figure", "interactive figure", "tables of claims"])
def test_full_disk_leaves_no_half_of_what_is_made_of_datasets(drawing, small_disk, tmp_path):
    small_disk(tmp_path / "disk", "size=8k")
    disk = tmp_path / "disk"
    (disk / "claims.csv").write_text("before")

    def make():
        if drawing == "figure":
            figure, axes = plt.subplots()
            axes.plot(np.random.default_rng(0).random(1000))
            seaborn_renderer.save_picture(figure, "Title", str(disk / "fig.pdf"), str(disk / "fig.png"))
        elif drawing == "interactive figure":
            curve = xr.Dataset({"error": ("depth", [1.0, 2.0])}, coords={"depth": [1, 2]})
            panel = {"plot": "line", "experiment": "e", "x": "depth", "y": "error"}
            plotly_renderer.save_page(figure_of("Title", [panel], {"e": curve}), "", {}, str(disk / "fig.html"))
        else:
            write_csv(
                Judgement(
                    [Verdict(CLAIMS["1a"].model_copy(update={"statement": "x" * 9000}), 0.0, None, 1, True)], []
                ),
                disk / "claims.csv",
            )

    with pytest.raises(
        OSError, match=r"(fig\.pdf|fig\.html|claims\.csv): cannot be written \(.*No space left.*\); .* MB are free"
    ):
        make()
    assert {path.name: path.read_text() for path in disk.iterdir()} == {"claims.csv": "before"}
    plt.close("all")


def test_run_on_a_full_disk_fails_clearly_and_resumes_elsewhere(small_disk, runs, undisturbed):
    small_disk(runs.folder / "results/cells", "size=8k")
    output = runs.run(RESULT, fails=True)
    assert "cannot be written" in output
    assert "MB are free" in output
    assert not runs.checksums()
    assert not runs.leftovers()
    assert "no checkpoint: [Errno 28]" in job_log(runs)
    subprocess.run(["mount", "-o", "remount,size=100m", str(runs.folder / "results/cells")], check=True)
    runs.run(RESULT)
    assert runs.checksums() == undisturbed.checksums()


def test_read_only_results_are_refused_clearly(small_disk, runs):
    small_disk(runs.folder / "results", "ro")
    output = runs.run(RESULT, fails=True)
    assert "Read-only file system" in output
    assert not list((runs.folder / "results").iterdir())

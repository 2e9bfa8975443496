"""The workflow on a real SLURM of one node: `make test-slurm`."""

import os
import re
import tempfile
from pathlib import Path

import pytest
from conftest import REPOSITORY
from slurm_cluster import SlurmCluster
from snakemake_runs import LONG, Runs, kill_tree, wait_for

pytestmark = pytest.mark.slurm

DEPTH = "results/experiments/depth.nc"


@pytest.fixture(scope="module")
def cluster():
    if os.geteuid() != 0:
        pytest.skip("slurmd has to be started by root")
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as folder:
        cluster = SlurmCluster(Path(folder))
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def profile(cluster, tmp_path_factory):
    """The profile as a user leaves it: edited in its two places."""
    text = (REPOSITORY / "profiles/slurm/config.yaml").read_text()
    assert len(re.findall(r": EDIT\b", text)) == 2
    text = text.replace("slurm_account: EDIT", "slurm_account: science")
    text = text.replace("slurm_partition: EDIT", f"slurm_partition: {cluster.partition}")
    folder = tmp_path_factory.mktemp("profile")
    (folder / "config.yaml").write_text(text)
    return folder


@pytest.fixture
def runs(cluster, profile, tmp_path):
    def make(changes=None):
        options = ("--profile", str(profile), "--slurm-status-command", "squeue")
        shorter = ("--slurm-init-seconds-before-status-checks", "12", "--latency-wait", "10")
        return Runs(tmp_path / "slurm", changes, (*options, *shorter), cluster.environment)

    known = set(cluster.jobs())
    cluster.new_jobs = lambda: {job: fields for job, fields in cluster.jobs().items() if job not in known}
    yield make
    cluster.cancel_all()


def test_jobs_run_under_slurm_and_results_equal_a_local_run(cluster, runs, tmp_path):
    on_cluster = runs()
    output = on_cluster.run("fig04")
    submitted = re.findall(r"submitted with SLURM jobid (\d+)", output)
    jobs = cluster.new_jobs()
    assert sorted(submitted) == sorted(jobs)
    assert {fields["JobState"] for fields in jobs.values()} == {"COMPLETED"}
    assert {fields["Account"] for fields in jobs.values()} == {"science"}
    rules = {re.match("rule_([a-z]+)", fields["Comment"])[1] for fields in jobs.values()}
    assert rules == {"pretrain", "train", "aggregate", "figure"}
    for fields in jobs.values():
        assert "mem=1000M" in fields["TRES"]
        assert fields["NumCPUs"] == "1"
    local = Runs(tmp_path / "local")
    local.run("fig04")
    assert on_cluster.checksums() == local.checksums() != {}
    assert "Nothing to be done" in on_cluster.run("fig04", "--dry-run")


def test_failed_job_is_reported_with_its_log(cluster, runs):
    diverging = runs({"models": {"matrix_completion": {"learning_rate": 100000}}, "experiments": LONG["experiments"]})
    output = diverging.run(DEPTH, "--retries", "0", fails=True)
    [(job, fields)] = cluster.new_jobs().items()
    assert fields["JobState"] == "FAILED"
    assert f"SLURM-job '{job}' failed" in output
    logs = re.search(r"log: (results/logs/pretrain/\w+/\w+\.log), (\S+\.log) \(check log file", output)
    assert "diverged by epoch" in (diverging.folder / logs[1]).read_text()
    assert "diverged by epoch" in Path(logs[2]).read_text()
    assert "diverged by epoch" in output
    assert not list(diverging.folder.glob("results/cells/**/*.nc"))


def test_cancelled_job_is_run_again(cluster, runs):
    cancelled = runs(LONG)
    process = cancelled.start(DEPTH, "--until", "pretrain")
    log = wait_for(lambda: list(cancelled.folder.glob("results/logs/pretrain/*/*.log")), "training", cancelled)[0]
    wait_for(lambda: "epoch" in log.read_text(), "progress in the log", cancelled)
    [job] = cluster.active()
    cluster.run("scancel", job)
    assert process.wait(200) == 0, cancelled.output
    assert f"SLURM-job '{job}' failed, SLURM status is: 'CANCELLED'" in cancelled.output
    states = [fields["JobState"] for fields in cluster.new_jobs().values()]
    assert sorted(states) == ["CANCELLED", "COMPLETED"]
    assert len(cancelled.checksums()) == 1
    assert not cancelled.leftovers()


def test_run_resumes_after_the_submitting_process_was_killed(cluster, runs):
    orphaned = runs({"experiments": LONG["experiments"]})
    process = orphaned.start(DEPTH, "--until", "pretrain")
    wait_for(cluster.active, "a job in the queue", orphaned)
    kill_tree(process)
    wait_for(lambda: not cluster.active(), "end of the orphaned job")
    [before] = orphaned.checksums().items()
    assert "Directory cannot be locked" in orphaned.run(DEPTH, fails=True)
    orphaned.run("--unlock")
    orphaned.run(DEPTH, "--until", "pretrain")
    assert list(orphaned.checksums().items()) == [before]

"""How far a run is: time left from what jobs took and log, as lines and as bars of the Rich logger."""

import logging
import os
import time
from types import SimpleNamespace

import pytest
from rich.panel import Panel
from rich.progress import Progress

from critical_periods.execution import progress
from critical_periods.execution.progress import RunJob, RunProgress, time_left
from critical_periods.planning.estimate import PlannedJob

NOW = time.time()


def job(rule="train", seconds=60.0, began=None, ended=None, log=None):
    return RunJob(rule, f"{rule} depth 3", seconds, log, began, ended, ended and ended - began)


def logging_job(folder, *lines, **times):
    log = folder / "job.log"
    log.write_text("\n".join(["10:00:00 begins", *lines]))
    os.utime(log, (NOW, NOW))
    found = job(log=log, **times)
    found.read_log()
    return found


def test_before_the_first_job_ends_it_is_what_was_expected_on_the_cores_there_are():
    assert time_left([job(), job(), job(), job()], 2, NOW) == 120
    assert time_left([job(), job(seconds=300)], 2, NOW) == 300
    assert time_left([], 2, NOW) == 0


def test_jobs_that_ended_correct_those_of_their_rule_and_rules_of_which_none_has():
    ended = job(began=NOW - 180, ended=NOW)
    drawn = job("figure", 10, NOW - 10, NOW)
    assert time_left([ended, drawn, job()], 1, NOW) == 180
    assert time_left([ended, drawn, job("judge", 70)], 1, NOW) == pytest.approx(70 * 190 / 70)


def test_jobs_whose_cells_had_been_computed_correct_nothing():
    taken_over = job(seconds=0.0, began=NOW - 5, ended=NOW)
    assert time_left([taken_over, job()], 1, NOW) == 60
    assert time_left([taken_over, job(began=NOW - 180, ended=NOW), job()], 1, NOW) == 180


def test_a_job_that_runs_logs_how_far_it_is_and_corrects_others(tmp_path):
    done = "10:00:12 cells 1 to 2 of 8: epoch 1000 of 1000, 99 epochs/s, 0 s left"
    line = "10:00:17 cells 3 to 4 of 8: epoch 500 of 1000, 100 epochs/s, 5 s left"
    running = logging_job(tmp_path, done, line, began=NOW - 17)
    assert running.progress(NOW + 2) == "epoch 500 of 1000, cell 3 of 8, 23 s left"
    assert time_left([running, job(seconds=30)], 1, NOW) == pytest.approx(25 + 30 * 42 / 60)


def test_the_log_of_an_earlier_attempt_says_nothing(tmp_path):
    old = logging_job(tmp_path, "cell 1 of 1: epoch 9 of 10, 1 epochs/s, 1 s left", began=NOW + 60)
    assert old.progress(NOW + 70) == ""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Begins a run of three jobs, of which one has ended and one runs; it is told quickly."""
    monkeypatch.setattr(progress, "UPDATE", 0.01)
    monkeypatch.setattr(progress, "FIRST_LINE", 0.01)
    log, begun = tmp_path / "job.log", []
    rule = SimpleNamespace(name="train")
    jobs = [
        SimpleNamespace(number=n, rule=rule, output=["a"], resources={"cells": f"depth {n}"}, log=[log])
        for n in range(3)
    ]

    def begin(*handlers, local_exec=True, dryrun=False):
        logger, lines = logging.Logger("run"), []
        workflow = SimpleNamespace(
            dag=SimpleNamespace(jobid=lambda job: job.number, needrun_jobs=lambda: jobs),
            resource_settings=SimpleNamespace(cores=2),
            logger_manager=SimpleNamespace(get_log_handlers=lambda: handlers),
            local_exec=local_exec,
            dryrun=dryrun,
        )
        logger.addHandler(SimpleNamespace(level=0, handle=lambda record: lines.append(record.getMessage())))
        told = RunProgress(workflow, logger, lambda job: PlannedJob(60.0))
        begun.append(told)
        logger.addHandler(told)
        logger.info("planned", extra={"event": "run_info"})
        if not dryrun:
            logger.info("started", extra={"event": "job_started", "jobs": [0, 1]})
            told.jobs[1].began -= 20
            logger.info("ended", extra={"event": "job_finished", "job_id": 0})
            log.write_text("cell 1 of 2, pre-training: epoch 500 of 1000, 100 epochs/s, 5 s left")
        return told, lines

    yield begin
    for told in begun:
        told.close()


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def first_line(lines):
    wait_for(lambda: any("done" in line for line in lines))
    return next(line for line in lines if "done" in line)


def test_lines_tell_of_the_run_and_of_the_jobs_that_run(run, monkeypatch):
    monkeypatch.setattr(progress, "FIRST_LINE", 0.5)
    _, lines = run()
    whole, running = first_line(lines).split("; ")
    assert whole.startswith("1 of 3 jobs done, about ")
    assert running.startswith("train depth 1: epoch 500 of 1000, cell 1 of 2, ")


def test_no_time_is_told_of_jobs_that_wait_in_the_queue_of_a_cluster(run):
    _, lines = run(local_exec=False)
    assert first_line(lines).split("; ")[0] == "1 of 3 jobs done"


def test_a_job_that_failed_is_not_done(run):
    told, lines = run()
    told.logger.error("failed", extra={"event": "job_error", "jobid": 1})
    told.logger.info("started", extra={"event": "job_started", "jobs": [2]})
    assert first_line(lines).startswith("1 of 3 jobs done")
    assert told.jobs[1].progress(time.time()) == ""


def test_bars_of_the_rich_logger_tell_it_instead(run):
    bars, panel = Progress(disable=True), Panel("")
    told, lines = run(SimpleNamespace(progress=bars, live_display=SimpleNamespace(get_renderable=lambda: panel)))
    wait_for(lambda: bars.tasks and "epoch" in bars.tasks[0].description)
    assert "epoch 500 of 1000" in bars.tasks[0].description
    assert bars.tasks[0].completed == pytest.approx(20 / 35, abs=0.1)
    assert panel.title.startswith("1 of 3 jobs done")
    told.logger.info("ended", extra={"event": "job_finished", "job_id": 1})
    wait_for(lambda: not bars.tasks)
    assert lines == ["planned", "started", "ended", "ended"]


def test_a_dry_run_says_what_the_run_would_take_below_every_table_of_jobs(run):
    told, lines = run(dryrun=True)
    told.logger.info("planned", extra={"event": "run_info"})
    assert lines[0] == lines[2] == "planned"
    assert lines[1] == lines[3]
    assert lines[1].startswith("Estimate: 0 new cells, 3 jobs, 3 min of CPU time, 2 min on 2 cores, ")

"""How far a run is: time left from what jobs took and say, as lines and as bars of the Rich logger."""

import logging
import time
from types import SimpleNamespace

import pytest
from rich.panel import Panel
from rich.progress import Progress

from critical_periods.execution import watching
from critical_periods.execution.watching import Watch, WatchedJob, time_left

NOW = time.time()


def job(kind="train", seconds=60.0, began=None, ended=None, log=None):
    return WatchedJob(kind, f"{kind} depth 3", seconds, 2.0, log, began, ended)


def telling(folder, *lines, name="job.log", **times):
    log = folder / name
    log.write_text("\n".join(["10:00:00 begins", *lines]))
    return job(log=log, **times)


def test_before_the_first_job_ends_it_is_what_was_expected_on_the_cores_there_are():
    assert time_left([job(), job(), job(), job()], 2, NOW) == 120
    assert time_left([job(), job(seconds=300)], 2, NOW) == 300
    assert time_left([], 2, NOW) == 0


def test_jobs_that_ended_correct_those_of_their_kind_and_kinds_of_which_none_has():
    ended = job(began=NOW - 180, ended=NOW)
    drawn = job("figure", 10, NOW - 10, NOW)
    assert time_left([ended, drawn, job()], 1, NOW) == 180
    assert time_left([ended, drawn, job("judge", 70)], 1, NOW) == pytest.approx(70 * 190 / 70)


def test_a_job_that_runs_says_how_far_it_is_and_corrects_others(tmp_path):
    line = "10:00:07 cells 3 to 4 of 8: epoch 500 of 1000, 100 epochs/s, 5 s left"
    running = telling(tmp_path, "cells 1 to 2 of 8: epoch 1000 of 1000, 99 epochs/s, 0 s left", line, began=NOW - 32)
    assert running.said() == (3 / 8, "epoch 500 of 1000, cell 3 of 8")
    assert running.told(NOW) == "epoch 500 of 1000, cell 3 of 8, 50 s left"
    assert time_left([running, job(seconds=30)], 1, NOW) == pytest.approx(50 + 30 * 82 / 60)


def test_the_log_of_an_earlier_attempt_says_nothing(tmp_path):
    old = telling(tmp_path, "cell 1 of 1: epoch 9 of 10, 1 epochs/s, 1 s left", began=time.time() + 60)
    assert old.said() == (0, "")


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A watch on three jobs of which one has ended and one runs, quick to tell; and what it logs."""
    monkeypatch.setattr(watching, "LOOK", 0.01)
    monkeypatch.setattr(watching, "FIRST_LINE", 0.0)
    logger, lines = logging.Logger("run"), []
    logger.addHandler(SimpleNamespace(level=0, handle=lambda record: lines.append(record.getMessage())))
    line = "cell 1 of 2, pre-training: epoch 500 of 1000, 100 epochs/s, 5 s left"

    def watch(*handlers):
        jobs = {1: job(), 2: telling(tmp_path, line), 3: job()}
        found = Watch(logger, jobs, 2, handlers)
        logger.info("started", extra={"jobs": [1, 2]})
        jobs[2].began -= 20
        logger.info("ended", extra={"job_id": 1})
        return found

    return watch, lines


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_lines_tell_of_the_run_and_of_the_jobs_that_run(watched):
    watch, lines = watched
    watching_it = watch()
    wait_for(lambda: any("epoch" in line for line in lines))
    watching_it.stop()
    [said] = [line for line in lines if "epoch" in line]
    whole, running = said.split("; ")
    assert whole.startswith("1 of 3 jobs done, about ")
    assert running.startswith("train depth 3: epoch 500 of 1000, cell 1 of 2, ")


def test_bars_of_the_rich_logger_tell_it_instead(watched):
    watch, lines = watched
    progress, panel = Progress(disable=True), Panel("")
    watching_it = watch(SimpleNamespace(progress=progress, live_display=SimpleNamespace(get_renderable=lambda: panel)))
    wait_for(lambda: progress.tasks and "epoch" in progress.tasks[0].description)
    assert "epoch 500 of 1000" in progress.tasks[0].description
    assert progress.tasks[0].completed == 0.25
    assert panel.title.startswith("1 of 3 jobs done")
    watching_it.jobs[2].ended = time.time()
    wait_for(lambda: not progress.tasks)
    watching_it.stop()
    assert lines == ["started", "ended"]

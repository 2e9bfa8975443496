"""How far a run is: jobs done, epochs of those that run, and the time left, as lines or as bars of the Rich logger."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import Any

from critical_periods.planning.estimate import PlannedJob, as_line, duration, estimate

#: Seconds between two updates of the bars; without bars, until the first line and between lines.
UPDATE, FIRST_LINE, LINE = 1.0, 30.0, 60.0

#: How many running jobs are shown at most.
SHOWN = 8

#: What a job logs, as of `critical_periods.dynamics.trajectories.Progress`.
_LOGGED = re.compile(r"cells? (\d+)(?: to (\d+))? of (\d+).*: epoch (\d+) of (\d+), (\d+) epochs/s, (\d+) s left")


@dataclass
class RunJob:
    """A job of a run.

    Parameters
    ----------
    rule, what
        Its rule, and what it does in a few words.
    seconds
        What it is expected to take before it runs.
    log
        Its log file.
    began, ended
        When it did, as of `time.time`.
    total
        Seconds that it took, or will as its log says; None if unknown.
    epochs
        At which epoch of which cell it is, as its log says.
    """

    rule: str
    what: str
    seconds: float
    log: Path | None = None
    began: float | None = None
    ended: float | None = None
    total: float | None = None
    epochs: str = ""

    def read_log(self) -> None:
        """Update `total` and `epochs`; an older log is that of an earlier attempt."""
        if self.log is None or self.began is None:
            return
        with suppress(OSError):  # no log yet
            written = self.log.stat().st_mtime
            lines = list(_LOGGED.finditer(self.log.read_text(encoding="utf-8", errors="replace")))
            if lines and written >= self.began:
                first, last, cells, epoch, epochs, rate, left = (int(number or 0) for number in lines[-1].groups())
                batch = max(last - first, 0) + 1
                further = (cells - first + 1) / batch - 1
                self.total = written - self.began + left + further * epochs / max(rate, 1)
                self.epochs = f"epoch {epoch} of {epochs}" + f", cell {first} of {cells}" * (cells > batch)

    def left(self, expected: float, now: float) -> float:
        """Seconds until it is done, of so many that it is expected to take in all."""
        return max(expected - (now - self.began if self.began else 0.0), 0.0)

    def progress(self, now: float) -> str:
        """Its epochs, and the time that is left of it."""
        return "" if self.total is None else f"{self.epochs}, {duration(self.left(self.total, now))} left"


def time_left(jobs: Collection[RunJob], cores: int, now: float) -> float:
    """Seconds until all jobs are done.

    What a job is expected to take is scaled by how long other jobs of its rule take compared with what was expected of
    them; where none has told yet, by jobs of all rules.

    Parameters
    ----------
    jobs
        All jobs of the run.
    cores
        How many run at a time.
    now
        The time, as of `time.time`.
    """
    known = [job for job in jobs if job.total is not None and job.seconds]  # 0: its cells had been computed
    scales = {}
    for rule in {job.rule for job in jobs}:
        compared = [job for job in known if job.rule == rule] or known
        expected = sum(job.seconds for job in compared)
        scales[rule] = sum(job.total or 0.0 for job in compared) / expected if compared else 1.0
    left = [
        job.left(job.seconds * scales[job.rule] if job.total is None else job.total, now)
        for job in jobs
        if job.ended is None
    ]
    return max(sum(left) / cores, max(left, default=0.0))


class RunProgress(logging.Handler):
    """Handler of Snakemake's logger that says how far a run is, or what it would take if it is a dry run.

    Parameters
    ----------
    workflow
        Snakemake's workflow.
    logger
        Snakemake's logger.
    planned
        Called with a job of Snakemake's, says what it is expected to take.
    """

    def __init__(self, workflow: Any, logger: logging.Logger, planned: Callable[[Any], PlannedJob]) -> None:
        super().__init__()
        self.workflow, self.logger, self.planned = workflow, logger, planned
        self.cores = workflow.resource_settings.cores or 1
        self.jobs: dict[int, RunJob] = {}
        self.bars: dict[int, Any] = {}
        self.estimate = ""
        self.closed = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Begin when Snakemake has planned its jobs; note when they start, end and fail."""
        event = getattr(record, "event", None)
        if event == "run_info" and self.workflow.dryrun:
            self.estimate = self.estimate or self._estimate()
            self.logger.info(self.estimate)
        elif event == "run_info":
            self._begin()
        elif event == "job_started":
            for number in self.jobs.keys() & record.jobs:  # type: ignore[attr-defined]
                self.jobs[number].began = time.time()
        elif event == "job_finished" and (job := self.jobs.get(record.job_id)):  # type: ignore[attr-defined]
            job.ended = time.time()
            job.total = job.ended - (job.began or job.ended)
        elif event == "job_error" and (job := self.jobs.get(record.jobid)):  # type: ignore[attr-defined]
            job.began, job.total, job.epochs = None, None, ""  # it waits: Snakemake may try again

    def close(self) -> None:
        """Say nothing more: called by `logging` when the process ends."""
        self.closed.set()
        super().close()

    def _planned(self) -> dict[int, tuple[Any, PlannedJob]]:
        """Snakemake's jobs that are to run, by number, and what they are expected to take."""
        dag = self.workflow.dag
        return {dag.jobid(job): (job, self.planned(job)) for job in dag.needrun_jobs() if job.output}

    def _estimate(self) -> str:
        return as_line(estimate([planned for _, planned in self._planned().values()], self.cores), self.cores)

    def _begin(self) -> None:
        self.jobs = {
            number: RunJob(
                job.rule.name,
                shorten(f"{job.rule.name} {job.resources.get('cells', '')}", 60, placeholder=" ..."),
                planned.seconds,
                Path(job.log[0]) if job.log else None,
            )
            for number, (job, planned) in self._planned().items()
        }
        if self.jobs:
            threading.Thread(target=self._tell, daemon=True).start()

    def _tell(self) -> None:
        handlers = self.workflow.logger_manager.get_log_handlers()
        rich = next((handler for handler in handlers if hasattr(handler, "live_display")), None)
        pause = UPDATE if rich else FIRST_LINE
        while not self.closed.wait(pause):
            now = time.time()
            running = {number: job for number, job in self.jobs.items() if job.began and not job.ended}
            for job in running.values():
                job.read_log()
            shown = dict(islice(((number, job) for number, job in running.items() if job.epochs), SHOWN))
            if rich:
                self._draw(rich, shown, now)
            elif running:
                pause = LINE
                self.logger.info(
                    "; ".join([self._whole(now), *(f"{job.what}: {job.progress(now)}" for job in shown.values())])
                )

    def _whole(self, now: float) -> str:
        """Jobs done, and the time left where jobs run on this machine: when a cluster starts them is not known."""
        done = f"{sum(job.ended is not None for job in self.jobs.values())} of {len(self.jobs)} jobs done"
        left = time_left(self.jobs.values(), self.cores, now)
        return f"{done}, about {duration(left)} left" if self.workflow.local_exec else done

    def _draw(self, rich: Any, shown: Mapping[int, RunJob], now: float) -> None:
        """Give the Rich logger the time left as the title above its bars, and a bar for every job shown."""
        rich.live_display.get_renderable().title = self._whole(now)
        for number in self.bars.keys() - shown.keys():
            rich.progress.remove_task(self.bars.pop(number))
        for number, job in shown.items():
            if number not in self.bars:
                self.bars[number] = rich.progress.add_task("", total=1.0, active=" ")
            text, total = f"[dim]{job.rule}: {job.progress(now)}[/]", job.total or 1.0
            rich.progress.update(self.bars[number], description=text, completed=1 - job.left(total, now) / total)

"""How far a run is, told while it goes on: jobs done, what those that run say of themselves, time left.

Snakemake tells when jobs start and end. What each was expected to take is corrected by what those before it took, and
by how far those that run are; bars are those of the Rich logger, where it shows any.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from critical_periods.planning.estimate import duration

#: Seconds between two looks, between two states of the page, until the first line and from line to line without bars.
LOOK, PAGE, FIRST_LINE, LINE = 1.0, 5.0, 30.0, 60.0

#: How many of the jobs that run are shown.
SHOWN = 8

#: What a job logs of itself: which of its cells it simulates, and epochs.
_LOGGED = re.compile(r"cells? (\d+)(?: to (\d+))? of (\d+).*: epoch (\d+) of (\d+),")


@dataclass
class WatchedJob:
    """A job of a run.

    Parameters
    ----------
    kind
        What jobs share that take longer or shorter than expected by the same factor: the rule.
    what
        What it does, in a few words.
    seconds, start
        What it is expected to take, and how much of that before it begins to simulate.
    log
        Its log file, if it tells there how far it is.
    began, ended
        When it did, as `time.time` tells.
    failed
        Whether it ended without what it was to leave.
    """

    kind: str
    what: str
    seconds: float
    start: float = 0.0
    log: Path | None = None
    began: float | None = None
    ended: float | None = None
    failed: bool = False

    def logged(self) -> str:
        """Its log so far; nothing if there is none, or only that of an earlier attempt."""
        with suppress(OSError):
            if self.log is not None and self.began is not None and self.log.stat().st_mtime >= self.began:
                return self.log.read_text(encoding="utf-8", errors="replace")
        return ""

    def said(self) -> tuple[float, str]:
        """Which part of its simulations is done, and its last line on that; 0 and nothing if it has not said."""
        found = list(_LOGGED.finditer(self.logged()))
        if not found:
            return 0.0, ""
        first, last, cells, epoch, epochs = (int(number or 0) for number in found[-1].groups())
        batch = max(last - first, 0) + 1
        part = (first - 1 + batch * epoch / max(epochs, 1)) / cells
        return part, f"epoch {epoch} of {epochs}" + f", cell {first} of {cells}" * (cells > batch)

    def total(self, now: float) -> float | None:
        """Seconds that it has taken or will, by what it says of itself; None where it says nothing yet."""
        if self.began is None or self.failed:
            return None
        if self.ended is not None:
            return self.ended - self.began
        simulating = now - self.began - self.start
        part = self.said()[0]
        return self.start + simulating / part if part > 0 and simulating > 0 else None

    def told(self, now: float) -> str:
        """Epochs and time left."""
        total = self.total(now)
        left = "" if total is None or self.began is None else f", {duration(total - (now - self.began))} left"
        return f"{self.said()[1]}{left}"


def time_left(jobs: Sequence[WatchedJob], cores: int, now: float) -> float:
    """Seconds until all jobs are done.

    Parameters
    ----------
    jobs
        All jobs of the run.
    cores
        How many run at a time.
    now
        The time, as `time.time` tells.
    """
    taken: dict[str, list[tuple[float, float]]] = {}
    for job in jobs:
        total = job.total(now)
        if total is not None and job.seconds > 0:
            taken.setdefault(job.kind, []).append((total, job.seconds))
    known = {kind: _ratio(pairs) for kind, pairs in taken.items()}
    others = _ratio([pair for pairs in taken.values() for pair in pairs])
    left = []
    for job in jobs:
        if job.ended is None:
            total = job.total(now)
            expected = job.seconds * known.get(job.kind, others) if total is None else total
            left.append(max(expected - (now - job.began if job.began is not None else 0.0), 0.0))
    return max(sum(left) / cores, 0.0, *left)


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    took, expected = (sum(column) for column in zip(*pairs, strict=True)) if pairs else (1.0, 1.0)
    return took / expected


class BelowJobs(logging.Handler):
    """Says a line below every table of the jobs that Snakemake has planned.

    Parameters
    ----------
    logger
        Snakemake's.
    line
        Gives it, once the jobs are known.
    """

    def __init__(self, logger: logging.Logger, line: Callable[[], str]) -> None:
        super().__init__()
        self.logger, self.line = logger, line

    def emit(self, record: logging.LogRecord) -> None:
        """Say it after such a table."""
        if getattr(record, "event", None) == "run_info":
            self.logger.info(self.line())


class Watch(logging.Handler):
    """Listens to Snakemake and tells how far a run is, from a thread of its own, until `stop`.

    Parameters
    ----------
    logger
        Snakemake's.
    jobs
        Number of a job -> the job.
    cores
        How many run at a time; None where jobs run elsewhere: no time is told, nor anything on the terminal.
    handlers
        Loggers that Snakemake shows the run by; one with bars, as the Rich logger has, shows what is told.
    page
        Writes a page, given jobs, cores and whether the run is "running", has "finished" or "failed".
    """

    def __init__(
        self,
        logger: logging.Logger,
        jobs: Mapping[int, WatchedJob],
        cores: int | None,
        handlers: Sequence[Any] = (),
        page: Callable[[Sequence[WatchedJob], int | None, str], None] | None = None,
    ) -> None:
        super().__init__()
        self.logger, self.jobs, self.cores, self.page = logger, jobs, cores, page
        self.rich = next((handler for handler in handlers if hasattr(handler, "live_display")), None)
        self.bars: dict[int, Any] = {}
        self.stopped = threading.Event()
        logger.addHandler(self)
        self.thread = threading.Thread(target=self._tell, daemon=True)
        self.thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Note when jobs start and end."""
        for number in getattr(record, "jobs", None) or ():
            if number in self.jobs:
                self.jobs[number].began, self.jobs[number].ended, self.jobs[number].failed = time.time(), None, False
        if job := self.jobs.get(getattr(record, "job_id", -1)):
            job.ended = time.time()
        if getattr(record, "event", None) == "job_error" and (job := self.jobs.get(getattr(record, "jobid", -1))):
            job.ended, job.failed = time.time(), True

    def stop(self, state: str = "finished") -> None:
        """Tell nothing more than that the run has "finished" or "failed"."""
        self.stopped.set()
        self.thread.join()
        self.logger.removeHandler(self)
        self._write(state)

    def _write(self, state: str) -> None:
        if self.page is not None:
            with suppress(OSError):  # what is only told must not stop a run
                self.page(list(self.jobs.values()), self.cores, state)

    def _tell(self) -> None:
        due, page_due = time.time() + FIRST_LINE, 0.0
        while not self.stopped.wait(LOOK):
            now = time.time()
            if now >= page_due:
                page_due = now + PAGE
                self._write("running")
            if self.cores is None:
                continue
            if self.rich is not None:
                self._show(self.rich, now)
            elif now >= due:
                due = now + LINE
                self.logger.info(self.line(now))

    def line(self, now: float) -> str:
        """How far the run is, in a line."""
        return "; ".join([self._whole(now), *(f"{job.what}: {job.told(now)}" for job in self._telling().values())])

    def _whole(self, now: float) -> str:
        done = sum(job.ended is not None and not job.failed for job in self.jobs.values())
        left = time_left(list(self.jobs.values()), self.cores or 1, now)
        return f"{done} of {len(self.jobs)} jobs done, about {duration(left)} left"

    def _telling(self) -> dict[int, WatchedJob]:
        """Jobs that run and say how far they are, `SHOWN` of them at most."""
        running = (item for item in self.jobs.items() if item[1].ended is None and item[1].said()[1])
        return dict(islice(running, SHOWN))

    def _show(self, rich: Any, now: float) -> None:
        """Put the time left above the bars of the Rich logger, and a bar for every job that says how far it is."""
        progress, telling = rich.progress, self._telling()
        rich.live_display.get_renderable().title = self._whole(now)
        for number in self.bars.keys() - telling.keys():
            progress.remove_task(self.bars.pop(number))
        for number, job in telling.items():
            if number not in self.bars:
                self.bars[number] = progress.add_task("", total=1.0, active=" ")
            text = f"[dim]{job.kind}: {job.told(now)}[/]"
            progress.update(self.bars[number], completed=min(job.said()[0], 0.99), description=text)

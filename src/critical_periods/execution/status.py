"""The page that a run can be followed on: one file beside the results, which a browser reads anew by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from critical_periods.execution.watching import PAGE, WatchedJob, time_left
from critical_periods.planning.estimate import duration
from critical_periods.storage.files import write_whole

#: How many of the jobs that run, or have failed, are shown, and how many lines of their logs.
SHOWN, LINES = 12, 6


@dataclass
class StatusPage:
    """`status.html` in a folder of results.

    Parameters
    ----------
    results
        The folder.
    figures
        Path of a figure below it, without its ending -> what it says.
    """

    results: Path
    figures: Mapping[str, str] = field(default_factory=dict)
    begun: float = field(default_factory=time.time)

    def write(self, jobs: Sequence[WatchedJob], cores: int | None, state: str = "running") -> None:
        """Write what is so now.

        Parameters
        ----------
        jobs
            Jobs of the run.
        cores
            How many run at a time; None where nobody knows, and no time left is told.
        state
            "running", "finished" or "failed".
        """
        from jinja2 import Environment, PackageLoader  # Snakemake has it; planning does without

        now = time.time()
        failed = [job for job in jobs if job.failed]
        done = [job for job in jobs if job.ended is not None and not job.failed]
        open_jobs = [job for job in jobs if job.ended is None and not job.failed]
        running = [job for job in open_jobs if job.began is not None] if state == "running" else []
        to_do = [job for job in open_jobs if job.began is None] if state == "running" else open_jobs
        names = dict.fromkeys(job.kind for job in jobs)
        template = Environment(autoescape=True, loader=PackageLoader("critical_periods", "execution")).get_template(
            "status.html"
        )
        page = template.render(
            state=state,
            every=int(PAGE),
            total=len(jobs),
            done=done,
            failed=[_told(job, now) for job in failed[:SHOWN]],
            running=[_told(job, now) for job in running[:SHOWN]],
            more=max(len(failed) - SHOWN, 0) + max(len(running) - SHOWN, 0),
            rules=[
                {
                    "name": name,
                    "counts": [sum(job.kind == name for job in of) for of in (done, running, failed, to_do)],
                }
                for name in names
            ],
            left=duration(time_left(jobs, cores, now)) if cores and state == "running" else "",
            begun=_clock(self.begun),
            now=_clock(now),
            written=int(now),
            figures=[
                {"path": path, "name": Path(path).name, "title": title, "made": int(made.stat().st_mtime)}
                for path, title in self.figures.items()
                if (made := self.results / f"{path}.png").is_file()
            ],
        )
        write_whole(page, self.results / "status.html")


def _told(job: WatchedJob, now: float) -> dict[str, str]:
    """A job that runs or has failed, with the last lines of its log."""
    told = job.told(now) if job.ended is None else ""
    lines = "\n".join(job.logged().splitlines()[-LINES:])
    return {"what": job.what, "since": _clock(job.began or now), "told": told and f": {told}", "lines": lines}


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))

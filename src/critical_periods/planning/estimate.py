"""What a run would take before it is begun: time, memory and disk, from what its cells ask for and from finished jobs.

Seconds are those of a machine on which a product of 100 x 100 matrices takes `REFERENCE` seconds; on another one they
are scaled by that product, and for every rule by what its finished jobs took.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import statistics
import time
import timeit
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from critical_periods.storage.files import write_whole

#: Seconds of a product of 100 x 100 matrices in float32, on the machine that costs are told for.
REFERENCE = 10e-6

#: Seconds until a job has imported what it needs.
START = 2.5

#: Seconds of other jobs, by what they leave.
OTHERS = {".nc": 2.5, ".pdf": 5.0, ".html": 4.0, ".csv": 3.0}

#: Seconds for which Snakemake looks at a job every half second.
OFTEN = 15.5

#: Seconds of simulation below which the time of a finished job tells little of them.
TELLING = 1.0

Cost = Callable[[Mapping[str, Any]], tuple[float, float]]


@dataclass(frozen=True)
class CellJob:
    """A job that simulates cells.

    Parameters
    ----------
    kind
        What corrections are shared by, as of `kind_of`.
    path
        Its file.
    benchmark
        File with what it took, if it has run.
    cells, new
        Parameters of all of its cells, and of those that nobody has computed.
    cost
        Seconds and bytes of a cell, given its parameters; None where the model does not say.
    megabytes
        Memory that it asks for.
    after
        Files of the jobs before it.
    log
        Its log, which says whether it took cells over.
    """

    kind: tuple[str, str]
    path: str
    benchmark: Path
    cells: Sequence[Mapping[str, Any]]
    new: Sequence[Mapping[str, Any]]
    cost: Cost | None
    megabytes: float
    after: Sequence[str] = ()
    log: Path | None = None

    def seconds(self, cells: Sequence[Mapping[str, Any]]) -> float:
        """Seconds of some of its cells, on the machine that costs are told for."""
        return sum(self.cost(cell)[0] for cell in cells) if self.cost else float(len(cells))

    def bytes(self, cells: Sequence[Mapping[str, Any]]) -> float:
        """Bytes that some of its cells take on the disk."""
        return sum(self.cost(cell)[1] for cell in cells) if self.cost else 1e5 * len(cells)


@dataclass(frozen=True)
class Measured:
    """What finished jobs say of those to come.

    Parameters
    ----------
    machine
        How much longer this machine takes than the one that costs are told for.
    correction
        Kind -> how much longer its cells take than told, beyond that.
    megabytes
        Kind -> largest memory of its jobs.
    start
        Seconds until a job has imported what it needs: the shortest of those that finished took no less.
    """

    machine: float
    correction: Mapping[tuple[str, str], float] = field(default_factory=dict)
    megabytes: Mapping[tuple[str, str], float] = field(default_factory=dict)
    start: float | None = None

    @property
    def starting(self) -> float:
        """Seconds until a job has started, measured or told."""
        return self.machine * START if self.start is None else self.start

    def seconds(self, job: CellJob) -> float:
        """Seconds that the new cells of a job take."""
        return self.machine * job.seconds(job.new) * self.correction.get(job.kind, 1.0)


@dataclass(frozen=True)
class Estimate:
    """What a study would take.

    Parameters
    ----------
    cells, new
        How many it has, and how many of them nobody has computed.
    jobs
        Jobs that would run.
    cpu, wall
        Seconds of all jobs together, and until the last one is done.
    megabytes
        Memory of its largest job.
    bytes
        What its new cells take on the disk.
    """

    cells: int
    new: int
    jobs: int
    cpu: float
    wall: float
    megabytes: float
    bytes: float


def machine_factor() -> float:
    """How much longer a product of 100 x 100 matrices takes here than on the machine that costs are told for."""
    import numpy as np

    left, right, out = (np.ones((100, 100), dtype=np.float32) for _ in range(3))
    times = timeit.repeat(lambda: np.matmul(left, right, out=out), timer=time.process_time, repeat=30, number=100)
    return min(times) / 100 / REFERENCE  # what else runs on the machine only lengthens it


def kind_of(rule: str, parameters: Mapping[str, Any]) -> tuple[str, str]:
    """What corrections of a job are shared by: its rule, its solver, and how that integrates."""
    solver = parameters.get("solver") or ""
    flow = parameters.get("gradient_flow", {}) if solver == "gradient_flow" else {}
    return rule, " ".join([solver, *map(str, flow.values())])


def calibration_file() -> Path:
    """Where `make bench` keeps what it has measured of the machines of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "critical-periods" / "machines.json"


def calibrate(known: Measured) -> None:
    """Keep what has been measured of this machine."""
    correction = [[*kind, factor] for kind, factor in known.correction.items()]
    machines = _machines() | {platform.node(): {"start": known.start, "correction": correction}}
    write_whole(json.dumps(machines, indent=1), calibration_file())


def calibrated() -> Measured:
    """What `make bench` has measured of this machine, or what a matrix product tells of it."""
    found = _machines().get(platform.node(), {})
    correction = {(rule, how): factor for rule, how, factor in found.get("correction", ())}
    return Measured(machine_factor(), correction, {}, found.get("start"))


def _machines() -> dict[str, Any]:
    try:
        return dict(json.loads(calibration_file().read_text(encoding="utf-8")))
    except (OSError, ValueError):  # a cache may be lost
        return {}


def measured(jobs: Iterable[CellJob], before: Measured) -> Measured:
    """What finished jobs took, against what they were estimated to take on this machine.

    Parameters
    ----------
    jobs
        Jobs, finished or not.
    before
        What is known of the machine, and holds for kinds of which no job has finished.
    """
    machine = before.machine
    took: list[tuple[tuple[str, str], float, float]] = []
    megabytes: dict[tuple[str, str], float] = {}
    for job in jobs:
        try:
            with job.benchmark.open(newline="", encoding="utf-8") as file:
                *_, last = csv.DictReader(file, delimiter="\t")
            wall, cpu, memory = (float(last[name]) for name in ("s", "cpu_time", "max_rss"))
        except (FileNotFoundError, KeyError, ValueError):  # of a job to come, or too short to be looked at
            continue
        megabytes[job.kind] = max(memory, megabytes.get(job.kind, 0.0))
        if not _took_over(job):
            took.append((job.kind, cpu * wall / _last_look(wall), machine * job.seconds(job.cells)))
    start = min([before.starting, *(seconds for _, seconds, _ in took)])
    ratios: dict[tuple[str, str], list[float]] = {}
    for kind, seconds, told in took:
        if told > TELLING:
            ratios.setdefault(kind, []).append((seconds - start) / told)
    correction = {kind: statistics.median(found) for kind, found in ratios.items()}
    return Measured(machine, {**before.correction, **correction}, megabytes, start)


def _took_over(job: CellJob) -> bool:
    """Whether a job found cells that another had computed, so that it tells nothing of what they take."""
    return job.log is not None and job.log.is_file() and "taken over" in job.log.read_text(encoding="utf-8")


def _last_look(wall: float) -> float:
    """When Snakemake last looked at the CPU time of a job that took so long: every 0.5 s at first, then every 30 s."""
    return wall if wall < OFTEN else OFTEN + 30 * ((wall - OFTEN) // 30)


def estimate(jobs: Sequence[CellJob], others: Iterable[str], cores: int, known: Measured) -> Estimate:
    """What a study would take.

    Parameters
    ----------
    jobs
        Its jobs that simulate cells, done or not.
    others
        A file of each of its other jobs that would run.
    cores
        How many jobs run at a time.
    known
        What finished jobs say.
    """
    new = [job for job in jobs if job.new]
    seconds = {job.path: known.starting + known.seconds(job) for job in new}
    rest = [known.machine * OTHERS.get(Path(name).suffix, 1.0) for name in others]
    cpu = sum(seconds.values()) + sum(rest)
    before = {job.path: max((seconds.get(path, 0.0) for path in job.after), default=0.0) for job in new}
    chain = max((seconds[path] + before[path] for path in seconds), default=0.0)
    return Estimate(
        cells=sum(len(job.cells) for job in jobs),
        new=sum(len(job.new) for job in jobs),
        jobs=len(seconds) + len(rest),
        cpu=cpu,
        wall=max(cpu / cores, chain + max(rest, default=0.0)),
        megabytes=max((known.megabytes.get(job.kind, job.megabytes) for job in new), default=0.0),
        bytes=sum(job.bytes(job.new) for job in jobs),
    )


def as_line(found: Estimate, cores: int) -> str:
    """An estimate in a line."""
    from humanfriendly import format_size  # as tabulate below

    time = f"{duration(found.cpu)} of CPU time, {duration(found.wall)} on {cores} core{'s' * (cores > 1)}"
    room = f"{found.megabytes:.0f} MB of memory, {format_size(found.bytes)} on disk"
    return f"Estimate: {found.new} new cells, {found.jobs} jobs, {time}, {room}"


def as_text(estimates: Mapping[str, Estimate], cores: int) -> str:
    """Estimates as a table, a study a row."""
    from humanfriendly import format_size
    from tabulate import tabulate  # whenever the workflow is planned, this module is imported

    head = ("study", "cells", "new", "jobs", "CPU time", f"on {cores} cores", "memory", "disk")
    rows = [
        (
            name, found.cells, found.new, found.jobs, duration(found.cpu), duration(found.wall),
            f"{found.megabytes:.0f} MB", format_size(found.bytes),
        )
        for name, found in estimates.items()
    ]  # fmt: skip
    aligned = ("left", *["right"] * (len(head) - 1))
    return tabulate([head, *rows], tablefmt="plain", disable_numparse=True, colalign=aligned)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"

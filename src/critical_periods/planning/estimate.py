"""What a run would take before it is begun: time, memory and disk, from what its cells ask for and from finished jobs.

Seconds are those of a machine on which a product of 100 x 100 matrices takes `REFERENCE` seconds; on another one they
are scaled by that product, and for every rule by what its finished jobs took.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Seconds of a product of 100 x 100 matrices in float32, on the machine that costs are told for.
REFERENCE = 10e-6

#: Seconds until a job has imported what it needs.
START = 2.5

#: Seconds of other jobs, by what they leave.
OTHERS = {".nc": 2.5, ".pdf": 5.0, ".html": 4.0, ".csv": 3.0}

#: Seconds of simulation below which the time of a finished job tells little of them.
TELLING = 1.0

Cost = Callable[[Mapping[str, Any]], tuple[float, float]]


def seconds_of(cost: Cost | None, cells: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of cells on the machine that costs are told for; one of each where the model does not say."""
    return sum(cost(cell)[0] for cell in cells) if cost else float(len(cells))


@dataclass(frozen=True)
class CellJob:
    """A job that simulates cells.

    Parameters
    ----------
    kind
        What corrections are shared by: rule and solver.
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
    """

    kind: tuple[str, str]
    path: str
    benchmark: Path
    cells: Sequence[Mapping[str, Any]]
    new: Sequence[Mapping[str, Any]]
    cost: Cost | None
    megabytes: float
    after: Sequence[str] = ()

    def seconds(self, cells: Sequence[Mapping[str, Any]]) -> float:
        """Seconds of some of its cells, on the machine that costs are told for."""
        return seconds_of(self.cost, cells)

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
    """

    machine: float
    correction: Mapping[tuple[str, str], float] = field(default_factory=dict)
    megabytes: Mapping[tuple[str, str], float] = field(default_factory=dict)


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
    times = []
    for _ in range(30):
        start = time.process_time()
        for _ in range(100):
            np.matmul(left, right, out=out)
        times.append((time.process_time() - start) / 100)
    return min(times) / REFERENCE  # what else runs on the machine only lengthens it


def measured(jobs: Iterable[CellJob], machine: float) -> Measured:
    """What finished jobs took, against what they were estimated to take on this machine."""
    ratios: dict[tuple[str, str], list[float]] = {}
    megabytes: dict[tuple[str, str], float] = {}
    for job in jobs:
        if not job.benchmark.is_file():
            continue
        with job.benchmark.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        try:
            took, memory = (float(rows[-1][name]) for name in ("cpu_time", "max_rss"))
        except (IndexError, KeyError, ValueError):  # of a job too short to be looked at
            continue
        megabytes[job.kind] = max(memory, megabytes.get(job.kind, 0.0))
        told = machine * job.seconds(job.cells)
        if told > TELLING and took > machine * START:
            ratios.setdefault(job.kind, []).append((took - machine * START) / told)
    return Measured(machine, {kind: statistics.median(found) for kind, found in ratios.items()}, megabytes)


def estimate(jobs: Sequence[CellJob], others: Iterable[str], cores: int, known: Measured) -> Estimate:
    """What a study would take.

    Parameters
    ----------
    jobs
        Its jobs that simulate cells, done or not.
    others
        Files of its other jobs that are not there.
    cores
        How many jobs run at a time.
    known
        What finished jobs say.
    """
    seconds = {}
    for job in jobs:
        if job.new:
            cells = job.seconds(job.new) * known.correction.get(job.kind, 1.0)
            seconds[job.path] = known.machine * (START + cells)
    rest = [known.machine * OTHERS.get(Path(name).suffix, 1.0) for name in others]
    cpu = sum(seconds.values()) + sum(rest)
    chain = max(
        (
            seconds[job.path] + max((seconds.get(path, 0.0) for path in job.after), default=0.0)
            for job in jobs
            if job.new
        ),
        default=0.0,
    )
    return Estimate(
        cells=sum(len(job.cells) for job in jobs),
        new=sum(len(job.new) for job in jobs),
        jobs=len(seconds) + len(rest),
        cpu=cpu,
        wall=max(cpu / cores, chain + max(rest, default=0.0)),
        megabytes=max((known.megabytes.get(job.kind, job.megabytes) for job in jobs if job.new), default=0.0),
        bytes=sum(job.bytes(job.new) for job in jobs),
    )


def as_line(found: Estimate, cores: int) -> str:
    """An estimate in a line."""
    time = f"{duration(found.cpu)} of CPU time, {duration(found.wall)} on {cores} core{'s' * (cores > 1)}"
    room = f"{found.megabytes:.0f} MB of memory, {found.bytes / 1e6:.3g} MB on disk"
    return f"Estimate: {found.new} new cells, {found.jobs} jobs, {time}, {room}"


def as_text(estimates: Mapping[str, Estimate], cores: int) -> str:
    """Estimates as a table, a study a row."""
    from tabulate import tabulate  # whenever the workflow is planned, this module is imported

    head = ("study", "cells", "new", "jobs", "CPU time", f"on {cores} cores", "memory", "disk")
    rows = [
        (
            name, found.cells, found.new, found.jobs, duration(found.cpu), duration(found.wall),
            f"{found.megabytes:.0f} MB", f"{found.bytes / 1e6:.3g} MB",
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

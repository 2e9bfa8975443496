"""What a run would take before it is begun: time, memory and disk, from what models say of their cells.

Seconds are those of an idle AMD EPYC on which a product of 100 x 100 matrices in float32 takes 10 us.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from critical_periods.models.registry import simulations
from critical_periods.planning.cells import Bundle
from critical_periods.planning.making import Making

#: Seconds until a job has imported what it needs.
START = 2.5

#: Seconds of jobs that simulate nothing, by the suffix of their first file.
SECONDS = {".nc": 2.5, ".pdf": 5.0, ".html": 4.0, ".csv": 3.0}

#: Seconds and bytes of a cell of a model that declares no cost.
CELL = 1.0, 1e5


@dataclass(frozen=True)
class PlannedJob:
    """What a job is expected to take.

    Parameters
    ----------
    seconds
        CPU time; 0 if all of its cells have been computed.
    bundle
        Identity of the cells that it computes; "" if it simulates nothing.
    cells, new
        How many cells it has, and how many of them have not been computed.
    megabytes
        Memory that it asks for.
    bytes
        What its new cells take on the disk.
    after
        Identities of the bundles that it waits for.
    """

    seconds: float
    bundle: str = ""
    cells: int = 0
    new: int = 0
    megabytes: float = 0.0
    bytes: float = 0.0
    after: Sequence[str] = ()


@dataclass(frozen=True)
class Estimate:
    """What a study would take.

    Parameters
    ----------
    cells, new
        How many it has, and how many of them have not been computed.
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


def cell_job(bundle: Bundle, first: Iterable[Bundle], computed: Collection[str]) -> PlannedJob:
    """The job that simulates a bundle of cells.

    Parameters
    ----------
    bundle
        Its cells.
    first
        Bundles that have to be computed before it.
    computed
        Identities of cells that have been computed.
    """
    simulation = simulations()[bundle.cells[0].model]
    new = [cell.parameters for cell in bundle.cells if cell.id not in computed]
    costs = [simulation.cost(parameters) or CELL for parameters in new]
    return PlannedJob(
        START + sum(seconds for seconds, _ in costs) if new else 0.0,
        bundle.id,
        len(bundle.cells),
        len(new),
        simulation.megabytes if new else 0.0,
        sum(size for _, size in costs),
        [each.id for each in first],
    )


def bundle_job(making: Making, bundle: str) -> PlannedJob:
    """The job of a bundle, given its identity: cells that lie on the disk are not computed again."""
    cells = making.runs.bundle(bundle)
    return cell_job(cells, making.runs.first_bundles(bundle), making.cells_there(cells))


def file_job(file: str) -> PlannedJob:
    """The job that writes a file from results: it assembles, draws or judges."""
    return PlannedJob(SECONDS.get(Path(file).suffix, 1.0))


def missing_jobs(files: Iterable[str]) -> list[PlannedJob]:
    """Jobs of files of which at least one is missing; files of one job differ in their suffix alone."""
    missing: dict[Path, PlannedJob] = {}
    for file in files:
        if not Path(file).exists():
            missing.setdefault(Path(file).with_suffix(""), file_job(file))
    return list(missing.values())


def estimate(jobs: Iterable[PlannedJob], cores: int) -> Estimate:
    """What some jobs would take on some cores."""
    jobs = list(jobs)
    cpu = sum(job.seconds for job in jobs)
    seconds = {job.bundle: job.seconds for job in jobs}
    chains = [
        job.seconds + max((seconds.get(first, 0.0) for first in job.after), default=0.0) for job in jobs if job.new
    ]
    last = max((job.seconds for job in jobs if not job.bundle), default=0.0)
    return Estimate(
        cells=sum(job.cells for job in jobs),
        new=sum(job.new for job in jobs),
        jobs=sum(job.seconds > 0 for job in jobs),
        cpu=cpu,
        wall=max(cpu / cores, max(chains, default=0.0) + last),
        megabytes=max((job.megabytes for job in jobs), default=0.0),
        bytes=sum(job.bytes for job in jobs),
    )


def study_estimates(making: Making, cores: int) -> dict[str, Estimate]:
    """What every study would take on some cores, by its name."""
    runs, found = making.runs, {}
    for name, study in runs.studies.items():
        bundles = {bundle for run in study.runs for bundle in runs.plan(run).bundles}
        others = missing_jobs(map(runs.placed, runs.study_files(name)))
        found[name or "paper"] = estimate([*(bundle_job(making, bundle) for bundle in bundles), *others], cores)
    return found


def as_line(found: Estimate, cores: int) -> str:
    """An estimate in a line."""
    from humanfriendly import format_size  # not needed whenever the workflow is planned

    time = f"{duration(found.cpu)} of CPU time, {duration(found.wall)} on {cores} core{'s' * (cores > 1)}"
    room = f"{found.megabytes:.0f} MB of memory, {format_size(found.bytes)} on disk"
    return f"Estimate: {found.new} new cells, {found.jobs} jobs, {time}, {room}"


def estimates_table(estimates: Mapping[str, Estimate], cores: int) -> str:
    """Estimates as a table, a study a row."""
    from humanfriendly import format_size
    from tabulate import tabulate

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

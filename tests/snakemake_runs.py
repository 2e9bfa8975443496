"""Runs of the workflow at toy size, as processes that tests can watch, signal and kill."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml
from conftest import REPOSITORY
from warm_snakemake import Run

from critical_periods.storage.datasets import CHECKSUM

#: One experiment of one cell of some seconds of training, of which pre-training is the most.
LONG = {
    "solver": "gradient_descent",  # update by update: strides are done too soon to be watched
    "experiments": {"depth": {"vary": {"depth": [2]}}},
    "models": {"matrix_completion": {"switch_epochs": [0, 100, 200, 300, 150000], "record_every": 5000}},
}


class Runs:
    """Runs in one working directory, of `tests/smoke.yaml` with changes.

    Parameters
    ----------
    folder
        The working directory.
    changes
        What the configuration has otherwise.
    options
        Arguments that every run is given.
    environment
        Environment of the runs; this process's if not given.
    """

    log = "output.txt"

    def __init__(
        self,
        folder: Path,
        changes: Mapping[str, Any] | None = None,
        options: tuple[str, ...] = ("--cores", "2"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.options = folder, options
        self.environment = environment
        self.configuration = folder / "changes.yaml"
        self.configuration.write_text(yaml.safe_dump(dict(changes or {})))

    def start(self, *arguments: str) -> Run:
        """Start Snakemake as the leader of a process group; its output goes to the file `log`."""
        words = (*self.options, "--directory", self.folder, *arguments, "--configfile")
        files = REPOSITORY / "tests/smoke.yaml", self.configuration
        log = self.folder / self.log
        self.process = Run(*words, *files, folder=REPOSITORY, environment=self.environment, output=log)
        return self.process

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run Snakemake to its end, check whether it succeeds, and return its output."""
        process = self.start(*arguments)
        try:
            process.wait(280)
        except subprocess.TimeoutExpired:
            kill_tree(process)
            raise
        assert (process.returncode != 0) == fails, self.output
        return self.output

    @property
    def output(self) -> str:
        """What the last run has printed so far."""
        return (self.folder / self.log).read_text()

    def checksums(self, pattern: str = "results/**/*.nc") -> dict[str, list[str]]:
        """Checksums of the data in every file: path -> checksum of each dataset in it."""
        import netCDF4

        found = {}
        for path in sorted(self.folder.glob(pattern)):
            with netCDF4.Dataset(path) as file:
                datasets = [file, *file.groups.values()]
                found[str(path.relative_to(self.folder))] = [
                    data.getncattr(CHECKSUM) for data in datasets if CHECKSUM in data.ncattrs()
                ]
        return found

    def leftovers(self) -> list[Path]:
        """Files under results/ that are neither finished results nor their logs."""
        return [path for path in self.folder.glob("results/**/*") if ".partial" in path.name]


def wait_for(condition: Callable[[], Any], what: str, runs: Runs | None = None, seconds: float = 90) -> Any:
    """Wait until a condition holds and return its value; the run, if one is given, must not end before."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if runs is not None and runs.process.poll() is not None:
            raise AssertionError(f"{what}: the run ended before\n{runs.output}")
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not so after {seconds:g} s")
        time.sleep(0.1)
    return value


def training_job(process: Run) -> psutil.Process | None:
    """The Python process below a run of Snakemake that executes a script of the workflow, if there is one now."""
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            command = child.cmdline()
        except psutil.Error:
            continue
        if len(command) > 1 and "python" in command[0] and command[-1].endswith(".py") and "scripts" in command[-1]:
            return child
    return None


def kill_tree(process: Run) -> None:
    """kill -9 a run and everything below it."""
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in below:
        try:
            child.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue
    process.wait()
    psutil.wait_procs(below, timeout=10)

"""Snakemake in processes that begin with its modules imported, which takes longer than most dry runs.

A server that has imported Snakemake, and nothing of ours, forks a process for every run that a test asks for. Not for
tests that change what Python or Snakemake finds as it starts: `sitecustomize`, plugins of Snakemake.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path


class Run:
    """A run of Snakemake, the leader of a process group, as `subprocess.Popen` has it.

    Parameters
    ----------
    arguments
        What follows `snakemake` on the command line.
    folder
        Where it is started.
    environment
        Its environment; this process's if not given.
    output
        File for all that it says; a temporary one if not given.
    """

    def __init__(
        self,
        *arguments: str | Path,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        output: Path | None = None,
    ) -> None:
        self._own = None if output else tempfile.NamedTemporaryFile()  # noqa: SIM115, it lives as long as the run
        self._output = output or Path(self._own.name)
        self.args = ["snakemake", *map(str, arguments)]
        environment = {k: v for k, v in (environment or os.environ).items() if not k.startswith("SNAKEMAKE")}
        self.pid: int = _ask([self.args, str(folder), environment, str(self._output)])
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        if self.returncode is None:
            self.returncode = _ask(self.pid)
        return self.returncode

    def wait(self, timeout: float = 300) -> int:
        """Wait for its end."""
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    @property
    def output(self) -> str:
        """All that it has said so far."""
        return self._output.read_text()


def finished(*arguments: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> Run:
    """A run that has ended, well or not."""
    run = Run(*arguments, folder=folder, environment=environment)
    run.wait()
    return run


@cache
def _server() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    )
    atexit.register(lambda: (process.stdin.close(), process.wait()))
    return process


def _ask(question: object) -> object:
    server = _server()
    server.stdin.write(json.dumps(question) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


def serve() -> None:
    """Answer questions: a run to start with its process, a process with its exit code."""
    import numpy  # noqa: F401
    import pydantic  # noqa: F401
    import snakemake.cli  # noqa: F401

    for line in sys.stdin:
        question = json.loads(line)
        if isinstance(question, int):
            pid, status = os.waitpid(question, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        elif (answer := os.fork()) == 0:
            run(*question)
        print(json.dumps(answer), flush=True)


def run(arguments: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """Become Snakemake, as `python -m snakemake` is."""
    os.setsid()
    said = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(ours, theirs)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    time.tzset()
    sys.argv[:] = arguments
    sys.path[0] = folder
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    code: object = 1
    try:
        from snakemake.cli import main

        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve()

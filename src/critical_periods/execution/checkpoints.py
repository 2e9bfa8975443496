"""Checkpoints of long training: a job that was stopped continues where it was, with the same result bit for bit."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import signal
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from critical_periods.storage.files import whole
from critical_periods.storage.provenance import software_versions

logger = logging.getLogger(__name__)

#: Training looks up about this often, in seconds, whether it is time for a checkpoint or has to stop.
PATIENCE = 0.5


class CheckpointFiles:
    """Where the trainings of one job keep their state while they last.

    A training is known by all that determines it: initial parameters, schedule, settings, code and software. A
    checkpoint of anything else is never continued from.

    Parameters
    ----------
    result
        The file that the job will write; checkpoints lie in the folder `checkpoints` beside it, under its name.
    code
        Fingerprint of the code that trains.
    every
        Seconds between two checkpoints of a training; 0 for none but the one that a signal to stop asks for.
    """

    def __init__(self, result: str | Path, code: str, every: float) -> None:
        self.folder, self.job = Path(result).parent / "checkpoints", Path(result).stem
        self.code, self.every = code, every
        self.training = False
        self.signal = 0

    def stop_on_signals(self) -> None:
        """End this process on SIGTERM or SIGINT: during training once its state is on disk, otherwise at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def open(self, *determining: Any) -> CheckpointFile:
        """Checkpoint of the training that these values, arrays or dataclasses of them, determine."""
        digest = hashlib.sha256()
        for part in _bytes((self.code, software_versions(), determining)):
            digest.update(part)
        return CheckpointFile(self, self.folder / f"{self.job}.{digest.hexdigest()[:16]}.npz")

    def discard(self) -> None:
        """Delete all checkpoints of the job, once its results are written."""
        for pattern in (f"{self.job}.*.npz", f".{self.job}.*.npz.*.partial"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        if not self.training:
            raise SystemExit(128 + number)


class CheckpointFile:
    """The state of one training on disk.

    Parameters
    ----------
    owner
        The checkpoints of the job.
    path
        The file.
    """

    def __init__(self, owner: CheckpointFiles, path: Path) -> None:
        self.owner, self.path = owner, path
        self.last = self.looked = time.monotonic()
        self.count = 16

    def __enter__(self) -> CheckpointFile:
        self.owner.training = True
        return self

    def __exit__(self, *_: object) -> None:
        self.owner.training = False

    def load(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """State and arrays that `save` was given last; None if there are none, or the file is damaged."""
        try:
            with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            state = json.loads(str(arrays.pop("state")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            logger.warning("%s: damaged checkpoint (%s), starting over", self.path, error)
            return None
        logger.info("continuing from %s", self.path)
        return state, arrays

    def stretch(self, epochs: int) -> int:
        """How many of these epochs to train before calling `due` again: as many as fit in `PATIENCE`."""
        now = time.monotonic()
        self.count = max(1, self.count // 2) if now - self.looked > PATIENCE else min(2 * self.count, 2 * epochs)
        self.looked = now
        return min(epochs, self.count)

    def due(self) -> bool:
        """Whether it is time to save: a signal to stop has come, or the last checkpoint is old enough."""
        return bool(self.owner.signal) or 0 < self.owner.every <= time.monotonic() - self.last

    def save(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Write the state; end the process if a signal to stop has come.

        A disk that is full costs the checkpoint, not the job.
        """
        try:
            with whole(self.path) as temporary, temporary.open("wb") as file:
                np.savez(file, state=np.array(json.dumps(state)), **arrays)  # type: ignore[arg-type]
        except OSError as error:
            logger.warning("no checkpoint: %s", error.__cause__ or error)
        self.last = time.monotonic()
        if self.owner.signal:
            name = signal.Signals(self.owner.signal).name
            logger.info("stopped by %s at epoch %s; a rerun continues from %s", name, state.get("epoch"), self.path)
            raise SystemExit(128 + self.owner.signal)


def _bytes(value: Any) -> Iterator[bytes]:
    """All that distinguishes a value from others of its kind."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield type(value).__qualname__.encode()
        for field in dataclasses.fields(value):
            yield field.name.encode()
            yield from _bytes(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from _bytes(sorted(value.items()))
    elif isinstance(value, list | tuple):
        yield f"[{len(value)}".encode()
        for item in value:
            yield from _bytes(item)
    elif hasattr(value, "dtype"):
        array = np.ascontiguousarray(value.cpu().numpy() if hasattr(value, "cpu") else value)
        yield f"{value.dtype}{array.shape}".encode()
        yield array.tobytes()
    else:
        yield repr(value).encode() + b"\0"

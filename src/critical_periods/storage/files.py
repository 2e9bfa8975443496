"""Files that are whole or absent."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary name to write a file under, which is renamed once it is written.

    Parameters
    ----------
    path
        The file, replaced if it exists; its folder is made where there is none.

    Raises
    ------
    OSError
        If it cannot be written, with the reason and how much space there is; then no file of that name is left, or the
        one there was before.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for partial in path.parent.glob(f".{path.name}.*.partial"):
        if is_abandoned(partial):
            partial.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.partial")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # netCDF raises the latter
        free = shutil.disk_usage(path.parent).free / 1e6
        raise OSError(f"{path}: cannot be written ({error}); {free:.1f} MB are free there") from error
    finally:
        temporary.unlink(missing_ok=True)


def is_abandoned(partial: Path) -> bool:
    """Whether the process that began to write a partial file is gone; one on another machine may still be there."""
    *_, process, _ = partial.name.split(".")
    host = partial.name.removesuffix(f".{process}.partial")
    if not host.endswith(f".{socket.gethostname()}") or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)  # sends nothing
    except ProcessLookupError:
        return True
    except OSError:  # there is one, of somebody else
        pass
    return False


def write_whole(content: bytes | str, path: str | Path) -> None:
    """Write bytes, or a text in UTF-8, as a file that is whole or absent; raises as `whole`."""
    with whole(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)

"""Files that are whole or absent."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path


def write_whole(content: bytes | str, path: str | Path) -> None:
    """Write a file under a temporary name that is renamed at the end.

    Parameters
    ----------
    content
        Bytes, or a text that is written in UTF-8.
    path
        The file, replaced if it exists.

    Raises
    ------
    OSError
        If it cannot be written, with the reason and how much space there is; then no file of that name is left, or the
        one there was before.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except OSError as error:
        free = shutil.disk_usage(path.parent).free / 1e6
        raise OSError(f"{path}: cannot be written ({error}); {free:.1f} MB are free there") from error
    finally:
        temporary.unlink(missing_ok=True)

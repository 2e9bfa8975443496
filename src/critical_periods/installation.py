"""Whether the package is that of a workflow whose files Snakemake has fetched from git."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from critical_periods.locations import PROJECT, SOURCE


def differing(blobs: Mapping[str, str]) -> list[str]:
    """Installed files that are not what a commit of the repository has.

    Parameters
    ----------
    blobs
        Path in the repository -> hash of its content as git has it.

    Returns
    -------
    list of str
        Paths in the repository.
    """
    return sorted(path for path, file in _installed() if blobs.get(path) != _blob(file.read_bytes()))


def _installed() -> Iterator[tuple[str, Path]]:
    """Every file of the package, with its path in the repository."""
    package = SOURCE / "critical_periods"
    modules = (file for file in package.rglob("*.py") if package / "project" not in file.parents)
    yield from ((f"src/{file.relative_to(SOURCE).as_posix()}", file) for file in modules)
    shipped = (PROJECT / "config.yaml", *PROJECT.glob("studies/*.yaml"), *PROJECT.glob("workflow/**/*.*"))
    yield from ((file.relative_to(PROJECT).as_posix(), file) for file in shipped if file.suffix != ".pyc")


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()

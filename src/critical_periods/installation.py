"""Whether the package is that of a workflow whose files Snakemake has fetched from git."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from critical_periods.locations import PROJECT, SOURCE

#: What a wheel brings of a repository: folders and files.
SHIPPED = ("src/critical_periods/", "studies/", "workflow/", "config.yaml")


def differing(blobs: Mapping[str, str]) -> list[str]:
    """Files of the package that are not what a commit of the repository has, or that only one of both has.

    Parameters
    ----------
    blobs
        Path in the repository -> hash of its content as git has it.

    Returns
    -------
    list of str
        Paths in the repository.
    """
    wanted = {path: blob for path, blob in blobs.items() if path.startswith(SHIPPED)}
    installed = {path: _blob(file.read_bytes()) for path, file in _installed()}
    return sorted(path for path in wanted.keys() | installed.keys() if wanted.get(path) != installed.get(path))


def _installed() -> Iterator[tuple[str, Path]]:
    """Every file of the package, with its path in the repository."""
    package = SOURCE / "critical_periods"
    for place in SHIPPED:
        folder = package if place.startswith("src/") else PROJECT / place
        for file in folder.rglob("*") if folder.is_dir() else [folder]:
            ours = file.is_file() and "__pycache__" not in file.parts
            if ours and (folder != package or package / "project" not in file.parents):
                yield place if file == folder else place + file.relative_to(folder).as_posix(), file


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()

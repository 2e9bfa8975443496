"""Cells on disk, one file each, and the manifests that jobs leave of them.

A cell lies at `cells/<kind>/<code>/<id>.nc`: whether it has been computed by this code is whether the file is there.
Imported whenever the workflow is planned, which reads no datasets: what these take is loaded when needed.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from critical_periods.storage.files import write_whole
from critical_periods.storage.provenance import NUMERICAL_PACKAGES, software_versions

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

#: Seconds between two looks at a file that is not there yet.
LOOK = 0.2


def cell_path(folder: Path, cell: str) -> Path:
    """The file of a cell in the folder of its kind and code."""
    return folder / f"{cell}.nc"


def checksum_there(path: Path, diverged: bool) -> str | None:
    """Checksum that the file of a cell names; None if there is no such file, or none that can be read.

    Parameters
    ----------
    path
        The file.
    diverged
        Whether a cell whose training diverged counts.
    """
    import netCDF4

    from critical_periods.storage.datasets import CHECKSUM

    if not path.is_file():
        return None
    try:
        with netCDF4.Dataset(path) as file:
            if "diverged" in file.ncattrs() and not diverged:
                return None
            return str(file.getncattr(CHECKSUM))
    except (OSError, RuntimeError, AttributeError) as error:
        logger.warning("%s: cannot be read (%s), computed again", path, error)
        return None


@dataclass(frozen=True)
class Manifest:
    """What a job has computed: its only output, as Snakemake sees it.

    Parameters
    ----------
    path
        The file; the cells lie beside it.
    software
        Versions of the numerical packages that were installed.
    cells
        Identity -> checksum.
    """

    path: Path
    software: str
    cells: Mapping[str, str]


def write_manifest(path: Path, cells: Mapping[str, str]) -> None:
    """Write the manifest of cells, identity -> checksum, that lie beside it; raises as `write_whole`."""
    content = {"software": software_versions(NUMERICAL_PACKAGES), "cells": dict(cells)}
    write_whole(json.dumps(content, indent=1) + "\n", path)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not what `write_manifest` writes.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("cells"), dict):
        raise ValueError("not a manifest")
    return Manifest(path, str(content.get("software", "")), content["cells"])


def manifests(folders: Iterable[Path]) -> Iterator[Manifest]:
    """Manifests that lie in folders; one that cannot be read is skipped with a warning."""
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            try:
                yield read_manifest(path)
            except FileNotFoundError:  # another job is writing it anew
                continue
            except (OSError, ValueError) as error:
                logger.warning("%s: skipped, no manifest of cells (%s)", path, error)


def other_versions(cells: Path) -> dict[str, int]:
    """Versions of numerical packages, other than those installed, that cells were computed with.

    Parameters
    ----------
    cells
        The folder that holds a folder for each kind of cells.

    Returns
    -------
    dict
        Versions -> number of manifests.
    """
    installed = software_versions(NUMERICAL_PACKAGES)
    found = (manifest.software for manifest in manifests(cells.glob("*/*/")))
    return Counter(software for software in found if software != installed)


class StoredCells:
    """Cells that manifests name, found by their identity.

    Parameters
    ----------
    paths
        Files of manifests.
    patience
        Seconds to wait for a cell that is missing or damaged: network file systems show files late.

    Raises
    ------
    critical_periods.storage.datasets.DatasetError
        If a manifest is missing or broken, or a cell is; what is broken is named, with the manifests that name it.
    """

    def __init__(self, paths: Iterable[str], patience: float = 0.0) -> None:
        from critical_periods.storage.datasets import DatasetError

        self.patience = patience
        self.manifests: list[Manifest] = []
        for path in map(Path, paths):
            try:
                self.manifests.append(read_manifest(path))
            except (OSError, ValueError) as error:
                raise DatasetError(f"{path}: no manifest of cells ({error})", path) from error
        self.place = {cell: manifest for manifest in self.manifests for cell in manifest.cells}

    def read(self, cell: str) -> xr.Dataset:
        """Dataset of a cell."""
        from critical_periods.storage.datasets import CHECKSUM, DatasetError, read_dataset

        if cell not in self.place:
            names = ", ".join(str(manifest.path) for manifest in self.manifests)
            raise DatasetError(f"cell {cell} is in none of the manifests given: {names}")
        manifest = self.place[cell]
        path = cell_path(manifest.path.parent, cell)
        end = time.monotonic() + self.patience
        while True:
            try:
                dataset = read_dataset(path)
                break
            except DatasetError as error:
                if time.monotonic() >= end:
                    raise DatasetError(str(error), path, manifests_of(path)) from error
                time.sleep(LOOK)
        if dataset.attrs[CHECKSUM] != manifest.cells[cell]:
            said = f"{path}: another result than its manifest names"
            raise DatasetError(said, None, manifests_of(path))
        return dataset


def manifests_of(path: Path) -> list[Path]:
    """Manifests that name the cell of a file."""
    return [found.path for found in manifests([path.parent]) if path.stem in found.cells]

"""Files of cells, and what lies in them: a cell that was computed before, in whatever bundle, is taken over.

Imported whenever the workflow is planned, which reads lists but no datasets: what these take is loaded when needed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from critical_periods.storage.files import write_whole
from critical_periods.storage.provenance import NUMERICAL_PACKAGES, software_versions

if TYPE_CHECKING:
    import xarray as xr

    from critical_periods.storage.datasets import Stored

logger = logging.getLogger(__name__)

#: End of the name of the list that lies beside a file of cells: versions, code and cells, a line each.
LIST = ".cells.txt"


def listing_of(path: Path) -> Path:
    """The list beside a file of cells."""
    return path.with_name(path.stem + LIST)


def discard_cells(path: Path) -> None:
    """Remove a file of cells and its list."""
    for part in (path, listing_of(path)):
        part.unlink(missing_ok=True)


def write_cells(datasets: Mapping[str, xr.Dataset], path: Path, code: str) -> None:
    """Write the cells of a bundle as one file, and beside it a list of what is in it, which is quick to read.

    Parameters
    ----------
    datasets
        Identity -> dataset.
    path
        The file.
    code
        Fingerprint of the code that made them.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    from critical_periods.storage.datasets import write

    listing_of(path).unlink(missing_ok=True)  # rather none than one that does not fit
    write(datasets, path, code)
    write_whole("\n".join([software_versions(NUMERICAL_PACKAGES), code, *datasets]), listing_of(path))


class ComputedCells:
    """Cells that earlier jobs have computed with the same code, wherever they lie among the files of their model.

    Parameters
    ----------
    folders
        Where files of cells lie.
    code
        Fingerprint of the code that has to have made them.
    versions
        Versions of the numerical packages that have to have been installed; "" for any.
    """

    def __init__(self, folders: Iterable[Path], code: str, versions: str = "") -> None:
        self.paths: dict[str, Path] = {}
        self._open: dict[Path, Stored] = {}
        for path, software, made_by, cells in _lists(folders):
            if made_by == code and versions in ("", software):
                self.paths.update(dict.fromkeys(cells, path))

    def take(self, cell: str) -> xr.Dataset | None:
        """A cell with the provenance that it has; None if there is none that can be read."""
        from critical_periods.storage.datasets import DatasetError, Stored

        path = self.paths.get(cell)
        if path is None:
            return None
        try:
            if path not in self._open:
                self._open = {path: Stored([str(path)])}
            return self._open[path].read(cell)
        except DatasetError as error:
            logger.warning("not taken over: %s", error)
            return None


def other_versions(folder: Path) -> dict[str, int]:
    """Versions of numerical packages, other than those installed, that files of cells were computed with.

    Parameters
    ----------
    folder
        The folder that holds a folder of files for each model.

    Returns
    -------
    dict
        Versions -> number of files.
    """
    installed = software_versions(NUMERICAL_PACKAGES)
    return Counter(software for _, software, _, _ in _lists(folder.glob("*/")) if software != installed)


def _lists(folders: Iterable[Path]) -> Iterator[tuple[Path, str, str, list[str]]]:
    """Every file of cells in the folders that has a list, with its versions, code and cells."""
    for folder in folders:
        for listing in sorted(folder.glob(f"*{LIST}")):
            path = listing.with_name(listing.name.removesuffix(LIST) + ".nc")
            if not path.exists():
                continue
            try:
                software, code, *cells = listing.read_text(encoding="utf-8").split("\n")
            except FileNotFoundError:  # another job is writing that file anew
                continue
            yield path, software, code, cells

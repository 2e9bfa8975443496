"""Datasets on disk: NetCDF files that are whole or absent, describe themselves, and are checked when read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr

from critical_periods.storage.files import whole
from critical_periods.storage.provenance import code_version, merged_versions, software_versions

#: Attribute that holds the checksum of a dataset's variables.
CHECKSUM = "data_sha256"

#: Bytes of memory that have to be free for an unreadable file to count as damaged.
MEMORY_TO_SPARE = 2**26


class DatasetError(OSError):
    """A dataset is missing, unreadable, or not what was written.

    Parameters
    ----------
    message
        What is wrong.
    path
        The file, where it is one that is damaged.
    """

    def __init__(self, message: str, path: str | Path | None = None) -> None:
        super().__init__(message)
        self.path = None if path is None else Path(path)

    def set_aside(self) -> Path | None:
        """Rename the damaged file, if there is one, to `<name>.damaged`, and return its new path."""
        if self.path is None or not self.path.is_file():
            return None
        return self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))


def checksum(dataset: xr.Dataset) -> str:
    """SHA-256 over names, axes and values of all variables and coordinates; attributes do not count."""
    digest = hashlib.sha256()
    for name in sorted(map(str, dataset.variables)):
        variable = dataset.variables[name]
        values = np.ascontiguousarray(variable.values)
        if values.dtype.kind in "OUST":
            values = np.array([str(value).encode() for value in values.ravel()], dtype=object)
            content = b"\0".join(values)
        else:
            content = values.tobytes()
        digest.update(f"{name}{variable.dims}{variable.shape}".encode())
        digest.update(content)
    return digest.hexdigest()


def write(datasets: xr.Dataset | Mapping[str, xr.Dataset], path: str | Path, code: str = "") -> None:
    """Write one dataset, or several as groups of one file, under a temporary name that is renamed at the end.

    Every dataset gets a checksum, the software versions, the code version and its time of creation as attributes,
    unless it is, value for value, one that was read and has them already; variables are compressed, and each of their
    blocks carries a checksum too.

    Parameters
    ----------
    datasets
        A dataset, or group name -> dataset. What they name as `software`, the versions behind what they are made
        from, is kept beside the versions at hand.
    path
        The file, replaced if it exists.
    code
        Fingerprint of the code that made them.

    Raises
    ------
    OSError
        If it cannot be written; then no file of that name is left, or the one there was before.
    """
    groups: Mapping[Any, xr.Dataset] = {None: datasets} if isinstance(datasets, xr.Dataset) else datasets
    stamp = provenance(code)
    # One open file for all groups, everything defined before anything is written: to open it anew for each group, and
    # to define after writing, goes through all groups that there are.
    with whole(path) as temporary, netCDF4.Dataset(temporary, "w") as file:
        values = _Pending()
        for group, dataset in groups.items():
            stamped = with_provenance(dataset, stamp)
            store = xr.backends.NetCDF4DataStore(file if group is None else file.createGroup(group))
            stamped.dump_to_store(store, writer=values, encoding=_encoding(stamped))
        values.write()


def provenance(code: str = "") -> dict[str, str]:
    """Where and when datasets are made, as attributes, given the fingerprint of the code that makes them."""
    return {
        "code_version": code_version(),
        "code": code,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "Conventions": "CF-1.11",
    }


def with_provenance(dataset: xr.Dataset, provenance: Mapping[str, str]) -> xr.Dataset:
    """A dataset with checksum, versions and provenance; as it is where it has those of these very values."""
    digest = checksum(dataset)
    if dataset.attrs.get(CHECKSUM) == digest:
        return dataset
    software = merged_versions([*filter(None, [dataset.attrs.get("software")]), software_versions()])
    return dataset.assign_attrs({**provenance, "software": software, CHECKSUM: digest})


class _Pending:
    """Stands in for xarray's writer: keeps the values of variables until all of them are defined."""

    def __init__(self) -> None:
        self.pending: list[tuple[Any, Any]] = []

    def add(self, source: Any, target: Any) -> None:
        self.pending.append((target, source))

    def write(self) -> None:
        for target, source in self.pending:
            target[...] = source


def read(path: str | Path) -> xr.Dataset:
    """Read a dataset into memory and check that it is what was written.

    Parameters
    ----------
    path
        A file written by `write`, of a single dataset.

    Raises
    ------
    DatasetError
        If the file is missing, truncated, damaged or not ours; it names the file.
    """
    with _opened(path) as file:
        return _checked(file, path)


class Stored:
    """Cells stored in files of several groups, found by their identity.

    The file last read stays open: the next cell is likely to be in it too, and to open a file of many groups takes
    long.

    Parameters
    ----------
    paths
        Files written by `write`, one group a cell.

    Raises
    ------
    DatasetError
        If a file is missing or unreadable, or no file holds the cell asked for.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.files = [str(path) for path in paths]
        self.paths: dict[str, str] = {}
        self._open: tuple[str, netCDF4.Dataset] | None = None
        for path in self.files:
            with _opened(path) as file:
                self.paths.update(dict.fromkeys(file.groups, path))

    def read(self, cell: str) -> xr.Dataset:
        """Dataset of a cell."""
        if cell not in self.paths:
            raise DatasetError(f"cell {cell} is in none of the files given: {', '.join(self.files)}")
        path = self.paths[cell]
        if self._open is None or self._open[0] != path:
            self._open = path, _opened(path)
        return _checked(self._open[1][cell], path)


def _opened(path: str | Path) -> netCDF4.Dataset:
    """Open a file; DatasetError if it is missing or damaged, any other OSError as it is, with the file's name."""
    size = 0
    try:
        with open(path, "rb") as file:  # says why, where netCDF only says that it cannot
            size = os.fstat(file.fileno()).st_size
        return netCDF4.Dataset(path)
    except FileNotFoundError:
        raise DatasetError(f"{path}: not there") from None
    except (OSError, RuntimeError, MemoryError) as error:
        raise _read_error(error, f"{path}", path, 2 * size) from error


def _checked(group: netCDF4.Dataset, path: str | Path) -> xr.Dataset:
    """What a file, or a group of it, holds, if that is what was written."""
    where = f"{path}" + (f" (group {group.name})" if group.parent is not None else "")
    try:
        dataset = xr.open_dataset(xr.backends.NetCDF4DataStore(group)).load()
    except MemoryError as error:
        raise OSError(f"{where}: cannot be read, memory is short ({error})") from error
    except Exception as error:  # a flipped bit in the metadata may end in any
        size = sum(16 * variable.size for variable in group.variables.values())
        raise _read_error(error, where, path, size) from error
    if dataset.attrs.get(CHECKSUM) != checksum(dataset):
        raise DatasetError(f"{where}: damaged, its values do not match its checksum", path)
    return dataset


def _read_error(error: Exception, where: str, path: str | Path, size: int) -> OSError:
    """What to raise for an error on reading: that the file is damaged, unless something else may be the reason.

    Only that has a file renamed. A system call that fails says so by a positive number. HDF5 answers an allocation
    that fails as it answers damage, so that there has to be room for what was read.
    """
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return OSError(f"{where}: cannot be read ({error.strerror})")
    try:
        np.empty(size + MEMORY_TO_SPARE, dtype=np.uint8)
    except MemoryError:
        return OSError(f"{where}: cannot be read, memory is short ({error})")
    return DatasetError(f"{where}: unreadable ({error})", path)


def parameters_attribute(parameters: Mapping[str, Any]) -> str:
    """Parameters as the text that the attribute `parameters` holds (JSON)."""
    return json.dumps(parameters, sort_keys=True, default=dict)


def _encoding(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind == "U":
            encoding[str(name)] = {"dtype": "S1"}
        if variable.ndim and variable.dtype.kind != "O":
            encoding.setdefault(str(name), {}).update(zlib=True, complevel=1, shuffle=True, fletcher32=True)
    return encoding

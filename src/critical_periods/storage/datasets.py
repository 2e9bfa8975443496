"""Datasets on disk: NetCDF files that are whole or absent, describe themselves, and are checked when read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
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
    manifests
        Manifests that name it, of a cell.
    """

    def __init__(self, message: str, path: str | Path | None = None, manifests: Sequence[Path] = ()) -> None:
        super().__init__(message)
        self.path = None if path is None else Path(path)
        self.manifests = manifests

    def set_aside(self) -> str:
        """Rename the damaged file to `<name>.damaged` and remove manifests that name it; what was done, in words."""
        for manifest in self.manifests:
            manifest.unlink(missing_ok=True)
        if self.path is not None and self.path.is_file():
            aside = self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
            return f"now {aside.name}: the next run makes it anew"
        return "the next run makes it anew" if self.manifests else ""


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


def write(dataset: xr.Dataset, path: str | Path, code: str = "") -> str:
    """Write a dataset under a temporary name that is renamed at the end.

    It gets a checksum, the software versions, the code version and its time of creation as attributes, unless it is,
    value for value, one that was read and has them already; variables are compressed, and each of their blocks carries
    a checksum too.

    Parameters
    ----------
    dataset
        The dataset. What it names as `software`, the versions behind what it is made from, is kept beside the versions
        at hand.
    path
        The file, replaced if it exists.
    code
        Fingerprint of the code that made it.

    Returns
    -------
    str
        Its checksum.

    Raises
    ------
    OSError
        If it cannot be written; then no file of that name is left, or the one there was before.
    """
    stamped = with_provenance(dataset, provenance(code))
    with whole(path) as temporary:
        stamped.to_netcdf(temporary, engine="netcdf4", encoding=_encoding(stamped))
    return str(stamped.attrs[CHECKSUM])


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


def read_dataset(path: str | Path) -> xr.Dataset:
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
        raise _read_error(error, path, 2 * size) from error


def _checked(file: netCDF4.Dataset, path: str | Path) -> xr.Dataset:
    """What a file holds, if that is what was written."""
    try:
        dataset = xr.open_dataset(xr.backends.NetCDF4DataStore(file)).load()
    except MemoryError as error:
        raise OSError(f"{path}: cannot be read, memory is short ({error})") from error
    except Exception as error:  # a flipped bit in the metadata may end in any
        size = sum(16 * variable.size for variable in file.variables.values())
        raise _read_error(error, path, size) from error
    if dataset.attrs.get(CHECKSUM) != checksum(dataset):
        raise DatasetError(f"{path}: damaged, its values do not match its checksum", path)
    return dataset


def _read_error(error: Exception, path: str | Path, size: int) -> OSError:
    """What to raise for an error on reading: that the file is damaged, unless something else may be the reason.

    Only that has a file renamed. A system call that fails says so by a positive number. HDF5 answers an allocation
    that fails as it answers damage, so that there has to be room for what was read.
    """
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return OSError(f"{path}: cannot be read ({error.strerror})")
    try:
        np.empty(size + MEMORY_TO_SPARE, dtype=np.uint8)
    except MemoryError:
        return OSError(f"{path}: cannot be read, memory is short ({error})")
    return DatasetError(f"{path}: unreadable ({error})", path)


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

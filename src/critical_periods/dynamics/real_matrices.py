"""Matrices and masks of one's own: read from files, and known by the checksum of what they hold.

Imported whenever the workflow is planned; what it takes to read a file is loaded when there is one.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: Names of files, with that of an array or variable where a file holds several.
PATTERN = r"^.+\.(npy|npz|csv|nc)(:[^:]+)?$"

#: How a matrix is called by what it holds.
PREFIX = "sha256:"

#: Folders that paths are relative to; the first that has the file counts.
FOLDERS: list[Path] = [Path()]

#: Name by what it holds -> file, of every matrix that was read or that a job was told of.
FILES: dict[str, str] = {}


@dataclass(frozen=True)
class OwnMatrix:
    """What a file holds.

    Parameters
    ----------
    values
        (rows, columns) float array, NaN where an entry is missing.
    name
        `PREFIX` and 16 hexadecimal digits that depend on shape and values alone, not on the file or its format.
    """

    values: np.ndarray
    name: str

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[0], self.values.shape[1]

    @property
    def known(self) -> np.ndarray:
        """True where an entry is not missing."""
        return self.values == self.values


def is_own(word: Any) -> bool:
    """Whether a word of the configuration, or of a cell, means a matrix from a file."""
    return isinstance(word, str) and (word.startswith(PREFIX) or word.partition(":")[0].endswith(_SUFFIXES))


def own_matrix(word: str) -> OwnMatrix:
    """What a file holds, given its path, or the name that follows from what it holds.

    Parameters
    ----------
    word
        `<path>`, or `<path>:<array>` where a .npz or .nc file holds several; or the name of an `OwnMatrix`.

    Raises
    ------
    ValueError
        If the file is missing, or holds no matrix of finite numbers; it says what is needed and what was found. If it
        does not hold any more what it is called by.
    """
    if word.startswith(PREFIX):
        if word not in FILES:
            raise ValueError(f"matrix {word}: no file that holds it is known")
        found = own_matrix(FILES[word])
        if found.name != word:
            raise ValueError(f"{FILES[word]} has changed since the run was planned, start the run again")
        return found
    path, array = _found(word)
    found = _read(path, array, path.stat().st_mtime_ns)
    FILES[found.name] = f"{path.resolve()}" + f":{array}" * bool(array)
    return found


def _found(word: str) -> tuple[Path, str]:
    name, _, array = word.partition(":")
    for folder in FOLDERS:
        if (folder / name).is_file():
            return folder / name, array
    places = ", ".join(dict.fromkeys(str(folder.resolve()) for folder in FOLDERS))
    raise ValueError(f"a file that is there; none is in {places}")


@lru_cache(maxsize=100)
def _read(path: Path, array: str, changed: int) -> OwnMatrix:
    import numpy as np

    values = _READERS[path.suffix](path, array)
    if values.ndim != 2 or min(values.shape) < 1:
        raise ValueError(f"a matrix, of two axes; it has the shape {values.shape}")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"numbers; it holds {values.dtype}")
    values = values.astype(float) + 0.0  # of the two zeros one
    values[np.isnan(values)] = np.nan
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0] + 1
        raise ValueError(f"finite numbers, and NaN for missing ones; infinite in row {row}, column {column}")
    if not np.nan_to_num(values).any():
        raise ValueError("entries other than 0 and missing ones; there are none")
    digest = hashlib.sha256(f"{values.shape}".encode() + np.ascontiguousarray(values).tobytes()).hexdigest()
    values.flags.writeable = False
    return OwnMatrix(values, f"{PREFIX}{digest[:16]}")


def _of_csv(path: Path, array: str) -> np.ndarray:
    import numpy as np

    if array:
        raise ValueError(f"a .csv file without {array!r} after it: it holds one matrix")
    rows: list[list[float]] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, fields in enumerate(csv.reader(file), start=1):
            if rows and len(fields) != len(rows[0]):
                raise ValueError(
                    f"rows of one length; row {number} has {len(fields)} fields, the first {len(rows[0])}"
                )
            rows.append([_number(field.strip(), number, column) for column, field in enumerate(fields, start=1)])
    return np.array(rows)


def _number(field: str, row: int, column: int) -> float:
    try:
        return float(field or "nan")
    except ValueError:
        allowed = "numbers, and nothing or NaN for missing ones"
        raise ValueError(f"{allowed}; row {row}, column {column} is {field[:40]!r}") from None


def _of_numpy(path: Path, array: str) -> np.ndarray:
    import numpy as np

    try:
        content = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"a file of NumPy's, without Python objects; {error}") from None
    return content[_chosen(array, content.files)] if path.suffix == ".npz" else content


def _of_netcdf(path: Path, array: str) -> np.ndarray:
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="netcdf4") as content:
            names = [str(name) for name in content.data_vars if content[name].ndim == 2]
            return content[_chosen(array, names)].values
    except OSError as error:
        raise ValueError(f"a NetCDF file; {error}") from None


def _chosen(array: str, names: list[str]) -> str:
    if array in names or (not array and len(names) == 1):
        return array or names[0]
    raise ValueError(f"the file and, after a colon, which of its matrices: {', '.join(names) or 'there is none'}")


_READERS = {".csv": _of_csv, ".npy": _of_numpy, ".npz": _of_numpy, ".nc": _of_netcdf}
_SUFFIXES = tuple(_READERS)

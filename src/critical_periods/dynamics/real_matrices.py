"""Matrices and masks of one's own: from files or arrays, and known by the checksum of what they hold.

Imported whenever the workflow is planned; what it takes to read a file is loaded when there is one.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

#: Names of files, with that of an array or variable where a file holds several.
PATTERN = r"^.+\.(npy|npz|csv|nc)(:[^:]+)?$"

#: How a matrix is called by what it holds.
PREFIX = "sha256:"

#: Singular values below this fraction of the largest one are 0 to rounding.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class OwnMatrix:
    """What a file or an array holds.

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

    @property
    def largest(self) -> float:
        """Largest absolute value of an entry."""
        import numpy as np

        return float(np.nanmax(np.abs(self.values)))

    @cached_property
    def rank(self) -> int:
        """Number of singular values above 0, of a matrix without missing entries."""
        import numpy as np

        return numerical_rank(np.linalg.svd(scaled_to_one(self.values), compute_uv=False))


def scaled_to_one(matrix: np.ndarray) -> np.ndarray:
    """The matrix times the power of two that takes its largest entry to between 1/2 and 1, which is exact.

    Squares of entries above 1e154 or below 1e-162 are infinite or 0 in float64.

    Parameters
    ----------
    matrix
        With an entry that is neither 0 nor NaN, and none that is infinite.
    """
    import numpy as np

    return np.ldexp(matrix, -np.frexp(np.nanmax(np.abs(matrix)))[1])


def numerical_rank(singular_values: np.ndarray) -> int:
    """How many singular values, in descending order, are above 0 but for rounding."""
    return int((singular_values > RANK_TOLERANCE * singular_values[0]).sum())


class Matrices:
    """The own matrices of one run of the workflow, one of its jobs, or one call of `simulate`; each is read once.

    Parameters
    ----------
    folders
        Folders that paths are relative to; the first that has the file counts.
    files
        Name by what it holds -> file, of matrices that a job is told of.
    arrays
        Word -> array, of matrices that are in memory.

    Attributes
    ----------
    files
        The same, with every file that was read since.
    """

    def __init__(
        self,
        folders: Iterable[Path] = (Path(),),
        files: Mapping[str, str] | None = None,
        arrays: Mapping[str, Any] | None = None,
    ) -> None:
        self.folders = list(folders)
        self.files = dict(files or {})
        self._arrays = dict(arrays or {})
        self._read: dict[str, OwnMatrix] = {}

    def matrix(self, word: str) -> OwnMatrix:
        """What a word stands for; parameters and errors as of `own_matrix`."""
        if word not in self._read:
            found = self._named(word) if word.startswith(PREFIX) else self._of_word(word)
            self._read[word] = self._read[found.name] = found
        return self._read[word]

    def _named(self, name: str) -> OwnMatrix:
        if name not in self.files:
            raise ValueError(f"matrix {name}: no file that holds it is known")
        found = self._of_word(self.files[name])
        if found.name != name:
            raise ValueError(f"{self.files[name]} has changed since the run was planned, start the run again")
        return found

    def _of_word(self, word: str) -> OwnMatrix:
        if word in self._arrays:
            from critical_periods.dynamics.arrays import as_floats

            return _checked(as_floats(self._arrays[word]))
        name, _, array = word.partition(":")
        path = self._path(name)
        found = _checked(_READERS[path.suffix](path, array))
        self.files[found.name] = f"{path.resolve()}" + f":{array}" * bool(array)
        return found

    def _path(self, name: str) -> Path:
        for folder in self.folders:
            if (folder / name).is_file():
                return folder / name
        places = ", ".join(dict.fromkeys(str(folder.resolve()) for folder in self.folders))
        raise ValueError(f"a file that is there; none is in {places}")


_KNOWN: ContextVar[Matrices] = ContextVar("matrices")


@contextmanager
def known(matrices: Matrices) -> Iterator[Matrices]:
    """Have words stand for these matrices meanwhile, in this thread alone."""
    token = _KNOWN.set(matrices)
    try:
        yield matrices
    finally:
        _KNOWN.reset(token)


def is_own(word: Any) -> bool:
    """Whether a word of the configuration, or of a cell, means a matrix from a file or an array."""
    return isinstance(word, str) and (word.startswith(PREFIX) or word.partition(":")[0].endswith(_SUFFIXES))


def own_matrix(word: str) -> OwnMatrix:
    """The matrix that a word stands for among those that are `known`; else a file, from the current folder.

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
    return (_KNOWN.get(None) or Matrices()).matrix(word)


def _checked(values: np.ndarray) -> OwnMatrix:
    import numpy as np

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
        if not field.isascii() or "_" in field:  # float() takes 1_0 for 10, and digits of any script
            raise ValueError
        return float(field or "nan")
    except ValueError:
        allowed = "numbers, and nothing or NaN for missing ones"
        raise ValueError(f"{allowed}; row {row}, column {column} is {field[:40]!r}") from None


def _of_numpy(path: Path, array: str) -> np.ndarray:
    import numpy as np

    if array and path.suffix == ".npy":
        raise ValueError(f"a .npy file without {array!r} after it: it holds one matrix")
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

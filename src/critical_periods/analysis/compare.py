"""Results side by side: the variants of a study at every point, and two folders of results by what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from critical_periods.analysis.tables import read_claims
from critical_periods.storage.datasets import CHECKSUM, read_dataset


def compare_variants(datasets: Mapping[str, Mapping[str, xr.Dataset]], variable: str, reference: str) -> pd.DataFrame:
    """Compare a variable of the same cells by every variant of a study.

    Parameters
    ----------
    datasets
        Variant -> experiment -> dataset with the variable.
    variable
        What is compared.
    reference
        The variant that the others are compared with.

    Returns
    -------
    pandas.DataFrame
        A row for each cell and recorded point: `experiment`, `cell` (the parameters that vary), `switch_epoch` where
        there is one, the variable by every variant, and what each differs from the reference, `<variant>_difference`.

    Raises
    ------
    ValueError
        If the variants did not compute the same cells.
    """
    tables = []
    for experiment, dataset in datasets[reference].items():
        found = (experiments[experiment][variable] for experiments in datasets.values())
        alike = (values.reset_coords(drop=True).transpose(*dataset[variable].dims) for values in found)
        try:
            series = [values.to_series() for values in xr.align(*alike, join="exact")]
        except ValueError as error:
            raise ValueError(f"experiment {experiment!r}: the variants computed different cells: {error}") from None
        points = series[0].index.to_frame(index=False)
        recorded = points.filter(["switch_epoch"])
        cells = points.drop(columns=recorded.columns).to_dict("records")
        named = [", ".join(f"{name}={value}" for name, value in cell.items()) for cell in cells]
        head = pd.DataFrame({"experiment": experiment, "cell": named})
        values = pd.DataFrame({name: one.array for name, one in zip(datasets, series, strict=True)}, dtype=float)
        differences = values.drop(columns=reference).sub(values[reference], axis=0).add_suffix("_difference")
        tables.append(pd.concat([head, recorded, values, differences], axis=1))
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class FolderComparison:
    """What two folders of results have in common, and what is different in it.

    Parameters
    ----------
    datasets, claims
        Names of what both have, as `extensions/experiments/window` and `extensions/claim 4`.
    remarks
        What only one has, parameters that differ, and axes of which only some values are in both; in words.
    differences
        A row for each variable that differs: `dataset`, `variable`, how many values differ (`differing`) of those at
        points that both have (`compared`), the `largest` absolute difference (NaN for one of words, and where only one
        has a value), its part of the largest absolute value (`relative`), and `where` it is or what else is different.
    verdicts
        Claims whose verdicts differ: name, value in either folder, verdict in either folder.
    """

    datasets: list[str]
    claims: list[str]
    remarks: list[str]
    differences: pd.DataFrame
    verdicts: list[tuple[str, ...]]

    @property
    def agree(self) -> bool:
        """Whether no value and no verdict is different."""
        return self.differences.empty and not self.verdicts


def compare_results(one: Path, other: Path, tolerance: float = 0.0) -> FolderComparison:
    """Compare the experiment datasets and the claims of two folders of results.

    Parameters
    ----------
    one, other
        The folders, of the same or of different configurations, versions or machines.
    tolerance
        Differences up to this part of the largest absolute value of a variable do not count.

    Raises
    ------
    FileNotFoundError
        If a folder has no results, or the two have no dataset and no claim in common.
    critical_periods.storage.datasets.DatasetError
        If a dataset is damaged.
    """
    folders = (one, other)
    files, claims = [_datasets(folder) for folder in folders], [_claims(folder) for folder in folders]
    for folder, paths, rows in zip(folders, files, claims, strict=True):
        if not paths and not rows:
            raise FileNotFoundError(f"{folder}: no results; allowed: a folder that holds experiments/ or claims.csv")
    names, judged = sorted(files[0].keys() & files[1]), sorted(claims[0].keys() & claims[1])
    if not names and not judged:
        raise FileNotFoundError(f"{one} and {other}: nothing that both have")
    remarks, differences = [], []
    for folder, paths, rows in zip(folders, files, claims, strict=True):
        if alone := [*sorted(paths.keys() - names), *sorted(rows.keys() - judged)]:
            remarks.append(f"only in {folder}: {', '.join(alone)}")
    for name in names:
        first, second = (read_dataset(paths[name]) for paths in files)
        remarks += [f"{name}: {remark}" for remark in _remarks(first, second)]
        if first.attrs[CHECKSUM] != second.attrs[CHECKSUM]:
            for variable in sorted(map(str, first.data_vars.keys() | second.data_vars.keys())):
                if (found := _difference(first, second, variable, tolerance)) is not None:
                    differences.append((name, variable, *found))
    columns = ["dataset", "variable", "differing", "compared", "largest", "relative", "where"]
    verdicts = [
        (name, *(rows[name][key] for key in ("value", "holds") for rows in claims))
        for name in judged
        if claims[0][name]["holds"] != claims[1][name]["holds"]
    ]
    return FolderComparison(names, judged, remarks, pd.DataFrame(differences, columns=columns), verdicts)


def _datasets(folder: Path) -> dict[str, Path]:
    files = [path for path in folder.glob("**/experiments/*.nc") if not path.name.startswith(".")]
    return {str(path.relative_to(folder).with_suffix("")): path for path in files}


def _claims(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of all tables of claims, by folder and number of the claim."""
    return {
        str(path.parent.relative_to(folder) / f"claim {name}"): row
        for path in folder.glob("**/claims.csv")
        for name, row in read_claims(path).items()
    }


def _remarks(one: xr.Dataset, other: xr.Dataset) -> Iterator[str]:
    """Parameters that differ, and axes of which only some values are in both."""
    first, second = (json.loads(dataset.attrs.get("parameters", "{}")) for dataset in (one, other))
    for name in sorted(first.keys() | second):
        if first.get(name) != second.get(name):
            yield f"{name} = {first.get(name)} and {second.get(name)}"
    for axis in sorted(map(str, one.indexes.keys() & other.indexes)):
        sizes = one.sizes[axis], other.sizes[axis]
        both = len(one.indexes[axis].intersection(other.indexes[axis]))
        if both < max(sizes):
            yield f"{both} values of {axis} are in both, of {sizes[0]} and {sizes[1]}"


def _difference(
    one: xr.Dataset, other: xr.Dataset, variable: str, tolerance: float
) -> tuple[int, int, float, float, str] | None:
    """What `FolderComparison.differences` says of a variable; None where the two agree."""
    if variable not in one or variable not in other:
        return 0, 0, np.nan, np.nan, f"only in the {'first' if variable in one else 'second'}"
    first, second = (dataset[variable].reset_coords(drop=True) for dataset in (one, other))
    if set(first.dims) != set(second.dims):
        axes = (", ".join(map(str, values.dims)) for values in (first, second))
        return 0, 0, np.nan, np.nan, f"axes {' and '.join(axes)}"
    first, second = xr.align(first, second.transpose(*first.dims), join="inner")
    if not first.size:
        return 0, 0, np.nan, np.nan, "no point that both have"
    if first.dtype.kind in "biuf" and second.dtype.kind in "biuf":
        first, second = first.astype(float), second.astype(float)
        same = (first == second) | (first.isnull() & second.isnull())
        size = abs(first - second).where(~same, 0.0)
        scale = float(abs(first).where(np.isfinite(first), 0.0).max())
        differ = ~(size <= tolerance * scale)  # NaN where only one has a value
    else:
        differ, scale = first.astype(str) != second.astype(str), np.nan
        size = xr.full_like(differ, np.nan, dtype=float)
    if not differ.any():
        return None
    ranked = np.where(differ, np.nan_to_num(size, nan=np.inf), -1.0)
    place = dict(zip(first.dims, np.unravel_index(ranked.argmax(), ranked.shape), strict=True))
    largest = float(size[place])
    where = (f"{axis}={first[axis].values[at] if axis in first.coords else at}" for axis, at in place.items())
    relative = largest / scale if scale else float("nan" if np.isnan(largest) else "inf")
    return int(differ.sum()), first.size, largest, relative, ", ".join(where)

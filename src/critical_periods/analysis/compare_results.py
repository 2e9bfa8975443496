"""Two folders of results side by side: values that differ and by how much, and verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from tabulate import tabulate

from critical_periods.analysis.tables import read_claims
from critical_periods.storage.datasets import CHECKSUM, read


class Difference(NamedTuple):
    """One variable of a dataset that is not the same in two folders.

    Parameters
    ----------
    dataset, variable
        Name of the dataset, as `extensions/experiments/window`, and of the variable.
    where
        Coordinates of the largest difference, or what else keeps the two apart.
    differing, compared
        How many values differ, of those at points that both have.
    largest
        Largest absolute difference; NaN where it is one of words, or of values that only one has.
    relative
        That over the largest absolute value.
    """

    dataset: str
    variable: str
    where: str
    differing: int = 0
    compared: int = 0
    largest: float = np.nan
    relative: float = np.nan


@dataclass
class Comparison:
    """What two folders of results have in common, and what is different in it.

    Parameters
    ----------
    datasets, claims
        Names of what both have.
    only
        Folder -> datasets and claims that the other lacks.
    differences
        Variables that differ.
    verdicts
        Claim -> value and verdict in either folder, of those whose verdicts differ.
    remarks
        What else is different: parameters, values of axes.
    """

    datasets: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    only: dict[str, list[str]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    verdicts: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        """Whether no value and no verdict is different."""
        return not self.differences and not self.verdicts


def compare_results(one: Path, other: Path, tolerance: float = 0.0) -> Comparison:
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
    files = {folder: _datasets(folder) for folder in (one, other)}
    claims = {folder: _claims(folder) for folder in (one, other)}
    for folder in (one, other):
        if not files[folder] and not claims[folder]:
            raise FileNotFoundError(f"{folder}: no results; allowed: a folder that holds experiments/ or claims.csv")
    found = Comparison(sorted(files[one].keys() & files[other]), sorted(claims[one].keys() & claims[other]))
    for folder, rest in ((one, other), (other, one)):
        alone = sorted(files[folder].keys() - files[rest]) + sorted(claims[folder].keys() - claims[rest])
        found.only[str(folder)] = alone
    if not found.datasets and not found.claims:
        raise FileNotFoundError(f"{one} and {other}: nothing that both have")
    for name in found.datasets:
        first, second = read(files[one][name]), read(files[other][name])
        found.remarks += [f"{name}: {remark}" for remark in _remarks(first, second)]
        if first.attrs[CHECKSUM] != second.attrs[CHECKSUM]:
            variables = sorted(map(str, first.data_vars.keys() | second.data_vars.keys()))
            each = (_difference(name, variable, first, second, tolerance) for variable in variables)
            found.differences += filter(None, each)
    for name in found.claims:
        first_claim, second_claim = claims[one][name], claims[other][name]
        if first_claim["holds"] != second_claim["holds"]:
            values = first_claim["value"], second_claim["value"]
            found.verdicts[name] = (*values, first_claim["holds"], second_claim["holds"])
    return found


def _datasets(folder: Path) -> dict[str, Path]:
    return {
        str(path.relative_to(folder).with_suffix("")): path
        for path in sorted(folder.glob("**/experiments/*.nc"))
        if not path.name.startswith(".")
    }


def _claims(folder: Path) -> dict[str, Mapping[str, str]]:
    """Rows of all tables of claims, by folder and number of the claim."""
    found: dict[str, Mapping[str, str]] = {}
    for path in sorted(folder.glob("**/claims.csv")):
        place = path.parent.relative_to(folder)
        found |= {str(place / f"claim {name}"): row for name, row in read_claims(path).items()}
    return found


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


def _difference(name: str, variable: str, one: xr.Dataset, other: xr.Dataset, tolerance: float) -> Difference | None:
    """Where a variable differs most, or what keeps the two apart; None where they agree."""
    if variable not in one or variable not in other:
        return Difference(name, variable, f"only in the {'first' if variable in one else 'second'}")
    first, second = one[variable].reset_coords(drop=True), other[variable].reset_coords(drop=True)
    if set(first.dims) != set(second.dims):
        axes = " and ".join(", ".join(map(str, values.dims)) for values in (first, second))
        return Difference(name, variable, f"axes {axes}")
    first, second = xr.align(first, second, join="inner")
    if not first.size:
        return Difference(name, variable, "no point that both have")
    a, b = first.values, second.transpose(*first.dims).values
    if a.dtype.kind in "biuf" and b.dtype.kind in "biuf":
        a, b = a.astype(float), b.astype(float)
        scale = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
        differ = ~np.isclose(a, b, rtol=0, atol=tolerance * scale, equal_nan=True)
        with np.errstate(invalid="ignore"):
            size = np.abs(a - b)  # NaN where only one has a value
    else:
        differ, size, scale = a.astype(str) != b.astype(str), np.full(a.shape, np.nan), np.nan
    if not differ.any():
        return None
    ranked = np.where(differ, np.nan_to_num(size, nan=np.inf), -1.0)
    index = np.unravel_index(int(ranked.argmax()), ranked.shape)
    point = first[index].coords
    where = ", ".join(
        f"{axis}={point[axis].item() if axis in point else at}" for axis, at in zip(first.dims, index, strict=True)
    )
    largest = float(size[index])
    relative = largest / scale if scale else float("nan" if np.isnan(largest) else "inf")
    return Difference(name, variable, where, int(differ.sum()), a.size, largest, relative)


def as_text(comparison: Comparison, one: Path, other: Path) -> str:
    """A comparison as tables for the terminal."""
    differing = {difference.dataset for difference in comparison.differences}
    lines = [
        f"{len(comparison.datasets)} datasets are in both, {len(differing)} of them differ; "
        f"{len(comparison.claims)} claims, of which {len(comparison.verdicts)} have other verdicts"
    ]
    for folder, names in comparison.only.items():
        if names:
            lines.append(f"only in {folder}: {', '.join(names)}")
    lines += comparison.remarks
    tables = []
    if comparison.differences:
        ranked = sorted(comparison.differences, key=lambda row: -np.nan_to_num(row.relative, nan=np.inf))
        tables.append([("dataset", "variable", "differ", "largest", "relative", "where"), *map(_row, ranked)])
    if comparison.verdicts:
        head = ("claim", f"value in {one}", f"in {other}", f"holds in {one}", f"in {other}")
        tables.append([head, *((name, *row) for name, row in comparison.verdicts.items())])
    for table in tables:
        lines += ["", tabulate(table, tablefmt="plain", disable_numparse=True)]
    return "\n".join(lines)


def _row(difference: Difference) -> tuple[str, ...]:
    numbers = ["" if np.isnan(value) else f"{value:.3g}" for value in (difference.largest, difference.relative)]
    differ = f"{difference.differing} of {difference.compared}"
    return difference.dataset, difference.variable, differ, *numbers, difference.where

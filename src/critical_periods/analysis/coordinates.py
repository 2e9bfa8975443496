"""Values of a parameter as the coordinate of an axis, and null among them: NaN among numbers, `none` among words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

#: Axes of a dataset that number runs of the same thing.
RUNS = ("seed", "trajectory")

#: What null is among words.
NONE = "none"


def from_values(values: Sequence[Any]) -> np.ndarray:
    """The coordinate of an axis from the values of the configuration, as NetCDF keeps it.

    Parameters
    ----------
    values
        Numbers, words, true and false, and null (None).
    """
    known = np.asarray([value for value in values if value is not None])
    if len(known) == len(values):
        return known
    if known.dtype.kind in "iuf":
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    return np.array([NONE if value is None else str(value) for value in values])


def is_null(value: Any) -> bool:
    """Whether a value of the configuration, or of a coordinate, is null."""
    return value is None or (isinstance(value, str) and value == NONE) or bool(value != value)


def find(coordinate: Any, value: Any) -> np.ndarray:
    """Indices at which a coordinate has a value of the configuration, or one of its own."""
    values = np.asarray(coordinate)
    if is_null(value):
        return np.flatnonzero([is_null(item) for item in values])
    return np.flatnonzero(values == value)


def select(dataset: Any, where: Mapping[str, Any]) -> Any:
    """The part of a dataset, or a labelled array, at values of its axes.

    Parameters
    ----------
    dataset
        The dataset.
    where
        Axis -> a value as in the configuration, or as in the coordinate.

    Raises
    ------
    KeyError
        If there is no such axis or value; it names both.
    """
    for axis, value in where.items():
        if axis not in dataset.indexes or not len(found := find(dataset[axis], value)):
            raise KeyError(f"no {axis} = {value}")
        dataset = dataset.isel({axis: int(found[0])})
    return dataset


def value_of(coordinate: xr.DataArray) -> Any:
    """The one value of a coordinate, null as None."""
    item = coordinate.item()
    return None if is_null(item) else item

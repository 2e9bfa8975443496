"""Datasets as tidy tables, a row a point and run: what figures, CSV and other people's code draw from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from critical_periods.analysis import coordinates
from critical_periods.configuration.fields import ConfigError, one_of
from critical_periods.figures import words


def tidy(dataset: xr.Dataset, *variables: str, select: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Variables of a dataset as a table that seaborn, plotly or a plot of one's own takes.

    >>> cp.tidy(dataset, "impairment")

    Parameters
    ----------
    dataset
        A dataset, as of `simulate` or `read`.
    variables
        What is in the table, beside a column for every axis.
    select
        Axis -> the value, or the list of values, that is wanted; an axis with a single value is no column's choice.

    Returns
    -------
    pandas.DataFrame
        A row a point and run; NaN where there is no value, but rows beyond the end of training are left out. Where
        the dataset tells, `status` says "diverged" of runs without a value and "fails" of those that end above the
        error of a network that has learned nothing even without a deficit. Null among the values of an axis is a
        word, "none". Beside an axis `epoch`, `since_switch` counts epochs from the switch to the last phase.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If there is no such variable, axis or value.
    """
    for name in variables:
        if name not in dataset:
            raise ConfigError("tidy: variable", name, one_of(name, dataset.data_vars))
    part = selected(dataset, select or {})
    beside = [
        name
        for name, values in part.coords.items()
        if name not in part.dims and name != "phase" and set(values.dims) <= set(part[list(variables)].dims)
    ]
    frame = part.reset_coords()[[*variables, *beside]].to_dataframe().reset_index()
    frame = frame.astype({name: float for name in variables if frame[name].dtype == bool})
    if "epoch" in frame:
        frame["since_switch"] = frame["epoch"] - switch_of(part, frame)
    there = frame[list(variables)].notna().any(axis=1)
    lost = frame.pop("diverged").astype(bool) & ~there if "diverged" in frame else ~there & False
    if "failed" in frame or lost.any():
        fails = frame.pop("failed").astype(bool) if "failed" in frame else lost & False
        frame["status"] = np.select([lost, fails], ["diverged", "fails"], "")
    if "epoch" in frame:
        frame = frame[there | lost]
    return worded(frame, part).reset_index(drop=True)


def worded(frame: pd.DataFrame, dataset: xr.Dataset) -> pd.DataFrame:
    """A table with words in place of the values of axes that have null among them."""
    for axis in dataset.dims:
        if axis in frame and any(coordinates.is_null(value) for value in pd.unique(frame[axis])):
            null = dataset[axis].attrs.get("null", coordinates.NONE)
            frame[axis] = frame[axis].map(lambda value, null=null: words.said([value], null)[0])
    return frame


def selected(dataset: xr.Dataset, select: Mapping[str, Any]) -> xr.Dataset:
    """The part of a dataset at values of its axes, or at a list of them."""
    for axis, given in select.items():
        if axis not in dataset.indexes:
            raise ConfigError("select", axis, one_of(axis, dataset.indexes))
        indices = []
        for value in given if isinstance(given, list) else [given]:
            found = coordinates.find(dataset[axis], value)
            if not len(found):
                raise ConfigError(f"select.{axis}", value, one_of(value, dataset[axis].values[:20]))
            indices.append(int(found[0]))
        dataset = dataset.isel({axis: indices})
    return dataset


def switch_of(dataset: xr.Dataset, frame: pd.DataFrame) -> Any:
    """First epoch of the last phase: a column of a table, or one number for all of it."""
    if "switch_epoch" in frame:
        return frame["switch_epoch"]
    if "phase" not in dataset:
        return 0
    phases = dataset["phase"].values.reshape(-1, dataset.sizes["epoch"])[0]
    return dataset["epoch"].values[phases == phases[-1]][0]


def parameters(dataset: xr.Dataset) -> dict[str, Any]:
    """Parameters that all cells of a dataset have in common."""
    found: dict[str, Any] = json.loads(dataset.attrs.get("parameters", "{}"))
    return found

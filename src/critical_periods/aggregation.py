"""From the datasets of cells to the dataset of an experiment."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import xarray as xr

from critical_periods.coordinates import from_values
from critical_periods.datasets import parameters_attribute
from critical_periods.measures import relative_accuracy
from critical_periods.provenance import merged_versions
from critical_periods.trajectories import DivergedError, describe

DESCRIPTIONS = {
    "seed": ("seed of the random draws", "1"),
    "diverged": ("whether training diverged", "1"),
    "relative_accuracy": ("error without the deficit minus error with it", "1"),
}


def assemble(
    axes: Mapping[str, Sequence[Any]],
    cells: Sequence[str],
    read_cell: Callable[[str], xr.Dataset],
    descriptions: Mapping[str, str],
    diverged: str = "fail",
) -> xr.Dataset:
    """Put the cells of an experiment side by side, along `seed` and every parameter that varies.

    Matrix-completion experiments get `relative_accuracy` beside their `reconstruction_error`; they, and gating of
    several durations, get `measured_closing` and `predicted_closing` too.

    Parameters
    ----------
    axes
        Name -> values of every axis of the grid.
    cells
        Identities of the cells, the last axis of the grid varying fastest.
    read_cell
        Called with an identity, returns the cell's dataset, whose attribute `parameters` holds its parameters.
    descriptions
        parameter -> long name of the axis along which it varies.
    diverged
        "fail": a cell whose training diverged is an error; "record": it is NaN.

    Returns
    -------
    xarray.Dataset
        Its attribute `parameters` holds the parameters that all cells share, as JSON; `software` the versions behind
        all cells. Where cells diverged, the attribute `diverged` says which and why, a line each, and so does the
        coordinate `diverged` over the axes of the grid.

    Raises
    ------
    critical_periods.trajectories.DivergedError
        If a cell diverged and that is not to be recorded.
    """
    grid = iter(zip(cells, itertools.product(*axes.values()), strict=True))
    shared: dict[str, Any] | None = None
    software: list[str] = []
    broken: list[str] = []

    def read_next() -> xr.Dataset:
        nonlocal shared
        identity, point = next(grid)
        dataset = read_cell(identity)
        if "software" in dataset.attrs:
            software.append(dataset.attrs["software"])
        if "diverged" in dataset.attrs:
            place = ", ".join(f"{name} = {value}" for name, value in zip(axes, point, strict=True))
            broken.append(f"{place}: {dataset.attrs['diverged']}")
            if diverged != "record":
                raise DivergedError(f"cell {identity} ({broken[-1]}); allowed where diverged = record")
        dataset = dataset.assign(diverged="diverged" in dataset.attrs)
        parameters = json.loads(dataset.attrs["parameters"])
        known = parameters if shared is None else shared
        shared = {name: value for name, value in known.items() if parameters.get(name) == value}
        return _with_prediction(dataset, dataset.attrs.get("model"), parameters, axes)

    dataset = _nested(list(axes.items()), read_next)
    if "reconstruction_error" in dataset and "switch_epoch" in dataset.dims:
        dataset["relative_accuracy"] = relative_accuracy(dataset["reconstruction_error"])
    dataset = _with_measurement(dataset)
    dataset.attrs = {"parameters": parameters_attribute(shared or {})}
    if software:
        dataset.attrs["software"] = merged_versions(dict.fromkeys(software))
    if broken:
        dataset = dataset.set_coords("diverged")  # so that every variable has it, wherever it is drawn
        dataset.attrs["diverged"] = "\n".join(broken)
    else:
        dataset = dataset.drop_vars("diverged")
    axis_names = {name: (text, "1") for name, text in descriptions.items() if name in axes}
    return describe(dataset, axis_names | DESCRIPTIONS)


def _with_prediction(
    dataset: xr.Dataset, model: str | None, parameters: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]
) -> xr.Dataset:
    """A cell with the closing that theory predicts, where the experiment varies the duration of a deficit."""
    # A duration that is not on its axis counts other epochs than the axis does (`epochs_at_rate`).
    gated = model == "scalar_pathways" and parameters["duration"] in axes.get("duration", ())
    if model is None or not (model == "matrix_completion" or gated):
        return dataset
    from critical_periods.closing import predicted_closing  # slow to load, and not all experiments need it

    return dataset.assign(predicted_closing=predicted_closing(model, parameters))


def _with_measurement(dataset: xr.Dataset) -> xr.Dataset:
    """An experiment with the closing measured, where there is one predicted."""
    if "predicted_closing" not in dataset:
        return dataset
    from critical_periods.closing import DESCRIPTIONS, measured_closing

    if "duration" in dataset["predicted_closing"].dims:
        harm, dim = dataset["impairment"], "duration"
        dataset["predicted_closing"] = dataset["predicted_closing"].isel(duration=0, drop=True)
    else:
        harm, dim = -dataset["relative_accuracy"], "switch_epoch"
    dataset["measured_closing"] = measured_closing(harm, dim)
    return describe(dataset, DESCRIPTIONS)


def _nested(axes: Sequence[tuple[str, Sequence[Any]]], read_next: Callable[[], xr.Dataset]) -> xr.Dataset:
    """Concatenate along the axes, the last one innermost; epochs and modes that a cell lacks are NaN, phases "".

    What a cell records under the name of an axis gives way to it.
    """
    if not axes:
        return read_next()
    name, values = axes[0]
    parts = [_nested(axes[1:], read_next).drop_vars(name, errors="ignore") for _ in values]
    joined = xr.concat(parts, name, join="outer", data_vars="all", coords="different", compat="equals")
    words = {label: words.fillna("").astype(str) for label, words in joined.coords.items() if words.dtype.kind == "O"}
    return joined.assign_coords(words | {name: from_values(values)})

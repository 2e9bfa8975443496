"""From the datasets of cells to the dataset of an experiment."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import xarray as xr

from critical_periods.analysis.coordinates import from_values
from critical_periods.dynamics.trajectories import DivergedError
from critical_periods.storage.datasets import parameters_attribute
from critical_periods.storage.provenance import merged_versions


def assemble(
    axes: Mapping[str, Sequence[Any]],
    cells: Sequence[str],
    read_cell: Callable[[str], xr.Dataset],
    descriptions: Mapping[str, Mapping[str, Any]],
    predict: Callable[..., xr.Dataset] | None = None,
    derive: Callable[[xr.Dataset], xr.Dataset] | None = None,
    diverged: str = "fail",
    theory: Sequence[str] = (),
    epochs_at_rate: float | None = None,
) -> xr.Dataset:
    """Put the cells of an experiment side by side, along `seed` and every parameter that varies.

    Parameters
    ----------
    axes
        Name -> values of every axis of the grid.
    cells
        Identities of the cells, the last axis of the grid varying fastest.
    read_cell
        Called with an identity, returns the cell's dataset, whose attribute `parameters` holds its parameters.
    descriptions
        Variable or axis -> attributes (`long_name`, `units`, `label`, `null`, `signed`).
    predict
        Called with the dataset of a cell, its parameters, `epochs_at_rate` among them, and the axes, adds what theory
        says of it.
    derive
        Called with the dataset of the experiment, adds what follows from it.
    diverged
        "fail": a cell whose training diverged is an error; "record": it is NaN.
    theory
        Identities of what theory says of each cell, in the order of these, where that is computed beside them.
    epochs_at_rate
        Learning rate at which the experiment counts epochs, for cells that do not say; None for their own.

    Returns
    -------
    xarray.Dataset
        Its attribute `parameters` holds the parameters that all cells share, as JSON; `software` the versions behind
        all cells and `engine` what computed them. Where cells diverged, the attribute `diverged` says which and why, a
        line each, and so does the coordinate `diverged` over the axes of the grid.

    Raises
    ------
    critical_periods.dynamics.trajectories.DivergedError
        If a cell diverged and that is not to be recorded.
    """
    parameters: list[dict[str, Any]] = []
    attributes: list[dict[str, Any]] = []
    broken: list[str] = []

    def read_cells() -> Iterator[xr.Dataset]:
        for identity, point, beside in zip(cells, itertools.product(*axes.values()), theory or cells, strict=True):
            dataset = read_cell(identity)
            attributes.append(dataset.attrs)
            parameters.append(json.loads(dataset.attrs["parameters"]))
            if "diverged" in dataset.attrs:
                place = ", ".join(f"{name} = {value}" for name, value in zip(axes, point, strict=True))
                broken.append(f"{place}: {dataset.attrs['diverged']}")
                if diverged != "record":
                    raise DivergedError(f"cell {identity} ({broken[-1]}); allowed where diverged = record")
            dataset = dataset.assign(diverged="diverged" in dataset.attrs)
            if theory:
                dataset = dataset.merge(read_cell(beside), join="outer")
            varied = dict(zip(axes, point, strict=True))
            rate = {"epochs_at_rate": varied.get("epochs_at_rate", epochs_at_rate)}
            yield dataset if predict is None else predict(dataset, rate | parameters[-1], axes)

    dataset = _nested(list(axes.items()), read_cells())
    if derive is not None:
        dataset = derive(dataset)
    first, *others = parameters
    shared = {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
    dataset.attrs = {"parameters": parameters_attribute(shared)}
    if engines := {found["engine"] for found in attributes if "engine" in found}:
        dataset.attrs["engine"] = ", ".join(sorted(engines))
    if software := dict.fromkeys(found["software"] for found in attributes if "software" in found):
        dataset.attrs["software"] = merged_versions(software)
    if broken:
        dataset = dataset.set_coords("diverged")  # so that every variable has it, wherever it is drawn
        dataset.attrs["diverged"] = "\n".join(broken)
    else:
        dataset = dataset.drop_vars("diverged")
    for name, variable in dataset.variables.items():
        variable.attrs.update(descriptions.get(str(name), {}))
    return dataset


def _nested(axes: Sequence[tuple[str, Sequence[Any]]], cells: Iterator[xr.Dataset]) -> xr.Dataset:
    """Concatenate along the axes, the last one innermost; epochs and modes that a cell lacks are NaN, phases "".

    What a cell records under the name of an axis gives way to it.
    """
    if not axes:
        return next(cells)
    name, values = axes[0]
    parts = [_nested(axes[1:], cells).drop_vars(name, errors="ignore") for _ in values]
    joined = xr.concat(parts, name, join="outer", data_vars="all", coords="different", compat="equals")
    words = {label: words.fillna("").astype(str) for label, words in joined.coords.items() if words.dtype.kind == "O"}
    return joined.assign_coords(words | {name: from_values(values)})

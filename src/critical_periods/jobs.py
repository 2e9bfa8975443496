"""What a job does with its bundle of cells."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import xarray as xr

from critical_periods.datasets import parameters_attribute
from critical_periods.experiments import Cell
from critical_periods.trajectories import DivergedError, SolverError


def run_cells(
    model: str, cells: Mapping[str, Mapping[str, Any]], simulate: Callable[..., xr.Dataset]
) -> dict[str, xr.Dataset]:
    """Simulate the cells of a bundle one after the other.

    Parameters
    ----------
    model
        The model of the cells.
    cells
        Identity -> parameters.
    simulate
        Called with a cell's parameters and `progress`, what to call it in the log; returns its dataset.

    Returns
    -------
    dict
        Identity -> dataset, with model and parameters as attributes.

    Raises
    ------
    DivergedError, SolverError
        If a simulation breaks down; the error names the cell.
    """

    def one(batch: Sequence[Mapping[str, Any]], progress: str) -> list[xr.Dataset]:
        return [simulate(batch[0], progress=progress)]

    return run_batches(model, cells, one, lambda parameters: None)


def run_batches(
    model: str,
    cells: Mapping[str, Mapping[str, Any]],
    simulate: Callable[..., Sequence[xr.Dataset]],
    batch_key: Callable[[Mapping[str, Any]], Hashable | None],
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, xr.Dataset]:
    """Simulate the cells of a bundle, those that fit together as one batch.

    Parameters
    ----------
    model
        The model of the cells.
    cells
        Identity -> parameters.
    simulate
        Called with the parameters of the cells of a batch, their arguments if they have any, and `progress`; returns
        their datasets.
    batch_key
        Cells with the same key are one batch; None keeps a cell by itself.
    arguments
        Identity -> what a cell needs beside its parameters.

    Returns
    -------
    dict
        Identity -> dataset, with model and parameters as attributes.

    Raises
    ------
    DivergedError, SolverError
        If a simulation breaks down; the error names the cells of its batch.
    """
    batches: dict[Hashable, list[str]] = {}
    for identity, parameters in cells.items():
        key = batch_key(parameters)
        batches.setdefault(identity if key is None else key, []).append(identity)
    results, begun = {}, 0
    for batch in batches.values():
        names = f"cell {begun + 1}" if len(batch) == 1 else f"cells {begun + 1} to {begun + len(batch)}"
        begun += len(batch)
        extra = () if arguments is None else ([arguments[identity] for identity in batch],)
        try:
            datasets = simulate([cells[identity] for identity in batch], *extra, progress=f"{names} of {len(cells)}")
        except (DivergedError, SolverError) as error:
            broken = "; ".join(str(Cell(model, cells[identity])) for identity in batch)
            raise type(error)(f"{broken}: {error}") from error
        for identity, dataset in zip(batch, datasets, strict=True):
            attributes = {"model": model, "parameters": parameters_attribute(cells[identity])}
            results[identity] = dataset.assign_attrs(attributes)
    return {identity: results[identity] for identity in cells}

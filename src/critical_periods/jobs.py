"""What a job does with its bundle of cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from critical_periods.datasets import parameters_attribute
from critical_periods.experiments import Cell
from critical_periods.trajectories import DivergedError, SolverError


def run_cells(
    model: str,
    cells: Mapping[str, Mapping[str, Any]],
    simulate: Callable[..., xr.Dataset],
    arguments: Mapping[str, Any] | None = None,
) -> dict[str, xr.Dataset]:
    """Simulate the cells of a bundle one after the other.

    Parameters
    ----------
    model
        The model of the cells.
    cells
        Identity -> parameters.
    simulate
        Called with a cell's parameters, its argument if it has one, and `progress`, what to call it in the log.
    arguments
        Identity -> what a cell needs beside its parameters.

    Returns
    -------
    dict
        Identity -> dataset, with model and parameters as attributes.

    Raises
    ------
    DivergedError, SolverError
        If a simulation breaks down; the error names the cell.
    """
    results = {}
    for number, (identity, parameters) in enumerate(cells.items(), start=1):
        extra = () if arguments is None else (arguments[identity],)
        try:
            dataset = simulate(parameters, *extra, progress=f"cell {number} of {len(cells)}")
        except (DivergedError, SolverError) as error:
            raise type(error)(f"{Cell(model, parameters)}: {error}") from error
        results[identity] = dataset.assign_attrs(model=model, parameters=parameters_attribute(parameters))
    return results

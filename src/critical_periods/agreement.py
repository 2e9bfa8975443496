"""Final reconstruction errors of the same cells by every solver, side by side."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from critical_periods.runs import COMPARED


def agreement_table(datasets: Mapping[str, Mapping[str, xr.Dataset]]) -> list[dict[str, Any]]:
    """Compare the solvers at every cell and switch epoch.

    Parameters
    ----------
    datasets
        Solver (one of `COMPARED`) -> experiment -> dataset with `reconstruction_error`.

    Returns
    -------
    list of dict
        One row for each cell and switch epoch: `experiment`, `cell` (the parameters that vary), `switch_epoch`, the
        final reconstruction error by every solver, and what each differs from gradient descent.

    Raises
    ------
    ValueError
        If the solvers did not compute the same cells.
    """
    reference, *others = COMPARED
    rows = []
    for experiment, dataset in datasets[reference].items():
        errors = {solver: datasets[solver][experiment]["reconstruction_error"] for solver in COMPARED}
        try:
            aligned = xr.align(*errors.values(), join="exact")
        except ValueError as error:
            raise ValueError(f"experiment {experiment!r}: the solvers computed different cells: {error}") from None
        stacked = [error.stack(cell=dataset["reconstruction_error"].dims) for error in aligned]
        for index in range(stacked[0].size):
            point = dict(zip(dataset["reconstruction_error"].dims, stacked[0]["cell"].values[index], strict=True))
            values = {solver: float(error[index]) for solver, error in zip(COMPARED, stacked, strict=True)}
            rows.append(
                {
                    "experiment": experiment,
                    "cell": ", ".join(f"{name}={value}" for name, value in point.items() if name != "switch_epoch"),
                    "switch_epoch": int(point["switch_epoch"]),
                    **values,
                    **{f"{solver}_difference": values[solver] - values[reference] for solver in others},
                }
            )
    return rows


def largest_differences(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Row of the largest difference from gradient descent, by solver."""
    return {solver: max(rows, key=lambda row: abs(row[f"{solver}_difference"]), default={}) for solver in COMPARED[1:]}


def write_table(rows: list[dict[str, Any]], path: str | Path) -> None:
    """Write the table as CSV, errors to six significant digits."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
            )

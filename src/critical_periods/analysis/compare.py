"""One variable of the same cells by every variant of a study, side by side."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr


def comparison(
    datasets: Mapping[str, Mapping[str, xr.Dataset]], variable: str, reference: str
) -> list[dict[str, Any]]:
    """Compare the variants at every point of every experiment.

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
    list of dict
        One row for each cell and recorded point: `experiment`, `cell` (the parameters that vary), the recorded axes,
        the variable by every variant, and what each differs from the reference, `<variant>_difference`.

    Raises
    ------
    ValueError
        If the variants did not compute the same cells.
    """
    rows = []
    for experiment, dataset in datasets[reference].items():
        values = {variant: datasets[variant][experiment][variable] for variant in datasets}
        try:
            aligned = xr.align(*values.values(), join="exact")
        except ValueError as error:
            raise ValueError(f"experiment {experiment!r}: the variants computed different cells: {error}") from None
        stacked = [value.stack(cell=dataset[variable].dims) for value in aligned]
        for index in range(stacked[0].size):
            point = dict(zip(dataset[variable].dims, stacked[0]["cell"].values[index], strict=True))
            found = {variant: float(value[index]) for variant, value in zip(values, stacked, strict=True)}
            recorded = {str(name): int(point.pop(name)) for name in ("switch_epoch",) if name in point}
            rows.append(
                {
                    "experiment": experiment,
                    "cell": ", ".join(f"{name}={value}" for name, value in point.items()),
                    **recorded,
                    **found,
                    **{f"{name}_difference": found[name] - found[reference] for name in found if name != reference},
                }
            )
    return rows


def largest_differences(rows: list[dict[str, Any]], variants: list[str]) -> dict[str, dict[str, Any]]:
    """Row of the largest difference from the reference, by variant."""
    return {name: max(rows, key=lambda row: abs(row[f"{name}_difference"]), default={}) for name in variants}


def write_table(rows: list[dict[str, Any]], path: str | Path) -> None:
    """Write the table as CSV, numbers to six significant digits."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
            )

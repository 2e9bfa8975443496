"""One variable of the same cells by every variant of a study, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from critical_periods.storage.files import write_whole


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
    rows, others = [], [name for name in datasets if name != reference]
    for experiment, dataset in datasets[reference].items():
        computed_by = [datasets[name][experiment][variable].reset_coords(drop=True) for name in datasets]
        found = [values.rename(str(index)) for index, values in enumerate(computed_by)]  # no name that an axis has
        try:
            values = xr.merge(found, join="exact").astype(float)
        except ValueError as error:
            raise ValueError(f"experiment {experiment!r}: the variants computed different cells: {error}") from None
        for point in values.to_dataframe(list(dataset[variable].dims)).reset_index().to_dict("records"):
            computed = {name: point.pop(str(index)) for index, name in enumerate(datasets)}
            recorded = {name: point.pop(name) for name in ("switch_epoch",) if name in point}
            rows.append(
                {
                    "experiment": experiment,
                    "cell": ", ".join(f"{name}={value}" for name, value in point.items()),
                    **recorded,
                    **computed,
                    **{f"{name}_difference": computed[name] - computed[reference] for name in others},
                }
            )
    return rows


def largest_differences(rows: list[dict[str, Any]], variants: list[str]) -> dict[str, dict[str, Any]]:
    """Row of the largest difference from the reference, by variant."""
    return {name: max(rows, key=lambda row: abs(row[f"{name}_difference"]), default={}) for name in variants}


def write_table(rows: list[dict[str, Any]], path: str | Path) -> None:
    """Write the table as CSV, numbers to six significant digits."""
    table = pd.DataFrame(rows).to_csv(index=False, float_format="%.6g", na_rep="nan", lineterminator="\r\n")
    write_whole(table, path)

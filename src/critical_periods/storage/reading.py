"""Datasets as a notebook has them: read by the name of their experiment, shown as a table that says what they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from critical_periods.storage import datasets
from critical_periods.storage.datasets import CHECKSUM, DatasetError

#: Values of an axis that are written out, and characters of a value.
MOST_VALUES, LONGEST = 12, 60


def read(dataset: str | Path) -> xr.Dataset:
    """Read a dataset into memory and check that it is what was written; a notebook shows it as `table` does.

    >>> cp.read("depth"), cp.read("extensions/window"), cp.read("elsewhere/results/experiments/depth.nc")

    Parameters
    ----------
    dataset
        A file, with `.nc` or without; or what the experiment is called, after the study if it is not one of the
        paper: it is looked for in `results` of the working directory first.

    Raises
    ------
    DatasetError
        If the file is missing, truncated, damaged or not ours; it names the file, and the experiments that there are.
    """
    asked = path = Path(dataset)
    if asked.suffix != ".nc":
        experiment, file = Path("results", asked.parent, "experiments", f"{asked.name}.nc"), Path(f"{asked}.nc")
        is_path = asked.parent.name == "experiments" or (file.is_file() and not experiment.is_file())
        path = file if is_path else experiment
        if not path.is_file():
            if asked.exists():
                raise DatasetError(f"{asked}: no dataset, which is a file whose name ends in .nc")
            there = [str(asked.with_name(file.stem)) for file in sorted(path.parent.glob("*.nc"))]
            raise DatasetError(f"{path}: not there; {path.parent.parent} has {', '.join(there) or 'no experiments'}")
    show_tables()
    return datasets.read_dataset(path)


def show_tables() -> None:
    """Have IPython, where it runs, show datasets of ours as tables."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(xr.Dataset, _shown)


def _shown(dataset: xr.Dataset) -> str:
    whole: str = dataset._repr_html_()
    if CHECKSUM not in dataset.attrs:
        return whole
    return f"{table(dataset)}<details><summary>xarray.Dataset</summary>{whole}</details>"


def table(dataset: xr.Dataset) -> str:
    """A dataset in HTML: what it is, its axes with their values, its variables, what all cells share, who made it."""
    from tabulate import tabulate

    axes = [
        (name, _called(dataset[name]), _values(dataset[name].values))
        for name in dataset.dims
        if name in dataset.coords
    ]
    variables = [(name, _called(values), ", ".join(map(str, values.dims))) for name, values in dataset.items()]
    shared = json.loads(dataset.attrs.get("parameters", "{}"))
    parts = [
        (("axis", "what", "values"), axes),
        (("variable", "what", "over"), variables),
        (("parameter", "value"), [(name, _short(value)) for name, value in sorted(shared.items())]),
    ]
    tables = [tabulate(rows, head, tablefmt="html", disable_numparse=True) for head, rows in parts if rows]
    title, made = dataset.attrs.get("title", ""), [dataset.attrs.get(key, "") for key in ("created", "code_version")]
    heading = tabulate([(title, f"made {made[0]} by {made[1]}")], tablefmt="html", disable_numparse=True)
    if shared:
        tables[-1] = f"<details><summary>parameters</summary>{tables[-1]}</details>"
    return "".join([heading, *tables])


def _called(values: xr.DataArray) -> str:
    unit = values.attrs.get("units", "1")
    return str(values.attrs.get("long_name", "")) + (f" ({unit})" if unit not in ("1", "") else "")


def _values(values: np.ndarray) -> str:
    if len(values) <= MOST_VALUES:
        return ", ".join(map(str, values))
    return f"{values[0]} to {values[-1]}, {len(values)} values"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

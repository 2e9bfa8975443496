"""What follows from the shares of the pathways in an experiment."""

from __future__ import annotations

import xarray as xr

from critical_periods.analysis.closing import measured_closing


def derive(dataset: xr.Dataset) -> xr.Dataset:
    """An experiment with `measured_closing`, where it is predicted, and `sharing_pathways`, where there are some."""
    if dataset.sizes["pathway"] > 2:
        dataset = dataset.assign(sharing_pathways=1 / (dataset["share"] ** 2).sum("pathway", min_count=1))
    if "predicted_closing" not in dataset:
        return dataset
    return dataset.assign(
        predicted_closing=dataset["predicted_closing"].isel(duration=0, drop=True),
        measured_closing=measured_closing(dataset["impairment"], "duration"),
    )

"""What follows from the shares and training losses of the pathways in an experiment."""

from __future__ import annotations

import xarray as xr

from critical_periods.analysis.closing import measured_closing
from critical_periods.analysis.learning import learning


def derive(dataset: xr.Dataset) -> xr.Dataset:
    """An experiment with `remaining_loss` and `learned`, `measured_closing` and `sharing_pathways`.

    `measured_closing` where it is predicted, `sharing_pathways` where there are more than two.
    """
    dataset = derive_learning(dataset)
    if dataset.sizes["pathway"] > 2:
        dataset = dataset.assign(sharing_pathways=1 / (dataset["share"] ** 2).sum("pathway", min_count=1))
    if "predicted_closing" not in dataset:
        return dataset
    return dataset.assign(
        predicted_closing=dataset["predicted_closing"].isel(duration=0, drop=True),
        measured_closing=measured_closing(dataset["impairment"], "duration"),
    )


def derive_learning(dataset: xr.Dataset) -> xr.Dataset:
    """An experiment with `remaining_loss` and `learned`.

    No run without the deficit is recorded, but that training ended low although there was one is enough: pathways that
    are gated or lesioned leave the others to learn, and without the deficit more of them learn the same. With large
    steps it is a flatter minimum that they end in, which is stable sooner. The reverse does not hold: what cannot be
    learned with the deficit, as the modes that a lesion blocks in all pathways, counts as not learned.
    """
    return dataset.assign(learning(dataset))

"""Figures in memory: what the workflow draws, from datasets at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from critical_periods.configuration.document import Figure as Declared
from critical_periods.configuration.document import style_asked
from critical_periods.configuration.fields import ConfigError, one_of, validated
from critical_periods.configuration.files import paper
from critical_periods.execution.jobs import loaded
from critical_periods.figures import style as looks
from critical_periods.figures.kinds import Kind, Panel, kind_of
from critical_periods.planning.panels import check_style


def draw(
    figure: str | Mapping[str, Any],
    datasets: xr.Dataset | Mapping[str, xr.Dataset],
    style: str | Mapping[str, Any] = "paper",
) -> Figure:
    """Draw a figure from datasets in memory.

    >>> cp.draw({"kind": "charts", "panels": [{"chart": "curves", "x": "duration", "show": "impairment"}]}, dataset)

    Parameters
    ----------
    figure
        The name of one of the paper's, a key of `figures` in the configuration, or what the configuration would have
        there: `kind` and `panels`.
    datasets
        Datasets by the names of the experiments that panels name; or one, which all panels are drawn from.
    style
        The name of a style, as "talk" or "dark", or what differs from one, as `style` in the configuration.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If there is no such figure, kind or style, or a panel shows what its dataset does not have.
    """
    if isinstance(figure, str):
        known = paper()["figures"]
        if figure not in known:
            raise ConfigError("figure", figure, one_of(figure, known))
        place, settings = f"figures.{figure}", known[figure]
    else:
        place, settings = "figure", figure
    declared = validated(Declared, {"title": " ", **settings}, place)
    kind = kind_of(place, declared.kind)
    if isinstance(datasets, xr.Dataset):
        panels = [{**panel, "experiment": "dataset"} for panel in declared.panels]
        datasets = {"dataset": datasets}
    else:
        panels = declared.panels
    for number, panel in enumerate(panels):
        _check_panel(f"{place}.panels[{number}]", kind, panel, datasets)
    asked = style_asked(style)
    check_style(asked)
    with looks.using(asked):
        return looks.finished(loaded(kind.draw)(panels, datasets))


def _check_panel(place: str, kind: Kind, settings: Mapping[str, Any], datasets: Mapping[str, xr.Dataset]) -> None:
    """Refuse a panel whose dataset there is not, or lacks what it shows or an axis that it names."""
    panel: Panel = validated(kind.panel, settings, place)
    panel.check(place)
    if panel.experiment not in datasets:
        raise ConfigError(f"{place}.experiment", panel.experiment, one_of(panel.experiment, datasets))
    dataset = datasets[panel.experiment]
    for role, name in panel.variables().items():
        if name not in dataset:
            raise ConfigError(f"{place}.{role or 'experiment'}", name, one_of(name, dataset.data_vars))
    for role, axis in [*panel.axes().items(), *(("select", axis) for axis in panel.select)]:
        if axis not in dataset.coords and axis not in dataset.dims:
            raise ConfigError(f"{place}.{role}", axis, one_of(axis, dataset.dims))

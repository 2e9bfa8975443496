"""Figures in memory: what the workflow draws, from datasets at hand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import matplotlib.figure
import xarray as xr

from critical_periods.configuration.document import FigureSettings, style_asked
from critical_periods.configuration.fields import ConfigError, one_of, validated
from critical_periods.configuration.files import paper
from critical_periods.figures.figure import figure as made
from critical_periods.figures.kinds import checked_panel
from critical_periods.figures.panels import Template
from critical_periods.figures.seaborn_renderer import drawn
from critical_periods.figures.tables import parameters, tidy
from critical_periods.planning.panels import check_style

__all__ = ["draw", "template_of", "tidy"]


def draw(
    figure: str | Mapping[str, Any],
    datasets: xr.Dataset | Mapping[str, xr.Dataset],
    style: str | Mapping[str, Any] = "paper",
) -> matplotlib.figure.Figure:
    """Draw a figure from datasets in memory.

    >>> cp.draw({"plot": "line", "x": "duration", "y": "impairment"}, dataset)

    Parameters
    ----------
    figure
        The name of one of the paper's, a key of `figures` in the configuration; what the configuration would have
        there, `panels` and a `title` if there is one; or a single panel.
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
        place, settings = "figure", figure if "plot" not in figure else {"panels": [figure]}
    declared = validated(FigureSettings, {"title": " ", **settings}, place)
    if isinstance(datasets, xr.Dataset):
        given = [{**panel, "experiment": "dataset"} for panel in declared.panels]
        datasets = {"dataset": datasets}
    else:
        given = declared.panels
    templates = {name: partial(template_of, each) for name, each in datasets.items()}
    panels = [checked_panel(panel, f"{place}.panels[{number}]", templates) for number, panel in enumerate(given)]
    asked = style_asked(style)
    check_style(asked)
    return drawn(made(declared.title, panels, datasets, asked))


def template_of(dataset: xr.Dataset) -> Template:
    """What a dataset has, for panels to be checked against."""
    axes = {
        str(axis): tuple(dataset[axis].values.tolist()) if axis in dataset.coords else None for axis in dataset.dims
    }
    variables = {str(name): tuple(map(str, values.dims)) for name, values in dataset.data_vars.items()}
    units = {str(name): str(values.attrs.get("units", "1")) for name, values in dataset.variables.items()}
    shared = parameters(dataset) | {str(name): () for name in dataset.coords}
    return Template(axes, variables, units, shared)

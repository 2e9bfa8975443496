"""Whether a figure can be drawn: its panels against what the datasets of their experiments will have."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from typing import Any

from critical_periods.configuration.document import FigureSettings
from critical_periods.configuration.fields import ConfigError, one_of
from critical_periods.figures.kinds import checked_panel
from critical_periods.figures.look import FONT
from critical_periods.figures.panels import Template
from critical_periods.models.registry import Variable, models
from critical_periods.planning.cells import PlannedExperiment

#: What Matplotlib needs for texts that LaTeX sets, and the fonts that it knows there.
TEX = ("latex", "dvipng")
TEX_FONTS = (
    *("serif", "sans-serif", "Computer Modern Roman", "Computer Modern Sans Serif", "Times", "Palatino", "Bookman"),
    *("New Century Schoolbook", "Charter", "Zapf Chancery", "Helvetica", "Avant Garde"),
)


def check_figure(
    place: str,
    figure: FigureSettings,
    experiments: Mapping[str, PlannedExperiment],
    claims: Mapping[str, Any] | None = None,
) -> None:
    """Refuse a figure with a panel that asks for what its experiment does not have.

    Parameters
    ----------
    place
        Its key.
    figure
        The figure.
    experiments
        All experiments that there are, by name.
    claims
        All claims that there are, by name; None where nothing is known of them.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        On the first such panel, with key, value and what is allowed.
    """
    for index, claim in enumerate(figure.states if claims is not None else ()):
        if claim.removeprefix("not ") not in claims:  # type: ignore[operator]
            raise ConfigError(f"{place}.states[{index}]", claim, one_of(claim, claims or ()))
    for index, settings in enumerate(figure.panels):
        where = f"{place}.panels[{index}]"
        checked_panel(settings, where, {name: partial(template, each) for name, each in experiments.items()})


def check_style(style: Mapping[str, Any]) -> None:
    """Refuse a style that figures cannot be drawn in here: a font, or LaTeX, that is not installed.

    Parameters
    ----------
    style
        As of `critical_periods.configuration.document.style_asked`.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If something is not there.
    """
    if style.get("usetex") and (missing := [program for program in TEX if shutil.which(program) is None]):
        raise ConfigError("style.usetex", True, f"false where {' and '.join(missing)} cannot be found")
    if "font" in style:
        from matplotlib.font_manager import get_font_names

        known = TEX_FONTS if style.get("usetex") else sorted({*get_font_names(), FONT})
        if style["font"] not in known:
            raise ConfigError("style.font", style["font"], one_of(style["font"], known))


def template(experiment: PlannedExperiment) -> Template:
    """What the dataset of an experiment will have."""
    model, axes, recorded = models()[experiment.model], axes_of(experiment), recorded_variables(experiment)
    variables = {}
    for name, variable in recorded.items():
        has = [*(axis for axis in experiment.axes if axis != variable.along), *(variable.dims or ())]
        variables[name] = tuple(axis for axis in dict.fromkeys(has) if axes.get(axis) != ())
    cells = [cell.parameters for cell in experiment.cells.values()]
    shared = {name: value for name, value in cells[0].items() if all(cell.get(name) == value for cell in cells)}
    # Where cells differ in what is a coordinate, tables have it all the same.
    shared |= {name: () for name, variable in model.variables.items() if variable.dims is None and name in cells[0]}
    units = {name: variable.unit for name, variable in model.variables.items()}
    return Template(axes, variables, units, shared)


def recorded_variables(experiment: PlannedExperiment) -> dict[str, Variable]:
    """Variables in an experiment's dataset, by name."""
    cells = [cell.parameters for cell in experiment.cells.values()]
    return {
        name: variable
        for name, variable in models()[experiment.model].variables.items()
        if variable.dims is not None
        and name not in experiment.axes
        and (not variable.along or variable.along in experiment.axes)
        and (experiment.theory or not variable.theory)
        and any(map(variable.recorded, cells))
    }


def axes_of(experiment: PlannedExperiment) -> dict[str, tuple[Any, ...] | None]:
    """Axes of an experiment's dataset and their values: None where only the dataset knows, () of what it lacks."""
    model = models()[experiment.model]
    found: dict[str, Any] = {
        axis: None for variable in model.variables.values() for axis in variable.dims or () if axis in model.variables
    }
    for cell in experiment.cells.values():
        for name, values in model.axis_values(cell.parameters).items():
            found[name] = dict.fromkeys([*(found[name] or ()), *values])
    return {name: None if values is None else tuple(values) for name, values in found.items()} | dict(experiment.axes)

"""Whether a figure can be drawn: its panels against the variables and axes of their experiments."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from critical_periods.analysis.coordinates import RUNS
from critical_periods.configuration.document import Figure
from critical_periods.configuration.fields import ConfigError, one_of, validated
from critical_periods.figures.kinds import Kind, Panel, kind_of
from critical_periods.models.registry import Variable, models
from critical_periods.planning.cells import PlannedExperiment

#: What Matplotlib needs for texts that LaTeX sets, and the fonts that it knows there.
TEX = ("latex", "dvipng")
TEX_FONTS = (
    *("serif", "sans-serif", "Computer Modern Roman", "Computer Modern Sans Serif", "Times", "Palatino", "Bookman"),
    *("New Century Schoolbook", "Charter", "Zapf Chancery", "Helvetica", "Avant Garde"),
)


def check_figure(place: str, figure: Figure, experiments: Mapping[str, PlannedExperiment]) -> None:
    """Refuse a figure with a panel that asks for what its experiment does not have.

    Parameters
    ----------
    place
        Its key.
    figure
        The figure.
    experiments
        All experiments that there are, by name.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        On the first such panel, with key, value and what is allowed.
    """
    kind = kind_of(place, figure.kind)
    alike: dict[str, Any] = {}
    for index, settings in enumerate(figure.panels):
        panel = validated(kind.panel, settings, f"{place}.panels[{index}]")
        _check_panel(f"{place}.panels[{index}]", kind, panel, experiments)
        experiment = experiments[panel.experiment]
        _check_alike(f"{place}.panels[{index}]", panel, experiment, panel.alike, "a panel", {})
        _check_alike(f"{place}.panels[{index}]", panel, experiment, kind.alike, "the figure", alike)


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

        known = TEX_FONTS if style.get("usetex") else sorted(get_font_names())
        if style["font"] not in known:
            raise ConfigError("style.font", style["font"], one_of(style["font"], known))


def _check_panel(place: str, kind: Kind, panel: Panel, experiments: Mapping[str, PlannedExperiment]) -> None:
    panel.check(place)
    if panel.experiment not in experiments:
        raise ConfigError(f"{place}.experiment", panel.experiment, one_of(panel.experiment, experiments))
    experiment, spread = experiments[panel.experiment], panel.axes()
    known: Mapping[str, tuple[Any, ...] | None] = _axes(experiment) if kind.selects_axes else experiment.axes
    for parameter, value in panel.select.items():
        if parameter not in known:
            raise ConfigError(f"{place}.select", parameter, one_of(parameter, known))
        values = known[parameter]
        if values is not None and not any(_same(value, other) for other in values):
            raise ConfigError(f"{place}.select.{parameter}", value, one_of(value, values))
    for role, parameter in spread.items():
        if parameter not in known:
            raise ConfigError(f"{place}.{role}", parameter, one_of(parameter, known))
        if list(spread.values()).count(parameter) > 1:
            raise ConfigError(f"{place}.{role}", parameter, "an axis of its own for each of " + ", ".join(spread))
        if parameter in panel.select:
            raise ConfigError(f"{place}.select", parameter, f"an axis that is not spread out as {role}")
        if parameter in RUNS and role in panel.averaged:
            allowed = one_of(parameter, [name for name in known if name not in RUNS])
            raise ConfigError(f"{place}.{role}", parameter, f"{allowed}; not what is averaged over")
    _check_variables(place, panel, experiments, spread)
    available = {epoch for cell in experiment.cells.values() for epoch in cell.parameters.get("switch_epochs", [])}
    for epoch in getattr(panel, "switch_epochs", None) or []:
        if epoch not in available:
            raise ConfigError(f"{place}.switch_epochs", epoch, one_of(epoch, sorted(available)))


def _check_variables(
    place: str, panel: Panel, experiments: Mapping[str, PlannedExperiment], spread: Mapping[str, str]
) -> None:
    """Refuse variables that the experiment does not record, axes that these lack, and axes that nothing becomes of."""
    experiment = experiments[panel.experiment]
    recorded, axes = recorded_variables(experiment), _axes(experiment)
    for role, name in panel.variables().items():
        if name not in recorded:
            if role and panel.any_variable:
                raise ConfigError(f"{place}.{role}", name, one_of(name, recorded))
            able = [other.name for other in experiments.values() if name in recorded_variables(other)]
            allowed = f"one that records {name}" + (f": {', '.join(able)}" if able else "; there is none")
            raise ConfigError(f"{place}.experiment", panel.experiment, allowed)
        has = [*(axis for axis in experiment.axes if axis != recorded[name].along), *(recorded[name].dims or ())]
        has = [axis for axis in dict.fromkeys(has) if axes[axis] != ()]
        drawn = panel.drawn()
        left = [] if drawn is None else [axis for axis in has if axis not in (*drawn, *spread.values(), *panel.select)]
        left = [axis for axis in left if axes[axis] is None or len(axes[axis] or ()) > 1]
        if varied := [axis for axis in left if axis in experiment.axes]:
            raise _unselected(place, panel, varied[0], axes)
        for axis_role, axis in [*spread.items(), *(("select", axis) for axis in panel.select)]:
            if axis not in has:
                raise ConfigError(f"{place}.{axis_role}", axis, f"{one_of(axis, has)}: axes of {name}")
        if left and panel.any_variable:
            raise _unselected(place, panel, left[0], axes)
        if left:
            others = {other.name: recorded_variables(other).get(name) for other in experiments.values()}
            able = [other for other, variable in others.items() if variable and left[0] not in (variable.dims or ())]
            allowed = f"one whose {name} has no {left[0]}: {', '.join(able) or 'there is none'}"
            raise ConfigError(f"{place}.experiment", panel.experiment, allowed)
    units = sorted({recorded[name].unit for name in panel.variables().values()})
    if len(units) > 1:
        raise ConfigError(place, panel.variables(), f"variables in the same unit, not in {' and '.join(units)}")


def _unselected(place: str, panel: Panel, axis: str, axes: Mapping[str, tuple[Any, ...] | None]) -> ConfigError:
    """An axis that the panel neither spreads out nor selects on."""
    values = axes[axis]
    some = f": {', '.join(map(str, values[:8]))}" if values else ""
    return ConfigError(f"{place}.select", dict(panel.select), f"with one of the values of {axis}, which varies{some}")


def _check_alike(
    place: str,
    panel: Panel,
    experiment: PlannedExperiment,
    names: Mapping[str, Any],
    where: str,
    known: dict[str, Any],
) -> None:
    """Refuse cells that differ in what a figure, or a panel, says once for all of them."""
    coordinates = {name for name, variable in models()[experiment.model].variables.items() if variable.dims is None}
    chosen = [
        cell.parameters
        for point, cell in experiment.cells.items()
        if all(
            _same(value, panel.select[axis])
            for axis, value in zip(experiment.axes, point, strict=True)
            if axis in panel.select
        )
    ]
    for name, needed in names.items():
        # Of what is no axis, datasets keep what all of their cells have in common.
        kept = name in experiment.axes or name in coordinates
        cells = chosen if kept else [cell.parameters for cell in experiment.cells.values()]
        if needed is not None:
            known[name] = needed
        for cell in cells:
            value = cell.get(name)
            if known.setdefault(name, value) != value:
                one, other = (f"{item:g}" if isinstance(item, float) else item for item in (known[name], value))
                allowed = f"cells of one {name} in {where}, {one} and no {other}"
                raise ConfigError(f"{place}.experiment", panel.experiment, allowed)


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


def _axes(experiment: PlannedExperiment) -> dict[str, tuple[Any, ...] | None]:
    """Axes of an experiment's dataset and their values: None where only the dataset knows, () of what it lacks."""
    model = models()[experiment.model]
    found: dict[str, Any] = {
        axis: None for variable in model.variables.values() for axis in variable.dims or () if axis in model.variables
    }
    for cell in experiment.cells.values():
        for name, values in model.axis_values(cell.parameters).items():
            found[name] = dict.fromkeys([*(found[name] or ()), *values])
    return {name: None if values is None else tuple(values) for name, values in found.items()} | dict(experiment.axes)


def _same(value: Any, other: Any) -> bool:
    """Whether two values of the configuration are equal; true is not 1."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)

"""From the configuration to cells and the jobs that compute them.

Imported whenever the workflow is planned, so it needs nothing heavier than pydantic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from textwrap import shorten
from typing import Any, get_args

from critical_periods.configuration.claims import check_claim
from critical_periods.configuration.document import Configuration, configuration
from critical_periods.configuration.fields import ConfigError, one_of, validated
from critical_periods.configuration.studies import merged
from critical_periods.models.registry import (
    SHARED_PARAMETERS,
    ModelSpec,
    Simulation,
    built_in,
    models,
    shared_values,
    simulations,
)
from critical_periods.planning.cells import Bundle, Cell, PlannedExperiment
from critical_periods.planning.panels import check_figure, recorded_variables

#: Most cells that all experiments of a configuration may have together: planning them takes minutes.
MOST_CELLS = 1_000_000


class Plan:
    """Everything a configuration asks for: experiments, cells, and the jobs that compute them.

    Parameters
    ----------
    config
        A configuration, not yet validated.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If a key is unknown or its value not allowed, or the configuration asks for something impossible.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config: Configuration = configuration(config)
        self._check_models()
        self._check_sizes()
        self.experiments = {name: self._experiment(name) for name in self.config.experiments}
        for name, figure in self.config.figures.items():
            check_figure(f"figures.{name}", figure, self.experiments, self.config.claims)
        axes = {
            "seed",
            *(axis for model in models().values() for axis in (*model.model_fields, *model.variables)),
        }
        recorded = {name: recorded_variables(experiment) for name, experiment in self.experiments.items()}
        for name, claim in self.config.claims.items():
            check_claim(f"claims.{name}", claim, recorded, self.config.figures, axes)
        self.bundles: dict[str, Bundle] = {}
        self.bundle_of: dict[str, Bundle] = {}
        self._firsts: dict[str, Cell] = {}
        for experiment in self.experiments.values():
            self._bundle(experiment.cells.values())
        for experiment in self.experiments.values():
            self._bundle(experiment.theory.values())
            self._bundle(self.first(cell) for cell in experiment.cells.values() if needs_first(cell))

    def first(self, cell: Cell) -> Cell:
        """What a cell needs to be computed before, if it does; cells that agree in it share it."""
        if cell.id not in self._firsts:
            self._firsts[cell.id] = first_cell(cell)
        return self._firsts[cell.id]

    def check_recorded(self, key: str, variable: str) -> None:
        """Refuse, as the value of a key, a variable that an experiment of this plan does not record."""
        for experiment in self.experiments.values():
            if variable not in (known := recorded_variables(experiment)):
                raise ConfigError(key, variable, f"{one_of(variable, known)}: what {experiment.name} records")

    def experiment_bundles(self, name: str) -> list[Bundle]:
        """Bundles that hold the cells of an experiment, and of theory beside them, each once."""
        experiment = self.experiments[name]
        return self._bundles_of([*experiment.cells.values(), *experiment.theory.values()])

    def first_bundles(self, bundle: Bundle) -> list[Bundle]:
        """Bundles that hold what the cells of a bundle need to be computed before, each once."""
        return self._bundles_of(self.first(cell) for cell in bundle.cells if needs_first(cell))

    def said(self, bundle: Bundle) -> str:
        """What a bundle computes, by what varies in its experiments and cells, as "2 cells: seed 0, 1, depth 3"."""
        varied = [name for cell in bundle.cells for name in self._axes_of[cell.id]]
        count = f"{len(bundle.cells)} cells: " if len(bundle.cells) > 1 else ""
        return shorten(count + told_apart([cell.parameters for cell in bundle.cells], varied), 160)

    @cached_property
    def _axes_of(self) -> dict[str, list[str]]:
        """Names of the axes, seeds first, of all experiments that need a cell, by its identity."""
        found: dict[str, dict[str, None]] = {}
        for experiment in self.experiments.values():
            axes = [name for name, values in experiment.axes.items() if len(values) > 1 or name == "seed"]
            for cell in (*experiment.cells.values(), *experiment.theory.values()):
                for needed in (cell, self.first(cell)) if needs_first(cell) else (cell,):
                    found.setdefault(needed.id, {}).update(dict.fromkeys(axes))
        return {cell: list(axes) for cell, axes in found.items()}

    def _bundles_of(self, cells: Iterable[Cell]) -> list[Bundle]:
        bundles = (self.bundle_of[cell.id] for cell in cells)
        return list({bundle.id: bundle for bundle in bundles}.values())

    def _bundle(self, cells: Iterable[Cell]) -> None:
        """Put the cells not yet planned into bundles, as many of a kind in one as the configuration says."""
        new = {cell.id: cell for cell in cells if cell.id not in self.bundle_of}
        by_kind: dict[tuple[str, str], list[Cell]] = {}
        for cell in new.values():
            by_kind.setdefault((cell.model, _kind(cell)), []).append(cell)
        for (_, kind), members in by_kind.items():
            limit = (
                simulations()[members[0].model].cells_per_job
                or self.config.cells_per_job.get(kind)
                or model_of(members[0]).default_cells_per_job
            )
            for start in range(0, len(members), limit):
                bundle = Bundle(tuple(members[start : start + limit]))
                self.bundles[bundle.id] = bundle
                self.bundle_of.update((cell.id, bundle) for cell in bundle.cells)

    def _check_models(self) -> None:
        several = [name for name, model in models().items() if "solver" in model.model_fields]
        for name in self.config.solver if isinstance(self.config.solver, Mapping) else ():
            if name not in several:
                raise ConfigError("solver: unknown key", name, one_of(name, several))
        for key, known, required in (
            ("models", models(), built_in()),
            ("cells_per_job", _kinds(models()), [model.name for model in built_in().values() if not model.bundled_by]),
        ):
            section = getattr(self.config, key)
            for name in section:
                if name not in known:
                    raise ConfigError(f"{key}: unknown key", name, one_of(name, known))
            for name in required:
                if name not in section:
                    raise ConfigError(f"{key}: missing key", name, f"all of {', '.join(required)}")
        for name, model in models().items():
            shared = self._shared(model)
            validated(model, shared | dict(self.config.models.get(name, {})), f"models.{name}")

    def _check_sizes(self) -> None:
        """Refuse grids of too many cells before any of them is expanded."""
        total = 0
        for name, settings in self.config.experiments.items():
            lengths = [len(settings.seeds or self.config.seeds), *map(len, settings.vary.values())]
            total += math.prod(lengths)
            if total > MOST_CELLS:
                product = " x ".join(map(str, lengths))
                raise ConfigError(f"experiments.{name}: cells", product, f"{MOST_CELLS} in all experiments together")

    def _shared(self, model: type[ModelSpec]) -> dict[str, Any]:
        return shared_values(self.config.model_dump(include=set(SHARED_PARAMETERS)), model)

    def _experiment(self, name: str) -> PlannedExperiment:
        settings, place = self.config.experiments[name], f"experiments.{name}"
        if settings.model not in models():
            raise ConfigError(f"{place}.model", settings.model, one_of(settings.model, models()))
        model = models()[settings.model]
        known = model.model_fields
        for parameter in settings.set:
            if parameter not in known:
                raise ConfigError(f"{place}.set", parameter, one_of(parameter, known))
            if parameter in settings.vary:
                raise ConfigError(f"{place}.set", parameter, "a parameter that the experiment does not vary")
        defaults = merged(self._shared(model) | dict(self.config.models.get(settings.model, {})), settings.set)
        try:
            axes, cells = grid_cells(model, defaults, settings.seeds or self.config.seeds, settings.vary, place)
        except ConfigError as error:
            self._say_where_given(error, name)
            raise
        theory = theory_cells(model, cells, f"{place}.theory") if settings.theory else {}
        rate = defaults.get("epochs_at_rate")
        return PlannedExperiment(name, settings.title, settings.model, axes, cells, theory, rate)

    def _say_where_given(self, error: ConfigError, name: str) -> None:
        """Let an error of an experiment's parameter say which section of the configuration gives the parameter."""
        settings, place = self.config.experiments[name], f"experiments.{name}"
        sections = dict.fromkeys(settings.vary, "vary") | dict.fromkeys(settings.set, "set")
        if len(error.path) > 2:
            if section := sections.get(str(error.path[2])):
                error.key = error.key.replace(place, f"{place}.{section}", 1)
                error.path.insert(2, section)
            return
        # Not allowed beside others, which may be everybody's.
        error.allowed += f" ({place}.set gives this experiment a value of its own)"
        parameter, own = error.key.removeprefix(f"{place}: "), self.config.models.get(settings.model, {})
        if parameter in sections:
            error.path += [sections[parameter], parameter]
        elif parameter in models()[settings.model].model_fields:
            shared = parameter in SHARED_PARAMETERS and parameter not in own
            error.path = [parameter] if shared else ["models", settings.model, parameter]


def told_apart(cells: Sequence[Mapping[str, Any]], varied: Collection[str]) -> str:
    """What tells cells from others and from each other, as "seed 0, 1, depth 3".

    Parameters
    ----------
    cells
        Parameters of each.
    varied
        Names of those that vary in the experiments that need the cells, in order.
    """
    texts = []
    for name in dict.fromkeys((*varied, *cells[0])):
        given = [str(parameters[name]) for parameters in cells if name in parameters]
        values = list(dict.fromkeys(given))
        if values and (name in varied or (len(values) > 1 and len(given) == len(cells))):
            texts.append(f"{name} {', '.join(values) if len(values) <= 4 else f'{len(values)} values'}")
    return ", ".join(texts)


def grid_cells(
    model: type[ModelSpec],
    parameters: Mapping[str, Any],
    seeds: Sequence[int],
    vary: Mapping[str, Sequence[Any]],
    place: str,
) -> tuple[dict[str, tuple[Any, ...]], dict[tuple[Any, ...], Cell]]:
    """Axes of an experiment and its cells, one for every combination of seed and values that vary.

    Parameters
    ----------
    model
        The model of the cells.
    parameters
        Parameters that all cells share.
    seeds
        Random draws.
    vary
        Parameter -> values.
    place
        Key of the experiment, for errors.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If a parameter is unknown or missing, or the value of one is not allowed beside the others.
    """
    known = model.model_fields
    for parameter, values in vary.items():
        if parameter not in known:
            raise ConfigError(f"{place}.vary", parameter, one_of(parameter, known))
        for value in values:
            if isinstance(value, list | Mapping):
                raise ConfigError(f"{place}.vary.{parameter}", value, "numbers and words, no lists and no keys")
        if len(set(values)) < len(values):  # as Python compares, and xarray selects: 1, 1.0 and true are one
            raise ConfigError(f"{place}.vary.{parameter}", list(values), "values of which no two are equal")
    axes = {"seed": tuple(seeds)} | {parameter: tuple(values) for parameter, values in vary.items()}
    identities = {
        point: _identity(model, {**parameters, **dict(zip(vary, point, strict=True))}, place)
        for point in dict.fromkeys(itertools.product(*vary.values()))
    }
    points = itertools.product(seeds, identities.items())
    return axes, {(seed, *point): Cell(model.name, identity | {"seed": seed}) for seed, (point, identity) in points}


def theory_cells(
    model: type[ModelSpec], cells: Mapping[tuple[Any, ...], Cell], place: str
) -> dict[tuple[Any, ...], Cell]:
    """What theory says beside each of some cells.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If the model has no theory that is computed so.
    """
    if model.theory is None:
        able = ", ".join(name for name, other in models().items() if other.theory is not None)
        raise ConfigError(place, True, f"true with the model {able}")
    return {point: _before(model.theory, cell) for point, cell in cells.items()}


def _identity(model: type[ModelSpec], parameters: Mapping[str, Any], place: str) -> dict[str, Any]:
    checked = validated(model, parameters, place)
    checked.check(place)
    return checked.identity()


def needs_first(cell: Cell) -> bool:
    """Whether a cell needs another to be computed before."""
    return cell.model in models() and models()[cell.model].first is not None


def first_cell(cell: Cell) -> Cell:
    """What a cell needs to be computed before, of a model that has such."""
    model = models()[cell.model]
    assert model.first is not None
    return _before(model.first, cell)


def _before(simulation: type[Simulation], cell: Cell) -> Cell:
    """Cell of another kind that belongs to one."""
    return Cell(simulation.cells, simulation.parameters_of(cell.parameters))


def model_of(cell: Cell) -> type[ModelSpec]:
    """Model of a cell, or of the cells that need it first or that it is the theory of."""
    return next(model for model in models().values() if cell.model in {each.cells for each in model.simulations()})


def _kind(cell: Cell) -> str:
    """The key of `cells_per_job` that holds for a cell."""
    model = model_of(cell)
    return cell.parameters.get(model.bundled_by, "") if model.bundled_by else model.name


def _kinds(known: Mapping[str, type[ModelSpec]]) -> list[str]:
    """Keys of `cells_per_job` for some models."""
    kinds = (
        get_args(model.model_fields[model.bundled_by].annotation) if model.bundled_by else (model.name,)
        for model in known.values()
    )
    return list(dict.fromkeys(itertools.chain(*kinds)))

"""The runs of a configuration: what each computes, and the names of its files.

A run is the paper, a study, or a variant of one, and is called by what comes before the paths of its files: "",
`extensions/`, `agreement/float64/`. Imported whenever the workflow is planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from critical_periods.configuration.claims import claims_of
from critical_periods.configuration.document import style_asked
from critical_periods.configuration.fields import ConfigError
from critical_periods.configuration.files import located, read_file
from critical_periods.configuration.studies import Study, drawn_from, studies
from critical_periods.dynamics.real_matrices import Matrices, known
from critical_periods.models.registry import models
from critical_periods.planning.cells import Bundle, PlannedExperiment
from critical_periods.planning.descriptions import descriptions
from critical_periods.planning.panels import check_style
from critical_periods.planning.plan import Plan, needs_first


class Runs:
    """All runs of a configuration, which share cells.

    Parameters
    ----------
    config
        The configuration.
    files
        What it was read from, by file, for errors.
    study_files
        Files of the studies.
    matrices
        Where files of matrices that it names are looked for.
    placed
        Puts before the path of a file what a parent workflow puts there.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If the configuration, or a study of it, asks for something that cannot be.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        files: Mapping[Path, Mapping[str, Any]],
        study_files: Iterable[Path],
        matrices: Matrices,
        placed: Callable[[str], str] = str,
    ) -> None:
        self.config, self.placed = config, placed
        self._files, self._matrices = files, matrices
        with known(matrices):
            self._plans = {"": Plan(config)}
        self.style = style_asked(config.get("style", "paper"))
        check_style(self.style)
        #: Studies by name, "" for the paper.
        self.studies: dict[str, Study] = studies(config, study_files)
        #: Configuration of every run.
        self.settings = {run: settings for study in self.studies.values() for run, settings in study.runs.items()}
        #: Every figure, with the run that draws it first: the paper, or the study that brings it.
        self.figures = {name: run for run in reversed(self.settings) for name in self.settings[run]["figures"]}

    def plan(self, run: str) -> Plan:
        """The plan of a run, made when a file of it is wanted first: a run that nobody wants costs nothing.

        Raises
        ------
        critical_periods.configuration.fields.ConfigError
            If it asks for something that cannot be.
        """
        if run not in self._plans:
            study = next(study for study in self.studies.values() if run in study.runs)
            try:
                with known(self._matrices):
                    plan = Plan(self.settings[run])
                if study.compare is not None:
                    plan.check_recorded("compare.variable", study.compare.variable)
            except ConfigError as error:
                own = {study.file: read_file(study.file)} if study.file else {}
                said = located(error, self.settings[run], {**self._files, **own})
                said.origin = ", ".join(filter(None, [run.rstrip("/"), said.origin]))
                raise said from None
            self._plans[run] = plan
        return self._plans[run]

    def experiment(self, run: str, experiment: str) -> PlannedExperiment:
        """An experiment of a run."""
        return self.plan(run).experiments[experiment]

    def figure(self, run: str, figure: str) -> dict[str, Any]:
        """What a figure of a run is drawn by; its panels have been checked."""
        self.plan(run)
        return dict(self.settings[run]["figures"][figure])

    def claims(self, run: str) -> dict[str, dict[str, Any]]:
        """The claims of a run, each with the figure that shows it."""
        return claims_of(self.settings[run])

    # Files of a run.

    def experiment_files(self, run: str) -> list[str]:
        """Datasets of all experiments."""
        return _datasets(run, self.settings[run]["experiments"])

    def figure_files(self, run: str, names: Iterable[str]) -> list[str]:
        """Pictures of figures, and their numbers."""
        return [f"results/{run}figures/{name}.{suffix}" for name in names for suffix in ("pdf", "png", "svg", "csv")]

    def figure_datasets(self, run: str, figure: str) -> list[str]:
        """Datasets that a figure is drawn from."""
        return _datasets(run, drawn_from(self.figure(run, figure)))

    def study_files(self, study: str) -> list[str]:
        """Everything that a study is there for."""
        compared = self.studies[study].compare is not None
        files = [f"results/{study}/comparison{part}.csv" for part in ("", "_claims")] if compared else []
        for run in self.studies[study].runs:
            settings = self.settings[run]
            files += [
                *self.figure_files(run, settings["figures"]),
                *self.experiment_files(run),
                *(f"results/{run}interactive/{name}.html" for name in settings["figures"]),
                *(f"results/{run}claims.{suffix}" for suffix in ("csv", "html", "txt") if settings.get("claims")),
            ]
        return files

    def compared_files(self, study: str) -> list[str]:
        """Datasets of all variants of a study, variant by variant."""
        return [file for run in self.studies[study].runs for file in self.experiment_files(run)]

    # Cells, in bundles that a job computes each.

    def bundle(self, bundle: str) -> Bundle:
        """A bundle by its identity."""
        return self._plan_of(bundle).bundles[bundle]

    def bundle_cells(self, bundle: str) -> dict[str, dict[str, Any]]:
        """Parameters of the cells of a bundle, by identity."""
        return {cell.id: dict(cell.parameters) for cell in self.bundle(bundle).cells}

    def bundle_said(self, bundle: str) -> str:
        """What a bundle computes, in a few words."""
        return self._plan_of(bundle).said(self.bundle(bundle))

    def first_bundles(self, bundle: str) -> list[Bundle]:
        """Bundles that have to be computed before one."""
        return self._plan_of(bundle).first_bundles(self.bundle(bundle))

    def first_cells(self, bundle: str) -> dict[str, str]:
        """Cell of a bundle -> the cell that has to be computed before it."""
        first = self._plan_of(bundle).first
        return {cell.id: first(cell).id for cell in self.bundle(bundle).cells if needs_first(cell)}

    def experiment_bundles(self, run: str, experiment: str) -> list[Bundle]:
        """Bundles that hold the cells of an experiment."""
        return self.plan(run).experiment_bundles(experiment)

    def bundles(self) -> Iterator[Bundle]:
        """All bundles of all runs; one that several runs share comes more than once."""
        for run in self.settings:
            yield from self.plan(run).bundles.values()

    def _plan_of(self, bundle: str) -> Plan:
        """The plan that a bundle is of: one made already, where a file of it was asked for, or another."""
        for run in sorted(self.settings, key=lambda run: run not in self._plans):
            with suppress(ConfigError):  # of a study that cannot be, and that nobody asks for
                if bundle in self.plan(run).bundles:
                    return self.plan(run)
        raise ConfigError("bundle", bundle, "the identity of a bundle of cells that some run has")

    def default_parameters(self) -> dict[str, dict[str, Any]]:
        """Parameters that the configuration gives the cells of each kind."""
        kinds = {each.cells: model.name for model in models().values() for each in model.simulations()}
        return {kind: self.config["models"].get(model, {}) for kind, model in kinds.items()}

    # Datasets.

    def grid(self, run: str, experiment: str) -> dict[str, Any]:
        """What an experiment is put together by."""
        found = self.experiment(run, experiment)
        return {
            "name": found.name,
            "title": found.title,
            "axes": {name: list(values) for name, values in found.axes.items()},
            "cells": [cell.id for cell in found.cells.values()],
            "theory": [cell.id for cell in found.theory.values()],
            "epochs_at_rate": found.epochs_at_rate,
        }

    def described(self, run: str, experiment: str) -> dict[str, Any]:
        """The model of an experiment, and what it calls what is in the dataset."""
        found = self.experiment(run, experiment)
        model = models()[found.model]
        return {"name": model.name, "descriptions": descriptions(model, found.axes)}


def _datasets(run: str, experiments: Iterable[str]) -> list[str]:
    return [f"results/{run}experiments/{name}.nc" for name in experiments]

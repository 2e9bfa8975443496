"""Studies: sets of experiments, figures and claims, each a configuration made from the one that it is given.

The paper is config.yaml itself. Imported whenever the workflow is planned, so it needs nothing heavier than pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from critical_periods.analysis.claims import Claim, ClaimName, Text, Threshold
from critical_periods.configuration.claims import claims_of
from critical_periods.configuration.document import ExperimentSettings, FigureSettings, Name
from critical_periods.configuration.fields import (
    ConfigError,
    PrecisionName,
    Section,
    Seeds,
    key,
    one_of,
    validated,
)
from critical_periods.configuration.files import located, read_file
from critical_periods.configuration.solvers import WITH_OPTIONS, SolverName, with_options
from critical_periods.figures.panels import DERIVED
from critical_periods.models.registry import models

#: Folders of results that are the paper's: no study can be called after one.
TAKEN = ("experiments", "figures", "cells", "logs", "benchmarks", "interactive", "all", "paper")

#: What a study brings, which is laid over the paper and what it takes of it.
BROUGHT = ("seeds", "solver", *WITH_OPTIONS, "experiments", "figures", "claims")


class Taken(Section):
    """What a study takes over from the paper."""

    model: str | None = key("Only experiments of this model.", None)
    drawn_over: str | None = key("Only experiments that a panel of a figure draws over this axis, as its x.", None)
    figures: bool = key("Whether the figures that are drawn from these experiments alone are drawn too.", False)
    claims: bool = key("Whether the claims on these experiments are judged too.", False)


class ComparisonClaim(Section):
    """A statement on how far a variant is from the one that all are compared with."""

    statement: Text = key("What is claimed, in words.")
    variant: str = key("The variant that it is about.")
    over: Literal["largest", "median"] = key("Which of its absolute differences is looked at.")
    at_most: Threshold = key("Threshold that it may not exceed.")
    or_of: str | None = key("Variant whose own difference may be reached too, if it is above the threshold.", None)
    why: Text = key("Where the threshold comes from.")


class Comparison(Section):
    """A table of one variable, cell by cell, by every variant of a study."""

    variable: str = key("Variable compared.")
    reference: str = key("Variant that the others are compared with.")
    claims: dict[ClaimName, ComparisonClaim] = key("Claims on the differences.", {})

    def check(self, place: str, variants: Collection[str]) -> None:
        """Refuse variants that there are not, and claims on the one that the others are compared with."""
        if self.reference not in variants:
            raise ConfigError(f"{place}.reference", self.reference, one_of(self.reference, variants))
        compared = [variant for variant in variants if variant != self.reference]
        for name, claim in self.claims.items():
            for part, variant in (("variant", claim.variant), ("or_of", claim.or_of)):
                if variant not in (*compared, *([None] if part == "or_of" else [])):
                    raise ConfigError(f"{place}.claims.{name}.{part}", variant, one_of(str(variant), compared))


@with_options(partly=True)
class Variant(Section):
    """Settings of one of several versions of the same study."""

    solver: SolverName | None = key("Solver of the variant.", None)
    dtype: PrecisionName | None = key("Precision of training.", None)


@with_options(partly=True)
class StudyFile(Section):
    """A study, as a file of its own says it."""

    title: str = key("What the study is about, in one line.", min_length=1, max_length=200)
    take: Taken | None = key("What it takes over from the paper.", None)
    seeds: Seeds | None = key(
        "Random draws of experiments that do not name their own; of those taken over, of all.", None
    )
    solver: SolverName | None = key(
        "Solver of the experiments whose model has several, where they do not name their own.", None
    )
    experiments: dict[Name, ExperimentSettings] = key("Experiments that the study brings.", {})
    figures: dict[Name, FigureSettings] = key("Figures that the study brings.", {})
    claims: dict[ClaimName, Claim] = key("Claims that the study brings.", {})
    variants: dict[Name, Variant] = key("Versions of the study, by name; none for a single one.", {})
    compare: Comparison | None = key("A table that compares the variants.", None)
    smoke: dict[str, Any] = key("What is different at smoke size.", {})


@dataclass(frozen=True)
class Study:
    """A study made from a configuration.

    Parameters
    ----------
    name
        Its name, which is its target, and its folder below results; "" for the paper.
    title
        What it is about.
    runs
        Configurations by what comes before the names of their files: one, or one for each variant.
    compare
        The comparison of its variants, if there is one.
    file
        Its file; None for the paper.
    """

    name: str
    title: str
    runs: Mapping[str, Mapping[str, Any]]
    compare: Comparison | None = None
    file: Path | None = None


def studies(config: Mapping[str, Any], files: Iterable[Path]) -> dict[str, Study]:
    """The paper and every study of a file, by name.

    Parameters
    ----------
    config
        A valid configuration.
    files
        Files of studies; a study is called as its file.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If a file is no study, or two bring something of the same name.
    """
    paper = {name: value for name, value in config.items() if name != "studies"}
    found = {"": Study("", "The paper", {"": paper})}
    owners = {kind: dict.fromkeys(config.get(kind, {}), "the paper") for kind in ("experiments", "figures", "claims")}
    for file in files:
        name = file.stem
        if name in TAKEN or name in found or not re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,63}", name):
            taken = ", ".join([*TAKEN, *filter(None, found)])
            raise ConfigError("studies", file.name, f"a name of letters, digits and underscores, none of {taken}")
        content = read_file(file)
        try:
            study = validated(StudyFile, content, name)
            small = merged(content, study.smoke)
            at_smoke_size = validated(StudyFile, small, f"{name}.smoke") if study.smoke else study
            if config.get("smoke"):
                content, study = small, at_smoke_size
            for kind, known in owners.items():
                for own in getattr(study, kind):
                    if own in known:
                        raise ConfigError(f"{name}.{kind}", own, f"another name: {known[own]} has it already")
                    known[own] = f"study {name}"
            found[name] = Study(name, study.title, _runs(name, study, content, paper), study.compare, file)
        except ConfigError as error:
            del error.path[0]  # the study's name
            raise located(error, content, {file: content}) from None
    return found


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested keys with changes laid over them, as Snakemake lays one configuration file over another."""
    both = dict(base)
    for name, value in changes.items():
        old = both.get(name)
        both[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both


def _runs(
    name: str, study: StudyFile, content: Mapping[str, Any], paper: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    own = {part: content[part] for part in BROUGHT if part in content}
    base = merged({**paper, **_taken(name, study, paper)}, own)
    if not study.variants:
        return {f"{name}/": base}
    if study.compare is not None:
        study.compare.check(f"{name}.compare", study.variants)
    variants = {variant: changes.model_dump(exclude_none=True) for variant, changes in study.variants.items()}
    return {f"{name}/{variant}/": merged(base, changes) for variant, changes in variants.items()}


def _taken(name: str, study: StudyFile, paper: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Experiments, figures and claims of the paper that a study takes over."""
    if study.take is None:
        return {"experiments": {}, "figures": {}, "claims": {}}
    model, over = study.take.model, study.take.drawn_over
    if model is not None and model not in paper["models"]:
        raise ConfigError(f"{name}.take.model", model, one_of(model, sorted(paper["models"])))
    panels = [panel for figure in paper["figures"].values() for panel in figure["panels"]]
    drawn = {panel["experiment"] for panel in panels if panel.get("x") == over}
    axes = [*DERIVED, *(axis for each in models().values() for axis in (*each.model_fields, *each.variables))]
    if over is not None and over not in axes:
        raise ConfigError(f"{name}.take.drawn_over", over, one_of(over, sorted(set(axes))))
    experiments = {
        experiment: {k: value for k, value in settings.items() if k != "seeds" or study.seeds is None}
        for experiment, settings in paper["experiments"].items()
        if model in (None, settings["model"]) and (over is None or experiment in drawn)
    }
    claims = {
        claim: settings
        for claim, settings in claims_of(paper).items()
        if study.take.claims and settings["experiment"] in experiments
    }
    figures = {
        name: {
            **figure,
            "states": [claim for claim in figure.get("states", []) if claim.removeprefix("not ") in claims],
        }
        for name, figure in paper["figures"].items()
        if study.take.figures and set(drawn_from(figure)) <= experiments.keys()
    }
    return {"experiments": experiments, "figures": figures, "claims": claims}


def drawn_from(figure: Mapping[str, Any]) -> list[str]:
    """Names of the experiments that a figure is drawn from, in order, each once."""
    return list(dict.fromkeys(panel["experiment"] for panel in figure["panels"]))

# What the configuration asks for, and the names of the files that hold it.
import yaml

from critical_periods.experiments import ConfigError, Plan, figure_experiments, pretraining
from critical_periods.provenance import fingerprint

SCRIPTS = REPOSITORY / "workflow" / "scripts"
SOLVERS = {"gradient_descent", "gradient_flow"}

try:
    PLAN = Plan(config, yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text()))
except ConfigError as error:
    raise WorkflowError(f"Configuration: {error}") from None


wildcard_constraints:
    bundle="[0-9a-f]{16}",
    experiment="|".join(PLAN.experiments) or "none",
    figure="|".join(PLAN.config["figures"]) or "none",


def bundle_file(bundle):
    return f"results/cells/{bundle.cells[0].model}/{bundle.id}.nc"


def bundle_files(bundles):
    return [bundle_file(bundle) for bundle in bundles]


def experiment_files(names):
    return [f"results/experiments/{name}.nc" for name in names]


def figure_files(names):
    return [f"results/figures/{name}.{suffix}" for name in names for suffix in ("pdf", "png")]


def pretraining_files(wildcards):
    return bundle_files(PLAN.pretraining_bundles(PLAN.bundles[wildcards.bundle]))


def cell_files(wildcards):
    return bundle_files(PLAN.experiment_bundles(wildcards.experiment))


def figure_data(wildcards):
    return experiment_files(figure_experiments(PLAN.config["figures"][wildcards.figure]))


def bundle_cells(wildcards):
    return {cell.id: dict(cell.parameters) for cell in PLAN.bundles[wildcards.bundle].cells}


def pretraining_of(wildcards):
    return {cell.id: pretraining(cell).id for cell in PLAN.bundles[wildcards.bundle].cells}


def experiment_grid(wildcards):
    experiment = PLAN.experiments[wildcards.experiment]
    return {
        "name": experiment.name,
        "title": experiment.title,
        "axes": {name: list(values) for name, values in experiment.axes.items()},
        "cells": [cell.id for cell in experiment.cells.values()],
    }


def axis_descriptions(wildcards):
    """Long names of the axes of an experiment: the schema's descriptions of the parameters."""
    experiment = PLAN.experiments[wildcards.experiment]
    properties = PLAN.schema["$defs"][experiment.model]["properties"]
    return {name: properties[name]["description"].rstrip(".") for name in experiment.axes if name in properties}


def figure_settings(wildcards):
    return PLAN.config["figures"][wildcards.figure]


def script_code(script):
    return fingerprint(SCRIPTS / script, REPOSITORY / "src")


def figure_code(wildcards):
    kind = figure_settings(wildcards)["kind"]
    drawing = REPOSITORY / "src/critical_periods/figures" / f"{kind}.py"
    return script_code("draw.py") + fingerprint(drawing, REPOSITORY / "src")


def solver_code(script):
    """Fingerprint of a script that trains, without the solver that a bundle does not use."""
    codes = {
        solver: fingerprint(
            SCRIPTS / script,
            REPOSITORY / "src",
            tuple(f"critical_periods.solvers.{other}" for other in SOLVERS - {solver}),
        )
        for solver in SOLVERS
    }

    def code(wildcards):
        return codes[PLAN.bundles[wildcards.bundle].cells[0].parameters["solver"]]

    return code

# What the configuration asks for, and the names of the files that hold it.
import yaml

from critical_periods.configuration import check_files
from critical_periods.ensembles import ensemble
from critical_periods.experiments import ConfigError, Plan, figure_experiments, pretraining
from critical_periods.provenance import fingerprint
from critical_periods.solver_comparison import COMPARED, compared

SCRIPTS = REPOSITORY / "workflow" / "scripts"
SOLVERS = {"gradient_descent", "gradient_flow"}
INTERACTIVE_KINDS = {"error_curves", "spectra"}

# --config strict=true is a word, not a truth value, when it arrives here.
if isinstance(config.get("strict"), str):
    config["strict"] = {"true": True, "false": False}.get(config["strict"].lower(), config["strict"])

try:
    SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
    check_files(workflow.configfiles)
    PLAN = Plan(config, SCHEMA)
    ENSEMBLE = Plan(ensemble(config), SCHEMA)
    AGREEMENT = {solver: Plan(compared(config, solver), SCHEMA) for solver in COMPARED}
except ConfigError as error:
    raise WorkflowError(f"Configuration: {error}") from None

# What comes before experiments/, figures/ and claims in a plan's paths, the wildcard `run`; cells are shared.
PLANS = {"": PLAN, "ensemble/": ENSEMBLE} | {f"agreement/{name}/": plan for name, plan in AGREEMENT.items()}


wildcard_constraints:
    run="|".join(PLANS),
    bundle="[0-9a-f]{16}",
    experiment="|".join(PLAN.experiments) or "none",
    figure="|".join(PLAN.config["figures"]) or "none",


def bundle_file(bundle):
    return f"results/cells/{bundle.cells[0].model}/{bundle.id}.nc"


def bundle_files(bundles):
    return [bundle_file(bundle) for bundle in bundles]


def experiment_files(names, run=""):
    return [f"results/{run}experiments/{name}.nc" for name in names]


def figure_files(names, run=""):
    return [f"results/{run}figures/{name}.{suffix}" for name in names for suffix in ("pdf", "png")]


def interactive_files(names, run=""):
    kinds = PLANS[run].config["figures"]
    return [f"results/{run}interactive/{name}.html" for name in names if kinds[name]["kind"] in INTERACTIVE_KINDS]


def plan_of_bundle(wildcards):
    return next(plan for plan in PLANS.values() if wildcards.bundle in plan.bundles)


def bundle_of(wildcards):
    return plan_of_bundle(wildcards).bundles[wildcards.bundle]


def experiment_of(wildcards):
    return PLANS[wildcards.run].experiments[wildcards.experiment]


def plan_datasets(wildcards):
    return experiment_files(PLANS[wildcards.run].experiments, wildcards.run)


def pretraining_files(wildcards):
    return bundle_files(plan_of_bundle(wildcards).pretraining_bundles(bundle_of(wildcards)))


def cell_files(wildcards):
    return bundle_files(PLANS[wildcards.run].experiment_bundles(wildcards.experiment))


def figure_data(wildcards):
    return experiment_files(figure_experiments(figure_settings(wildcards)), wildcards.run)


def bundle_cells(wildcards):
    return {cell.id: dict(cell.parameters) for cell in bundle_of(wildcards).cells}


def minutes(first, further):
    """Run time of a job: minutes for its first cell and for each one more; more at every attempt."""

    def runtime(wildcards, attempt):
        return attempt * (first + further * (len(bundle_of(wildcards).cells) - 1))

    return runtime


def memory(megabytes):
    """Memory of a job, more at every attempt."""

    def mem_mb(wildcards, attempt):
        return attempt * megabytes

    return mem_mb


def graphics_cards(wildcards):
    """One where the cells train on cuda, else none: the resource that SLURM's plugin calls gpu."""
    return int(bundle_of(wildcards).cells[0].parameters["device"] == "cuda")


def pretraining_of(wildcards):
    return {cell.id: pretraining(cell).id for cell in bundle_of(wildcards).cells}


def experiment_grid(wildcards):
    experiment = experiment_of(wildcards)
    return {
        "name": experiment.name,
        "title": experiment.title,
        "axes": {name: list(values) for name, values in experiment.axes.items()},
        "cells": [cell.id for cell in experiment.cells.values()],
    }


def axis_descriptions(wildcards):
    """Long names of the axes of an experiment: the schema's descriptions of the parameters."""
    experiment = experiment_of(wildcards)
    properties = PLAN.schema["$defs"][experiment.model]["properties"]
    return {name: properties[name]["description"].rstrip(".") for name in experiment.axes if name in properties}


def figure_settings(wildcards):
    return PLAN.config["figures"][wildcards.figure]


def run_name(wildcards):
    return Path(wildcards.run).name or "paper"


def figure_labels(wildcards):
    """Labels of a figure in the report: its name, its title, and the run."""
    title = figure_settings(wildcards)["title"]
    return {"figure": wildcards.figure, "title": title, "run": run_name(wildcards)}


def claim_labels(part):
    """Labels of a file in the report: what it holds, and of which run."""

    def labels(wildcards):
        return {"claims": part, "run": Path(wildcards.run).name or "paper"}

    return labels


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
        return codes[bundle_of(wildcards).cells[0].parameters["solver"]]

    return code

# What the configuration asks for, and the names of the files that hold it.
from contextlib import contextmanager
from functools import cache

import yaml
from snakemake.exceptions import CreateRuleException

from critical_periods.cells import other_versions
from critical_periods.configuration import read_words
from critical_periods.experiments import ConfigError, Plan, figure_experiments, pretraining
from critical_periods.markup import report_label, report_parameter
from critical_periods.provenance import NUMERICAL_PACKAGES, Code, software_versions
from critical_periods.runs import COMPARED, runs

SCRIPTS = REPOSITORY / "workflow" / "scripts"
SOLVERS = {"gradient_descent", "gradient_flow"}
INTERACTIVE_KINDS = {"error_curves", "spectra", "charts", "pathway_panels"}

SCHEMA = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())

try:
    read_words(config, workflow.config_settings.config_args)
    PLAN = Plan(config, SCHEMA)
    # What comes before experiments/, figures/ and claims in the paths of a run, the wildcard `run` -> its configuration.
    # Runs share cells. The extensions have their datasets and figures beside those of the paper.
    RUNS = runs(config)
except ConfigError as error:
    raise WorkflowError(f"Configuration: {error}") from None

EXTENSIONS = "extensions/"
NAMED = {kind: [*RUNS[""][kind], *RUNS[EXTENSIONS][kind]] for kind in ("experiments", "figures")}


# What the numerical packages must be, for results to count as those of this run; "" for any version.
VERSIONS = software_versions(NUMERICAL_PACKAGES) if config["versions"] == "strict" else ""

if workflow.is_main_process and not VERSIONS:
    for versions, files in other_versions(Path("results/cells")).items():
        logger.warning(
            f"{files} files of results come from {versions}, installed is {software_versions(NUMERICAL_PACKAGES)}: "
            "numbers may differ in their last digits (docs/determinism.md); --config versions=strict computes them anew"
        )


wildcard_constraints:
    run="|".join(RUNS),
    bundle="[0-9a-f]{16}",
    experiment="|".join(NAMED["experiments"]) or "none",
    figure="|".join(NAMED["figures"]) or "none",


@cache
def plan(run):
    """Plan of a run, made when a file of it is wanted first: a run that nobody wants costs nothing."""
    try:
        return Plan(RUNS[run], SCHEMA) if run else PLAN
    except ConfigError as error:
        raise WorkflowError(f"Configuration, {run.rstrip('/')}: {error}") from None


def run_of(kind, name, run):
    """Run that an experiment or a figure belongs to, by its name and what its path says."""
    return run if name in RUNS[run][kind] else EXTENSIONS


def folder(run):
    """What comes before experiments/ and figures/ in the paths of a run."""
    return "" if run == EXTENSIONS else run


def bundle_file(bundle):
    return f"results/cells/{bundle.cells[0].model}/{bundle.id}.nc"


def bundle_files(bundles):
    return [bundle_file(bundle) for bundle in bundles]


def experiment_files(names, run=""):
    return [f"results/{folder(run)}experiments/{name}.nc" for name in names]


def figure_files(names, run=""):
    return [f"results/{folder(run)}figures/{name}.{suffix}" for name in names for suffix in ("pdf", "png")]


def interactive_files(names, run=""):
    figures = RUNS[run]["figures"]
    drawn = [name for name in names if figures[name]["kind"] in INTERACTIVE_KINDS]
    return [f"results/{folder(run)}interactive/{name}.html" for name in drawn]


def run_files(run):
    """Everything that a run is there for."""
    settings = RUNS[run]
    figures = settings["figures"]
    return [
        *figure_files(figures, run),
        *experiment_files(settings["experiments"], run),
        *interactive_files(figures, run),
        f"results/{run}claims.csv",
    ]


def plan_of_bundle(wildcards):
    return next(plan(run) for run in RUNS if wildcards.bundle in plan(run).bundles)


def bundle_of(wildcards):
    return plan_of_bundle(wildcards).bundles[wildcards.bundle]


def experiment_of(wildcards):
    return plan_of_experiment(wildcards).experiments[wildcards.experiment]


def plan_of_experiment(wildcards):
    return plan(run_of("experiments", wildcards.experiment, wildcards.run))


def plan_datasets(wildcards):
    return experiment_files(RUNS[wildcards.run]["experiments"], wildcards.run)


def pretraining_files(wildcards):
    return bundle_files(plan_of_bundle(wildcards).pretraining_bundles(bundle_of(wildcards)))


def cell_files(wildcards):
    return bundle_files(plan_of_experiment(wildcards).experiment_bundles(wildcards.experiment))


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
    properties = SCHEMA["$defs"][experiment.model]["properties"]
    return {name: properties[name]["description"].rstrip(".") for name in experiment.axes if name in properties}


def figure_settings(wildcards):
    run = run_of("figures", wildcards.figure, wildcards.run)
    plan(run)
    return RUNS[run]["figures"][wildcards.figure]


def figure_parameter(wildcards):
    """What a figure is drawn by, as JSON."""
    return report_parameter(figure_settings(wildcards))


def refuse_an_unedited_profile():
    """In one line where the profile for SLURM still says EDIT, before a job is submitted."""
    defaults = workflow.resource_settings.default_resources or {}
    unedited = [name for name, value in defaults.items() if getattr(value, "raw", value) == "EDIT"]
    if workflow.executor_plugin.name == "slurm" and unedited:
        error = ConfigError(f"default-resources: {', '.join(unedited)}", "EDIT", "what your cluster calls it")
        raise WorkflowError(f"Profile: {error}")


@contextmanager
def refusing_names_of_rules(key, name):
    """Refuse, in one line, a name of the configuration that another rule has."""
    try:
        yield
    except CreateRuleException:
        taken = sorted({rule.name for rule in workflow.rules} - set(NAMED["figures"]) | {name})
        error = ConfigError(key, name, f"a name that no rule has, unlike {', '.join(taken)}")
        raise WorkflowError(f"Configuration: {error}") from None


def run_name(run):
    return Path(run).name or "paper"


def figure_labels(wildcards):
    """Labels of a figure in the report: its name, its title, and the run."""
    title = report_label(figure_settings(wildcards)["title"])
    run = run_of("figures", wildcards.figure, wildcards.run)
    return {"figure": wildcards.figure, "title": title, "run": run_name(run)}


def claim_labels(part):
    """Labels of a file in the report: what it holds, and of which run."""

    def labels(wildcards):
        return {"claims": part, "run": run_name(wildcards.run)}

    return labels


#: Model -> script that simulates its cells.
SIMULATIONS = {
    "pretraining": "pretrain.py",
    "matrix_completion": "train.py",
    "scalar_pathways": "integrate_pathways.py",
    "pathway_network": "train_pathways.py",
    "singular_flow": "singular_flow.py",
    "shared_modes": "shared_modes.py",
}


@cache
def fingerprint_of(code):
    return code.fingerprint(SCRIPTS, REPOSITORY / "src")


@cache
def simulation_code(model, solver):
    """What a job that simulates cells runs, and the fingerprints of the jobs whose files it reads."""
    others = SOLVERS - {solver} if model in ("pretraining", "matrix_completion") else ()
    code = Code(SIMULATIONS[model], without=tuple(f"critical_periods.solvers.{other}" for other in sorted(others)))
    before = [simulation_code("pretraining", solver)] if model == "matrix_completion" else []
    return code.planned(fingerprint_of(code), lineage(before))


def lineage(codes):
    """Fingerprints of jobs and of all jobs before them."""
    return {fingerprint for code in codes for fingerprint in (code["fingerprint"], *code["upstream"])}


def bundle_code(wildcards):
    cell = bundle_of(wildcards).cells[0]
    return simulation_code(cell.model, cell.parameters.get("solver"))


@cache
def experiment_code(name, run):
    """What the job that assembles an experiment runs."""
    code = Code("aggregate.py")
    cells = plan(run_of("experiments", name, run)).experiments[name].cells.values()
    kinds = {(cell.model, cell.parameters.get("solver")) for cell in cells}
    return code.planned(fingerprint_of(code), lineage(simulation_code(*kind) for kind in kinds))


def aggregate_code(wildcards):
    return experiment_code(wildcards.experiment, wildcards.run)


def drawing_code(script, *loads):
    """What a job that draws a figure runs; `loads` are modules that the script imports by the figure's kind."""

    def code(wildcards):
        settings = figure_settings(wildcards)
        drawing = Code(script, tuple(module.format(kind=settings["kind"]) for module in loads))
        before = [experiment_code(name, wildcards.run) for name in figure_experiments(settings)]
        return drawing.planned(fingerprint_of(drawing), lineage(before))

    return code


def judging_code(wildcards):
    judging = Code("judge.py")
    before = [experiment_code(name, wildcards.run) for name in RUNS[wildcards.run]["experiments"]]
    return judging.planned(fingerprint_of(judging), lineage(before))


def agreement_code(wildcards):
    comparing = Code("agree.py")
    before = [
        experiment_code(name, f"agreement/{solver}/")
        for solver in COMPARED
        for name in RUNS[f"agreement/{solver}/"]["experiments"]
    ]
    return comparing.planned(fingerprint_of(comparing), lineage(before))

# What the configuration asks for, and the names of the files that hold it.
from contextlib import contextmanager
from functools import cache
from textwrap import shorten

from snakemake.exceptions import CreateRuleException

from critical_periods import plugins
from critical_periods.analysis.tables import read_claims
from critical_periods.configuration.claims import claims_of
from critical_periods.configuration.document import style_asked
from critical_periods.configuration.files import read_words
from critical_periods.configuration.studies import drawn_from, studies
from critical_periods.dynamics.real_matrices import Matrices, known
from critical_periods.execution.status import StatusPage
from critical_periods.execution.watching import BelowJobs, Watch, WatchedJob
from critical_periods.figures.kinds import kinds
from critical_periods.models.registry import models, simulations
from critical_periods.planning import estimate
from critical_periods.planning.descriptions import descriptions
from critical_periods.planning.code import assembling_code, drawing_code, judging_code, planned, simulation_code
from critical_periods.planning.panels import check_style
from critical_periods.planning.plan import Plan, needs_first
from critical_periods.publishing import explorer
from critical_periods.publishing.captions import REFERENCES, figure_caption, markdown_caption, tex_caption
from critical_periods.publishing.markup import report_label, report_parameter
from critical_periods.storage.cells import ComputedCells, other_versions
from critical_periods.storage.files import write_whole
from critical_periods.storage.inventory import prune, unasked, write_readme
from critical_periods.storage.provenance import NUMERICAL_PACKAGES, software_versions

#: What tells how far the run is, while it goes on.
WATCHES = []

#: Names that other rules have: raised where no function is, as Snakemake tells every one on the way.
REFUSED = []

# Where a file of ours lies: below the prefix of a module, which Snakemake puts before paths of rules by itself.
placed = workflow.modifier.modify_path
RESULTS = Path(placed("results"))


def named_in_files(key):
    """Files that a list of the configuration names, with the folder of the file that names them.

    Of several configuration files Snakemake keeps the last one's list only, and not whose it is. What a parent's files
    name is meant for this workflow where the parent hands it over.
    """
    ours = config.get(key, [])
    found, known = [], set()
    for content, folder in [*((content, file.parent) for file, content in FILES.items()), (config, Path.cwd())]:
        entries = content.get(key, [])
        if IS_MODULE and entries != ours:
            continue
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise ConfigError(key, entries, "a list of files")
        found += [(entry, folder.resolve()) for entry in entries if content is not config or entry not in known]
        known.update(entries)
    return found


try:
    read_words(config, workflow.config_settings.config_args)
    config["plugins"] = plugins.resolved(named_in_files("plugins"))
    plugins.load(config["plugins"])
    SIMULATIONS = simulations()
    SIMULATIONS_BY_RULE = {simulation.rule: simulation for simulation in SIMULATIONS.values()}
    own_studies = [folder / name for name, folder in named_in_files("studies")]
    MATRICES = Matrices([*(file.parent for file in [*own_studies, *reversed(FILES)]), Path()])
    config.pop("matrices", None)  # of a parent that has read the workflow before
    with known(MATRICES):
        PAPER = Plan(config)
    STYLE = style_asked(config.get("style", "paper"))
    check_style(STYLE)
    STUDIES = studies(config, [*sorted((PROJECT / "studies").glob("*.yaml")), *own_studies])
except ConfigError as error:
    raise WorkflowError(f"Configuration: {located(error, config, FILES)}") from None

# Where jobs find the matrices that cells name by what they hold; plans made later add theirs.
config["matrices"] = MATRICES.files

# What comes before experiments/, figures/ and claims in the paths of a run, the wildcard `run` -> its configuration; a
# study is one run, or one for each of its variants. Runs share cells.
RUNS = {run: settings for study in STUDIES.values() for run, settings in study.runs.items()}

# Every figure by its name, with the run that draws it first: the paper, or the study that brings it.
FIGURES = {name: run for run in reversed(RUNS) for name in RUNS[run]["figures"]}

# What the numerical packages must be, for results to count as those of this run; "" for any version.
VERSIONS = software_versions(NUMERICAL_PACKAGES) if config["versions"] == "strict" else ""

if workflow.is_main_process and not VERSIONS:
    for versions, files in other_versions(RESULTS / "cells").items():
        logger.warning(
            f"{files} files of results come from {versions}, installed is {software_versions(NUMERICAL_PACKAGES)}: "
            "numbers may differ in their last digits (docs/determinism.md); --config versions=strict computes them anew"
        )


wildcard_constraints:
    run="|".join(RUNS),
    bundle="[0-9a-f]{16}",
    experiment="|".join({name for settings in RUNS.values() for name in settings["experiments"]}) or "none",
    figure="|".join(FIGURES) or "none",


@cache
def plan(run):
    """Plan of a run, made when a file of it is wanted first: a run that nobody wants costs nothing."""
    if not run:
        return PAPER
    study = next(study for study in STUDIES.values() if run in study.runs)
    try:
        with known(MATRICES):
            made = Plan(RUNS[run])
        if study.compare is not None:
            made.check_recorded("compare.variable", study.compare.variable)
        return made
    except ConfigError as error:
        said = located(error, RUNS[run], FILES | {study.file: read_file(study.file)})
        raise WorkflowError(f"Configuration, {run.rstrip('/')}: {said}") from None


def bundle_files(bundles):
    return [f"results/cells/{bundle.cells[0].model}/{bundle.id}.nc" for bundle in bundles]


def experiment_files(names, run):
    return [f"results/{run}experiments/{name}.nc" for name in names]


def figure_files(names, run):
    return [f"results/{run}figures/{name}.{suffix}" for name in names for suffix in ("pdf", "png", "svg", "csv")]


def interactive_files(names, run):
    figures = RUNS[run]["figures"]
    drawn = [name for name in names if kinds()[figures[name]["kind"]].interactive]
    return [f"results/{run}interactive/{name}.html" for name in drawn]


def study_files(study):
    """Everything that a study is there for."""
    files = [f"results/{study.name}/comparison.csv"] if study.compare is not None else []
    for run, settings in study.runs.items():
        files += figure_files(settings["figures"], run)
        files += experiment_files(settings["experiments"], run)
        files += interactive_files(settings["figures"], run)
        files += [f"results/{run}claims.{suffix}" for suffix in ("csv", "html", "txt") if settings.get("claims")]
    return files


def missing_jobs(files):
    """The first file of each job of which one is not there; files of a job differ in how they end."""
    of_job = {}
    for file in files:
        of_job.setdefault(Path(file).with_suffix(""), []).append(file)
    return [files[0] for files in of_job.values() if not all(Path(placed(file)).exists() for file in files)]


def variant_files(study):
    """Datasets of every variant of a study, by variant."""
    return {Path(run).name: experiment_files(settings["experiments"], run) for run, settings in study.runs.items()}


def plan_of_bundle(wildcards):
    return next(plan(run) for run in RUNS if wildcards.bundle in plan(run).bundles)


def bundle_of(wildcards):
    return plan_of_bundle(wildcards).bundles[wildcards.bundle]


def bundle_cells(wildcards):
    return {cell.id: dict(cell.parameters) for cell in bundle_of(wildcards).cells}


def bundle_said(wildcards):
    """What a job computes, for its message: text that it carries without being run again for another."""
    return plan_of_bundle(wildcards).said(bundle_of(wildcards))


def first_files(wildcards):
    return bundle_files(plan_of_bundle(wildcards).first_bundles(bundle_of(wildcards)))


def bundle_firsts(wildcards):
    first = plan_of_bundle(wildcards).first
    return {cell.id: first(cell).id for cell in bundle_of(wildcards).cells if needs_first(cell)}


def cell_files(wildcards):
    return bundle_files(plan(wildcards.run).experiment_bundles(wildcards.experiment))


def run_datasets(wildcards):
    return experiment_files(RUNS[wildcards.run]["experiments"], wildcards.run)


def figure_settings(wildcards):
    plan(wildcards.run)
    return RUNS[wildcards.run]["figures"][wildcards.figure]


def figure_parameter(wildcards):
    """What a figure is drawn by, as JSON."""
    return report_parameter(figure_settings(wildcards))


def caption(wildcards):
    """Caption of a figure in the report: text that a job carries without being run again for an edit of it."""
    return figure_caption(RUNS[wildcards.run], wildcards.figure)


def figure_data(wildcards):
    return experiment_files(drawn_from(figure_settings(wildcards)), wildcards.run)


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
    return int(bundle_of(wildcards).cells[0].parameters.get("device") == "cuda")


def experiment_grid(wildcards):
    experiment = plan(wildcards.run).experiments[wildcards.experiment]
    return {
        "name": experiment.name,
        "title": experiment.title,
        "axes": {name: list(values) for name, values in experiment.axes.items()},
        "cells": [cell.id for cell in experiment.cells.values()],
        "theory": [cell.id for cell in experiment.theory.values()],
        "epochs_at_rate": experiment.epochs_at_rate,
    }


def experiment_model(wildcards):
    """The model of an experiment, and what it calls what is in the dataset."""
    experiment = plan(wildcards.run).experiments[wildcards.experiment]
    model = models()[experiment.model]
    return {"name": model.name, "descriptions": descriptions(model, experiment.axes)}


def start_jobs_at_any_rate():
    """On this machine, as soon as a core is free, unless a rate is asked for.

    Snakemake's own, 100 a second, lets every job that ends set off one more look at the queue each second, for as long
    as jobs wait: four fifths of the main process's time in a run of 200 jobs.
    """
    rate = getattr(workflow.scheduling_settings, "max_jobs_per_timespan", None)
    if workflow.local_exec and rate is not None and (rate.max_jobs, rate.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def refuse_an_unedited_profile():
    """In one line where the profile for SLURM still says EDIT, before a job is submitted."""
    defaults = workflow.resource_settings.default_resources or {}
    unedited = [name for name, value in defaults.items() if getattr(value, "raw", value) == "EDIT"]
    if workflow.executor_plugin.name == "slurm" and unedited:
        error = ConfigError(f"default-resources: {', '.join(unedited)}", "EDIT", "what your cluster calls it")
        raise WorkflowError(f"Profile: {error}")


@contextmanager
def refusing_names_of_rules(key, name, ours):
    """Refuse, in one line and once all rules are there, a name of the configuration that another rule has."""
    try:
        yield
    except CreateRuleException:
        taken = sorted({rule.name for rule in workflow.rules} - set(ours) | {name})
        error = ConfigError(key, name, f"a name that no rule has, unlike {', '.join(taken)}")
        REFUSED.append(WorkflowError(f"Configuration: {located(error, config, FILES)}"))


def explain(name, text):
    """Say in --list-rules what the latest of all rules is for, where a parent of the module has not left it out."""
    made = list(workflow.rules)
    if made and name in made[-1].name:
        made[-1].docstring = text


def run_name(run):
    return run[:-1] or "paper"


def figure_labels(wildcards):
    """Labels of a figure in the report: its name, its title, and the run."""
    title = report_label(figure_settings(wildcards)["title"])
    return {"figure": wildcards.figure, "title": title, "run": run_name(wildcards.run)}


def claim_labels(wildcards):
    """Labels of the page of claims in the report."""
    return {"claims": "verdicts, with reasons and intervals", "run": run_name(wildcards.run)}


def bundle_code(wildcards):
    cell = bundle_of(wildcards).cells[0]
    return simulation_code(cell.model, cell.parameters.get("solver"))


@cache
def experiment_code(name, run):
    """What the job that assembles an experiment runs."""
    return assembling_code(plan(run).experiments[name])


def aggregate_code(wildcards):
    return experiment_code(wildcards.experiment, wildcards.run)


def figure_code(script, drawn_by):
    """What a job that draws a figure runs, by what its kind names under `draw` or `interactive`."""

    def code(wildcards):
        settings = figure_settings(wildcards)
        before = [experiment_code(name, wildcards.run) for name in drawn_from(settings)]
        return drawing_code(script, getattr(kinds()[settings["kind"]], drawn_by), before)

    return code


def figure_draws(drawn_by):
    """What draws a figure, `module:function`."""

    def draws(wildcards):
        return getattr(kinds()[figure_settings(wildcards)["kind"]], drawn_by)

    return draws


def explored(wildcards):
    """What the explorer has of the configuration's experiments, as JSON."""
    return report_parameter(explorer.offered(PAPER.experiments.values()))


def exploring_code(wildcards):
    return planned(["scripts/explore.py", "publishing/explorer.py"])


def claims_judged(wildcards):
    """The claims of a run, as JSON."""
    return report_parameter(claims_of(RUNS[wildcards.run]))


def claims_code(wildcards):
    return judging_code(experiment_code(name, wildcards.run) for name in RUNS[wildcards.run]["experiments"])


def comparing_code(study):
    """What the job that compares the variants of a study runs."""

    def code(wildcards):
        before = [experiment_code(name, run) for run, part in study.runs.items() for name in part["experiments"]]
        return planned(["scripts/compare.py", "analysis/compare.py"], before)

    return code


def unasked_results():
    """Results that no study asks for."""
    bundles = [bundle for run in RUNS for bundle in plan(run).bundles.values()]
    files = map(placed, bundle_files(bundles))
    cells = {file: {cell.id for cell in bundle.cells} for bundle, file in zip(bundles, files)}
    return unasked(RESULTS, {placed(file) for study in STUDIES.values() for file in study_files(study)}, cells)


def write_texts():
    """Tell in results/README.md what is there, whatever the run was for, and beside every figure its caption."""
    for run, settings in RUNS.items():
        drawn = [name for name in settings["figures"] if Path(placed(figure_files([name], run)[0])).exists()]
        figures, table = RESULTS / run / "figures", RESULTS / run / "claims.csv"
        verdicts = read_claims(table) if drawn and table.is_file() else {}
        for name in drawn:
            for suffix, caption_of in (("tex", tex_caption), ("md", markdown_caption)):
                write_whole(caption_of(settings, name, verdicts), figures / f"{name}.{suffix}")
        if drawn:
            write_whole(REFERENCES, figures / "references.bib")
    if RESULTS.is_dir():
        paper = {key: FILES[DEFAULTS].get(key) or () for key in ("experiments", "figures")}
        write_readme(RESULTS, {name: study.title for name, study in STUDIES.items()}, paper)


def prune_results(log):
    """Tell, on the terminal and in a log, what no study asks for; delete it where the configuration says yes."""
    defaults = {
        simulation.cells: config["models"].get(model.name, {})
        for model in models().values()
        for simulation in model.simulations()
    }
    with open(log, "w", encoding="utf-8") as lines:
        for line in prune(unasked_results(), defaults, config.get("yes", False)):
            print(line, flush=True)
            print(line, file=lines)


def pack_run(crate, files):
    """Write files of the paper's run, and what they come from, as a crate."""
    from critical_periods.publishing.crate import write_crate

    write_crate(Path(crate), RESULTS, map(Path, files), {key: config[key] for key in config if key != "matrices"})


@cache
def cells_there(kind, solver):
    """Cells of a kind that jobs with the code of now have computed."""
    folders = [RESULTS / "cells" / kind]
    return ComputedCells(folders, simulation_code(kind, solver)["fingerprint"], VERSIONS).paths.keys()


def cell_job(bundle, of_plan):
    """The job that simulates a bundle of cells, done or not."""
    cells, [path] = bundle.cells, bundle_files([bundle])
    simulation, solver = SIMULATIONS[cells[0].model], cells[0].parameters.get("solver")
    there = cells_there(simulation.cells, solver)
    return estimate.CellJob(
        estimate.kind_of(simulation.rule, cells[0].parameters),
        placed(path),
        Path(placed(f"results/benchmarks/{simulation.rule}/{bundle.id}.tsv")),
        [cell.parameters for cell in cells],
        [cell.parameters for cell in cells if cell.id not in there],
        simulation.cost,
        simulation.megabytes,
        [placed(file) for file in bundle_files(of_plan.first_bundles(bundle))],
        Path(placed(f"results/logs/{simulation.rule}/{bundle.id}.log")),
    )


@cache
def planned_estimate():
    """What the jobs of a dry run would take, in a line."""
    jobs = list(workflow.dag.needrun_jobs())
    wanted = [job.wildcards for job in jobs if job.rule.name in SIMULATIONS_BY_RULE]
    others = [job.output[0] for job in jobs if job.output and job.rule.name not in SIMULATIONS_BY_RULE]
    plans = dict.fromkeys(map(plan_of_bundle, wanted))
    alike = {each.id: cell_job(each, of_plan) for of_plan in plans for each in of_plan.bundles.values()}
    known = estimate.measured(alike.values(), estimate.calibrated())
    cores = workflow.resource_settings.cores or 1
    found = estimate.estimate([alike[wildcards.bundle] for wildcards in wanted], others, cores, known)
    return estimate.as_line(found, cores)


def tell_estimates(cores):
    """Tell, on the terminal, what every study would take on some cores, as results are now."""
    jobs = {
        name: [cell_job(bundle, plan(run)) for run in study.runs for bundle in plan(run).bundles.values()]
        for name, study in STUDIES.items()
    }
    known = estimate.measured([job for of_study in jobs.values() for job in of_study], estimate.calibrated())
    found = {}
    for name, study in STUDIES.items():
        once = list({job.path: job for job in jobs[name]}.values())
        found[name or "paper"] = estimate.estimate(once, missing_jobs(study_files(study)), cores, known)
    print(estimate.as_text(found, cores), flush=True)


def watched(job, known):
    """A job of the run, with what it is expected to take on this machine."""
    what, start, simulation = job.rule.name, 0.0, SIMULATIONS_BY_RULE.get(job.rule.name)
    if simulation is not None:
        bundle, start = bundle_of(job.wildcards), known.starting
        what = shorten(f"{what} {bundle_said(job.wildcards)}", 60, placeholder=" ...")
        seconds = start + known.seconds(cell_job(bundle, plan_of_bundle(job.wildcards)))
    else:
        seconds = known.machine * estimate.OTHERS.get(Path(job.output[0]).suffix, 1.0) if job.output else 0.0
    return WatchedJob(job.rule.name, what, seconds, start, Path(job.log[0]) if job.log else None)


def watch_run():
    """Tell how far a run is, while it lasts: on a page, and on the terminal if it is on this machine."""
    planned = list(workflow.dag.needrun_jobs())
    if not any(job.output for job in planned):
        return
    known = estimate.calibrated()
    jobs = {workflow.dag.jobid(job): watched(job, known) for job in planned}
    cores = (workflow.resource_settings.cores or 1) if workflow.local_exec else None
    drawn = {
        f"{run}figures/{name}": settings["title"]
        for run, study in RUNS.items()
        for name, settings in study["figures"].items()
    }
    handlers = workflow.logger_manager.get_log_handlers()
    WATCHES.append(Watch(logger, jobs, cores, handlers, StatusPage(RESULTS, drawn).write))


if workflow.output_settings.dryrun and workflow.is_main_process and not IS_MODULE:
    logger.addHandler(BelowJobs(logger, planned_estimate))


def stop_watching(state):
    """Tell no more than how the run ended."""
    while WATCHES:
        WATCHES.pop().stop(state)

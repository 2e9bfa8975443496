# What the configuration asks for, and the names of the files that hold it.
from contextlib import contextmanager
from functools import cache

from snakemake.exceptions import CreateRuleException
from snakemake.io import IOFile

from critical_periods import plugins
from critical_periods.analysis.tables import read_claims
from critical_periods.configuration.claims import claims_of
from critical_periods.configuration.document import style_asked
from critical_periods.configuration.files import read_words
from critical_periods.configuration.studies import drawn_from, studies
from critical_periods.dynamics.real_matrices import Matrices, known
from critical_periods.execution.progress import RunProgress
from critical_periods.models.registry import models, simulations
from critical_periods.planning.descriptions import descriptions
from critical_periods.planning.code import assembling_code, drawing_code, judging_code, planned, simulation_code
from critical_periods.planning.estimate import as_text, cell_job, estimate, file_job, missing_jobs
from critical_periods.planning.panels import check_style
from critical_periods.planning.plan import Plan, needs_first
from critical_periods.publishing import explorer
from critical_periods.publishing.captions import PAPER_FORMS, REFERENCES, figure_caption, page_caption, paper_caption
from critical_periods.publishing.markup import report_label, report_parameter
from critical_periods.storage.cells import cell_path, other_versions
from critical_periods.storage.files import write_whole
from critical_periods.storage.inventory import prune, unasked, write_readme
from critical_periods.storage.provenance import NUMERICAL_PACKAGES, software_versions
from critical_periods.storage.stamps import is_made_by, made_by

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

CELLS = Path(placed(config["cells_folder"]))

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
    for versions, files in other_versions(CELLS).items():
        logger.warning(
            f"{files} bundles of cells come from {versions}, installed is {software_versions(NUMERICAL_PACKAGES)}: "
            "numbers may differ in their last digits (docs/determinism.md); --config versions=strict computes them anew"
        )


wildcard_constraints:
    run="|".join(RUNS),
    code="[0-9a-f]{16}",
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


def bundle_file(bundle, folder, suffix):
    """A file of the job of a bundle: in a folder of the code that computes it."""
    return f"{folder}/{code_folder(bundle)}/{bundle.id}.{suffix}"


def bundle_files(bundles):
    return [bundle_file(bundle, f"{config['cells_folder']}/{bundle.cells[0].model}", "json") for bundle in bundles]


def experiment_files(names, run):
    return [f"results/{run}experiments/{name}.nc" for name in names]


def figure_files(names, run):
    return [f"results/{run}figures/{name}.{suffix}" for name in names for suffix in ("pdf", "png", "svg", "csv")]


def interactive_files(names, run):
    return [f"results/{run}interactive/{name}.html" for name in names]


def study_files(study):
    """Everything that a study is there for."""
    files = [f"results/{study.name}/comparison.csv"] if study.compare is not None else []
    for run, settings in study.runs.items():
        files += figure_files(settings["figures"], run)
        files += experiment_files(settings["experiments"], run)
        files += interactive_files(settings["figures"], run)
        files += [f"results/{run}claims.{suffix}" for suffix in ("csv", "html", "txt") if settings.get("claims")]
    return files


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


def unless_made(made, file, inputs):
    """Inputs of the job that makes a file, which is made anew if something else has made the one that is there.

    Where Snakemake has a record of it, its params tell; here is asked what it finds without one, in a folder that was
    copied.
    """
    path = placed(file)
    there = workflow.is_main_process and Path(path).exists()
    if there and not workflow.persistence.metadata(IOFile(path, None)) and not is_made_by(Path(path), made):
        workflow.dag.forcefiles.add(path)
    return inputs


def cell_files(wildcards):
    made, [file] = aggregate_made(wildcards), experiment_files([wildcards.experiment], wildcards.run)
    return unless_made(made, file, bundle_files(plan(wildcards.run).experiment_bundles(wildcards.experiment)))


def run_datasets(wildcards):
    inputs = experiment_files(RUNS[wildcards.run]["experiments"], wildcards.run)
    return unless_made(judge_made(wildcards), f"results/{wildcards.run}claims.csv", inputs)


def figure_settings(wildcards):
    plan(wildcards.run)
    return RUNS[wildcards.run]["figures"][wildcards.figure]


def figure_parameter(wildcards):
    """What a figure is drawn by, as JSON."""
    return report_parameter(figure_settings(wildcards))


def caption(wildcards):
    """Caption of a figure in the report: text that a job carries without being run again for an edit of it."""
    return figure_caption(RUNS[wildcards.run], wildcards.figure)


def page_text(wildcards):
    """What stands below a figure on its page, carried as a caption is."""
    return page_caption(RUNS[wildcards.run], wildcards.figure)


def datasets_of(wildcards):
    return experiment_files(drawn_from(figure_settings(wildcards)), wildcards.run)


def figure_data(wildcards):
    file = f"results/{wildcards.run}figures/{wildcards.figure}.pdf"
    return unless_made(figure_made(wildcards), file, datasets_of(wildcards))


def interactive_data(wildcards):
    file = f"results/{wildcards.run}interactive/{wildcards.figure}.html"
    return unless_made(interactive_made(wildcards), file, datasets_of(wildcards))


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


def latency_wait(wildcards):
    """Seconds that a job waits for files which a network file system shows late: carried as a resource reruns nothing."""
    return workflow.execution_settings.latency_wait if workflow.execution_settings else 0


def graphics_cards(wildcards):
    """One where the cells train on cuda, else none: the resource that SLURM's plugin calls gpu."""
    return int(bundle_of(wildcards).cells[0].parameters.get("device") == "cuda")


def experiment_grid(wildcards):
    return grid_of(wildcards.experiment, wildcards.run)


def grid_of(name, run):
    """What an experiment is put together by."""
    experiment = plan(run).experiments[name]
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


def code_folder(bundle):
    """Folder of cells by the code that computes them, and what they are computed from; and by versions, if strict."""
    cell = bundle.cells[0]
    return cells_code(cell.model, cell.parameters.get("solver"))


@cache
def cells_code(kind, solver):
    code = simulation_code(kind, solver)
    return made_by(code["fingerprint"], code["upstream"], VERSIONS)


@cache
def experiment_code(name, run):
    """What the job that assembles an experiment runs."""
    return assembling_code(plan(run).experiments[name])


def aggregate_code(wildcards):
    return experiment_code(wildcards.experiment, wildcards.run)


def figure_code(script):
    """What a job that draws a figure runs, by the kinds of its panels."""

    def code(wildcards):
        settings = figure_settings(wildcards)
        before = [experiment_code(name, wildcards.run) for name in drawn_from(settings)]
        return drawing_code(script, settings["panels"], before)

    return code


draw_code, interactive_code = figure_code("draw.py"), figure_code("draw_interactive.py")


@cache
def experiment_made(name, run):
    """What makes the dataset of an experiment."""
    return made_by(grid_of(name, run), config["diverged"], experiment_code(name, run))


def aggregate_made(wildcards):
    return experiment_made(wildcards.experiment, wildcards.run)


def drawing_made(code, *style):
    """What makes a figure or its page, from the code that draws it and the style, if it has one."""

    def made(wildcards):
        settings = figure_settings(wildcards)
        data = [experiment_made(name, wildcards.run) for name in drawn_from(settings)]
        return made_by(settings, *style, code(wildcards), data)

    return made


figure_made = drawing_made(draw_code, report_parameter(STYLE))
interactive_made = drawing_made(interactive_code)


def judge_made(wildcards):
    data = [experiment_made(name, wildcards.run) for name in RUNS[wildcards.run]["experiments"]]
    return made_by(claims_judged(wildcards), claims_code(wildcards), data)


def explorer_made(wildcards):
    return made_by(explored(wildcards), explorer.checksum(), exploring_code(wildcards))


def explorer_inputs(wildcards):
    return unless_made(explorer_made(wildcards), "results/explorer.html", [])


def compare_made(study):
    def made(wildcards):
        data = [experiment_made(name, run) for run, part in study.runs.items() for name in part["experiments"]]
        return made_by(study.compare.variable, study.compare.reference, comparing_code(study)(wildcards), data)

    return made


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
    wanted = {placed(file) for study in STUDIES.values() for file in study_files(study)}
    for run in RUNS:
        for bundle in plan(run).bundles.values():
            [manifest] = bundle_files([bundle])
            wanted |= {
                placed(manifest),
                *(cell_path(Path(placed(manifest)).parent, cell.id).as_posix() for cell in bundle.cells),
            }
    return unasked(RESULTS, CELLS, wanted)


def write_texts():
    """Tell in results/README.md what is there, whatever the run was for, and beside every figure its caption."""
    for run, settings in RUNS.items():
        drawn = [name for name in settings["figures"] if Path(placed(figure_files([name], run)[0])).exists()]
        figures, table = RESULTS / run / "figures", RESULTS / run / "claims.csv"
        verdicts = read_claims(table) if drawn and table.is_file() else {}
        for name in drawn:
            for form in PAPER_FORMS:
                write_whole(paper_caption(settings, name, verdicts, form), figures / f"{name}.{form}")
        if drawn:
            write_whole(REFERENCES, figures / "references.bib")
    if RESULTS.is_dir():
        paper = {key: FILES[DEFAULTS].get(key) or () for key in ("experiments", "figures")}
        write_readme(RESULTS, CELLS, {name: study.title for name, study in STUDIES.items()}, paper)


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

    write_crate(Path(crate), RESULTS, map(Path, files), config, config["plugins"])


@cache
def cells_there(kind, solver):
    """Cells of a kind that jobs with the code of now have computed."""
    return {file.stem for file in (CELLS / kind / cells_code(kind, solver)).glob("*.nc")}


def simulation_job(bundle, of_plan):
    """What the job of a bundle of cells is expected to take."""
    cell = bundle.cells[0]
    return cell_job(bundle, of_plan, cells_there(cell.model, cell.parameters.get("solver")))


def planned_job(job):
    """What a job of Snakemake's is expected to take."""
    if "bundle" in job.wildcards.keys():
        of_plan = plan_of_bundle(job.wildcards)
        return simulation_job(of_plan.bundles[job.wildcards.bundle], of_plan)
    return file_job(job.output[0])


def study_estimates(cores):
    """What every study would take on some cores, as a table."""
    found = {}
    for name, study in STUDIES.items():
        plans = map(plan, study.runs)
        jobs = {bundle.id: simulation_job(bundle, each) for each in plans for bundle in each.bundles.values()}
        others = missing_jobs(map(placed, study_files(study)))
        found[name or "paper"] = estimate([*jobs.values(), *others], cores)
    return as_text(found, cores)


if workflow.is_main_process and not IS_MODULE:
    logger.addHandler(RunProgress(workflow, logger, planned_job))

# What the configuration asks for; and what only Snakemake knows: wildcards, resources, what has a record, names of rules.
from contextlib import contextmanager
from functools import partial, wraps
from inspect import signature

from snakemake.exceptions import CreateRuleException
from snakemake.io import IOFile

from critical_periods import plugins
from critical_periods.configuration.files import files_named, read_words
from critical_periods.dynamics.real_matrices import Matrices
from critical_periods.execution.progress import RunProgress
from critical_periods.models.registry import models, simulations
from critical_periods.planning.estimate import estimates_table, bundle_job, file_job, study_estimates
from critical_periods.planning.making import Making
from critical_periods.planning.runs import Runs
from critical_periods.publishing.captions import figure_caption, page_caption
from critical_periods.publishing.markup import report_label, report_parameter
from critical_periods.publishing.texts import write_captions, write_readme
from critical_periods.storage.cells import other_versions
from critical_periods.storage.inventory import prune, unasked
from critical_periods.storage.provenance import NUMERICAL_PACKAGES, software_versions
from critical_periods.storage.stamps import is_made_by

#: Names that other rules have: raised where no function is, as Snakemake tells every one on the way.
REFUSED = []

# Where a file of ours lies: below the prefix of a module, which Snakemake puts before paths of rules by itself.
placed = workflow.modifier.modify_path


@contextmanager
def in_one_line():
    """Tell an error of the configuration as Snakemake tells its own, with the file and line of the value."""
    try:
        yield
    except ConfigError as error:
        said = error if error.origin else located(error, config, FILES)
        raise WorkflowError(f"Configuration: {said}") from None


with in_one_line():
    read_words(config, workflow.config_settings.config_args)
    config["plugins"] = plugins.resolved(files_named("plugins", config, FILES, IS_MODULE))
    plugins.load(config["plugins"])
    own_studies = [folder / name for name, folder in files_named("studies", config, FILES, IS_MODULE)]
    matrices = Matrices([*(file.parent for file in [*own_studies, *reversed(FILES)]), Path()])
    config.pop("matrices", None)  # of a parent that has read the workflow before
    RUNS = Runs(config, FILES, [*sorted((PROJECT / "studies").glob("*.yaml")), *own_studies], matrices, placed)

# Where jobs find the matrices that cells name by what they hold; plans made later add theirs.
config["matrices"] = matrices.files

MAKING = Making(RUNS)

if workflow.is_main_process and not MAKING.versions:
    for versions, files in other_versions(MAKING.cells).items():
        logger.warning(
            f"{files} bundles of cells come from {versions}, installed is {software_versions(NUMERICAL_PACKAGES)}: "
            "numbers may differ in their last digits (docs/determinism.md); --config versions=strict computes them anew"
        )


wildcard_constraints:
    run="|".join(RUNS.settings),
    code="[0-9a-f]{16}",
    bundle="[0-9a-f]{16}",
    experiment="|".join({name for settings in RUNS.settings.values() for name in settings["experiments"]}) or "none",
    figure="|".join(RUNS.figures) or "none",


def asks(method):
    """What Snakemake calls with the wildcards of a job: a method, which is given those that it names."""
    names = list(signature(method).parameters)

    def answer(wildcards):
        with in_one_line():
            return method(*(getattr(wildcards, name) for name in names))

    return answer


def as_json(method):
    """The same as JSON: the report writes parameters of jobs into a script."""

    @wraps(method)
    def told(*words):
        return report_parameter(method(*words))

    return told


def unless_made(file, made, inputs):
    """Inputs of the job that makes a file, which is made anew if something else has made the one that is there.

    Where Snakemake has a record of it, its params tell; here is asked what it finds without one, in a folder that was
    copied.
    """
    made, inputs = asks(made), asks(inputs)

    def answer(wildcards):
        path = placed(file.format(**wildcards))
        there = workflow.is_main_process and Path(path).exists()
        recorded = there and workflow.persistence.metadata(IOFile(path, None))
        if there and not recorded and not is_made_by(Path(path), made(wildcards)):
            workflow.dag.forcefiles.add(path)
        return inputs(wildcards)

    return answer


def minutes(first, further):
    """Run time of a job: minutes for its first cell and for each one more; more at every attempt."""

    def runtime(wildcards, attempt):
        return attempt * (first + further * (len(RUNS.bundle(wildcards.bundle).cells) - 1))

    return runtime


def memory(megabytes):
    """Memory of a job, more at every attempt."""

    def mem_mb(wildcards, attempt):
        return attempt * megabytes

    return mem_mb


def latency_wait(wildcards):
    """Seconds that a job waits for files which a network file system shows late: carried as a resource reruns nothing."""
    return workflow.execution_settings.latency_wait if workflow.execution_settings else 0


def graphics_cards(bundle):
    """One where the cells train on cuda, else none: the resource that SLURM's plugin calls gpu."""
    return int(RUNS.bundle(bundle).cells[0].parameters.get("device") == "cuda")


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


def report_labels(run, **words):
    """Labels of a file in the report, the run among them."""
    return words | {"run": run[:-1] or "paper"}


def figure_labels(run, figure):
    return report_labels(run, figure=figure, title=report_label(RUNS.figure(run, figure)["title"]))


def caption(run, figure):
    """Caption of a figure in the report: text that a job carries without being run again for an edit of it."""
    return figure_caption(RUNS.settings[run], figure)


def page_text(run, figure):
    """What stands below a figure on its page, carried as its caption is."""
    return page_caption(RUNS.settings[run], figure)


def write_texts():
    """Tell in results/README.md what is there, whatever the run was for, and beside every figure its caption."""
    write_captions(RUNS)
    results = Path(placed("results"))
    if results.is_dir():
        paper = {key: FILES[DEFAULTS].get(key) or () for key in ("experiments", "figures")}
        write_readme(results, MAKING.cells, {name: study.title for name, study in RUNS.studies.items()}, paper)


def prune_results(log):
    """Tell, on the terminal and in a log, what nothing asks for; delete it where the configuration says yes."""
    found = unasked(Path(placed("results")), MAKING.cells, MAKING.wanted())
    with open(log, "w", encoding="utf-8") as lines:
        for line in prune(found, RUNS.default_parameters(), config.get("yes", False)):
            print(line, flush=True)
            print(line, file=lines)


def expected_job(job):
    """What a job of Snakemake's is expected to take."""
    if "bundle" in job.wildcards.keys():
        return bundle_job(MAKING, job.wildcards.bundle)
    return file_job(job.output[0])


if workflow.is_main_process and not IS_MODULE:
    logger.addHandler(RunProgress(workflow, logger, expected_job))

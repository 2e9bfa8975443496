# What lies in results/: written down after every run, and pruned of what nobody asks for any more.
from critical_periods.storage.inventory import prune, unasked, write_readme


def unasked_results():
    """Results that no study asks for."""
    bundles = [bundle for run in RUNS for bundle in plan(run).bundles.values()]
    cells = {file: {cell.id for cell in bundle.cells} for bundle, file in zip(bundles, bundle_files(bundles))}
    return unasked(Path("results"), {file for study in STUDIES.values() for file in study_files(study)}, cells)


def write_results_readme():
    """Tell in results/README.md what is there, whatever the run was for; where results are written at all."""
    if Path("results").is_dir():
        write_readme(Path("results"), {name: study.title for name, study in STUDIES.items()})


rule prune:
    log:
        "results/logs/prune.log",
    localrule: True
    threads: 1
    message:
        "Results that no study asks for"
    run:
        with open(log[0], "w", encoding="utf-8") as lines:
            for line in prune(unasked_results(), config["models"], config.get("yes", False)):
                print(line, flush=True)
                print(line, file=lines)

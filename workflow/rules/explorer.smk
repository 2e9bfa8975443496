# The page that computes.
from critical_periods.planning.code import planned
from critical_periods.publishing import explorer
from critical_periods.storage.stamps import made_by


def explored():
    """What the explorer has of the configuration's experiments."""
    return explorer.offered(RUNS.plan("").experiments.values())


def exploring_code():
    return planned(["scripts/explore.py", "publishing/explorer.py"])


def explorer_made():
    return made_by(explored(), explorer.page_checksum(), exploring_code())


rule explorer:
    """The page that computes: pathways and their deficits, from the experiments of this configuration on."""
    input:
        unless_made("results/explorer.html", explorer_made, lambda: []),
    output:
        report(
            "results/explorer.html",
            caption="../report/explorer.rst",
            category="Interactive",
            labels={"figure": "explorer", "title": "a page that computes", "run": "paper"},
        ),
    log:
        "results/logs/explorer.log",
    localrule: True
    conda:
        "../../envs/interactive.yaml"
    threads: 1
    params:
        experiments=asks(as_json(explored)),
        page=explorer.page_checksum(),
        code=asks(exploring_code),
        made_by=asks(explorer_made),
    message:
        "Filling the explorer with the experiments of this configuration"
    script:
        "../scripts/explore.py"

# The page that computes.
from critical_periods.publishing import explorer

OFFERED = RUNS.plan("").experiments.values()


rule explorer:
    """The page that computes: pathways and their deficits, from the experiments of this configuration on."""
    input:
        unless_made("results/explorer.html", partial(explorer.made, OFFERED), lambda: []),
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
        experiments=report_parameter(explorer.offered(OFFERED)),
        page=explorer.page_checksum(),
        code=asks(explorer.code),
        made_by=asks(partial(explorer.made, OFFERED)),
    message:
        "Filling the explorer with the experiments of this configuration"
    script:
        "../scripts/explore.py"

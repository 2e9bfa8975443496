# The page that computes.
rule explorer:
    """The page that computes: pathways and their deficits, from the experiments of this configuration on."""
    input:
        explorer_inputs,
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
        experiments=explored,
        page=explorer.checksum(),
        code=exploring_code,
        made_by=explorer_made,
    message:
        "Filling the explorer with the experiments of this configuration"
    script:
        "../scripts/explore.py"

# A look before the run.
rule estimate:
    """What every study would take, from what has run already."""
    log:
        "results/logs/estimate.log",
    localrule: True
    threads: workflow.resource_settings.cores or 1
    message:
        "What every study would take on {threads} cores, as results are now"
    run:
        tell_estimates(threads)

# A look before the run.
rule estimate:
    """What every study would take, as results are now."""
    log:
        "results/logs/estimate.log",
    localrule: True
    threads: workflow.resource_settings.cores or 1
    message:
        "What every study would take on {threads} cores, as results are now"
    run:
        print(estimates_table(study_estimates(MAKING, threads), threads), flush=True)

# What lies in results/ and nobody asks for any more.
rule prune:
    """What lies in results and no study asks for any more."""
    log:
        "results/logs/prune.log",
    localrule: True
    threads: 1
    message:
        "Results that no study asks for"
    run:
        prune_results(log[0])

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
        found = unasked(Path(placed("results")), MAKING.cells, MAKING.wanted())
        with open(log[0], "w", encoding="utf-8") as lines:
            for line in prune(found, RUNS.default_parameters(), config.get("yes", False)):
                print(line, flush=True)
                print(line, file=lines)

# A run to hand on.
rule crate:
    """Figures, datasets, claims, configuration, code and versions of the paper as one Workflow Run RO-Crate."""
    input:
        RUNS.study_files(""),
    output:
        "results/crate.zip",
    log:
        "results/logs/crate.log",
    localrule: True
    threads: 1
    message:
        "Packing the run into {output}"
    run:
        from critical_periods.publishing.crate import write_crate

        write_crate(Path(output[0]), Path(placed("results")), map(Path, input), config, config["plugins"])

# A run to hand on.
rule crate:
    """Figures, datasets, claims, configuration, code and versions of the paper as one Workflow Run RO-Crate."""
    input:
        study_files(STUDIES[""]),
    output:
        "results/crate.zip",
    log:
        "results/logs/crate.log",
    localrule: True
    threads: 1
    message:
        "Packing the run into {output}"
    run:
        pack_run(output[0], input)

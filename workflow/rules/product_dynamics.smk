# Dynamics of the product matrix: training beside theory.


rule singular_flow:
    output:
        update("results/cells/singular_flow/{bundle}.nc"),
    log:
        "results/logs/singular_flow/{bundle}.log",
    benchmark:
        "results/benchmarks/singular_flow/{bundle}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(60, 30),
    params:
        cells=bundle_cells,
        code=bundle_code,
        versions=VERSIONS,
    message:
        "Training beside the flow of singular values, {wildcards.bundle}; progress in {log}"
    script:
        "../scripts/singular_flow.py"


rule shared_modes:
    output:
        update("results/cells/shared_modes/{bundle}.nc"),
    log:
        "results/logs/shared_modes/{bundle}.log",
    benchmark:
        "results/benchmarks/shared_modes/{bundle}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(60, 30),
    params:
        cells=bundle_cells,
        code=bundle_code,
        versions=VERSIONS,
    message:
        "Training beside modes in closed form, {wildcards.bundle}; progress in {log}"
    script:
        "../scripts/shared_modes.py"

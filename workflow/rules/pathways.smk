# Multi-pathway learning: phase portraits of the scalar dynamics, and networks beside them.


rule integrate_pathways:
    output:
        update("results/cells/scalar_pathways/{bundle}.nc"),
    log:
        "results/logs/integrate_pathways/{bundle}.log",
    benchmark:
        "results/benchmarks/integrate_pathways/{bundle}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(10, 1),
    params:
        cells=bundle_cells,
        code=bundle_code,
        versions=VERSIONS,
    message:
        "Integrating the scalar dynamics of pathways, {wildcards.bundle}; results in {log}"
    script:
        "../scripts/integrate_pathways.py"


rule train_pathways:
    output:
        update("results/cells/pathway_network/{bundle}.nc"),
    log:
        "results/logs/train_pathways/{bundle}.log",
    benchmark:
        "results/benchmarks/train_pathways/{bundle}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(20, 10),
    params:
        cells=bundle_cells,
        code=bundle_code,
        versions=VERSIONS,
    message:
        "Training multi-pathway networks, {wildcards.bundle}; progress in {log}"
    script:
        "../scripts/train_pathways.py"

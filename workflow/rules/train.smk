# Deep matrix completion: pre-training once for all cells that share it, then every switch epoch as one batch.


rule pretrain:
    output:
        update("results/cells/pretraining/{bundle}.nc"),
    log:
        "results/logs/pretrain/{bundle}.log",
    benchmark:
        "results/benchmarks/pretrain/{bundle}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(60, 10),
        gpu=graphics_cards,
    params:
        cells=bundle_cells,
        code=bundle_code,
        versions=VERSIONS,
    message:
        "Pre-training {wildcards.bundle}; progress in {log}"
    script:
        "../scripts/pretrain.py"


rule train:
    input:
        pretraining_files,
    output:
        update("results/cells/matrix_completion/{bundle}.nc"),
    log:
        "results/logs/train/{bundle}.log",
    benchmark:
        "results/benchmarks/train/{bundle}.tsv"
    conda:
        "../../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=minutes(120, 20),
        gpu=graphics_cards,
    params:
        cells=bundle_cells,
        pretraining=pretraining_of,
        code=bundle_code,
        versions=VERSIONS,
    message:
        "Training {wildcards.bundle} on the final task; progress in {log}"
    script:
        "../scripts/train.py"

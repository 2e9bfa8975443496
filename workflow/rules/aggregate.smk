# From cells to the dataset of an experiment.


rule aggregate:
    """The dataset of an experiment, from its cells."""
    input:
        cell_files,
    output:
        "results/{run}experiments/{experiment}.nc",
    log:
        "results/logs/{run}aggregate/{experiment}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        latency=latency_wait,
    params:
        grid=experiment_grid,
        model=experiment_model,
        diverged=config["diverged"],
        code=aggregate_code,
        made_by=aggregate_made,
    message:
        "Aggregating experiment {wildcards.run}{wildcards.experiment}"
    script:
        "../scripts/aggregate.py"

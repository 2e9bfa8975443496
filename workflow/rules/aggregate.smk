# From cells to the dataset of an experiment.


rule aggregate:
    """The dataset of an experiment, from its cells."""
    input:
        unless_made("results/{run}experiments/{experiment}.nc", MAKING.experiment, MAKING.experiment_manifests),
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
        grid=asks(RUNS.grid),
        model=asks(RUNS.described),
        diverged=config["diverged"],
        code=asks(MAKING.experiment_code),
        made_by=asks(MAKING.experiment),
    message:
        "Aggregating experiment {wildcards.run}{wildcards.experiment}"
    script:
        "../scripts/aggregate.py"

# From parameters to the datasets of cells: a rule for every kind of cells, made from what its model declares.

for simulation in simulations().values():
    with refusing_names_of_rules("plugins: rule", simulation.rule, []):

        rule:
            name:
                simulation.rule
            input:
                asks(MAKING.first_manifests),
            output:
                # Not removed before the job: another run may be reading it.
                update(f"{config['cells_folder']}/{simulation.cells}/{{code}}/{{bundle}}.json"),
            log:
                f"results/logs/{simulation.rule}/{{code}}/{{bundle}}.log",
            benchmark:
                f"results/benchmarks/{simulation.rule}/{{code}}/{{bundle}}.tsv"
            conda:
                "../../envs/training.yaml"
            threads: 1
            resources:
                mem_mb=memory(simulation.megabytes),
                runtime=minutes(*simulation.minutes),
                gpu=asks(graphics_cards),
                cells=asks(RUNS.bundle_said),
                latency=latency_wait,
            params:
                cells=asks(RUNS.bundle_cells),
                first=asks(RUNS.first_cells),
                simulation=simulation.cells,
                code=asks(MAKING.bundle_code),
            message:
                simulation.message.format(cells="{resources.cells}", bundle="{wildcards.bundle}", log="{log}")
            script:
                "../scripts/simulate.py"

    explain(simulation.rule, simulation.message.partition(", {")[0].partition("; ")[0])

# From parameters to the datasets of cells: a rule for every kind of cells, made from what its model declares.

for simulation in SIMULATIONS.values():
    with refusing_names_of_rules("plugins: rule", simulation.rule, []):

        rule:
            name:
                simulation.rule
            input:
                first_files,
            output:
                update(f"results/cells/{simulation.cells}/{{bundle}}.nc"),
            log:
                f"results/logs/{simulation.rule}/{{bundle}}.log",
            benchmark:
                f"results/benchmarks/{simulation.rule}/{{bundle}}.tsv"
            conda:
                "../../envs/training.yaml"
            threads: 1
            resources:
                mem_mb=memory(simulation.megabytes),
                runtime=minutes(*simulation.minutes),
                gpu=graphics_cards,
                cells=bundle_said,
            params:
                cells=bundle_cells,
                first=bundle_firsts,
                simulation=simulation.cells,
                code=bundle_code,
                versions=VERSIONS,
            message:
                simulation.message.format(cells="{resources.cells}", bundle="{wildcards.bundle}", log="{log}")
            script:
                "../scripts/simulate.py"

    explain(simulation.rule, simulation.message.partition(", {")[0].partition("; ")[0])

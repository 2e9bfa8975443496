# Variants of a study side by side.

for study in RUNS.studies.values():
    if study.compare is not None:

        rule:
            name:
                f"compare_{study.name}"
            input:
                unless_made(
                    f"results/{study.name}/comparison.csv",
                    partial(MAKING.comparison, study.name),
                    partial(RUNS.compared_files, study.name),
                ),
            output:
                f"results/{study.name}/comparison.csv",
            log:
                f"results/logs/{study.name}/comparison.log",
            conda:
                "../../envs/figures.yaml"
            threads: 1
            resources:
                mem_mb=1000,
                runtime=10,
            params:
                variable=study.compare.variable,
                reference=study.compare.reference,
                code=asks(partial(MAKING.comparing_code, study.name)),
                made_by=asks(partial(MAKING.comparison, study.name)),
            message:
                "Comparing the variants; largest differences in {log}"
            script:
                "../scripts/compare.py"

        explain(study.name, f"The variants of {study.name} side by side")

# Variants of a study side by side.

for study in STUDIES.values():
    if study.compare is not None:

        rule:
            name:
                f"compare_{study.name}"
            input:
                **variant_files(study),
            output:
                table=f"results/{study.name}/comparison.csv",
                claims=f"results/{study.name}/comparison_claims.csv",
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
                claims=report_parameter(study.compare.model_dump()["claims"]),
                variants=list(variant_files(study)),
                code=comparing_code(study),
                made_by=compare_made(study),
            message:
                "Comparing the variants; largest differences in {log}"
            script:
                "../scripts/compare.py"

        explain(study.name, f"The variants of {study.name} side by side")

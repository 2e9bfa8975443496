# Every cell of the error curves by gradient descent, gradient flow and shadowing: how far are they apart?
# `snakemake agreement` is a target of its own; its cells of gradient descent are those of the figures.


rule agreement:
    input:
        "results/agreement.csv",


rule agree:
    input:
        **{
            solver: experiment_files(RUNS[f"agreement/{solver}/"]["experiments"], f"agreement/{solver}/")
            for solver in COMPARED
        },
    output:
        "results/agreement.csv",
    log:
        "results/logs/agree.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=agreement_code,
    message:
        "Comparing the solvers; largest differences in {log}"
    script:
        "../scripts/agree.py"

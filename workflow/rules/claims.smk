# Verdicts on the paper's statements, from the datasets of all experiments.


rule judge:
    input:
        run_datasets,
    output:
        table=report(
            "results/{run}claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels=claim_labels("table"),
        ),
        page=report(
            "results/{run}claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels=claim_labels("with reasons and intervals"),
        ),
        text="results/{run}claims.txt",
        unjudged="results/{run}claims_not_judged.csv",
    log:
        "results/logs/{run}judge.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        claims=claims_judged,
        code=judging_code,
    message:
        "Judging the claims on {input}"
    script:
        "../scripts/judge.py"


rule claims:
    input:
        table="results/claims.csv",
        text="results/claims.txt",
        unjudged="results/claims_not_judged.csv",
    log:
        "results/logs/claims.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        strict=config["strict"],
    message:
        "Claims of the paper"
    script:
        "../scripts/show_claims.py"


use rule claims as strict_claims with:
    output:
        touch("results/claims_hold"),
    log:
        "results/logs/strict_claims.log",
    message:
        "Do all claims hold, and were all of them judged?"

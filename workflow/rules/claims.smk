# Verdicts on the paper's statements, from the datasets of all experiments.


rule judge:
    """Verdicts on the claims of a run."""
    input:
        unless_made("results/{run}claims.csv", MAKING.claims, RUNS.experiment_files),
    output:
        table="results/{run}claims.csv",
        page=report(
            "results/{run}claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels=asks(partial(report_labels, claims="verdicts, with reasons and intervals")),
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
        claims=asks(as_json(RUNS.claims)),
        code=asks(MAKING.judging_code),
        made_by=asks(MAKING.claims),
    message:
        "Judging claims, verdicts in {output.table}"
    script:
        "../scripts/judge.py"


rule claims:
    """The verdicts on the paper's claims, on the terminal."""
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
    """Fails where a claim of the paper does not hold or was not judged."""
    output:
        touch("results/claims_hold"),
    log:
        "results/logs/strict_claims.log",
    message:
        "Do all claims hold, and were all of them judged?"

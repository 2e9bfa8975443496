# Figures, drawn from experiment datasets alone; every figure is a target of its own name.


rule figure:
    """A figure, as PDF, PNG and SVG, and its numbers."""
    input:
        unless_made("results/{run}figures/{figure}.pdf", MAKING.figure, RUNS.figure_datasets),
    output:
        pdf="results/{run}figures/{figure}.pdf",
        png=report(
            "results/{run}figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels=asks(figure_labels),
        ),
        svg="results/{run}figures/{figure}.svg",
        numbers="results/{run}figures/{figure}.csv",
    log:
        "results/logs/{run}figures/{figure}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        caption=asks(caption),
    params:
        figure=asks(as_json(RUNS.figure)),
        style=report_parameter(RUNS.style),
        code=asks(MAKING.figure_code),
        made_by=asks(MAKING.figure),
    message:
        "Drawing {wildcards.run}{wildcards.figure}"
    script:
        "../scripts/draw.py"

# Figures, drawn from experiment datasets alone; every figure is a target of its own name.


rule figure:
    """A figure, as PDF, PNG and SVG, and its numbers."""
    input:
        figure_data,
    output:
        pdf="results/{run}figures/{figure}.pdf",
        png=report(
            "results/{run}figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels=figure_labels,
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
        caption=caption,
    params:
        figure=figure_parameter,
        style=report_parameter(STYLE),
        code=draw_code,
        made_by=figure_made,
    message:
        "Drawing {wildcards.run}{wildcards.figure}"
    script:
        "../scripts/draw.py"

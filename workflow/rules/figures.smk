# Figures, drawn from experiment datasets alone; every figure is a target of its own name.


rule figure:
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
    log:
        "results/logs/{run}figures/{figure}.log",
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        figure=figure_settings,
        code=drawing_code("draw.py", "critical_periods.figures.{kind}"),
    message:
        "Drawing {wildcards.run}{wildcards.figure}"
    script:
        "../scripts/draw.py"


for name in NAMED["figures"]:

    rule:
        name:
            name
        input:
            figure_files([name]),

# Interactive twins of figures, for the report and the browser.


rule interactive:
    """The page of a figure, to hover over and zoom into."""
    input:
        interactive_data,
    output:
        report(
            "results/{run}interactive/{figure}.html",
            caption="../report/interactive.rst",
            category="Interactive",
            labels=figure_labels,
        ),
    log:
        "results/logs/{run}interactive/{figure}.log",
    conda:
        "../../envs/interactive.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        caption=page_text,
    params:
        figure=figure_parameter,
        code=interactive_code,
        made_by=interactive_made,
    message:
        "Drawing {wildcards.run}{wildcards.figure} to hover over"
    script:
        "../scripts/draw_interactive.py"

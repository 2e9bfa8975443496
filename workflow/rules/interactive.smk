# Interactive twins of figures, for the report and the browser.


rule interactive:
    """The page of a figure, to hover over and zoom into."""
    input:
        unless_made("results/{run}interactive/{figure}.html", MAKING.page, RUNS.figure_datasets),
    output:
        report(
            "results/{run}interactive/{figure}.html",
            caption="../report/interactive.rst",
            category="Interactive",
            labels=asks(figure_labels),
        ),
    log:
        "results/logs/{run}interactive/{figure}.log",
    conda:
        "../../envs/interactive.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        caption=asks(page_text),
    params:
        figure=asks(as_json(RUNS.figure)),
        code=asks(MAKING.page_code),
        made_by=asks(MAKING.page),
    message:
        "Drawing {wildcards.run}{wildcards.figure} to hover over"
    script:
        "../scripts/draw_interactive.py"

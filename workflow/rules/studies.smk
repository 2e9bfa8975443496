# What can be asked for by name: everything of the paper, every other study, every figure. These rules come last, after those
# of models: then none of the others finds its name taken.


rule all:
    """Everything of the paper: figures, datasets, pages and verdicts."""
    default_target: True
    input:
        RUNS.study_files(""),
        "results/claims_hold" if config["strict"] else [],


for study in RUNS.studies.values():
    if study.name:
        with refusing_names_of_rules("studies", study.name, RUNS.studies):

            rule:
                name:
                    study.name
                input:
                    RUNS.study_files(study.name),

            explain(study.name, study.title)


for name, run in RUNS.figures.items():
    with refusing_names_of_rules("figures", name, RUNS.figures):

        rule:
            name:
                name
            input:
                RUNS.figure_files(run, [name]),

        explain(name, RUNS.settings[run]["figures"][name]["title"])


if REFUSED:
    raise REFUSED[0]

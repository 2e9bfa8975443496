# What can be asked for by name: everything of the paper, every other study, every figure. These rules come last, after those
# of models: then none of the others finds its name taken.


rule all:
    """Everything of the paper: figures, datasets, pages and verdicts."""
    default_target: True
    input:
        study_files(STUDIES[""]),
        "results/claims_hold" if config["strict"] else [],


for study in STUDIES.values():
    if study.name:
        with refusing_names_of_rules("studies", study.name, STUDIES):

            rule:
                name:
                    study.name
                input:
                    study_files(study),

            explain(study.name, study.title)


for name, run in FIGURES.items():
    with refusing_names_of_rules("figures", name, FIGURES):

        rule:
            name:
                name
            input:
                figure_files([name], run),

        explain(name, RUNS[run]["figures"][name]["title"])


if REFUSED:
    raise REFUSED[0]

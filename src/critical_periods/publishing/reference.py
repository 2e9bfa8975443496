"""The page of all keys in the documentation, from the declarations: make schema."""

from __future__ import annotations

import textwrap
from pathlib import Path

from critical_periods.analysis.claims import Claim
from critical_periods.configuration.document import Configuration, ExperimentSettings, FigureSettings
from critical_periods.configuration.fields import Section
from critical_periods.configuration.files import paper
from critical_periods.configuration.solvers import WITH_OPTIONS
from critical_periods.configuration.studies import Comparison, StudyFile, Taken, Variant
from critical_periods.declarations import as_unit, key_rows, sentence_of
from critical_periods.figures.kinds import kinds, marks
from critical_periods.models.registry import ModelSpec, models
from critical_periods.publishing.schema import GENERATED

#: The page, from the root of the repository.
KEYS_PAGE = Path("docs/keys.md")

#: What a deployed project reads about its configuration, from the root of the repository.
CONFIG_README = Path("config/README.md")

_INTRODUCTION = """
Every key of `config.yaml`, of files given with `--configfile`, and of files of studies: what it may be, what it is
where nothing is said, its unit, and what it is for. What is required has no neutral value; of models `config.yaml`
gives the paper's, with the place in the paper. A key that is not here is refused, and so is a value that is not
allowed; what keys may be only together is checked before anything runs, too.
"""

_MODELS = "## Models\n\nParameters of `models.<model>`, and of `set` and `vary` of experiments of the model.\n"

_DEPLOYED = """
`config.yaml` in this folder is laid over the paper's values, key by key; what it does not name stays the paper's.
One more seed, another solver or another size is one line:

```yaml
seeds: [0, 1, 2]
solver: gradient_flow
models:
  {model}:
    depth: 4
experiments:
  depth:
    vary: {{depth: [2, 3, 4]}}
```

A key that is misspelt is refused before a job starts, and so is a value that is not allowed. Top-level keys that mean
nothing to this workflow are ignored, with a line that names them.
"""


def config_readme() -> str:
    """What a deployed project reads about its configuration, in Markdown."""
    example = _DEPLOYED.format(model=paper()["experiments"]["depth"]["model"])
    parts = [f"<!-- {GENERATED} -->\n\n# What can be configured\n{example}"]
    parts += [_section("Top level", Configuration, "All of it is optional here; the paper's values are the defaults.")]
    parts += [_MODELS, *(_section(f"`{name}`", model, level=3) for name, model in models().items())]
    return "\n".join(parts).replace("| required |", "| the paper's |").replace("| as its keys |", "| the paper's |")


def page() -> str:
    """The page, in Markdown."""
    parts = [f"<!-- {GENERATED} -->\n\n# All keys\n{_INTRODUCTION}"]
    parts += [_section("The configuration", Configuration, "Top level.")]
    parts += [_section(f"`{name}`", solver) for name, solver in WITH_OPTIONS.items()]
    parts += [_section("`experiments.<name>`", ExperimentSettings)]
    parts += [_section("`figures.<name>`", FigureSettings)]
    parts += [_section("`claims.<name>`", Claim)]
    parts += [_MODELS, *map(_model, models().values())]
    parts += ["## Panels\n\nEntries of `panels` of a figure, by what they say under `plot`.\n"]
    parts += [_section(f"`{name}`", kind, level=3) for name, kind in kinds().items()]
    parts += ["### `marks`\n\n| mark | what |\n|---|---|"]
    parts += [*(f"| `{name}` | {_cell(mark.sentence)} |" for name, mark in marks().items()), ""]
    parts += ["## Studies\n\nFiles of `studies/`, and those that the key `studies` names.\n"]
    parts += [_section("A file", StudyFile, level=3)]
    parts += [_section("`take`", Taken, level=3)]
    parts += [_section("`variants.<name>`", Variant, level=3)]
    parts += [_section("`compare`", Comparison, level=3)]
    return "\n".join(parts)


def _model(model: type[ModelSpec]) -> str:
    recorded = [
        f"| `{name}` | {', '.join(f'`{axis}`' for axis in variable.dims)} | {as_unit(variable.unit)} "
        f"| {_cell(variable.long_name)} |"
        for name, variable in model.variables.items()
        if variable.dims is not None
    ]
    head = "What its datasets hold, over `seed`, what varies, and\n\n"
    head += "| variable | axes | unit | what |\n|---|---|---|---|\n"
    return f"{_section(f'`{model.name}`', model, level=3)}\n{head}" + "\n".join(recorded) + "\n"


def _section(title: str, section: type[Section], sentence: str = "", level: int = 2) -> str:
    """Keys of a section, below its own sentence or another one."""
    rows = [
        f"| `{name}` | {_cell(values)} | {_cell(default)} | {unit} | {_cell(what)} |"
        for name, values, default, unit, what in key_rows(section)
    ]
    head = f"{'#' * level} {title}\n\n{textwrap.fill(sentence or sentence_of(section), 119)}\n\n"
    head += "| key | values | default | unit | what |\n|---|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    """A text in a cell of a table: no mark of Markdown in it."""
    return "".join(f"\\{mark}" if mark in "|*_<>[]$" else mark for mark in text)


def main() -> None:
    """Write the pages, into the repository that is the working directory."""
    KEYS_PAGE.write_text(page(), encoding="utf-8")
    CONFIG_README.write_text(config_readme(), encoding="utf-8")


if __name__ == "__main__":
    main()

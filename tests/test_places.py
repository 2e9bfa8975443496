"""A model is one folder: outside of it nothing of the code names the model, or a parameter that it alone has."""

import dataclasses
import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

from critical_periods.configuration.document import Configuration
from critical_periods.dynamics.random_streams import STREAMS
from critical_periods.dynamics.schedules import Phase, Task, Window
from critical_periods.models.registry import built_in
from critical_periods.solvers import SOLVERS

MODELS = REPOSITORY / "src/critical_periods/models"

#: Files that are read, and those that are made from others.
READ = (".py", ".smk", ".html", ".rst", "")
GENERATED = [Path("src/critical_periods/publishing/explorer.html")]

#: Words that everybody has a use for: of keys that all models share, of deficits and tasks, of variables, of tables.
EVERYBODYS = {
    *Configuration.model_fields,
    *SOLVERS,
    *(name for solver in SOLVERS.values() for name in (*solver.model_fields, *solver.gone)),
    *(field.name for kind in (Phase, Task, Window) for field in dataclasses.fields(kind)),
    *(name for model in built_in().values() for name in model.variables),
    *STREAMS,
    *("rows", "columns", "width"),
}


def families():
    """Models and parameters by the folder that declares them; of the latter those that no other folder has."""
    models, parameters = {}, {}
    for name, model in built_in().items():
        folder = model.__module__.split(".")[2]
        models.setdefault(folder, set()).add(name)
        parameters.setdefault(folder, set()).update(model.model_fields)
    own = {
        folder: names - EVERYBODYS - {name for other in parameters if other != folder for name in parameters[other]}
        for folder, names in parameters.items()
    }
    return models, own


def found(names, folder):
    """Where names stand outside of a folder of models, as `file: name`; imports and places of code name folders."""
    words = re.compile(rf"(?<!critical_periods\.models\.)(?<!models/)\b({'|'.join(sorted(names))})\b")
    hits = []
    for file in [REPOSITORY / "Snakefile", *REPOSITORY.glob("src/**/*.*"), *REPOSITORY.glob("workflow/**/*")]:
        place = file.relative_to(REPOSITORY)
        if file.suffix in READ and file.is_file() and MODELS / folder not in file.parents and place not in GENERATED:
            hits += sorted({f"{place}: {word}" for word in words.findall(file.read_text(encoding="utf-8"))})
    return hits


@pytest.mark.parametrize("kind", [0, 1], ids=["models", "parameters"])
@pytest.mark.parametrize("folder", families()[0])
def test_what_a_folder_of_models_declares_is_named_in_it_alone(folder, kind):
    names = families()[kind][folder]
    assert names <= {hit.split(": ")[1] for hit in found(names, "none")}, "it is named there"
    assert not found(names, folder)

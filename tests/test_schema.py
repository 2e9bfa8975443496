"""Schemas for editors and the page of all keys: as the declarations say, and no key without a word on it."""

import copy
import re

import jsonschema
import pytest
import yaml
from conftest import CONFIG, EXTENSIONS, REPOSITORY

from critical_periods.configuration import claims, document, studies
from critical_periods.figures.kinds import kinds
from critical_periods.models.registry import models
from critical_periods.publishing import reference
from critical_periods.publishing.schema import FOLDER, GENERATED, schemas, text_of
from critical_periods.solvers import SOLVERS

#: Files of the repository that an editor checks, and the schema of each.
SHIPPED = {
    "config.yaml": "config.schema.yaml",
    "tests/smoke.yaml": "config.schema.yaml",
    "docs/examples/autoencoder.yaml": "config.schema.yaml",
    **{f"studies/{file.name}": "study.schema.yaml" for file in sorted((REPOSITORY / "studies").glob("*.yaml"))},
}

#: Everything that declares keys.
DECLARED = [
    *(document.Configuration, document.ExperimentSettings, document.FigureSettings, claims.Claim, *SOLVERS.values()),
    *(studies.StudyFile, studies.Taken, studies.Variant, studies.Comparison),
    *models().values(),
    *kinds().values(),
]


def errors(name, content):
    """Places and words of what a schema has against a file."""
    validator = jsonschema.Draft202012Validator(yaml.safe_load((REPOSITORY / FOLDER / name).read_text()))
    return [(".".join(map(str, error.absolute_path)), error.message) for error in validator.iter_errors(content)]


def test_committed_schemas_and_keys_are_those_of_the_declarations():
    for name, schema in schemas().items():
        assert (REPOSITORY / FOLDER / name).read_text(encoding="utf-8") == text_of(schema), "make schema"
        jsonschema.Draft202012Validator.check_schema(schema)
        assert text_of(schema).splitlines()[0] == f"# {GENERATED}"
    assert (REPOSITORY / reference.KEYS_PAGE).read_text(encoding="utf-8") == reference.page(), "make schema"
    assert (REPOSITORY / reference.CONFIG_README).read_text(encoding="utf-8") == reference.config_readme(), (
        "make schema"
    )
    assert GENERATED in reference.page().splitlines()[0]


@pytest.mark.parametrize("file", SHIPPED)
def test_shipped_files_are_as_their_schema_says(file):
    assert errors(SHIPPED[file], yaml.safe_load((REPOSITORY / file).read_text())) == []


@pytest.mark.parametrize("file", SHIPPED)
def test_shipped_files_name_their_schema_for_editors(file):
    path = REPOSITORY / file
    [named] = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", path.read_text(), re.MULTILINE)
    assert (path.parent / named).resolve() == (REPOSITORY / FOLDER / SHIPPED[file]).resolve()
    assert path.read_text().index(named) < 1000


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("solvr", "gradient_flow", ""),
        ("models.matrix_completion.dept", 3, "models.matrix_completion"),
        ("models.matrix_completion.depth", 0, "models.matrix_completion.depth"),
        ("models.transformer", {}, "models"),
        ("experiments.depth.model", "transformer", "experiments.depth.model"),
        ("experiments.depth.vary.dept", [1], "experiments.depth.vary"),
        ("experiments.depth.vary.depth", [1, 0], "experiments.depth.vary.depth.1"),
        ("experiments.gating.set", {"pretrain_rank": 3}, "experiments.gating.set"),
        ("experiments.a b", {}, "experiments"),
        ("figures.fig04.kind", "charts", "figures.fig04"),
        ("figures.fig04.panels", [{"plot": "pie", "experiment": "depth"}], "figures.fig04.panels.0.plot"),
        (
            "figures.fig04.panels",
            [{"plot": "line", "experiment": "depth", "lines": "depth"}],
            "figures.fig04.panels.0",
        ),
        ("figures.fig01.panels", [{"plot": "phase_portrait", "experiment": "e", "x": "e"}], "figures.fig01.panels.0"),
        ("claims.1a.measure", "final_efect", "claims.1a.measure"),
        ("claims.1a.statement", "", "claims.1a.statement"),
    ],
)
def test_an_editor_marks_what_is_refused(key, value, place):
    config = copy.deepcopy(CONFIG)
    *path, last = key.split(".")
    part = config
    for name in path:
        part = part.setdefault(name, {})
    part[last] = value
    assert place in [found for found, _ in errors("config.schema.yaml", config)]


def test_an_editor_marks_what_a_study_cannot_be():
    for key, value in (("take", {"modl": "x"}), ("smoke", {"sedes": [0]}), ("variants", {"a": {"dtype": "float16"}})):
        assert errors("study.schema.yaml", EXTENSIONS | {key: value}), key


def bounded(schema):
    """Parts of a schema that values can be an instance of, through alternatives, lists and mappings."""
    for part in schema.get("anyOf", [schema]):
        yield part
        for inside in (part.get("items"), part.get("additionalProperties")):
            if isinstance(inside, dict) and inside:
                yield from bounded(inside)


@pytest.mark.parametrize("section", DECLARED, ids=lambda section: section.__name__)
def test_every_key_has_type_sentence_and_bounds(section):
    schema = section.model_json_schema()
    for name, info in section.model_fields.items():
        assert str(info.description).endswith("."), name
        for part in bounded(schema["properties"][name]):
            if "$ref" in part:
                continue
            assert "type" in part or "enum" in part or "const" in part, name
            if part.get("type") in ("integer", "number"):
                assert {"minimum", "exclusiveMinimum"} & set(part), name
                assert {"maximum", "exclusiveMaximum"} & set(part), name
            if part.get("type") == "array":
                assert {"minItems", "maxItems"} <= set(part), name


def test_the_page_of_keys_says_type_bounds_default_unit_and_sentence():
    page = reference.page()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE))
    assert rows["onset"].split(" | ")[0] == "integer, at least 0, at most 1000000000"
    assert " | 0 | epoch | " in page
    assert "null or integer, at least 20, at most 1000000000 | 10000 | epoch | " in rows["cycle_epochs"]
    for section in DECLARED:
        for name, *_ in reference.key_rows(section):
            assert f"| `{name}` |" in page, name

"""Configurations that are broken, enormous or malicious: each is refused in one line, or is harmless."""

import copy
import math
import os
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import CONFIG, REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from critical_periods.configuration.fields import ConfigError
from critical_periods.configuration.files import read_file
from critical_periods.planning.plan import Plan

TEXT = (REPOSITORY / "config.yaml").read_text()
#: Words that nothing may be called, one of each kind: empty, a path, a command, a wildcard, an option, a line's end, a
#: letter beyond ASCII, half of a pair of code units, and too long a one.
HOSTILE_NAMES = ["", "../up", "$(touch x)", "{wildcards.run}", "-rf", "a\n", "é", "\ud800", "a" * 65]


def refusal(config):
    """The one line that refuses a configuration."""
    with pytest.raises(ConfigError) as refused:
        Plan(config)
    message = str(refused.value)
    assert message.isprintable()
    assert " = " in message
    assert "; allowed: " in message
    assert len(message) < 5000
    return message


def put(config, key, value):
    """Put a value in its place, given as keys and indices with dots between them."""
    *path, last = [int(part) if part.isdecimal() else part for part in key.split(".")]
    for part in path:
        config = config[part] if isinstance(config, list) else config.setdefault(part, {})
    config[last] = value


def laughs(levels):
    """YAML of a list that holds 10^levels words, in some hundred characters."""
    lines = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    return "\n".join(["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]", *lines, f"seeds: *a{levels - 1}"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "strict: true\nseeds: [0]\nstrict: false\n",
            "line 3: duplicated key = 'strict'; allowed: once (it is in line 1",
        ),
        ("models:\n  a: 1\n  b: {c: 1,\n    c: 2}\n", "line 4: duplicated key = 'models.b.c'"),
        ("figures:\n  f:\n    panels:\n    - a: 1\n      a: 1\n", "line 5: duplicated key = 'figures.f.panels.a'"),
        ('"a": 1\na: 1\n', "line 2: duplicated key = 'a'"),
        ("x: &x {a: 1}\ny: {<<: *x, <<: *x}\n", "line 2: duplicated key = 'y.<<'"),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "line 1: duplicated key = 'b.c'"),
        ('{\t"a": 1,\n\t"a": 1}', "duplicated key = 'a'"),
        ("only words", "'only words'; allowed: keys with values"),
        ("", "empty; allowed: keys with values"),
        ("# nothing\n", "empty; allowed: keys with values"),
        ("[1, 2]", "allowed: keys with values"),
        ("a: [1\nb: 2\n", "line 2 = "),
        ("a: 1\n\tb: 2\n", "allowed: YAML or JSON"),
        ("a: *nowhere\n", "undefined alias"),
        ("a: 1\n---\na: 2\n", "allowed: YAML or JSON"),
        ("a: \0\n", "allowed: YAML or JSON"),
        ("seeds: [" + "9" * 5000 + "]\n", "numbers of 4300 digits at most"),
        ("a: 2020-13-45\n", "dates that exist"),
        ("a: !!bool x\n", "allowed: numbers"),
        ("a: !!python/name:os.system\n", "line 1 = "),
        ("{[1]: 2}\n", "unhashable key"),
    ],
)
def test_a_file_is_refused_with_its_name_and_line(tmp_path, text, reason):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_file(path)
    assert str(path)[:60] in str(refused.value)
    assert reason in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00seeds")
    reasons = {path: "other bytes", tmp_path: "Is a directory", tmp_path / "none": "No such file or directory"}
    for unreadable, reason in reasons.items():
        with pytest.raises(ConfigError, match=f"^{unreadable} = '{reason}'; allowed: a text file"):
            read_file(unreadable)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "base: &base {a: 1, b: 2}\nmine: {<<: *base, a: 3}\n",
        "a: {x: 1}\nb: {x: 1}\nc: [{x: 1}, {x: 1}]\n",
        '{\t"a": 1,\n\t"b": 2}',
        '{a: "x\ty"}',
        laughs(5),
        "a: [" + "[1], " * 100_000 + "]\n",
    ],
    ids=["config.yaml", "merge", "same key elsewhere", "JSON with tabs", "YAML with a tab", "aliases", "long"],
)
def test_what_gives_no_key_twice_is_read(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    read_file(path)


def test_aliases_and_merge_keys_plan_what_they_stand_for(config):
    text = TEXT + "\n".join(["", "x: &x {title: Mine, model: matrix_completion}", "y: {<<: *x, seeds: [5]}"])
    loaded = yaml.safe_load(text)
    loaded.pop("x")
    loaded["experiments"]["mine"] = loaded.pop("y")
    assert set(Plan(loaded).experiments["mine"].cells) == {(5,)}


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
@pytest.mark.parametrize("part", ["experiments", "figures", "claims"])
def test_hostile_names_are_refused(config, part, name):
    config[part][name] = next(iter(config[part].values()))
    message = refusal(config)
    assert message.startswith(f"{part} = ")
    assert "allowed: Unicode text" in message if name == "\ud800" else "letters, digits and underscores" in message


#: Places whose words are checked each by code of its own: an enumeration, a truth value, a name of a model, of a kind,
#: of an experiment and of an axis, a value of an axis, a pattern, and a parameter that varies.
WORDS = [
    *("device", "strict", "experiments.depth.model", "figures.fig04.kind", "figures.fig04.panels.0.experiment"),
    *("figures.fig04.panels.0.lines", "figures.fig04.panels.0.select.depth", "models.scalar_pathways.gated_pathway"),
    "experiments.depth.vary.solver.0",
]


@pytest.mark.parametrize("name", ["", "{wildcards.run}", "\ud800"], ids=ascii)
@pytest.mark.parametrize("key", WORDS)
def test_hostile_words_are_refused_as_values(config, key, name):
    config["experiments"]["depth"]["vary"]["solver"] = ["gradient_flow"]
    put(config, key, name)
    refusal(config)


@pytest.mark.parametrize("name", ["", "{wildcards.run}", "\ud800", 3, None], ids=ascii)
@pytest.mark.parametrize("key", ["", "models", "experiments.depth", "experiments.depth.set", "figures.fig04.panels.0"])
def test_hostile_words_are_refused_as_keys(config, key, name):
    part = config
    for step in key.split(".") if key else ():
        part = part[int(step)] if step.isdecimal() else part.setdefault(step, {})
    part[name] = 1
    refusal(config)


@pytest.mark.parametrize("title", ["", "two\nlines", "bell\a", "\ud800", "a" * 201, "end\n"], ids=ascii)
def test_titles_are_one_line(config, title):
    config["experiments"]["depth"]["title"] = title
    assert "experiments.depth.title" in refusal(config)


ENDLESS: list = []
ENDLESS.append(ENDLESS)
MIXED = [index if index % 2 else str(index) for index in range(10000)]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("seeds", list(range(1_000_000)), "items at most"),
        ("seeds", list(range(1001)), "1000 items at most"),
        ("seeds", MIXED, "1000 items at most"),
        ("experiments.depth.vary.depth", MIXED, "allowed: integer"),
        ("experiments.depth.vary.depth", list(range(1_000_000)), "items at most"),
        ("models.matrix_completion.switch_epochs", list(range(1_000_000)), "items at most"),
        ("models.matrix_completion.switch_epochs", MIXED, "allowed: integer"),
        ("figures.fig04.panels.0.select.depth", list(range(1_000_000)), "items at most"),
        ("figures.fig04.panels.0.select.depth", yaml.safe_load(laughs(9))["seeds"], "1000000 values in the whole"),
        ("seeds", yaml.safe_load(laughs(9))["seeds"], "1000000 values in the whole"),
        ("seeds", ENDLESS, "20 levels at most"),
        ("figures", {"a" * 10_000_000: 1}, "..."),
        ("solver", "a" * 10_000_000, "gradient_descent or gradient_flow"),
        ("seeds", [16**5000], "integers of 64 bits"),
        ("figures.fig04.panels.0.select.depth", -(16**5000), "integers of 64 bits"),
        ("models.matrix_completion.init_scale", 10**400, "integers of 64 bits"),
        ("models.matrix_completion.init_scale", yaml.safe_load("1e400"), "allowed: number"),
        ("models.matrix_completion.init_scale", yaml.safe_load("1.0e+400"), "finite numbers"),
        ("models.matrix_completion.depth", 3.0, "allowed: integer"),
        ("models.scalar_pathways.duration", 5.0, "duration = 5.0"),
        ("models.matrix_completion.depth", True, "allowed: integer"),
        ("experiments.depth.vary.switch_epochs", [[0, 1], [0, 2]], "numbers and words"),
        ("experiments.depth.vary.gradient_flow", [{"rtol": 1}], "numbers and words"),
        ("experiments.depth.vary.depth", yaml.safe_load("[2020-01-01, !!binary aGk=]"), "allowed: integer"),
        ("figures.fig04.panels.0.select.depth", yaml.safe_load("!!set {a, b}"), "1, 2, 3"),
        ("experiments.depth.vary", {None: [1]}, "words as keys"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
def test_enormous_and_odd_values_are_refused(config, key, value, reason):
    put(config, key, value)
    assert reason in refusal(config)


def test_a_grid_of_too_many_cells_is_refused_before_it_is_expanded(config):
    values = {"final_rank": list(range(1, 10001)), "n_observed": list(range(1, 10001))}
    config["experiments"]["depth"]["vary"] |= values | {"record_every": list(range(1, 10001))}
    message = refusal(config)
    assert "experiments.depth: cells = " in message
    assert "10000 x 10000 x 10000" in message


def test_truth_values_are_not_selected_as_numbers(config):
    config["experiments"]["depth"]["vary"]["depth"] = [1, 2]
    config["figures"]["fig04"]["panels"][0]["select"] = {"depth": True}
    assert "select.depth = True" in refusal(config)


words = st.sampled_from([*HOSTILE_NAMES, "depth", "seed", "matrix_completion", "1", "1e400", "a"]) | st.text(
    max_size=8
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**64, 10**400, 1.0, math.nan, math.inf, -math.inf, 5e-324, 1e308])
    | st.floats()
    | words
    | st.dates()
    | st.binary(max_size=3)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(words | st.none() | st.integers(-3, 30) | st.booleans(), inner, max_size=4)
    ),
    max_leaves=8,
)


def nodes(value, place=()):
    """Places of all values in a configuration."""
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from nodes(item, (*place, name))


@given(data=st.data())
@settings(max_examples=150)
def test_no_mutation_of_the_configuration_ends_otherwise_than_in_a_plan_or_one_line(data):
    config = copy.deepcopy(CONFIG)
    for _ in range(data.draw(st.integers(1, 3), "mutations")):
        *path, last = data.draw(st.sampled_from([place for place in nodes(config) if place]), "place")
        part = config
        for name in path:
            part = part[name]
        kind = data.draw(st.sampled_from(["replace", "replace", "delete", "add", "swap"]), "kind")
        if kind == "replace":
            part[last] = data.draw(values, "value")
        elif kind == "swap":
            part[last] = part[data.draw(st.sampled_from(list(part) if isinstance(part, dict) else range(len(part))))]
        elif kind == "delete":
            del part[last]
        elif isinstance(part, dict):
            part[data.draw(words | st.none() | st.integers(), "key")] = data.draw(values, "value")
        else:
            part.append(data.draw(values, "value"))
    message = ""
    try:
        Plan(config)
    except ConfigError as error:
        message = str(error)
    assert not message or message.isprintable()
    assert len(message) < 5000


def snakemake(folder, snakefile, *arguments, **options):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", "elsewhere"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False, **options)


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("strict: true\nstrict: false\n", "mine.yaml, line 2: duplicated key = 'strict'"),
        ("plugins: mine.py\n", "plugins = 'mine.py'; allowed: a list of files"),
        ('experiments: {"../$(touch pwned)": {title: T, model: matrix_completion}}\n', "experiments = '../$(touch"),
    ],
    ids=["duplicated key", "no list", "hostile name"],
)
def test_snakemake_says_it_in_one_line(tmp_path, text, reason):
    (tmp_path / "mine.yaml").write_text(text)
    ran = snakemake(tmp_path, REPOSITORY / "workflow/Snakefile", "--dry-run", "--configfile", "mine.yaml", timeout=280)
    output = ran.stdout + ran.stderr
    assert ran.returncode == 1
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if "Configuration: " in line]
    assert reason in line
    assert not list(tmp_path.rglob("pwned"))


#: What Snakemake's own loader answers with a traceback, or takes without a word.
BREAKS_SNAKEMAKE = {
    "digits": "strict: " + "9" * 5000 + "\n",
    "broken": "strict: [true\n",
    "empty": "",
    "twice": "strict: true\nstrict: false\n",
}


@pytest.mark.workflow
@pytest.mark.parametrize("name", BREAKS_SNAKEMAKE)
def test_the_workflows_own_configuration_is_checked_before_snakemake_reads_it(tmp_path, name):
    copy = tmp_path / "copy"
    for part in ("workflow", "src"):
        shutil.copytree(REPOSITORY / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "config.yaml").write_text(BREAKS_SNAKEMAKE[name])
    ran = snakemake(tmp_path, copy / "workflow/Snakefile", "--dry-run", timeout=60)
    output = ran.stdout + ran.stderr
    assert ran.returncode == 1
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if "Configuration: " in line]
    assert str(copy / "config.yaml") in line


@pytest.mark.parametrize("name", [*BREAKS_SNAKEMAKE, "missing"])
def test_a_file_for_snakemake_can_be_checked_before(tmp_path, name):
    if name in BREAKS_SNAKEMAKE:
        (tmp_path / "mine.yaml").write_text(BREAKS_SNAKEMAKE[name])
    command = [sys.executable, "-m", "critical_periods.configuration.files", str(tmp_path / "mine.yaml")]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith(f"Configuration: {tmp_path / 'mine.yaml'}")


def test_of_errors_under_words_and_under_numbers_one_is_told(config):
    config["experiments"]["gating"]["vary"] = {"depth": [], 3: []}
    with pytest.raises(ConfigError, match=r"experiments\.gating"):
        Plan(config)


def test_files_are_laid_over_each_other_key_by_key_and_lists_are_replaced(config):
    """As docs/configuration.md says."""
    first = {
        "seeds": [1],
        "experiments": {"depth": {"set": {"init_scale": 0.01}, "vary": {"learning_rate": [0.1, 0.2]}}},
    }
    second = {"experiments": {"depth": {"set": {"final_rank": 4}, "vary": {"learning_rate": [0.4]}}}}
    panels = config["figures"]["fig04"]["panels"]
    for file in (first, second):
        update_config(config, file)
    depth = Plan(config).experiments["depth"]
    assert depth.axes == {"seed": (1,), "depth": (1, 2, 3), "learning_rate": (0.4,)}
    assert {(cell.parameters["init_scale"], cell.parameters["final_rank"]) for cell in depth.cells.values()} == {
        (0.01, 4)
    }
    assert config["figures"]["fig04"]["panels"] == panels
    update_config(config, {"experiments": {"depth": None}})
    assert "experiments.depth = empty" in refusal(config)

"""Slips in a configuration: each is refused in one line, with the file and line that it is in."""

import copy
import math
import shutil

import pytest
import yaml
from conftest import CONFIG, REPOSITORY
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config
from warm_snakemake import finished

from critical_periods.configuration.fields import ConfigError
from critical_periods.configuration.files import located, read_file
from critical_periods.configuration.studies import studies
from critical_periods.planning.plan import Plan

TEXT = (REPOSITORY / "config.yaml").read_text()
#: What nothing may be called: nothing, a path, a command, a wildcard, an option, a line's end, a letter beyond ASCII,
#: and too long a name.
ODD_NAMES = ["", "../up", "$(touch x)", "{wildcards.run}", "-rf", "a\n", "é", "a" * 65]


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "strict: true\nseeds: [0]\nstrict: false\n",
            "line 3: duplicated key = 'strict'; allowed: once (it is in line 1",
        ),
        ("models:\n  a: 1\n  b: {c: 1,\n    c: 2}\n", "line 4: duplicated key = 'c'"),
        ("figures:\n  f:\n    panels:\n    - a: 1\n      a: 1\n", "line 5: duplicated key = 'a'"),
        ('"a": 1\na: 1\n', "line 2: duplicated key = 'a'"),
        ("x: &x {a: 1}\ny: {<<: *x, <<: *x}\n", "line 2: duplicated key = '<<'"),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "line 1: duplicated key = 'c'"),
        ("only words", "= 'only words'; allowed: keys with values"),
        ("", "empty; allowed: keys with values"),
        ("# nothing\n", "empty; allowed: keys with values"),
        ("[1, 2]", "allowed: keys with values"),
        ("a: [1\nb: 2\n", "line 2 = "),
        ("a: 1\n\tb: 2\n", "allowed: YAML or JSON"),
        ("a: *nowhere\n", "undefined alias"),
        ("a: 1\n---\na: 2\n", "allowed: YAML or JSON"),
        ("a: 2020-13-45\n", "month must be in 1..12"),
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
    reasons = {path: "'utf-8' codec", tmp_path: "Is a directory", tmp_path / "none": "No such file or directory"}
    for unreadable, reason in reasons.items():
        with pytest.raises(ConfigError, match=f"^{unreadable} = .*{reason}.*; allowed: .*UTF-8"):
            read_file(unreadable)


def test_json_is_read_with_tabs_and_refused_with_its_line(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{\t"a": 1,\n\t"b": [2]}')
    assert read_file(path) == {"a": 1, "b": [2]}
    path.write_text('{\t"a": 1,\n\t"a": 1}')
    with pytest.raises(ConfigError, match="line 2: duplicated key = 'a'"):
        read_file(path)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "base: &base {a: 1, b: 2}\nmine: {<<: *base, a: 3}\n",
        "a: {x: 1}\nb: {x: 1}\nc: [{x: 1}, {x: 1}]\n",
        '{a: "x\ty"}',
    ],
    ids=["config.yaml", "merge", "same key elsewhere", "YAML with a tab"],
)
def test_what_gives_no_key_twice_is_read(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert read_file(path) == yaml.safe_load(text)


def test_aliases_and_merge_keys_plan_what_they_stand_for(config):
    text = TEXT + "\n".join(["", "x: &x {title: Mine, model: matrix_completion}", "y: {<<: *x, seeds: [5]}"])
    loaded = yaml.safe_load(text)
    loaded.pop("x")
    loaded["experiments"]["mine"] = loaded.pop("y")
    assert set(Plan(loaded).experiments["mine"].cells) == {(5,)}


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
@pytest.mark.parametrize("part", ["experiments", "figures", "claims"])
def test_names_are_letters_digits_and_underscores(config, part, name):
    config[part][name] = next(iter(config[part].values()))
    message = refusal(config)
    assert message.startswith(f"{part}: key = ")
    assert "letters, digits and underscores" in message


#: Places whose words are checked each by code of its own: an enumeration, a truth value, a name of a model, of a kind,
#: of an experiment and of an axis, a value of an axis, a pattern, and a parameter that varies.
WORDS = [
    *("device", "strict", "experiments.depth.model", "figures.fig04.kind", "figures.fig04.panels.0.experiment"),
    *("figures.fig04.panels.0.lines", "figures.fig04.panels.0.select.depth", "models.scalar_pathways.gated_pathway"),
    "experiments.depth.vary.solver.0",
]


@pytest.mark.parametrize("name", ["", "{wildcards.run}"], ids=ascii)
@pytest.mark.parametrize("key", WORDS)
def test_unknown_words_are_refused_as_values(config, key, name):
    config["experiments"]["depth"]["vary"]["solver"] = ["gradient_flow"]
    put(config, key, name)
    refusal(config)


@pytest.mark.parametrize("name", ["", "{wildcards.run}", 3, None], ids=ascii)
@pytest.mark.parametrize("key", ["", "models", "experiments.depth", "experiments.depth.set", "figures.fig04.panels.0"])
def test_unknown_words_are_refused_as_keys(config, key, name):
    part = config
    for step in key.split(".") if key else ():
        part = part[int(step)] if step.isdecimal() else part.setdefault(step, {})
    part[name] = 1
    refusal(config)


@pytest.mark.parametrize("title", ["", "two\nlines", "bell\a", "a" * 201, "end\n"], ids=ascii)
def test_titles_are_one_line(config, title):
    config["experiments"]["depth"]["title"] = title
    assert "experiments.depth.title" in refusal(config)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("seeds", list(range(1001)), "1000 items at most"),
        ("seeds", [0, "1"], "seeds[1] = '1'; allowed: integer"),
        ("experiments.depth.vary.depth", [1, "2"], "depth = '2'; allowed: integer"),
        ("solver", "a" * 10_000, "...; allowed: gradient_descent or gradient_flow"),
        ("solver", "gradient_descend", "did you mean gradient_descent?"),
        ("models.matrix_completion.init_scale", "1e-3", "for YAML 1e-3 is a word, 1.0e-3 a number"),
        ("models.matrix_completion.init_scale", math.inf, "= inf; allowed: number"),
        ("models.matrix_completion.depth", 3.0, "allowed: integer"),
        ("models.matrix_completion.depth", True, "depth = true; allowed: integer"),
        ("models.matrix_completion.dept", 3, "models.matrix_completion: unknown key = 'dept'; allowed: "),
        ("models.scalar_pathways.duration", 5.0, "duration = 5.0"),
        ("experiments.depth.vary.switch_epochs", [[0, 1], [0, 2]], "numbers and words"),
        ("experiments.depth.vary.gradient_flow", [{"rtol": 1}], "numbers and words"),
        ("experiments.depth.vary.depth", yaml.safe_load("[2020-01-01]"), "allowed: integer"),
        ("experiments.depth.vary", {3: [1]}, "experiments.depth.vary: key = 3; allowed: word"),
        ("gradient_flow.rtol", None, "gradient_flow.rtol = empty; allowed: number, above 0"),
        ("style", "papr", "style = 'papr'; allowed: paper or "),
        ("style", {"widht": 3}, "style: unknown key = 'widht'; allowed: named, width, "),
        ("style", {"width": 1}, "style.width = 1; allowed: null or number, at least 2"),
    ],
)
def test_odd_values_are_refused_with_what_is_allowed(config, key, value, reason):
    put(config, key, value)
    assert reason in refusal(config)


MINE = """\
seeds: [0]
models:
  matrix_completion: {depth: 2,
    size: 100}
experiments:
  depth:
    set:
      final_rank: 3
    vary:
      depth: [1, 2, 3]
  own:
    title: Mine
    model: matrix_completion
"""


@pytest.mark.parametrize(
    ("slip", "place"),
    [
        (("size: 100", "size: 0"), "mine.yaml, line 4: models.matrix_completion.size = 0"),
        (("size: 100", "sise: 100"), "mine.yaml, line 4: models.matrix_completion: unknown key = 'sise'"),
        (("seeds", "sedes"), "mine.yaml, line 1: configuration: unknown key = 'sedes'"),
        (("final_rank: 3", "final_rnk: 3"), "mine.yaml, line 8: experiments.depth.set = 'final_rnk'"),
        (("final_rank: 3", "final_rank: x"), "mine.yaml, line 8: experiments.depth.set.final_rank = 'x'"),
        (("depth: [1, 2, 3]", "depth: [1, 0]"), "mine.yaml, line 10: experiments.depth.vary.depth = 0"),
        (("    title: Mine\n", ""), "mine.yaml, line 11: experiments.own: missing key = 'title'"),
        (("own:", "o-wn:"), "mine.yaml, line 11: experiments: key = 'o-wn'"),
    ],
)
def test_a_slip_is_told_with_the_file_and_line_that_it_is_in(config, tmp_path, slip, place):
    (tmp_path / "other.yaml").write_text("seeds: [1]\nmodels:\n  matrix_completion: {size: 100}\n")
    (tmp_path / "mine.yaml").write_text(MINE.replace(*slip))
    assert told(config, tmp_path / "other.yaml", tmp_path / "mine.yaml").startswith(f"{tmp_path}/{place}")


def told(config, *files):
    """What is said of a configuration with files laid over it, the paper's own among those that have values."""
    contents = {file: read_file(file) for file in (REPOSITORY / "config.yaml", *files)}
    for content in contents.values():
        update_config(config, content)
    with pytest.raises(ConfigError) as refused:
        Plan(config)
    return str(located(refused.value, config, contents))


def test_what_is_not_allowed_beside_others_is_told_with_the_file_that_the_value_comes_from(config, tmp_path):
    mine, later = tmp_path / "mine.yaml", tmp_path / "later.yaml"
    mine.write_text("models:\n  matrix_completion:\n    init_scale: 1.0e-39\n")
    later.write_text("experiments:\n  depth: {title: Mine}\n")
    assert told(config, mine, later).startswith(f"{mine}, line 3: experiments.depth: init_scale = 1e-39")
    later.write_text("experiments:\n  depth:\n    set:\n      init_scale: 1.0e-40\n")
    assert told(config, mine, later).startswith(f"{later}, line 4: experiments.depth: init_scale = 1e-40")


def test_a_value_that_no_file_has_is_told_without_one(config):
    config["models"]["matrix_completion"]["depth"] = 0  # as `--config` would
    files = {REPOSITORY / "config.yaml": CONFIG}
    with pytest.raises(ConfigError) as refused:
        Plan(config)
    assert str(located(refused.value, config, files)).startswith("models.matrix_completion.depth = 0")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("title: T\nseeds: [0,\n  x]\n", "line 3: mine.seeds[1] = 'x'"),
        ("title: T\nsmoke:\n  seeds: [x]\n", "line 3: mine.smoke.seeds[0] = 'x'"),
        ("title: T\ntake:\n  model: matrix\n", "line 3: mine.take.model = 'matrix'"),
        ("title: T\nexperiments:\n  depth: {title: T, model: m}\n", "line 3: mine.experiments = 'depth'"),
    ],
)
def test_a_slip_in_a_study_is_told_with_its_line(config, tmp_path, text, place):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        studies(config, [tmp_path / "mine.yaml"])
    assert str(refused.value).startswith(f"{tmp_path / 'mine.yaml'}, {place}")


def test_a_grid_of_too_many_cells_is_refused_before_it_is_expanded(config):
    values = {"final_rank": list(range(1, 10001)), "n_observed": list(range(1, 10001))}
    config["experiments"]["depth"]["vary"] |= values | {"record_every": list(range(1, 10001))}
    message = refusal(config)
    assert "experiments.depth: cells = " in message
    assert "10000 x 10000 x 10000" in message


def test_truth_values_are_not_selected_as_numbers(config):
    config["experiments"]["depth"]["vary"]["depth"] = [1, 2]
    config["figures"]["fig04"]["panels"][0]["select"] = {"depth": True}
    assert "select.depth = true" in refusal(config)


words = st.sampled_from([*ODD_NAMES, "depth", "seed", "matrix_completion", "1", "1e400", "a"]) | st.text(max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**64, 1.0, math.nan, math.inf, -math.inf, 5e-324, 1e308])
    | st.floats()
    | words
    | st.dates()
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


def snakemake(folder, snakefile, *arguments):
    words = ("--snakefile", snakefile, "--directory", "elsewhere")
    return finished(*words, *arguments, folder=folder)


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("strict: true\nstrict: false\n", "mine.yaml, line 2: duplicated key = 'strict'"),
        ("plugins: mine.py\n", "mine.yaml, line 1: plugins = 'mine.py'; allowed: a list of files"),
        ("seeds:\n  - x\n", "mine.yaml, line 2: seeds[0] = 'x'; allowed: integer"),
        (
            'experiments: {"../$(touch pwned)": {title: T, model: matrix_completion}}\n',
            "mine.yaml, line 1: experiments: key = '../$(touch",
        ),
    ],
    ids=["duplicated key", "no list", "word", "name"],
)
def test_snakemake_says_it_in_one_line(tmp_path, text, reason):
    (tmp_path / "mine.yaml").write_text(text)
    ran = snakemake(tmp_path, REPOSITORY / "workflow/Snakefile", "--dry-run", "--configfile", "mine.yaml")
    output = ran.output
    assert ran.returncode == 1
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if "Configuration: " in line]
    assert reason in line
    assert not list(tmp_path.rglob("pwned"))


#: What Snakemake's own loader answers with a traceback, or takes without a word.
BREAKS_SNAKEMAKE = {
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
    ran = snakemake(tmp_path, copy / "workflow/Snakefile", "--dry-run")
    output = ran.output
    assert ran.returncode == 1
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if "Configuration: " in line]
    assert str(copy / "config.yaml") in line


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

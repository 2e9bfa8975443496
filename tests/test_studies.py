"""Studies beside the paper: what they take over and bring, with settings of their own, each from a file of its own."""

import pytest
import yaml
from conftest import REPOSITORY, STUDIES

from critical_periods.configuration.fields import ConfigError
from critical_periods.configuration.studies import studies
from critical_periods.planning.plan import Plan

FILES = sorted((REPOSITORY / "studies").glob("*.yaml"))
MINE = {"model": "scalar_pathways", "title": "Mine"}


@pytest.fixture
def study(config, tmp_path):
    def of(text, name="mine", **changes):
        """The study of a file."""
        file = tmp_path / f"{name}.yaml"
        file.write_text(text if isinstance(text, str) else yaml.safe_dump({"title": "Mine"} | text))
        return studies(config | changes, [file])[name]

    return of


def test_the_paper_is_the_study_without_a_name(config):
    found = studies(config, FILES)
    assert list(found) == ["", *STUDIES]
    assert found[""].runs == {"": config}


@pytest.mark.parametrize("study", [name for name, brings in STUDIES.items() if "experiments" in brings])
def test_studies_are_planned_with_seeds_and_solver_of_their_own(config, study):
    changed, brings = studies(config, FILES)[study].runs[f"{study}/"], STUDIES[study]
    plan = Plan(changed)
    assert set(plan.experiments) == set(brings["experiments"])
    assert set(changed["figures"]) == set(brings["figures"])
    for name, experiment in plan.experiments.items():
        settings = brings["experiments"][name]
        assert experiment.axes["seed"] == tuple(settings.get("seeds", brings["seeds"]))
        chosen = settings.get("set", {}).get("solver", brings["solver"])
        assert {cell.parameters.get("solver", chosen) for cell in experiment.cells.values()} == {chosen}


def test_a_study_takes_experiments_of_a_model_with_the_figures_and_claims_that_rest_on_them_alone(config, study):
    (run,) = study(
        {"take": {"model": "matrix_completion", "figures": True, "claims": True}, "seeds": [4]}
    ).runs.values()
    assert {settings["model"] for settings in run["experiments"].values()} == {"matrix_completion"}
    assert all("seeds" not in settings for settings in run["experiments"].values())
    assert {"fig04", "fig05"} <= set(run["figures"])
    assert "fig01" not in run["figures"]
    assert {claim["experiment"] for claim in run["claims"].values()} <= set(run["experiments"])
    assert all(set(seed) == {4} for seed in (experiment.axes["seed"] for experiment in Plan(run).experiments.values()))


def test_a_study_takes_what_figures_draw_over_an_axis(config, study):
    (run,) = study({"take": {"drawn_over": "since_switch"}}).runs.values()
    assert set(run["experiments"]) == {"n_observed", "singular_flow"}
    assert run["figures"] == run["claims"] == {}


def test_what_a_configuration_without_such_figures_has_is_taken(config, study):
    config["figures"] = {}
    (run,) = study({"take": {"drawn_over": "switch_epoch"}}).runs.values()
    assert run["experiments"] == {}


def test_variants_are_runs_with_settings_laid_over_those_of_the_study(config, study):
    flow = {"solver": "gradient_flow", "gradient_flow": {"rtol": 1e-5}}
    variants = {"descent": {"solver": "gradient_descent", "dtype": "float64"}, "flow": flow}
    runs = study({"experiments": {"own": MINE}, "gradient_flow": {"atol": 1e-8}, "variants": variants}).runs
    assert list(runs) == ["mine/descent/", "mine/flow/"]
    assert runs["mine/descent/"]["dtype"] == "float64"
    assert runs["mine/flow/"]["dtype"] == config["dtype"]
    assert runs["mine/flow/"]["gradient_flow"] == config["gradient_flow"] | {"rtol": 1e-5, "atol": 1e-8}
    assert runs["mine/descent/"]["gradient_flow"]["rtol"] == config["gradient_flow"]["rtol"]


def test_at_smoke_size_a_study_is_what_its_section_smoke_says(config, study):
    content = {"experiments": {"own": MINE}, "seeds": [0, 1, 2], "smoke": {"seeds": [0]}}
    assert study(content).runs["mine/"]["seeds"] == [0, 1, 2]
    assert study(content, smoke=True).runs["mine/"]["seeds"] == [0]


@pytest.mark.parametrize("kind", ["experiments", "figures", "claims"])
def test_a_study_may_not_bring_a_name_of_the_paper(config, study, kind):
    name = next(iter(config[kind]))
    with pytest.raises(
        ConfigError, match=rf"mine\.{kind} = '{name}'; allowed: another name: the paper has it already"
    ):
        study({kind: {name: config[kind][name]}})


def test_two_studies_may_not_bring_the_same_name(config, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"title": name, "experiments": {"own": MINE}}))
    with pytest.raises(
        ConfigError, match=r"two\.experiments = 'own'; allowed: another name: study one has it already"
    ):
        studies(config, sorted(tmp_path.glob("*.yaml")))


@pytest.mark.parametrize(
    "name", ["experiments", "figures", "cells", "logs", "benchmarks", "interactive", "all", "a-b", "é"]
)
def test_a_study_is_not_called_as_a_folder_of_the_paper_or_what_no_target_can_be(study, name):
    with pytest.raises(
        ConfigError, match=rf"studies = '{name}.yaml'; allowed: a name of letters.*none of experiments"
    ):
        study({}, name)


COMPARED = {"variable": "reconstruction_error", "reference": "a"}
CLAIMED = {"statement": "S", "variant": "b", "over": "largest", "at_most": 1.0, "why": "W"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"experiment": {}}, "mine: unknown key = 'experiment'; allowed: title, .*did you mean experiments?"),
        ({"take": {"modl": "matrix_completion"}}, r"mine\.take: unknown key = 'modl'; .*did you mean model\?"),
        ({"seeds": []}, r"mine\.seeds = \[\]; allowed: .*1 or more items"),
        (
            {"take": {"model": "matrix_competion"}},
            r"take\.model = 'matrix_competion'; .*did you mean matrix_completion",
        ),
        (
            {"take": {"drawn_over": "switch_epoc"}},
            r"take\.drawn_over = 'switch_epoc'; .*did you mean switch_epoch",
        ),
        ({"variants": {"a": {"dtype": "float16"}}}, r"variants\.a\.dtype = 'float16'; allowed: .*float32 or float64"),
        (
            {"variants": {"a": {}}, "compare": {"variable": "reconstruction_error", "reference": "b"}},
            r"compare\.reference = 'b'; allowed: a",
        ),
        (
            {"variants": {"a": {}, "b": {}}, "compare": COMPARED | {"claims": {"1": CLAIMED | {"variant": "a"}}}},
            r"compare\.claims\.1\.variant = 'a'; allowed: b",
        ),
        (
            {"variants": {"a": {}, "b": {}}, "compare": COMPARED | {"claims": {"1": CLAIMED | {"or_of": "c"}}}},
            r"compare\.claims\.1\.or_of = 'c'; allowed: b",
        ),
        ({"experiments": {"own": {"model": "x"}}}, r"mine\.experiments\.own: missing key = 'title'"),
        (
            {"compare": {"variable": "x"}},
            r"mine\.compare: missing key = 'reference'; allowed: all of variable, reference",
        ),
        ({"seeds": [0], "smoke": {"seeds": [1.5]}}, r"mine\.smoke\.seeds\[0\] = 1\.5; allowed: integer"),
        ('title: "\\ud800"', "line 1 = .*; allowed: YAML or JSON"),
        ("title: T\ntitle: U", r"line 2: duplicated key = 'title'"),
    ],
    ids=str,
)
def test_what_a_study_cannot_be_is_refused_in_one_line(study, content, message):
    with pytest.raises(ConfigError, match=message) as refused:
        study(content)
    assert str(refused.value).isprintable()


def test_what_a_study_compares_has_to_be_recorded(config):
    study = studies(config, [REPOSITORY / "studies/agreement.yaml"])["agreement"]
    plan = Plan(next(iter(study.runs.values())))
    plan.check_recorded("compare.variable", "reconstruction_error")
    with pytest.raises(ConfigError, match=r"= 'reconstruction_eror'; allowed: .*did you mean reconstruction_error"):
        plan.check_recorded("compare.variable", "reconstruction_eror")


@pytest.mark.parametrize("name", ["extensions", "ensemble", "agreement"])
def test_sections_of_earlier_configurations_are_refused_with_where_they_went(config, name):
    config[name] = {"seeds": [0]}
    with pytest.raises(ConfigError, match=rf"unknown key = '{name}'; allowed: .*it is studies/{name}\.yaml now"):
        Plan(config)

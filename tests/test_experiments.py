import copy
import json
import math

import pytest
from conftest import CONFIG
from hypothesis import given, settings
from hypothesis import strategies as st

from critical_periods.configuration.fields import ConfigError
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.models.matrix_completion.simulation import tasks
from critical_periods.planning.cells import Bundle, Cell
from critical_periods.planning.plan import Plan

MATRIX_EXPERIMENTS = (
    "depth",
    "pretrain_rank",
    "partial_observations",
    "n_observed",
    "init_scale",
    "seeds",
    "partial_observations_depth",
)


@pytest.fixture
def matrix_config(config):
    """The matrix-completion half of the paper's configuration."""
    config["experiments"] = {name: config["experiments"][name] for name in MATRIX_EXPERIMENTS}
    figures = {name: config["figures"][name] for name in ("fig04", "fig05", "fig06", "fig08", "fig13")}
    return config | {"figures": figures}


def cells(plan, model="matrix_completion"):
    return [cell for bundle in plan.bundles.values() for cell in bundle.cells if cell.model == model]


def test_figures_share_cells_and_pretraining(matrix_config):
    plan = Plan(matrix_config)
    asked = sum(len(plan.experiments[name].cells) for name in MATRIX_EXPERIMENTS)
    assert asked == 27
    # depth 3, rank 10, 2000 observed, scale 0.001, seed 0 is asked for four times; fig 8 left trains longer
    assert len(cells(plan)) == 27 - 3 - 1
    assert len(cells(plan, "pretraining")) == 19
    partial = plan.experiments["partial_observations"].cells.values()
    assert len({plan.first(cell).id for cell in partial}) == 1


def test_identity_is_the_parameters_and_nothing_else(matrix_config):
    before = {cell.id for cell in cells(Plan(matrix_config))}
    renamed = copy.deepcopy(matrix_config)
    renamed["figures"] = renamed["claims"] = {}
    renamed["experiments"] = {f"{name}_again": value for name, value in renamed["experiments"].items()}
    renamed["cells_per_job"]["strided_descent"] = 5
    assert {cell.id for cell in cells(Plan(renamed))} == before


@given(st.dictionaries(st.text(min_size=1), st.integers() | st.floats(allow_nan=False) | st.lists(st.integers())))
def test_identity_does_not_depend_on_the_order_of_parameters(parameters):
    backwards = dict(reversed(parameters.items()))
    assert Cell("model", parameters).id == Cell("model", backwards).id
    assert Cell("model", parameters | {"": 1}).id != Cell("model", parameters).id


def test_equal_numbers_are_the_same_cell(matrix_config):
    whole, decimal = copy.deepcopy(matrix_config), copy.deepcopy(matrix_config)
    whole["models"]["matrix_completion"]["learning_rate"] = 1
    decimal["models"]["matrix_completion"]["learning_rate"] = 1.0
    assert set(Plan(whole).bundle_of) == set(Plan(decimal).bundle_of)


def test_every_parameter_is_part_of_the_identity(matrix_config):
    def ids(config):
        return {cell.id for cell in Plan(config).experiments["depth"].cells.values()}

    before = ids(matrix_config)
    changes = {
        "size": 90,
        "n_observed": 1999,
        "final_rank": 4,
        "pretrain_task": "same",
        "pretrain_rank": 9,
        "pretrain_n_observed": 1500,
        "init_scale": 0.002,
        "learning_rate": 0.1,
        "switch_epochs": [0, 5],
        "final_epochs": 29999,
        "record_every": 50,
        "n_singular_values": 5,
        "balancedness": True,
        "observations": "block_diagonal",
        "onset": 1000,
        "activation": "tanh",
        "epochs_at_rate": 0.4,
        "cycle_factor": 2,
        "diagnostics": True,
        "sharpness": True,
    }
    for parameter, value in changes.items():
        changed = copy.deepcopy(matrix_config)
        changed["figures"] = {}
        changed["models"]["matrix_completion"][parameter] = value
        assert not ids(changed) & before, parameter
    for parameter, value in {"dtype": "float64", "device": "cuda", "solver": "gradient_flow"}.items():
        assert not ids(matrix_config | {parameter: value}) & before, parameter


def plan_of_one(config, **changes):
    """The plan of one cell, which changes these parameters."""
    one = {"title": "One", "model": "matrix_completion", "set": changes}
    return Plan(config | {"experiments": {"one": one}, "figures": {}})


def matrix_cell(config, **changes):
    (cell,) = plan_of_one(config, **changes).experiments["one"].cells.values()
    return cell


def pretraining(config, **changes):
    plan = plan_of_one(config, **changes)
    (cell,) = plan.experiments["one"].cells.values()
    return plan.first(cell)


def test_what_does_not_matter_to_a_cell_is_not_part_of_its_identity(config):
    plain = matrix_cell(config)
    assert matrix_cell(config, cycle_epochs=500).id == plain.id
    assert matrix_cell(config, epochs_at_rate=0.2).id == plain.id
    same = {"pretrain_task": "same", "size": 64, "final_matrix": "digits"}
    assert matrix_cell(config, **same, pretrain_rank=3).id == matrix_cell(config, **same).id
    assert matrix_cell(config, **same).parameters["pretrain_matrix"] == "digits"


@pytest.mark.parametrize("change", [{}, {"onset": 2000}, {"diagnostics": True}])
def test_pretraining_depends_on_the_final_task_only_where_it_is_trained_on_or_looked_at(config, change):
    for final in ({"final_rank": 4}, {"n_observed": 1900}):
        shared = {"pretrain_n_observed": 1500} | change
        one, other = (pretraining(config, **shared, **changes) for changes in ({}, final))
        assert (one.id == other.id) == (not change)


def test_pretraining_does_not_depend_on_what_comes_after(config):
    one, other = (pretraining(config, **changes) for changes in ({}, {"cycle_factor": 3, "final_epochs": 7}))
    assert one.id == other.id


def test_digits_are_of_one_size_and_of_the_largest_rank_allowed():

    for seed in range(5):
        tasks.digits_matrix(tasks.LARGEST_DIGITS_RANK, random_stream(seed, "final_matrix"))


def test_structured_observations_fit_into_their_blocks(config):
    assert matrix_cell(config, observations="disconnected", n_observed=5000)
    with pytest.raises(ConfigError, match="n_observed = 5001; allowed: 1 to 5000, the entries of two blocks"):
        matrix_cell(config, observations="connected", n_observed=5001)
    with pytest.raises(ConfigError, match="final_rank = 41; allowed: 1 to 40 where it is of digits"):
        matrix_cell(config, size=64, final_matrix="digits", final_rank=41)


def test_a_new_experiment_is_an_edit_of_the_configuration(matrix_config):
    matrix_config["experiments"]["mine"] = {
        "title": "My own",
        "model": "matrix_completion",
        "seeds": [7, 8],
        "set": {"size": 50, "n_observed": 800},
        "vary": {"depth": [2, 4], "final_rank": [3, 6]},
    }
    matrix_config["figures"]["my_figure"] = {
        "title": "My own",
        "panels": [
            {
                "plot": "line",
                "experiment": "mine",
                "x": "switch_epoch",
                "select": {"final_rank": 3},
                "y": "relative_accuracy",
                "hue": "depth",
            }
        ],
    }
    mine = Plan(matrix_config).experiments["mine"]
    assert list(mine.axes) == ["seed", "depth", "final_rank"]
    assert len(mine.cells) == 8
    assert mine.cells[8, 4, 6].parameters["size"] == 50


@given(count=st.integers(1, 40), per_job=st.integers(1, 12))
@settings(deadline=None)
def test_bundles_hold_every_cell_once(count, per_job):
    config = copy.deepcopy(CONFIG)
    config["figures"] = {}
    config["experiments"] = {
        "many": {"title": "Many", "model": "matrix_completion", "seeds": list(range(count))},
        "some": {"title": "Some", "model": "matrix_completion", "seeds": list(range(0, count, 2))},
    }
    config["cells_per_job"]["strided_descent"] = per_job
    plan = Plan(config)
    assert len(cells(plan)) == len({cell.id for cell in cells(plan)}) == count
    assert len(plan.experiment_bundles("many")) == math.ceil(count / per_job)
    assert all(len(bundle.cells) <= per_job for bundle in plan.bundles.values())
    for cell in plan.experiments["some"].cells.values():
        assert cell in plan.bundle_of[cell.id].cells


def test_a_bundle_of_one_is_named_after_its_cell():
    cell, other = Cell("model", {"a": 1}), Cell("model", {"a": 2})
    assert Bundle((cell,)).id == cell.id
    assert len({Bundle((cell, other)).id, cell.id, other.id}) == 3


def test_solver_tolerances_are_no_part_of_a_gradient_descent_cell(matrix_config):
    for cell in cells(Plan(matrix_config)):
        assert "gradient_flow" not in cell.parameters
        json.dumps(cell.parameters)


WRONG = [
    ("models.matrix_completion.dept", 3, "unknown key = 'dept'", "did you mean depth?"),
    ("models.matrix_completion.depth", "3", "depth = '3'", "integer, at least 1, at most 50"),
    ("models.matrix_completion.depth", 0, "depth = 0", "at least 1"),
    ("models.matrix_completion.learning_rate", -0.1, "learning_rate = -0.1", "number, above 0"),
    ("models.matrix_completion.learning_rate", math.nan, "learning_rate = nan", "number, above 0"),
    ("models.matrix_completion.init_scale", math.inf, "init_scale = inf", "number, above 0"),
    ("models.matrix_completion.pretrain_rank", 101, "pretrain_rank = 101", "1 to size = 100"),
    ("models.matrix_completion.final_rank", 101, "final_rank = 101", "1 to size = 100"),
    ("models.matrix_completion.n_observed", 10001, "n_observed = 10001", r"1 to size^2 = 10000"),
    ("models.matrix_completion.pretrain_n_observed", 10001, "pretrain_n_observed = 10001", "10000"),
    (
        "models.matrix_completion.pretrain_n_observed",
        "all",
        "pretrain_n_observed = 'all'",
        "null or integer, at least 1",
    ),
    ("models.matrix_completion.pretrain_matrix", "digits", "size = 100", "64 where pretrain_matrix = digits"),
    ("models.matrix_completion.final_matrix", "faces", "final_matrix = 'faces'", "random or digits"),
    ("models.matrix_completion.observations", "spiral", "observations = 'spiral'", "connected"),
    ("models.matrix_completion.epochs_at_rate", 0.00013, "switch_epochs = 1000", "at learning_rate = 0.2, not 0.65"),
    ("models.matrix_completion.cycle_factor", 0.5, "cycle_factor = 0.5", "at least 1"),
    ("models.matrix_completion.switch_epochs", [0, 20, 10], "switch_epochs = [0, 20, 10]", "ascending"),
    ("models.matrix_completion.switch_epochs", [0, 10, 10], "switch_epochs = [0, 10, 10]", "none twice"),
    ("models.matrix_completion.switch_epochs", [0, -10], "switch_epochs[1] = -10", "at least 0"),
    ("models.matrix_completion.switch_epochs", [10, 20], "switch_epochs = [10, 20]", "0 first"),
    ("models.matrix_completion.pretrain_task", "nothing", "pretrain_task = 'nothing'", "other or same"),
    ("solver", "adam", "solver = 'adam'", "gradient_descent or gradient_flow"),
    ("seeds", [], "seeds = []", "1 or more items"),
    ("seeds", [1, 1], "seeds = [1, 1]", "no item twice"),
    ("experiments.depth.vary.dephts", [1], "experiments.depth.vary = 'dephts'", "did you mean depth?"),
    ("experiments.depth.set", {"sise": 1}, "experiments.depth.set = 'sise'", "did you mean size?"),
    ("experiments.depth.set", {"depth": 1}, "experiments.depth.set = 'depth'", "does not vary"),
    ("experiments.depth.vary.depth", [1, 0], "experiments.depth.vary.depth = 0", "at least 1"),
    ("experiments.depth.vary.depth", [], "experiments.depth.vary.depth = []", "1 or more items"),
    ("experiments.depth.vary.final_rank", [200], "experiments.depth: final_rank = 200", "1 to size = 100"),
    ("experiments.depth.model", "transformer", "experiments.depth.model = 'transformer'", "matrix_completion"),
    (
        "figures.fig04.panels.0.experiment",
        "dept",
        "figures.fig04.panels[0].experiment = 'dept'",
        "did you mean depth?",
    ),
    ("figures.fig04.panels.0.hue", "size", "figures.fig04.panels[0].hue = 'size'", "seed, depth"),
    ("figures.fig04.panels.0.y", "accuracy", "figures.fig04.panels[0].y = 'accuracy'", "relative_accuracy"),
    ("figures.fig06.panels.0.select.n_observed", 7, "figures.fig06.panels[0].select.n_observed = 7", "1000, 1500"),
    ("figures.fig06.panels.0.select.switch_epoch", 5, "figures.fig06.panels[0].select.switch_epoch = 5", "0, 1000"),
    ("figures.fig04.panels.0.plot", "pie", "figures.fig04.panels[0].plot = 'pie'", "line, scatter, heatmap"),
    ("models.matrix_completion.size", 40, "experiments.depth: n_observed = 2000", "(experiments.depth.set gives"),
    ("models.matrix_completion.learning_rate", "2e-1", "learning_rate = '2e-1'", "2.0e-1 a number)"),
    ("models.matrix_completion.depth", None, "models.matrix_completion.depth = empty", "integer"),
    ("figures.fig04.kind", "charts", "figures.fig04: unknown key = 'kind'", "(it is plot, in every panel now)"),
]


@pytest.mark.parametrize(
    ("key", "value", "names", "allowed"), WRONG, ids=[f"{key}={value}" for key, value, *_ in WRONG]
)
def test_what_cannot_be_is_refused_by_name(matrix_config, key, value, names, allowed):
    part = matrix_config
    *path, last = key.split(".")
    for name in path:
        part = part[int(name)] if isinstance(part, list) else part.setdefault(name, {})
    part[last] = value
    with pytest.raises(ConfigError) as refused:
        Plan(matrix_config)
    message = str(refused.value)
    assert "\n" not in message
    assert names in message
    assert "allowed: " in message
    assert allowed in message.split("allowed: ")[1]


@pytest.mark.parametrize(
    ("model", "settings", "refused"),
    [
        ("matrix_completion", {"init_scale": 1e-37}, "init_scale = 1e-37; allowed: 1.18e-37 or more"),
        ("singular_flow", {"init_scale": 1e-38, "dtype": "float32"}, "init_scale = 1e-38; allowed: 1.18e-38 or more"),
        (
            "shared_modes",
            {"init_scale": 1e-307, "dtype": "float64"},
            "init_scale = 1e-307; allowed: 2.23e-307 or more",
        ),
    ],
)
def test_initial_weights_that_underflow_are_refused(config, model, settings, refused):
    config["experiments"] = {"mine": {"title": "Mine", "model": model, "set": settings}}
    config["figures"] = {}
    with pytest.raises(ConfigError, match=refused):
        Plan(config)
    settings["init_scale"] *= 10
    Plan(config)


@pytest.mark.parametrize(
    ("dtype", "tolerances", "refused"),
    [
        (
            "float32",
            {"rtol": 1e-13, "atol": 1e-13},
            r"gradient_flow.rtol = 1e-13; allowed: 7.63e-06 or more in float32",
        ),
        ("float32", {"rtol": 1e-5, "atol": 1e-9}, r"gradient_flow.atol = 1e-09; allowed: 1.86e-09 or more in float32"),
        (
            "float64",
            {"rtol": 1e-14, "atol": 1e-13},
            r"gradient_flow.rtol = 1e-14; allowed: 2.84e-14 or more in float64",
        ),
        (
            "float64",
            {"rtol": 1e-4, "atol": 1e-300},
            r"gradient_flow.atol = 1e-300; allowed: 3.47e-18 or more in float64",
        ),
    ],
)
def test_tolerances_that_the_precision_does_not_resolve_are_refused(matrix_config, dtype, tolerances, refused):
    matrix_config["dtype"] = dtype
    matrix_config["gradient_flow"] |= tolerances
    Plan(matrix_config)  # gradient descent has none
    with pytest.raises(ConfigError, match=refused):
        Plan(matrix_config | {"solver": "gradient_flow"})


def test_an_axis_that_varies_must_be_drawn_or_chosen(matrix_config):
    matrix_config["experiments"]["depth"]["vary"]["final_rank"] = [3, 5]
    with pytest.raises(ConfigError, match=r"a value of final_rank, one of 3, 5; or the axis as x or hue"):
        Plan(matrix_config)


def test_a_missing_key_is_named(matrix_config):
    del matrix_config["models"]["matrix_completion"]["depth"]
    with pytest.raises(ConfigError, match=r"models\.matrix_completion: missing key = 'depth'"):
        Plan(matrix_config)


def test_jobs_are_named_by_what_varies_in_the_experiments_that_need_them():
    plan = Plan(CONFIG | {"cells_per_job": CONFIG["cells_per_job"] | {"strided_descent": 1}})

    def said(name):
        return [plan.said(bundle) for bundle in plan.experiment_bundles(name)]

    assert said("seeds") == ["seed 0, depth 3, pretrain_rank 10, n_observed 2000", "seed 1", "seed 2", "seed 3"]
    assert said("gating") == ["3 cells: seed 0, onset 0, 400, 750"]
    cells = plan.experiments["pretrain_rank"].cells.values()
    observed = [plan.first(cell) for cell in plan.experiments["n_observed"].cells.values()]
    assert plan.said(Bundle(tuple(observed[-2:]))) == "2 cells: seed 0, pretrain_n_observed 3000, 4000"
    assert "seed 0, pretrain_rank 15" in {plan.said(plan.bundle_of[plan.first(cell).id]) for cell in cells}


def test_every_model_may_have_a_solver_of_its_own(config):
    config["solver"] = {"matrix_completion": "gradient_flow", "scalar_pathways": "gradient_descent"}
    plan = Plan(config)
    solvers = {
        name: {cell.parameters["solver"] for cell in plan.experiments[name].cells.values()}
        for name in ("depth", "conservation", "phase_portraits")
    }
    assert solvers["depth"] == {"gradient_flow"}
    assert solvers["conservation"] == solvers["phase_portraits"] == {"gradient_descent"}
    assert _ids(config, "depth") == _ids(config | {"solver": "gradient_flow"}, "depth")
    for solver, message in (
        (
            {"matrix_completion": "gradient_flow"},
            r"solver = .*matrix_completion.*; allowed: a solver for scalar_pathways",
        ),
        (config["solver"] | {"lesion": "gradient_flow"}, "solver: unknown key = 'lesion'; allowed: "),
        (config["solver"] | {"matrix_completion": "adam"}, "solver.*'adam'; allowed: .*gradient_descent"),
    ):
        with pytest.raises(ConfigError, match=message) as refused:
            Plan(config | {"solver": solver})
        assert str(refused.value).isprintable()


def _ids(config, name):
    return [cell.id for cell in Plan(config).experiments[name].cells.values()]


def test_cells_of_gradient_flow_are_known_by_the_option_that_is_gone(config):
    """Cells that were computed while gradient flow could shadow, and did not, are the same cells."""
    [cell, *_] = Plan(config | {"solver": "gradient_flow"}).experiments["depth"].cells.values()
    assert cell.parameters["gradient_flow"]["shadowing"] is False
    with pytest.raises(ConfigError, match="gradient_flow: unknown key = 'shadowing'"):
        Plan(config | {"gradient_flow": config["gradient_flow"] | {"shadowing": False}})

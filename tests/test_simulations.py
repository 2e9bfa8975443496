"""Experiments in memory: the datasets that the workflow would write, described, and refused where they cannot be."""

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from conftest import CONFIG, REPOSITORY
from threadpoolctl import threadpool_info, threadpool_limits

import critical_periods as cp
from critical_periods.analysis.assemble import assemble
from critical_periods.configuration.fields import ConfigError
from critical_periods.dynamics.trajectories import DivergedError
from critical_periods.execution.jobs import run_batches
from critical_periods.models.registry import models, shared_values, simulations
from critical_periods.planning.descriptions import descriptions
from critical_periods.planning.plan import Plan, grid_cells
from critical_periods.simulations import simulate
from critical_periods.storage.cells import StoredCells, cell_path, write_manifest
from critical_periods.storage.datasets import CHECKSUM, read_dataset, write

MATRIX = {
    "size": 12,
    "n_observed": 60,
    "final_rank": 2,
    "pretrain_rank": 4,
    "init_scale": 0.05,
    "switch_epochs": [0, 20],
    "final_epochs": 20,
    "record_every": 10,
    "n_singular_values": 4,
}
PRODUCT = {"size": 8, "n_observed": 40, "pretrain_rank": 3, "final_rank": 2, "init_scale": 0.01, "learning_rate": 0.5}
PRODUCT |= {"record_every": 20, "final_epochs": 60, "n_singular_values": 4}

#: Model -> settings that record all that it can, and what varies.
SMALL = {
    "matrix_completion": (
        MATRIX | {"diagnostics": True, "sharpness": True, "balancedness": True, "cure": "shrink"},
        {"depth": [2, 3], "pretrain_n_observed": [None, 30], "cure_strength": [0, 1]},
    ),
    "scalar_pathways": (
        {"n_trajectories": 2, "epochs": 100, "record_every": 50, "lesioned_pathway": "a", "lesion_duration": 10},
        {"depth": [2, 4], "duration": [0, 5, 20]},
    ),
    "pathway_network": (
        {"branching": [2, 2], "width": 4, "epochs": 60, "record_every": 20, "duration": 10},
        {"onset": [0, 30]},
    ),
    "singular_flow": (PRODUCT | {"switch_epochs": [0, 40], "init_spread": 0.001}, {"depth": [2, 3]}),
    "shared_modes": (PRODUCT | {"pretrain_epochs": 60}, {"n_observed": [40, 64]}),
    "two_layers": (
        {"rows": 8, "columns": 6, "pretrain_rank": 3, "final_rank": 2, "n_singular_values": 4}
        | {"pretrain_epochs": 60, "final_epochs": 60, "record_every": 20},
        {"imbalance": [-1, 2]},
    ),
    "gating_schedules": ({"slots": 4, "slot_epochs": 20}, {"budget": [1, 2]}),
}
SEEDS = [0, 2]


def small(model, seeds=SEEDS, **changes):
    settings, vary = SMALL[model]
    return simulate(model, vary, seeds, **CONFIG["models"][model] | settings | changes)


@pytest.fixture(scope="module")
def datasets():
    return {model: small(model) for model in SMALL}


@pytest.mark.parametrize("model", [name for name in SMALL if "solver" in models()[name].model_fields])
def test_a_solver_that_is_only_a_word_is_an_error_wherever_solvers_are_told_apart(model):
    """Such as one that is added to the words that the configuration allows, and nowhere else."""
    declared = models()[model]
    settings = shared_values(CONFIG, declared)
    [cell] = grid_cells(declared, settings | CONFIG["models"][model] | SMALL[model][0], [0], {}, "mine")[1].values()
    parameters = cell.parameters | {"solver": "heavy_ball"}
    refused = "solver = 'heavy_ball'; allowed: gradient_descent, gradient_flow"
    first = declared.first or declared
    with pytest.raises(ValueError, match=refused):
        run_batches(first.cells, {"cell": parameters}, first.simulate, first.batch_key if first.batched else None)


def test_every_model_is_here():
    assert SMALL.keys() == models().keys()


@pytest.mark.parametrize("model", SMALL)
def test_a_dataset_is_the_one_that_the_workflow_writes(datasets, config, model, tmp_path):
    settings, vary = SMALL[model]
    settings = {name: value for name, value in settings.items() if name not in vary}
    config["experiments"] = {"e": {"title": "E", "model": model, "seeds": SEEDS, "set": settings, "vary": vary}}
    plan, declared = Plan(config | {"figures": {}, "claims": {}}), models()[model]
    cells = {cell.id: cell for cell in plan.experiments["e"].cells.values()}

    def computed(bundles, first=None):
        """Cells of bundles, each simulated as a job does it, written and read."""
        manifests = []
        for bundle in bundles:
            how = simulations()[bundle.cells[0].model]
            parameters = {cell.id: cell.parameters for cell in bundle.cells}
            batch_key = how.batch_key if how.batched else None
            written = {}

            def keep(cell, dataset, written=written):
                written[cell] = write(dataset, cell_path(tmp_path, cell))

            run_batches(how.cells, parameters, how.simulate, batch_key, first, keep=keep)
            manifests.append(tmp_path / f"{bundle.id}.json")
            write_manifest(manifests[-1], written)
        return StoredCells(manifests)

    bundles, first = plan.experiment_bundles("e"), None
    if declared.first is not None:
        before = computed({each.id: each for bundle in bundles for each in plan.first_bundles(bundle)}.values())
        first = lambda cell: before.read(plan.first(cells[cell]).id)  # noqa: E731
    axes = plan.experiments["e"].axes
    dataset = assemble(
        axes,
        [cell.id for cell in plan.experiments["e"].cells.values()],
        computed(bundles, first).read,
        descriptions(declared, axes),
        declared.predict,
        declared.derive,
    )
    write(dataset, tmp_path / "e.nc")
    written = read_dataset(tmp_path / "e.nc")
    assert written.attrs[CHECKSUM] == datasets[model].attrs[CHECKSUM]
    assert written.attrs.keys() == datasets[model].attrs.keys() - {"title"}
    assert written.attrs["parameters"] == datasets[model].attrs["parameters"]


@pytest.mark.parametrize("model", SMALL)
def test_everything_in_a_dataset_says_what_it_is(datasets, model):
    declared = models()[model].variables
    for name, variable in datasets[model].variables.items():
        assert variable.attrs.get("long_name"), name
        assert variable.attrs.get("units"), name
        axes = {"seed", *SMALL[model][1]}
        if name in declared.keys() - axes and declared[name].dims is not None:
            assert set(variable.dims) - axes == set(declared[name].dims) - axes, name
    there = {*map(str, datasets[model].variables), *map(str, datasets[model].dims)}
    of_theory = {name for name, variable in declared.items() if variable.theory}
    assert declared.keys() - there - of_theory <= {"predicted_closing", "measured_closing", "sharing_pathways"}


def test_a_dataset_is_written_and_read(datasets, tmp_path):
    for model, dataset in datasets.items():
        write(dataset, tmp_path / f"{model}.nc")
        again = cp.read(tmp_path / f"{model}.nc")
        assert again.equals(dataset)
        assert again.attrs == dataset.attrs


def test_what_is_not_given_is_the_papers():
    """The gradient flow given in part is laid over the paper's."""
    given = {"solver": "gradient_flow", "gradient_flow": {"rtol": 1e-3}}
    whole = {"gradient_flow": CONFIG["gradient_flow"] | {"rtol": 1e-3}, "dtype": "float32", "device": "cpu"}
    brief = simulate("matrix_completion", **MATRIX | given)
    full = simulate(
        "matrix_completion", **CONFIG["models"]["matrix_completion"] | MATRIX | {"solver": "gradient_flow"} | whole
    )
    assert brief.attrs[CHECKSUM] == full.attrs[CHECKSUM]


@pytest.mark.parametrize("model", SMALL)
def test_defaults_are_all_that_a_model_takes_and_change_nothing(datasets, model):
    defaults = cp.defaults(model)
    assert defaults.keys() == models()[model].model_fields.keys()
    assert defaults.items() >= CONFIG["models"][model].items()
    settings, vary = SMALL[model]
    assert simulate(model, vary, SEEDS, **defaults | settings).attrs[CHECKSUM] == datasets[model].attrs[CHECKSUM]


@pytest.mark.parametrize("model", SMALL)
def test_a_description_names_every_parameter_and_variable(model):
    for text in (repr(cp.describe(model)), cp.describe(model)._repr_html_()):
        for name in (*models()[model].model_fields, *models()[model].variables):
            assert name in text
    assert model in repr(cp.describe())
    with pytest.raises(ConfigError, match="did you mean"):
        cp.describe(model[:-1])


def test_arrays_and_ranges_are_lists_of_numbers():
    parameters = CONFIG["models"]["scalar_pathways"] | SMALL["scalar_pathways"][0]
    lists = simulate("scalar_pathways", {"depth": [2, 3]}, [0, 1], **parameters)
    arrays = simulate(
        "scalar_pathways", {"depth": np.array([2, 3])}, range(2), **parameters | {"epochs": np.int64(100)}
    )
    assert lists.attrs[CHECKSUM] == arrays.attrs[CHECKSUM]


def test_matrices_and_masks_are_arrays_or_files(tmp_path):
    generator = np.random.default_rng(0)
    matrix, mask = generator.standard_normal((12, 8)), generator.random((12, 8)) < 0.9
    matrix[0, :3] = np.nan
    settings = MATRIX | {"final_rank": None, "pretrain_task": "same", "pretrain_n_observed": 30, "n_observed": 60}
    files = {"final_matrix": str(tmp_path / "matrix.npy"), "observations": str(tmp_path / "mask.npy")}
    for file, array in zip(files.values(), (matrix, mask), strict=True):
        np.save(file, array)
    in_memory = simulate("matrix_completion", **settings, final_matrix=matrix, observations=mask)
    assert simulate("matrix_completion", **settings | files).attrs[CHECKSUM] == in_memory.attrs[CHECKSUM]
    both = simulate("matrix_completion", {"final_matrix": [matrix, 2 * matrix]}, **settings, normalized=False)
    assert both.reconstruction_error.isel(switch_epoch=0, final_matrix=1) > both.reconstruction_error[0, 0, 0]
    for size, changed, message in (
        (9, matrix, r"size = 9; allowed: 12, the longer side of final_matrix\.npy, 12 x 8$"),
        (12, np.where(mask, matrix, np.inf), r"final_matrix = 'final_matrix\.npy'; allowed: finite numbers"),
    ):
        with pytest.raises(ConfigError, match=message):
            simulate("matrix_completion", **settings | {"size": size}, final_matrix=changed)


OWN = MATRIX | {"final_rank": None, "pretrain_task": "same", "pretrain_n_observed": 30, "n_observed": 60}


def gaps():
    """A matrix of whole numbers, and which of its entries are missing."""
    draws = np.random.default_rng(3)
    values = draws.integers(1, 9, (12, 8)).astype(float)
    return values, draws.random(values.shape) < 0.2


def read_only(array):
    array.flags.writeable = False
    return array


class Lazy:
    """An array that is computed when asked for, as those of Dask are."""

    ndim = 2

    def __init__(self, array):
        self.array = array

    def compute(self):
        return self.array


@pytest.mark.parametrize(
    "made",
    [
        lambda values, missing: np.ma.array(values, mask=missing, fill_value=99),
        lambda values, missing: np.ma.array(values.astype(int), mask=missing),
        lambda values, missing: np.ma.array(values.astype(np.float16), mask=missing),
        lambda values, missing: Lazy(np.ma.array(values, mask=missing)),
        lambda values, missing: pd.DataFrame(values).mask(missing),
        lambda values, missing: pd.DataFrame(values.astype(int)).astype("Int64").mask(missing),
        lambda values, missing: xr.DataArray(values).where(~missing),
        lambda values, missing: np.asfortranarray(np.where(missing, np.nan, values)),
        lambda values, missing: read_only(np.where(missing, np.nan, values).astype(np.float32)),
        lambda values, missing: torch.tensor(np.where(missing, np.nan, values)),
    ],
    ids=[
        *("masked", "masked_integers", "masked_halves", "lazy_masked", "frame", "frame_of_integers"),
        *("xarray", "fortran", "read_only", "torch"),
    ],
)
def test_an_array_is_what_it_holds_and_missing_where_it_says_so(made):
    values, missing = gaps()
    plain = simulate("matrix_completion", **OWN, final_matrix=np.where(missing, np.nan, values))
    other = simulate("matrix_completion", **OWN, final_matrix=made(values, missing))
    assert other.attrs["parameters"] == plain.attrs["parameters"]
    assert other.attrs[CHECKSUM] == plain.attrs[CHECKSUM]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"final_matrix": np.eye(12) * 1j}, r"final_matrix\.npy'; allowed: numbers; it holds complex128$"),
        ({"final_matrix": np.full((12, 12), "a")}, r"final_matrix\.npy'; allowed: numbers; it holds <U1$"),
        ({"final_matrix": pd.DataFrame({"a": ["x", "y"]})}, r"allowed: numbers; it has columns of (object|str)$"),
        ({"observations": np.ma.array(np.ones((12, 12)), mask=np.eye(12))}, r"allowed: a file of ones and zeros$"),
        ({"vary": {"depth": np.ma.array([2, 3], mask=[0, 1])}}, r"^depth = .*allowed: an array of which no entry is"),
        ({"vary": {"n_observed": [60, np.ma.masked]}}, r"^n_observed\[1\] = masked; allowed: an array of which no"),
        ({"vary": {"init_scale": np.array([0.1, 0.2j])}}, r"init_scale = \(0.1\+0j\); allowed: number"),
    ],
)
def test_an_array_that_would_be_misread_is_refused_in_one_line(changes, message):
    with pytest.raises(ConfigError, match=message) as refused:
        simulate("matrix_completion", **OWN | {"final_matrix": np.eye(12)} | changes)
    assert str(refused.value).isprintable()


def test_a_file_that_is_called_as_an_array_would_be_is_another_matrix(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matrix, mask = np.random.default_rng(0).standard_normal((12, 12)), np.ones((12, 12))
    mask[0] = 0
    np.save("final_matrix.npy", mask)
    by_name = simulate("matrix_completion", **OWN, final_matrix=matrix, observations="final_matrix.npy")
    by_array = simulate("matrix_completion", **OWN, final_matrix=matrix, observations=mask)
    assert by_name.attrs[CHECKSUM] == by_array.attrs[CHECKSUM]


def in_threads(call, count):
    """Results of calls of 0, 1, ... that all begin at once, each in a thread of its own."""
    barrier = Barrier(count)

    def begun(number):
        barrier.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begun, range(count)))


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_calls_in_threads_have_results_and_progress_of_their_own_and_leave_nothing_behind():
    matrices = [np.random.default_rng(number).standard_normal((12, 12)) for number in range(8)]
    settings = OWN | {"switch_epochs": [0, 200], "final_epochs": 200}

    def call(number, progress=None):
        found = simulate(
            "matrix_completion", seeds=[number], **settings, final_matrix=matrices[number], progress=progress
        )
        return found.attrs[CHECKSUM]

    def told(number):
        lines = []
        return call(number, lines.append if number % 2 else None), lines

    alone = [call(number) for number in range(8)]
    logger = logging.getLogger("critical_periods")
    with threadpool_limits(2, "blas"):
        before = blas_threads(), torch.get_num_threads(), logger.level, list(logger.handlers)
        for _ in range(4):
            found = in_threads(told, 8)
            assert [checksum for checksum, _ in found] == alone
            for number, (_, lines) in enumerate(found):
                assert len(lines) == (2 if number % 2 else 0)
                assert all(f"(seed {number})" in line or "cell 1 of 1: " in line for line in lines)
            assert (blas_threads(), torch.get_num_threads(), logger.level, list(logger.handlers)) == before


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (
            "scalar_pathways",
            {"vary": {"depth": [2, 3], "plasticity": [0.0, -0.0]}},
            r"plasticity = \[0.0, -0.0\]; allo",
        ),
        (
            "matrix_completion",
            {"vary": {"cure_strength": [1, 1.0]}},
            r"cure_strength = \[1, 1.0\]; allowed: values of",
        ),
        ("matrix_completion", {"vary": {"depth": [True, 1]}}, r"depth = \[true, 1\]; allowed: values of which no two"),
        ("scalar_pathway", {}, r"^model = 'scalar_pathway'; allowed: .*did you mean scalar_pathways\?"),
        ("scalar_pathways", {"plasticty": 0.5}, r"^scalar_pathways: unknown key = 'plasticty'; .*mean plasticity\?"),
        ("scalar_pathways", {"solver": "euler"}, "^scalar_pathways.solver = 'euler'; allowed: gradient_descent or"),
        (
            "scalar_pathways",
            {"onset": 990},
            r"gating \[onset, onset \+ duration\) = \[990, 1005\]; allowed: 0 to 1000",
        ),
        ("scalar_pathways", {"vary": {"dept": [2]}}, r"^scalar_pathways.vary = 'dept'; .*did you mean depth\?"),
        ("scalar_pathways", {"vary": {"depth": []}}, r"^simulate.vary.depth = \[\]; allowed: list, 1 or more items"),
        ("scalar_pathways", {"vary": {"depth": [2, 1]}}, "^scalar_pathways.depth = 1; allowed: .*at least 2"),
        ("scalar_pathways", {"seeds": [1, 1]}, r"^simulate.seeds = \[1, 1\]; allowed: .*no item twice"),
        ("scalar_pathways", {"diverged": "ignore"}, "^simulate.diverged = 'ignore'; allowed: fail or record"),
        ("singular_flow", {"solver": "gradient_flow"}, "^singular_flow: unknown key = 'solver'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(model, arguments, message):
    with pytest.raises(ConfigError, match=message) as refused:
        simulate(model, **CONFIG["models"].get(model, {}) | arguments)
    assert str(refused.value).isprintable()


def test_a_missing_parameter_is_named(monkeypatch):
    """Of a model that config.yaml does not have."""
    monkeypatch.setattr("critical_periods.declarations.paper", lambda: CONFIG | {"models": {}})
    assert "size" not in cp.defaults("shared_modes")
    assert "required" in repr(cp.describe("shared_modes"))
    with pytest.raises(ConfigError, match=r"^shared_modes: missing key = 'size'; allowed: all of size, depth"):
        simulate("shared_modes", depth=2)


def test_a_cell_that_diverges_fails_or_is_recorded():
    wild = CONFIG["models"]["matrix_completion"] | MATRIX
    with pytest.raises(DivergedError, match=r"^pretraining cell \w+ \(.*learning_rate=3000"):
        simulate("matrix_completion", {"learning_rate": [0.3, 3000.0]}, **wild)
    dataset = simulate("matrix_completion", {"learning_rate": [0.3, 3000.0]}, diverged="record", **wild)
    assert dataset["diverged"].values.tolist() == [[False, True]]
    assert dataset["diverged"].attrs["long_name"]
    assert dataset.attrs["diverged"].startswith("seed = 0, learning_rate = 3000.0: pre-training: ")


def test_progress_is_told_line_by_line_and_no_longer_afterwards():
    lines = []
    small("matrix_completion", progress=lines.append)
    said = [line.split(":")[0] for line in lines]
    assert said[-1] == "cell 16 of 16 (seed 2, depth 3, pretrain_n_observed 30, cure_strength 1.0)"
    assert "cell 1 of 8 (seed 0, depth 2, pretrain_n_observed 60)" in said
    told = len(lines)
    small("matrix_completion", seeds=[1])
    assert len(lines) == told
    simulate("scalar_pathways", seeds=[1], **SMALL["scalar_pathways"][0], progress=lines.append)
    assert lines[told].startswith("cell 1 of 1: ")


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ("fig99", "^figure = 'fig99'; allowed: fig01, .*"),
        ({"title": "Mine"}, r"^figure: missing key = 'panels'"),
        ({"plot": "linee"}, r"^figure.panels\[0\].plot = 'linee'; .*did you mean line\?"),
        ({"panels": [{"plot": "line"}]}, r"^figure.panels\[0\]: missing key = 'x'"),
        (
            {"panels": [{"plot": "line", "x": "dpth", "y": "impairment"}]},
            r"^figure.panels\[0\].x = 'dpth'; allowed: .*did you mean depth\?",
        ),
        (
            {"plot": "line", "x": "depth", "y": "share", "select": {"b": 1}},
            r"^figure.panels\[0\].select = 'b'; allowed: ",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(datasets, figure, message):
    with pytest.raises(ConfigError, match=message):
        cp.draw(figure, datasets["scalar_pathways"])


def test_a_figure_is_drawn_from_datasets_in_memory(datasets):
    import matplotlib.pyplot as plt

    dataset, before = datasets["scalar_pathways"], dict(plt.rcParams)
    figure = cp.draw({"plot": "line", "x": "duration", "y": "impairment", "hue": "depth"}, dataset)
    median = dataset.impairment.median(["seed", "trajectory"])
    drawn = [line.get_ydata() for line in figure.axes[0].lines]
    for depth in median.depth:
        assert any(np.allclose(line, median.sel(depth=depth)) for line in drawn if len(line) == 3)
    assert dict(plt.rcParams) == before
    few = {"n_trajectories": 2, "epochs": 120, "record_every": 60}
    portraits = simulate("scalar_pathways", {"depth": [2, 4], "onset": [0, 100]}, **few)
    assert len(cp.draw("fig01", {"phase_portraits": portraits}).axes) == 4
    plt.close("all")


def test_examples_in_docstrings_run(datasets, tmp_path, monkeypatch):
    import doctest

    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    for folder, name in (("", "depth"), ("extensions/", "window"), ("elsewhere/results/", "depth")):
        path = tmp_path / ("" if "results" in folder else "results") / folder / f"experiments/{name}.nc"
        path.parent.mkdir(parents=True)
        write(datasets["scalar_pathways"], path)
    found = 0
    for name in cp.public():
        for example in doctest.DocTestParser().get_examples(getattr(cp, name).__doc__):
            exec(
                example.source,
                {"cp": cp, "model": "scalar_pathways", "dataset": datasets["scalar_pathways"].sel(depth=2)},
            )
            found += 1
    assert found >= 3
    plt.close("all")


def test_the_package_offers_its_public_names_and_loads_them_when_they_are_used():
    code = (
        "import sys, critical_periods as cp\n"
        "assert not {'numpy', 'xarray', 'torch', 'pydantic'} & set(sys.modules), set(sys.modules)\n"
        "names = {name for name in dir(cp) if not name.startswith('__')}\n"
        "assert names == set(cp.public()) >= {'simulate', 'read', 'Phase', 'gradient_flow'}, names\n"
        "assert {'__doc__', '__version__'} <= set(dir(cp))\n"
        "cp.defaults('matrix_completion'), repr(cp.describe('matrix_completion')), cp.Phase, cp.Task\n"
        "assert not {'xarray', 'torch', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "cp.ScalarPathways, cp.Phase, cp.Task, cp.gradient_descent, cp.gradient_flow, cp.read\n"
        "assert 'torch' not in sys.modules\n"
        "assert callable(cp.simulate) and callable(cp.gradient_descent)\n"
        "assert all(getattr(cp, name).__doc__ for name in cp.public())\n"
    )
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(REPOSITORY / "src")}, check=True)
    assert len(cp.public()) == sum(map(len, cp.groups().values())), "no name twice"
    assert not hasattr(cp, "no.name")
    with pytest.raises(AttributeError, match="no attribute 'simulat'; it offers simulate, defaults"):
        getattr(cp, "simulat")  # noqa: B009

"""NumPy and torch: the same landscapes, by either, give the same numbers, and no job loads what it does not need."""

import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import CONFIG
from test_factorization import activations, problem
from test_pathways import LEFT, RIGHT, TASK, random_weights
from test_simulations import small

from critical_periods.configuration.document import configuration
from critical_periods.configuration.fields import ConfigError
from critical_periods.dynamics.arrays import as_numpy, placed
from critical_periods.dynamics.engines import using
from critical_periods.dynamics.schedules import Phase
from critical_periods.execution import linear_algebra
from critical_periods.models.matrix_completion.simulation.landscape import Factorization, largest_curvature
from critical_periods.models.pathways.simulation.network import PathwayNetwork
from critical_periods.solvers import gradient_flow
from critical_periods.solvers.gradient_flow import METHODS


def assert_equal(arrays, tensors):
    assert [type(array) for array in arrays] == [np.ndarray] * len(arrays)
    for array, tensor in zip(arrays, tensors, strict=True):
        np.testing.assert_allclose(array, as_numpy(tensor), rtol=1e-12, atol=1e-13)


def assert_observed_alike(model, arrays, tensors, phase):
    observed = model.observe(arrays, phase)
    for name, (axes, value) in model.observe(tensors, phase).items():
        assert observed[name][0] == axes
        np.testing.assert_allclose(observed[name][1], value, rtol=1e-9, atol=1e-12, err_msg=name)


@activations
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("runs", [None, 3])
def test_an_update_of_a_factorization_is_the_same(depth, runs, activation):
    tensors, phase = problem(depth=depth, runs=runs)
    phase = Phase("final", 1, phase.task, layer_plasticity={1: 0.5, depth: 0.0} if depth > 1 else {})
    arrays = [tensor.numpy().copy() for tensor in tensors]
    references = {"task": (np.eye(8)[:, :2], np.eye(8)[:, 1:3])}
    model = Factorization(None if runs is None else "run", 5, True, activation, references)
    assert_equal(model.gradient(arrays, phase), model.gradient(tensors, phase))
    assert_observed_alike(model, arrays, tensors, phase)
    for weights in (arrays, tensors):
        model.descent(weights, phase, 0.3)(1)
    assert_equal(arrays, tensors)
    if runs is None:
        assert largest_curvature(model, arrays, phase) == pytest.approx(largest_curvature(model, tensors, phase))


@activations
def test_the_gradient_of_a_network_of_pathways_is_the_same(activation):
    tensors = random_weights((2, 3), (9, 8), runs=(2,))
    arrays = [tensor.numpy() for tensor in tensors]
    model = PathwayNetwork(LEFT, RIGHT, (2, 3), activation=activation, dims=("run",))
    phase = Phase("odd", 1, TASK, plasticity={"a": 0.5}, lesions={"b": [1]})
    assert_equal(model.gradient(arrays, phase), model.gradient(tensors, phase))
    assert_observed_alike(model, arrays, tensors, phase)


@pytest.mark.parametrize("method", METHODS)
def test_gradient_flow_ends_where_it_does_with_the_other_engine(method):
    tensors, phase = problem(depth=2, runs=2, n_observed=40)
    arrays = [tensor.numpy() for tensor in tensors]
    solve = {"learning_rate": 0.5, "record_every": 5, "method": method}
    by_numpy, by_torch = (gradient_flow(Factorization("run"), start, [phase], **solve) for start in (arrays, tensors))
    assert_equal(by_numpy.final, by_torch.final)
    assert (by_numpy.trajectory.engine, by_torch.trajectory.engine) == ("numpy", "torch")


@pytest.mark.parametrize("model", ["matrix_completion", "pathway_network", "singular_flow"])
def test_datasets_say_which_engine_computed_them(model):
    datasets = {engine: small(model, seeds=[0], engine=engine) for engine in ("numpy", "torch")}
    for engine, dataset in datasets.items():
        assert dataset.attrs["engine"] == engine
        assert dataset.attrs["parameters"] == datasets["numpy"].attrs["parameters"]


def test_an_engine_that_does_not_know_the_device_is_refused():
    with pytest.raises(ConfigError, match="engine = 'numpy'; allowed: auto or torch where device is cuda"):
        configuration(CONFIG | {"engine": "numpy", "device": "cuda"})
    with using("numpy"), pytest.raises(RuntimeError, match=r"device = 'cuda', but engine = 'numpy'; allowed: .* cpu"):
        placed([np.ones(1)], "float32", "cuda")


@pytest.mark.parametrize("solver", ["gradient_descent", "gradient_flow"])
def test_training_on_a_processor_loads_neither_torch_nor_scipy(cell, solver):
    code = f"""
import sys
sys.path[:] = {sys.path}
from critical_periods.execution.jobs import run_batches
from critical_periods.models.matrix_completion.simulation.simulate import complete, pretrain
cell = {cell | {"solver": solver, "gradient_flow": {"rtol": 1e-4, "atol": 1e-7}}}
first = run_batches("pretraining", {{"cell": cell}}, pretrain, lambda parameters: 0)
run_batches("matrix_completion", {{"cell": cell}}, complete, lambda parameters: 0, first.get)
assert not {{"torch", "scipy", "sklearn", "matplotlib", "seaborn", "plotly"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("threads", "ratio", "said"),
    [(1, 14, None), (2, 14, "may take more threads than the job has"), (1, 950, "is slow here: .* takes 950 times")],
)
def test_a_library_that_is_slow_or_not_held_to_one_thread_is_named(threads, ratio, said, caplog, monkeypatch):
    library = {
        "user_api": "blas",
        "internal_api": "blis",
        "version": "1",
        "architecture": "zen",
        "num_threads": threads,
    }
    monkeypatch.setattr(linear_algebra, "threadpool_info", lambda: [library])
    monkeypatch.setattr(linear_algebra, "_products_over_entries", lambda: ratio)
    linear_algebra.warn_of_slow_products()
    assert len(caplog.messages) == (said is not None)
    if said is not None:
        assert re.match(rf"NumPy's linear algebra \(blis 1, kernel zen\) {said}", caplog.messages[0])


def test_the_library_at_hand_gives_no_warning(caplog):
    linear_algebra.warn_of_slow_products()
    assert not caplog.messages

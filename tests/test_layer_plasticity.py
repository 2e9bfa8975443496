"""A deficit that freezes a layer of a factorization for a while."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from conftest import REPOSITORY

from critical_periods.configuration.fields import ConfigError
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.models.matrix_completion.simulation.landscape import Factorization
from critical_periods.models.matrix_completion.simulation.simulate import complete, pretrain
from critical_periods.models.pathways.simulation.scalar import ScalarPathways
from critical_periods.planning.plan import Plan
from critical_periods.solvers import SOLVERS, gradient_descent

SETTINGS = {"learning_rate": 0.1, "record_every": 30}


@pytest.fixture
def draws():
    return np.random.default_rng(0)


def weights(draws, depth=3, runs=2):
    return [torch.as_tensor(0.3 * draws.standard_normal((runs, 6, 6))) for _ in range(depth)]


def frozen(draws, layer, factor=0.0):
    return Phase("frozen", 30, Task(draws.standard_normal((6, 6))), layer_plasticity={layer: factor})


@pytest.mark.parametrize("solver", SOLVERS.values())
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_frozen_layer_stays_and_the_others_learn(draws, solver, layer):
    start = weights(draws)
    schedule = [frozen(draws, layer), Phase("all", 30, Task(np.eye(6)))]
    solution = solver().solve(Factorization("run"), start, schedule, **SETTINGS, keep=[30])
    for index, (before, while_frozen, after) in enumerate(
        zip(start, solution.parameters[30], solution.final, strict=True), start=1
    ):
        moved = float(abs(while_frozen - before).max())
        assert moved < 1e-14 if index == layer else moved > 0.01
        assert float(abs(after - while_frozen).max()) > 0.01


@pytest.mark.parametrize("activation", ["linear", "tanh"])
@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_every_form_of_the_gradient_has_the_factor(draws, activation, factor):
    model, start = Factorization("run", activation=activation), weights(draws)
    phase = frozen(draws, 2, factor)
    plain = model.gradient(start, Phase("all", 30, phase.task))
    expected = [plain[0], factor * plain[1], plain[2]]
    torch.testing.assert_close(model.gradient(start, phase), expected)
    bound = [torch.empty_like(weight) for weight in start]
    model.bind_gradient(start, phase)(start, bound)
    torch.testing.assert_close(bound, expected)
    moved = [weight.clone() for weight in start]
    model.descent(moved, phase, 0.1)(1)
    torch.testing.assert_close(moved, [weight - 0.1 * slope for weight, slope in zip(start, expected, strict=True)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("factors", [{1: 0.0}, {2: 0.5}, {1: 0.1, 3: 0.6}])
def test_sharpness_is_the_largest_eigenvalue_of_what_partly_plastic_layers_see(draws, factors, dtype):
    """f H is not symmetric where layers differ; H here by columns, from the gradient without factors."""
    start = [3 * layer[0] for layer in weights(draws)]
    phase = replace(frozen(draws, 1), layer_plasticity=factors, decay=0.2)
    plain, point = replace(phase, layer_plasticity={}), torch.stack(start)

    def slope(vector):
        return torch.stack(Factorization().gradient(list(vector.reshape(point.shape)), plain)).flatten().numpy()

    shifts = 1e-5 * torch.eye(point.numel(), dtype=torch.float64)
    hessian = np.array([(slope(point.flatten() + s) - slope(point.flatten() - s)) / 2e-5 for s in shifts])
    factor = np.repeat([factors.get(layer, 1.0) for layer in (1, 2, 3)], 36)
    expected = np.linalg.eigvals(factor[:, None] * hessian).real.max()
    observed = Factorization(sharpness=True).observe([layer.to(dtype) for layer in start], phase)
    np.testing.assert_allclose(observed["sharpness"][1], expected, rtol=1e-3)


def test_layers_that_there_are_not_and_models_without_layers_refuse_it(draws):
    with pytest.raises(ValueError, match="phase 'frozen': layer of layer_plasticity = 4; allowed: 1 to 3"):
        gradient_descent(Factorization("run"), weights(draws), [frozen(draws, 4)], **SETTINGS)
    with pytest.raises(ValueError, match=r"layer_plasticity = \{1: 0\.0\}; allowed: what ScalarPathways honours"):
        gradient_descent(ScalarPathways(2), [np.ones((2, 1))] * 2, [frozen(draws, 1)], **SETTINGS)
    with pytest.raises(ValueError, match="plasticity of layer 1 = 2; allowed: 0 to 1"):
        frozen(draws, 1, 2)


def test_cells_without_a_frozen_layer_are_what_they_were():
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text()) | {"figures": {}, "claims": {}}

    def cell(**changes):
        config["experiments"] = {"one": {"title": "One", "model": "matrix_completion", "set": changes}}
        (found,) = Plan(config).experiments["one"].cells.values()
        return found

    assert cell(frozen_layer=None).id == cell().id
    assert "frozen_layer" not in cell().parameters
    assert cell(frozen_layer=2).id != cell().id
    with pytest.raises(ConfigError, match=r"experiments\.one: frozen_layer = 4; allowed: 1 to depth = 3"):
        cell(frozen_layer=4)


def test_the_layer_is_frozen_during_the_first_task_alone(cell):
    whole, part = (pretrain([cell | change])[0]["weight"].sel(switch_epoch=30) for change in ({}, {"frozen_layer": 2}))
    start = pretrain([cell])[0]["weight"].sel(switch_epoch=0)
    assert part.sel(layer=2).equals(start.sel(layer=2).assign_coords(switch_epoch=30))
    assert not part.sel(layer=1).equals(whole.sel(layer=1))
    changed = cell | {"frozen_layer": 2}
    [dataset] = complete([changed], pretrain([changed]))
    [unchanged] = complete([cell], pretrain([cell]))
    errors = [run["reconstruction_error"] for run in (dataset, unchanged)]
    assert errors[0].sel(switch_epoch=0) == errors[1].sel(switch_epoch=0)
    assert errors[0].sel(switch_epoch=30) != errors[1].sel(switch_epoch=30)

"""What landscapes honour of a phase: a schedule that asks for more is an error, never ignored."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from critical_periods.dynamics.schedules import Jump, Phase, Task
from critical_periods.models.matrix_completion.simulation.landscape import Factorization
from critical_periods.models.pathways.simulation.network import PathwayNetwork
from critical_periods.models.pathways.simulation.scalar import ScalarPathways
from critical_periods.models.product_matrix.simulation.landscape import ProductMatrix
from critical_periods.solvers import SOLVERS, gradient_descent

SIZE = 3
TARGET = np.diag([3.0, 2.0, 1.0])
DRAWS = np.random.default_rng(0).standard_normal((4, SIZE, SIZE))
MASK = np.array([[True, True, False], [True, False, True], [False, True, True]])

#: Name -> landscape, its initial parameters, the target of its task, and what it honours.
LANDSCAPES = {
    "factorization": (
        Factorization(),
        [torch.as_tensor(draw) for draw in DRAWS[:2]],
        *(TARGET, {"mask", "rate", "layer_plasticity", "scored", "decay", "jump"}),
    ),
    "scalar": (ScalarPathways(3), [np.full((2, SIZE), 0.5)] * 2, np.diag(TARGET), {"plasticity", "lesions", "rate"}),
    "network": (
        PathwayNetwork(np.eye(SIZE), np.eye(SIZE), (2, 2)),
        [torch.as_tensor(draw) for draw in DRAWS],
        *(TARGET, {"plasticity", "lesions", "rate"}),
    ),
    "product": (ProductMatrix(2), [DRAWS[0]], TARGET, {"mask", "rate"}),
    "product_in_steps": (ProductMatrix(2, step=0.01), [DRAWS[0]], TARGET, {"mask"}),
}
PARTS = {
    "plasticity": {"plasticity": {"b": 0.0}},
    "lesions": {"lesions": {"a": [0]}},
    "layer_plasticity": {"layer_plasticity": {1: 0.0}},
    "rate": {"rate": 2.0},
    "decay": {"decay": 1.0},
    "jump": {"jump": Jump([0.5, 1.0], [np.zeros((SIZE, SIZE)), np.eye(SIZE)])},
}


def asking(name, part):
    """A landscape's plain phase, and one that asks for something."""
    target = LANDSCAPES[name][2]
    plain = Phase("odd", 5, Task(target))
    return plain, replace(plain, task=Task(target, MASK)) if part == "mask" else replace(plain, **PARTS[part])


def solved(solver, name, *schedule):
    model, parameters, *_ = LANDSCAPES[name]
    solution = solver().solve(model, parameters, schedule, learning_rate=0.01, record_every=5)
    return np.concatenate([np.ravel(parameter) for parameter in solution.final])


@pytest.mark.parametrize("solver", SOLVERS.values())
@pytest.mark.parametrize("part", ["mask", *PARTS])
@pytest.mark.parametrize("name", LANDSCAPES)
def test_what_a_phase_asks_for_is_done_or_refused(name, part, solver):
    plain, odd = asking(name, part)
    model, _, _, honoured = LANDSCAPES[name]
    if part in honoured:
        assert abs(solved(solver, name, odd) - solved(solver, name, plain)).max() > 1e-4
    else:
        named = (
            f"phase 'odd': {part} = .*; allowed: what {type(model).__name__} honours, {', '.join(sorted(honoured))}"
        )
        with pytest.raises(ValueError, match=f"^{named}$"):
            solved(solver, name, plain, odd)


@pytest.mark.parametrize("solver", SOLVERS.values())
def test_a_deficit_without_any_effect_asks_for_nothing(solver):
    plain, _ = asking("factorization", "rate")
    neutral = replace(plain, plasticity={"b": 1.0}, lesions={"a": []})
    np.testing.assert_array_equal(solved(solver, "factorization", neutral), solved(solver, "factorization", plain))


def test_a_landscape_that_does_not_say_gets_what_solvers_do_by_themselves():
    class Valley:
        dims = ()

        def gradient(self, parameters, phase):
            return [parameters[0] - phase.task.target]

        def observe(self, parameters, phase):
            return {"train_loss": ((), 0.5 * np.square(parameters[0] - phase.task.target).sum())}

    plain = Phase("plain", 5, Task(np.zeros(2)))
    run = {"learning_rate": 0.1, "record_every": 5}
    twice = gradient_descent(Valley(), [np.ones(2)], [replace(plain, rate=2.0)], **run)
    np.testing.assert_allclose(twice.final[0], 0.8**5)
    with pytest.raises(ValueError, match=r"plasticity = {'b': 0.0}; allowed: what Valley honours, rate"):
        gradient_descent(Valley(), [np.ones(2)], [replace(plain, plasticity={"b": 0.0})], **run)


MISREAD = {
    "masked": np.ma.array(TARGET, mask=~MASK),
    "complex": TARGET * 1j,
    "matrix": TARGET.view(np.matrix),
    "labelled": xr.DataArray(TARGET),
    "frame": pd.DataFrame(TARGET),
    "objects": TARGET.astype(object),
}


@pytest.mark.parametrize("solver", SOLVERS.values())
@pytest.mark.parametrize("kind", [*MISREAD, "integers"])
def test_arrays_that_would_be_misread_are_refused_in_one_line(kind, solver):
    model, run = Factorization(), {"learning_rate": 0.01, "record_every": 5}
    array = MISREAD.get(kind, TARGET.astype(int))
    weights, plain, odd = [*DRAWS[:2]], Phase("plain", 5, Task(TARGET)), Phase("odd", 5, Task(array))
    with pytest.raises(
        ValueError, match=r"^parameters\[1\] = .*; allowed: a NumPy array or .* of floating"
    ) as refused:
        solver().solve(model, [weights[0], array], [plain], **run)
    assert str(refused.value).isprintable()
    if kind == "integers":
        np.testing.assert_array_equal(
            solver().solve(model, weights, [odd], **run).final, solver().solve(model, weights, [plain], **run).final
        )
        with pytest.raises(ValueError, match="allowed: a NumPy array or torch tensor of floating-point numbers"):
            model.gradient([array, array], plain)
        return
    with pytest.raises(ValueError, match=r"^phase 'odd': target = .*; allowed: .* of real numbers, without a mask$"):
        solver().solve(model, weights, [plain, odd], **run)
    for asked in (model.loss, model.gradient):
        with pytest.raises(ValueError, match=r"^values = .*; allowed: a NumPy array or torch tensor of real numbers"):
            asked(weights, odd)


@pytest.mark.parametrize("solver", SOLVERS.values())
@pytest.mark.parametrize("made", [np.asfortranarray, lambda array: np.broadcast_to(array, array.shape)])
def test_arrays_in_any_order_that_may_not_be_written_are_taken_as_they_are(made, solver):
    model, run = Factorization(), {"learning_rate": 0.01, "record_every": 5}
    plain, odd = (
        solver().solve(
            model, [form(draw) for draw in DRAWS[:2]], [Phase("p", 5, Task(form(TARGET), form(MASK)))], **run
        )
        for form in (np.array, made)
    )
    np.testing.assert_array_equal(odd.final, plain.final)

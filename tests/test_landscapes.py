"""What landscapes honour of a phase: a schedule that asks for more is an error, never ignored."""

from dataclasses import dataclass, replace
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from conftest import REPOSITORY

from critical_periods.dynamics.schedules import Jump, Phase, Task
from critical_periods.models.matrix_completion.simulation.landscape import Factorization, largest_curvature
from critical_periods.models.pathways.simulation.network import PathwayNetwork
from critical_periods.models.pathways.simulation.scalar import ScalarPathways
from critical_periods.models.product_matrix.simulation.landscape import ProductMatrix, velocity
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
    "nonlinear": (
        Factorization(activation="tanh"),
        [torch.as_tensor(draw) for draw in DRAWS[:2]],
        *(TARGET, {"mask", "rate", "layer_plasticity", "scored", "decay", "jump"}),
    ),
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


def random_effect(name, draws):
    """A value of an effect; numbers of an effect that is added to phases lie between 0 and 1."""
    matrices = draws.standard_normal((2, SIZE, SIZE))
    values = {
        "plasticity": {pathway: draws.random() for pathway in "ab"},
        "lesions": {"a": [int(draws.integers(SIZE))]},
        "layer_plasticity": {layer: draws.random() for layer in (1, 2)},
        "jump": Jump(draws.random(2), matrices),
    }
    return values.get(name, draws.random())


def slopes_by_hand(model, parameters, phase, quantity):
    """Numeric slope of a recorded quantity, summed over runs, with respect to every parameter."""
    slopes, shift = [], 1e-5
    for index, parameter in enumerate(parameters):
        slope = np.empty(parameter.shape)
        for place in np.ndindex(*parameter.shape):
            ends = []
            for sign in (1, -1):
                moved = [np.array(each) for each in parameters]
                moved[index][place] += sign * shift
                moved = [torch.as_tensor(each) if torch.is_tensor(parameter) else each for each in moved]
                ends.append(np.sum(model.observe(moved, phase)[quantity][1]))
            slope[place] = (ends[0] - ends[1]) / (2 * shift)
        slopes.append(slope)
    return slopes


def moved_by(model, parameters, phase, slopes):
    """What landscapes make of the slope of the loss, after the effects that are not in the loss."""
    if isinstance(model, ProductMatrix):
        return [-velocity(parameters[0], slopes[0], model.depth, model.step)]
    if isinstance(model, ScalarPathways):
        shares = [1, model.depth - 1]  # q stands for D - 1 layers, each of which moves by itself
        factors = np.array([[phase.plasticity.get(pathway, 1.0)] for pathway in model.pathways])
        return [factors * slope / share for slope, share in zip(slopes, shares, strict=True)]
    if isinstance(model, PathwayNetwork):
        pathways = np.repeat(model.pathways, model.depths)
        return [phase.plasticity.get(pathway, 1.0) * slope for pathway, slope in zip(pathways, slopes, strict=True)]
    return [
        phase.layer_plasticity.get(layer, 1.0) * (slope + phase.decay * np.asarray(parameter))
        for layer, (slope, parameter) in enumerate(zip(slopes, parameters, strict=True), start=1)
    ]


def with_effects(name, effects, draws):
    """A landscape, its parameters, and a phase with random values of some effects."""
    model, parameters, target, _ = WITH_PLUGINS[name]
    masks = {part: draws.random(np.shape(target)) < 0.6 for part in ("mask", "scored") if part in effects}
    others = {part: random_effect(part, draws) for part in effects if part not in masks}
    return model, parameters, Phase("odd", 5, Task(target, **masks), **others)


spec = spec_from_file_location("autoencoder", REPOSITORY / "docs/examples/autoencoder.py")
spec.loader.exec_module(autoencoder := module_from_spec(spec))

#: The same of a plugin, whose tasks all have masks.
WITH_PLUGINS = LANDSCAPES | {"autoencoder": (autoencoder.Landscape(), [DRAWS[0], DRAWS[1]], np.diag(TARGET), {"mask"})}
EVERY_EFFECT = [
    (name, effects)
    for name, (model, *_) in WITH_PLUGINS.items()
    for effects in [(), *[(effect,) for effect in sorted(model.honours)], tuple(sorted(model.honours))]
    if "mask" in effects or name != "autoencoder"
]


def named(value):
    """What a test is called for a landscape, or for its effects."""
    return value if isinstance(value, str) else "+".join(value) or "plain"


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("name", "effects"), EVERY_EFFECT, ids=named)
def test_no_effect_of_a_phase_is_in_the_gradient_and_not_in_the_loss(name, effects, seed):
    model, parameters, phase = with_effects(name, effects, np.random.default_rng(seed))
    slopes = slopes_by_hand(model, parameters, phase, "train_loss")
    expected = moved_by(model, parameters, phase, slopes)
    for slope, by_hand in zip(model.gradient(parameters, phase), expected, strict=True):
        np.testing.assert_allclose(slope, by_hand, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("name", "effects"),
    [(name, effects) for name, effects in EVERY_EFFECT if name in ("factorization", "nonlinear")],
    ids=named,
)
def test_no_effect_of_a_phase_is_in_the_gradient_and_not_in_the_curvature_or_the_error(name, effects, seed):
    """Hessian by columns from the gradient; the error is the loss on the entries that count."""
    model, parameters, phase = with_effects(name, effects, np.random.default_rng(seed))
    point = torch.stack(parameters)

    def slope(vector):
        return torch.stack(model.gradient(list(vector.reshape(point.shape)), phase)).flatten().numpy()

    shifts = 1e-5 * torch.eye(point.numel(), dtype=torch.float64)
    hessian = np.array([(slope(point.flatten() + s) - slope(point.flatten() - s)) / 2e-5 for s in shifts]).T
    expected = np.linalg.eigvals(hessian).real.max()
    assert largest_curvature(model, parameters, phase, tolerance=1e-9) == pytest.approx(expected, rel=1e-6)
    scored = replace(phase, task=Task(phase.task.target, mask=phase.task.scored))
    error = model.observe(parameters, phase)["reconstruction_error"][1]
    np.testing.assert_allclose(error, 2 * model.observe(parameters, scored)["train_loss"][1], rtol=1e-12)


@dataclass(frozen=True)
class Dimmed(Phase):
    """A phase with an effect that no landscape knows of."""

    contrast: float = 1.0


@pytest.mark.parametrize("name", LANDSCAPES)
def test_an_effect_that_is_added_to_phases_is_refused_by_landscapes_that_do_not_honour_it(name):
    dimmed = Dimmed("odd", 5, Task(LANDSCAPES[name][2]), contrast=0.5)
    with pytest.raises(ValueError, match=r"^phase 'odd': contrast = 0.5; allowed: what .* honours, "):
        solved(SOLVERS["gradient_descent"], name, dimmed)
    neutral, plain = replace(dimmed, contrast=1.0), Phase("odd", 5, dimmed.task)
    np.testing.assert_array_equal(
        solved(SOLVERS["gradient_descent"], name, neutral), solved(SOLVERS["gradient_descent"], name, plain)
    )


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

"""Strides: many updates of an iteration at a time, by order conditions that are exact for sums over updates."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.integrate import RK45

import critical_periods as cp
from critical_periods.dynamics.schedules import Jump, Phase, Task
from critical_periods.models.matrix_completion.simulation.landscape import Factorization
from critical_periods.models.matrix_completion.simulation.simulate import complete, pretrain
from critical_periods.solvers import SOLVERS, gradient_descent
from critical_periods.solvers.shared.strides import LEAST, Strides, sums, tableau
from critical_periods.solvers.strided_descent import StridedDescent

#: Lengths of strides, from the shortest on.
LENGTHS = (10, 11, 16, 50, 200, 1000)


def trees(grow, one):
    """Values of the 17 rooted trees of up to five nodes, by order, given what it is to put a root below them."""
    dot = grow(one)
    chain = grow(dot)
    bush, tall = grow(dot * dot), grow(chain)
    four = [grow(dot**3), grow(dot * chain), grow(bush), grow(tall)]
    five = [grow(each) for each in (dot**4, dot**2 * chain, chain**2, dot * bush, dot * tall, *four)]
    return [dot, chain, bush, tall, *four, *five]


def by_updates(count):
    """Trees summed over updates: a root put below f after n updates is nu times the sum of f over them."""
    return trees(lambda values: np.append(0.0, np.cumsum(values[:-1])) / count, np.ones(count + 2))


def by_weights(stages, weights):
    """Trees as weights of the seven stages have them."""
    rows = np.vstack([stages, weights])
    return np.array([values[-1] for values in trees(lambda values: rows @ values[:7], np.ones(8))])


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_sums_of_powers_are_those_over_updates(count):
    powers = (np.arange(count) / count) ** np.arange(5)[:, None]
    np.testing.assert_allclose(sums(1 / count, 1.0), powers.sum(1) / count, atol=1e-15)
    np.testing.assert_allclose(sums(0.0, 0.7), [0.7 ** (k + 1) / (k + 1) for k in range(5)])


@pytest.mark.parametrize("count", LENGTHS)
def test_a_stride_fulfils_all_conditions_of_order_five_and_its_estimate_those_of_order_four(count):
    _, stages, errors, _ = tableau(count)
    exact = np.array([values[count] for values in by_updates(count)])
    np.testing.assert_allclose(by_weights(stages, stages[6]), exact, rtol=0, atol=2e-13)
    embedded = by_weights(stages, stages[6] + errors) - exact
    np.testing.assert_allclose(embedded[:8], 0, atol=1e-13)
    assert abs(embedded[8:]).max() > 1e-4


@pytest.mark.parametrize("count", LENGTHS)
def test_dense_output_fulfils_all_conditions_of_order_four_and_is_exact_at_the_ends(count):
    nodes, stages, _, dense = tableau(count)
    exact = np.array(by_updates(count))
    for n in {0, 1, 2, count // 3, count // 2, count - 1, count}:
        values = by_weights(stages, dense @ sums(1 / count, n / count))
        np.testing.assert_allclose(values[:8], exact[:8, n], rtol=0, atol=2e-13)
        assert abs(values[8:] - exact[8:, n]).max() < (2e-13 if n in (0, 1, count) else 3e-3)
    first, after = np.eye(7)[0] / count, stages[6] + np.eye(7)[6] / count
    for n, weights in ((0, 0 * first), (1, first), (count, stages[6]), (count + 1, after)):
        np.testing.assert_allclose(dense @ sums(1 / count, n / count), weights, rtol=0, atol=2e-13)
    assert nodes[6] == 1


@pytest.mark.parametrize("count", LENGTHS)
def test_the_free_direction_of_dense_output_makes_the_defects_of_order_five_smallest(count):
    """As a sum of squares over the nine trees of five nodes, each over its symmetry."""
    _, stages, errors, dense = tableau(count)
    symmetry = np.array([24, 2, 2, 2, 1, 6, 1, 2, 1])
    half = count // 2
    exact = np.array(by_updates(count))[8:, half]

    def defects(amount):
        weights = dense @ sums(1 / count, half / count) + amount * errors
        return np.square((by_weights(stages, weights)[8:] - exact) / symmetry).sum()

    assert defects(0.0) < min(defects(-0.01), defects(0.01))


def test_a_stride_of_a_flow_is_the_step_of_dormand_and_prince():
    nodes, stages, errors, _ = tableau(0)
    np.testing.assert_allclose(nodes[:6], RK45.C, atol=1e-15)
    np.testing.assert_allclose(stages[:6, :5], RK45.A, atol=1e-12)
    np.testing.assert_allclose(stages[6, :6], RK45.B, atol=1e-14)
    np.testing.assert_allclose(errors, -RK45.E, atol=1e-14)


@pytest.mark.parametrize("count", LENGTHS)
def test_dense_output_does_not_amplify_what_a_stride_damps(count):
    """Within a stride of a linear iteration, as long as the stride itself is stable."""
    _, stages, _, dense = tableau(count)
    shares, changes = np.linspace(0, 1, 21), np.linspace(-3.3, 0, 34)
    grown = [
        1 + change * (dense @ sums(1 / count, share)) @ np.linalg.solve(np.eye(7) - change * stages, np.ones(7))
        for change in changes
        for share in shares
    ]
    assert np.abs(grown).max() < 1.3


def bent(rate):
    """A smooth nonlinear update of four numbers."""
    mixed = np.random.default_rng(0).standard_normal((4, 4))

    def update(state, out):
        out[...] = rate * np.tanh(mixed @ state) * np.cos(state)

    return update


def iterates(update, state, count):
    """The state after 0, 1, ..., `count` updates, made one by one."""
    found, change = [np.array(state)], np.empty_like(state)
    for _ in range(count):
        update(found[-1], change)
        found.append(found[-1] + change)
    return np.array(found)


def within_one_stride(rate, count):
    """Errors after 0, 1, ..., `count` updates of one stride, by its coefficients alone."""
    start, update = np.array([0.3, -0.2, 0.5, 0.1]), bent(rate)
    _, stages, _, dense = tableau(count)
    changes = np.zeros((7, 4))
    for row in range(7):
        update(start + count * stages[row] @ changes, changes[row])
    inside = [start + count * (dense @ sums(1 / count, n / count)) @ changes for n in range(count + 1)]
    return abs(np.array(inside) - iterates(update, start, count)).max(1)


@pytest.mark.parametrize("count", [10, 16, 100])
def test_local_errors_fall_with_the_sixth_power_of_a_strides_length_and_within_it_with_the_fifth(count):
    """Length as updates times their size."""
    errors = np.array([within_one_stride(length / count, count) for length in (0.4, 0.2, 0.1, 0.05)])
    ends, within = errors[:, -1], errors.max(1)
    assert (ends[:-1] / ends[1:] > 45).all()
    assert (within[:-1] / within[1:] > 25).all()
    assert errors[:, :2].max() < 1e-15


def test_a_long_training_ends_where_its_updates_do():
    """Twenty thousand updates of a network of two layers, with tanh between them, from fewer evaluations."""
    draws = np.random.default_rng(1)
    inputs, outputs = draws.standard_normal((6, 40)), draws.standard_normal((3, 40))
    shapes = (5, 6), (3, 5)

    def update(state, out):
        one, two = state[:30].reshape(shapes[0]), state[30:].reshape(shapes[1])
        hidden = np.tanh(one @ inputs)
        error = two @ hidden - outputs
        back = (two.T @ error) * (1 - hidden**2)
        out[:30], out[30:] = (-0.002 * (slope / 40).ravel() for slope in (back @ inputs.T, error @ hidden.T))

    start, count = 0.3 * draws.standard_normal(45), 20_000
    wanted = iterates(update, start, count)
    evaluations = []
    for rtol in (1e-5, 1e-8):
        strides, worst = Strides(update, 0, start, count, rtol, 1e-2 * rtol), 0.0
        for stop in range(0, count + 1, 250):
            while strides.t < stop:
                strides.step(stop)
            worst = max(worst, abs(strides.at(stop) - wanted[stop]).max())
        assert worst < 100 * rtol
        evaluations.append(strides.evaluations)
    assert evaluations[0] < evaluations[1] < count / 10


@pytest.mark.parametrize("rate", [0.5, 1.0, 1.9, 2.05])
def test_where_strides_would_be_short_updates_are_made_one_by_one(rate):
    """From rate x curvature of about 0.3 on, also beyond the edge of stability, at hardly any more evaluations."""
    curvatures = np.linspace(0.1, 1, 20)

    def update(state, out):
        np.multiply(-rate * curvatures, np.tanh(state), out)

    start, count = 0.1 * np.random.default_rng(0).standard_normal(20), 3000
    strides = Strides(update, 0, start, count, 1e-8, 1e-12)
    while strides.t < count:
        strides.step(count)
    exact = iterates(update, start, count)[-1]
    np.testing.assert_allclose(strides.y, exact, rtol=1e-6, atol=1e-9)
    if rate > 1:
        assert strides.plain > 0.8 * count
    assert strides.evaluations < 1.1 * count


def test_an_iteration_that_overflows_does_so_in_strides_too():
    def update(state, out):
        np.square(state, out)

    with np.errstate(over="ignore", invalid="ignore"):
        strides = Strides(update, 0, np.ones(2), 100, 1e-6, 1e-9)
        while strides.t < 100:
            strides.step(100)
    assert not np.isfinite(strides.y).any()


def oja(covariance, rate):
    """Oja's rule, averaged over the data: principal components."""

    def update(weights):
        return rate * (covariance @ weights - weights @ (weights.T @ covariance @ weights))

    return update


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-5), ("float64", 1e-6)])
def test_anybodys_iteration_in_strides(dtype, bound):
    """Two principal components of data in six dimensions, by a rule that is no gradient descent."""
    draws = np.random.default_rng(2)
    data = draws.standard_normal((6, 200)) * np.array([2, 1.6, 1, 0.7, 0.5, 0.3])[:, None]
    update = oja((data @ data.T / 200).astype(dtype), np.asarray(2e-3, dtype))
    start, count, record = (0.1 * draws.standard_normal((6, 2))).astype(dtype), 5000, [0, 1, 777, 4999]
    before = start.copy()
    found = cp.strides(update, start, count, rtol=1e-5 if dtype == "float32" else 1e-8, record=record)
    exact = [start]
    for _ in range(count):
        exact.append(exact[-1] + update(exact[-1]))
    np.testing.assert_allclose(found.states, [exact[n] for n in record], atol=bound)
    np.testing.assert_allclose(found.final, exact[-1], atol=bound)
    assert found.states.dtype == found.final.dtype == dtype
    assert found.evaluations < count / 5
    assert found.one_by_one < 0.01
    np.testing.assert_array_equal(start, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": np.array([1, 2])}, "state = ndarray of int64; allowed: a NumPy array .* of floating-point numbers"),
        ({"count": -1}, "number of updates = -1; allowed: whole numbers, ascending, from 0 to -1"),
        ({"record": [5, 3]}, "number of updates = 3; allowed: whole numbers, ascending, from 5 to 100"),
        ({"record": [101]}, "number of updates = 101; allowed: .* from 0 to 100"),
        ({"record": [0.5]}, "number of updates = 0.5; allowed: whole numbers"),
        ({"rtol": 1e-16}, "rtol = 1e-16; allowed: 7.11e-15 or more in float64"),
        ({"update": lambda w: w[:1]}, r"update = an array of shape \(1,\); allowed: \(2,\), that of the state"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_line(change, message):
    given = {"update": lambda w: -0.01 * w, "state": np.ones(2), "count": 100} | change
    with pytest.raises(ValueError, match=f"^{message}") as refused:
        cp.strides(given.pop("update"), given.pop("state"), given.pop("count"), **given)
    assert str(refused.value).isprintable()


def test_no_updates_at_all_leave_the_state_as_it_is():
    found = cp.strides(lambda w: w, np.ones((2, 3)), 0, record=[0])
    np.testing.assert_array_equal(found.final, np.ones((2, 3)))
    assert (found.states.shape, found.evaluations, found.one_by_one) == ((1, 2, 3), 0, 0)


def run(cell, solver, **options):
    """Dataset of a cell by a solver."""
    cell = cell | {"solver": solver, solver: options}
    return complete([cell], pretrain([cell]))[0]


LONGER = {"switch_epochs": [0, 1000, 4000], "final_epochs": 4000, "record_every": 250, "learning_rate": 0.04}
CURES = [
    {"cure": "decay", "cure_strength": 2.0, "cure_epochs": 1500, "cure_onset": 100},
    {"cure": "shrink", "cure_strength": 0.5, "cure_onset": 200},
    {"cure": "noise", "cure_strength": 0.3},
    {"cure": "observations", "cure_strength": 10.0, "cure_epochs": 1500},
    {"cure": "reversed", "cure_strength": 0.3, "cure_epochs": 1500},
]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"depth": 1},
        {"depth": 2, "imbalance": 0.5},
        {"depth": 4, "seed": 5},
        {"activation": "tanh"},
        {"activation": "relu"},
        *({"observations": name} for name in ("block_diagonal", "disconnected", "connected")),
        *({"frozen_layer": layer, "onset": 100} for layer in (1, 3)),
        {"cycle_factor": 4.0, "cycle_epochs": 1600},
        {"pretrain_task": "same", "pretrain_n_observed": 40},
        {"layer_ratio": 3.0, "diagnostics": True, "sharpness": True, "balancedness": True},
        *CURES,
    ],
    ids=str,
)
def test_cells_end_where_they_do_by_gradient_descent(cell, change):
    """Whatever they are of: depths, activations, masks, frozen layers, onsets, cycles of the rate, cures."""
    cell = cell | LONGER | change
    if cell["observations"] != "random":
        cell |= {"n_observed": 49, "pretrain_n_observed": 49} if cell["observations"] != "connected" else {}
    strided = run(cell, "strided_descent", rtol=1e-8, atol=1e-11)
    descent = run(cell, "gradient_descent")
    if change.get("activation") != "relu":  # which has no derivatives, so that strides have to be short
        assert strided.gradient_evaluations < 0.5 * 3 * cell["final_epochs"]
    for name in descent.data_vars:
        scale = float(abs(descent[name]).max())
        bound = 2e-3 if name == "sharpness" else 1e-6  # to which it is computed
        np.testing.assert_allclose(strided[name], descent[name], rtol=0, atol=bound * scale, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("array", [np.asarray, torch.as_tensor])
def test_either_engine_and_precision(dtype, array):
    draws = np.random.default_rng(3)
    weights = [array((0.3 * draws.standard_normal((2, 8, 8))).astype(dtype)) for _ in range(3)]
    schedule = [
        Phase("first", 600, Task(draws.standard_normal((8, 8)), draws.random((2, 8, 8)) < 0.5)),
        Phase("then", 600, Task(draws.standard_normal((8, 8))), rate=0.5),
    ]
    settings = {"learning_rate": 0.2, "record_every": 40, "keep": [0, 333, 600]}
    strided, descent = (SOLVERS[name]().solve(Factorization("run"), weights, schedule, **settings)
                        for name in ("strided_descent", "gradient_descent"))  # fmt: skip
    assert strided.trajectory.updates_one_by_one < 0.3
    assert strided.parameters.keys() == descent.parameters.keys()
    for epoch, kept in descent.parameters.items():
        for one, other in zip(strided.parameters[epoch], kept, strict=True):
            assert (type(one), one.dtype) == (type(other), other.dtype)
            np.testing.assert_allclose(one, other, atol=2e-4)
    np.testing.assert_allclose(strided.trajectory.singular_value, descent.trajectory.singular_value, atol=1e-4)


def small_schedule(draws, lengths):
    return [Phase(f"{n}", length, Task(draws.standard_normal((6, 6)))) for n, length in enumerate(lengths)]


def test_phases_too_short_for_a_stride_are_gradient_descent_to_the_last_bit():
    """A rate, a task or a jump that changes at every update leaves nothing else."""
    draws = np.random.default_rng(0)
    weights = [0.3 * draws.standard_normal((6, 6)).astype(np.float32) for _ in range(3)]
    schedule = small_schedule(draws, (1, 1, 4, LEAST - 1, 0, 2))
    schedule[2] = replace(schedule[2], jump=Jump([0.9, 1.0, 1.0], [0.1 * weights[0]] * 3), decay=0.01)
    settings = {"learning_rate": 0.1, "record_every": 1, "keep": range(18)}
    strided = StridedDescent().solve(Factorization(), weights, schedule, **settings)
    descent = gradient_descent(Factorization(), weights, schedule, **settings)
    assert strided.trajectory.updates_one_by_one == 1
    assert strided.trajectory.gradient_evaluations == sum(phase.epochs for phase in schedule)
    np.testing.assert_array_equal(strided.trajectory.singular_value, descent.trajectory.singular_value)
    for epoch, kept in descent.parameters.items():
        np.testing.assert_array_equal(strided.parameters[epoch], kept)


class Valley:
    """A model that knows no faster gradient, and counts."""

    dims = ()
    calls = 0

    def gradient(self, parameters, phase):
        type(self).calls += 1
        return [np.sin(parameters[0] - phase.task.target)]

    def observe(self, parameters, phase):
        return {"train_loss": ((), np.square(parameters[0] - phase.task.target).sum())}


def test_the_dataset_says_how_many_gradients_it_took_and_which_updates_were_made_one_by_one():
    schedule = [Phase("long", 1000, Task(np.zeros(2))), Phase("short", 5, Task(np.ones(2)))]
    settings = {"learning_rate": 0.01, "record_every": 100}
    trajectory = StridedDescent().solve(Valley(), [np.array([1.0, -0.5])], schedule, **settings).trajectory
    assert trajectory.gradient_evaluations == Valley.calls < 300
    assert trajectory.updates_one_by_one == pytest.approx(5 / 1005)
    descent = gradient_descent(Valley(), [np.array([1.0, -0.5])], schedule, **settings).trajectory
    np.testing.assert_allclose(trajectory.train_loss, descent.train_loss, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_tolerances_below_what_the_precision_resolves_are_refused(dtype, name):
    weights, phase = [np.eye(3, dtype=dtype)] * 2, Phase("only", 50, Task(np.ones((3, 3))))
    bounds = StridedDescent().least(dtype)
    settings = {"learning_rate": 0.1, "record_every": 10}
    StridedDescent(**bounds).solve(Factorization(), weights, [phase], **settings)
    with pytest.raises(ValueError, match=f"{name} = .*; allowed: .* or more in {dtype}"):
        StridedDescent(**bounds | {name: 0.9 * bounds[name]}).solve(Factorization(), weights, [phase], **settings)


def test_errors_are_in_proportion_to_the_tolerance(cell):
    cell = cell | LONGER
    exact = run(cell, "gradient_descent")["singular_value"]
    gaps = [abs(run(cell, "strided_descent", rtol=rtol, atol=1e-3 * rtol)["singular_value"] - exact).max().item()
            for rtol in (1e-4, 1e-6, 1e-8)]  # fmt: skip
    assert gaps[0] > 10 * gaps[1] > 100 * gaps[2]
    assert math.isfinite(gaps[0])

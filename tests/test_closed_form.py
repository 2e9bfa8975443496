"""Singular values in closed form: limits, extremes, chains, and training itself."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.models.matrix_completion.simulation.landscape import Factorization
from critical_periods.models.product_matrix.simulation.closed_form import (
    chained_modes,
    mode_strength,
    mode_strength_of_depth,
    shared_spectrum,
    time_to_reach,
)
from critical_periods.solvers import gradient_flow
from critical_periods.solvers.gradient_flow import METHODS

TAU = 50.0
SPECTRA = [[6.0, 3.0, 1.0, 0.0], [0.0, 1.0, 5.0, 2.0], [2.0, 2.0, 0.0, 7.0]]


def test_equals_equation_21_where_that_does_not_overflow():
    time, target, start = np.linspace(0, 40, 50), 3.0, 0.01
    growth = np.exp(2 * target * time / TAU)
    expected = target * growth / (growth - 1 + target / start)
    np.testing.assert_allclose(mode_strength(time, target, start, TAU), expected, rtol=1e-12)


def test_a_mode_without_target_decays_as_its_limit():
    time = np.geomspace(1, 1e12, 40)
    expected = 2.0 / (1 + 2 * 2.0 * time / TAU)
    np.testing.assert_allclose(mode_strength(time, 0.0, 2.0, TAU), expected, rtol=1e-14)
    for target in (1e-3, 1e-9, 1e-300, 5e-324):
        near = mode_strength(1.0, target, 2.0, TAU)
        assert near == pytest.approx(2.0 / (1 + 4.0 / TAU), rel=2 * target + 1e-12)


@given(
    st.floats(0, 1e300),
    st.floats(0, 1e6),
    st.floats(1e-12, 1e6),
)
def test_nothing_overflows_and_strength_stays_between_start_and_target(time, target, start):
    strength = float(mode_strength(time, target, start, 1.0))
    low, high = min(start, target), max(start, target)
    assert low * (1 - 1e-9) <= strength <= high * (1 + 1e-9)


@given(st.floats(0.01, 100), st.floats(0, 10), st.floats(1e-6, 10), st.floats(0, 100))
def test_flow_property(first, target, start, second):
    """Going on from where one has got to is the same as going all the way."""
    halfway = mode_strength(first, target, start, TAU)
    np.testing.assert_allclose(
        mode_strength(second, target, halfway, TAU), mode_strength(first + second, target, start, TAU), rtol=1e-9
    )


@pytest.mark.parametrize("depth", [2, 3, 4, 7])
@pytest.mark.parametrize(("target", "start"), [(5.0, 0.01), (5.0, 20.0), (0.0, 2.0)])
def test_integrated_and_implicit_solutions_agree(depth, target, start):
    times = np.array([0.01, 0.1, 1.0, 10.0, 30.0])
    for time, strength in zip(times, mode_strength_of_depth(times, [target], [start], TAU, depth)[:, 0], strict=True):
        if abs(strength - target) < 1e-6:
            continue  # there the time is not determined to the digits of a float
        assert time_to_reach(strength, target, start, TAU, depth) == pytest.approx(time, rel=1e-6)


def test_closed_form_solves_equation_19():
    time, step = 7.0, 1e-4
    for target, start in ((5.0, 0.1), (0.0, 3.0), (1.0, 4.0)):
        strength = mode_strength(time, target, start, TAU)
        slope = (mode_strength(time + step, target, start, TAU) - mode_strength(time - step, target, start, TAU)) / (
            2 * step
        )
        assert slope == pytest.approx(2 * strength * (target - strength) / TAU, rel=1e-6)


def chained_switches(depth, method, rtol, record_every, start=0.5):
    """Singular values through three tasks that share singular vectors: integrated, and in closed form."""
    generator = np.random.default_rng(0)
    left, right = (np.linalg.qr(generator.standard_normal((4, 4)))[0] for _ in range(2))
    rate, durations = 0.8, [60, 45, 80]
    if depth > 1 and start < 0.5:
        durations[0] += round(2 * time_to_reach(0.5, 1.0, start, 16 / rate, depth))
    root = start ** (1 / depth) * np.eye(4)
    weights = [root @ right.T, *[root] * (depth - 2), left @ root] if depth > 1 else [start * left @ right.T]
    schedule = [
        Phase(str(index), epochs, Task(left * np.array(spectrum) @ right.T))
        for index, (epochs, spectrum) in enumerate(zip(durations, SPECTRA, strict=True))
    ]
    trained = gradient_flow(
        Factorization(n_singular_values=4),
        [torch.tensor(weight) for weight in weights],
        schedule,
        learning_rate=rate,
        record_every=record_every,
        rtol=rtol,
        atol=rtol / 100,
        method=method,
    ).trajectory
    predicted = chained_modes(trained.epoch, SPECTRA, durations, np.full(4, start), 16 / rate, depth)
    return trained.singular_value.values, -np.sort(-predicted, axis=1)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_chained_switches_follow_training_in_any_order_of_modes(depth):
    trained, predicted = chained_switches(depth, "DOP853", rtol=1e-9, record_every=5)
    np.testing.assert_allclose(predicted, trained, atol=1e-6)


@pytest.mark.parametrize("start", [0.5, 0.01])
@pytest.mark.parametrize(
    ("depth", "rtol"), [(depth, rtol) for depth in (1, 2, 3) for rtol in (1e-4, 1e-6, 1e-8)] + [(2, 1e-10)]
)
@pytest.mark.parametrize("method", METHODS)
def test_every_record_is_as_accurate_as_its_method_promises(method, depth, rtol, start):
    """Within steps as at their ends, and where stability limits the steps, as it does after every mode is learned.

    A relative error of rtol in each of the N factors of the largest mode, 7, makes 7 N rtol. RKC errs as rtol^(2/3),
    and more where modes begin small: what a step errs by then lasts until they are learned.
    """
    trained, predicted = chained_switches(depth, method, rtol, record_every=1, start=start)
    promised = {0.5: 0.15, 0.01: 1.2}[start] * rtol ** (2 / 3) if method == "RKC" else 20 * rtol
    assert np.abs(trained - predicted).max() < 7 * depth * promised


@pytest.mark.parametrize("start", [0.5, 0.01, 1e-4])
def test_a_hundredth_of_the_tolerance_makes_a_twentieth_of_the_error_of_rkc(start):
    errors = [
        np.abs(np.subtract(*chained_switches(3, "RKC", rtol, record_every=5, start=start))).max()
        for rtol in (1e-4, 1e-6, 1e-8)
    ]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 100 ** (2 / 3), rtol=0.1)


def test_a_basis_that_is_not_shared_is_refused():
    generator = np.random.default_rng(0)
    left, right = (np.linalg.qr(generator.standard_normal((4, 4)))[0] for _ in range(2))
    values = np.array([1.0, 3.0, 0.0, 2.0])
    np.testing.assert_allclose(shared_spectrum(left, right, left * values @ right.T), values, atol=1e-12)
    with pytest.raises(ValueError, match="the basis must be shared"):
        shared_spectrum(left, right, generator.standard_normal((4, 4)))


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ((1.0, 1.0, 0.0, 1.0), "start = 0.0; allowed: above 0"),
        ((1.0, -1.0, 1.0, 1.0), "target = -1.0; allowed: 0 or more"),
        ((-1.0, 1.0, 1.0, 1.0), "time = -1.0; allowed: 0 or more"),
        ((1.0, 1.0, 1.0, 0.0), "tau = 0.0; allowed: above 0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, allowed):
    with pytest.raises(ValueError, match=allowed):
        mode_strength(*arguments)


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="depth = 0; allowed: 1 or more"):
        mode_strength_of_depth([1.0], [1.0], [1.0], TAU, 0)
    with pytest.raises(ValueError, match="depth = 1; allowed: 2 or more"):
        time_to_reach(1.0, 2.0, 0.5, TAU, 1)
    with pytest.raises(ValueError, match="towards target"):
        time_to_reach(3.0, 2.0, 0.5, TAU, 3)
    with pytest.raises(ValueError, match="allowed: 0 to 20"):
        chained_modes([0, 30], [[1.0]], [20], [0.5], TAU)

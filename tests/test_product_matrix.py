"""The flow of the product matrix: its equations against each other, against the factors, and at their edges."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.models.matrix_completion.simulation.landscape import Factorization
from critical_periods.models.matrix_completion.simulation.tasks import low_rank_matrix, observation_mask
from critical_periods.models.product_matrix.simulation.landscape import (
    ProductMatrix,
    balance,
    mask_gradient,
    singular_velocities,
    velocity,
)
from critical_periods.solvers import gradient_descent, gradient_flow
from critical_periods.solvers.shared.shadow import Shadowed


def orthogonal(size, generator):
    return np.linalg.qr(generator.standard_normal((size, size)))[0]


def matrix_with(values, seed=0):
    generator = np.random.default_rng(seed)
    size = len(values)
    left, right = orthogonal(size, generator), orthogonal(size, generator)
    return left, np.asarray(values, dtype=float), right, generator.standard_normal((size, size))


def end_to_end_velocity(matrix, gradient, depth):
    """Velocity of W without singular vectors: -sum_j (W W^T)^((N-j)/N) G (W^T W)^((j-1)/N)."""
    outer, inner = (powers(gram, depth) for gram in (matrix @ matrix.T, matrix.T @ matrix))
    return -sum(outer[depth - j] @ gradient @ inner[j - 1] for j in range(1, depth + 1))


def powers(gram, depth):
    """Powers 0, 1/N, ..., (N-1)/N of a symmetric matrix that has no negative eigenvalue but by rounding."""
    eigenvalues, vectors = np.linalg.eigh(gram)
    roots = np.maximum(eigenvalues, 0) ** (1 / depth)
    return [(vectors * roots**power) @ vectors.T for power in range(depth)]


def error(one, other):
    return np.abs(one - other).max() / np.abs(other).max()


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_assembled_velocity_equals_the_end_to_end_form(depth):
    left, values, right, gradient = matrix_with(np.arange(6, 0, -1))
    matrix = left * values @ right.T
    expected = end_to_end_velocity(matrix, gradient, depth)
    d_values, d_left, d_right = singular_velocities(left, values, right, gradient, depth)
    literal = d_left * values @ right.T + left * d_values @ right.T + left * values @ d_right.T
    assert error(literal, expected) < 1e-10
    assert error(velocity(matrix, gradient, depth), expected) < 1e-10


@given(st.integers(2, 5), st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_velocity_equals_the_end_to_end_form_for_random_matrices(depth, seed, size):
    generator = np.random.default_rng(seed)
    matrix, gradient = generator.standard_normal((2, size, size))
    # The end-to-end form itself loses digits: its roots of W W^T see small singular values squared.
    np.testing.assert_allclose(
        velocity(matrix, gradient, depth),
        end_to_end_velocity(matrix, gradient, depth),
        atol=1e-5 * np.abs(gradient).max() * depth * max(1, np.linalg.norm(matrix, 2)) ** 2,
    )


def in_singular_basis(values, gradient, depth):
    """The end-to-end form where W is diagonal: exact at any gap."""
    powers = values ** (1 / depth)
    factor = sum(np.outer(powers ** (2 * (depth - j)), powers ** (2 * (j - 1))) for j in range(1, depth + 1))
    return -factor * gradient


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "values",
    [
        [3, 2, 2 - 1e-6, 1, 1e-9],
        [3, 2, 2, 2, 1],
        [1, 1e-3, 1e-3 * (1 - 1e-12), 1e-9, 1e-9 * (1 - 1e-6)],
        [1e-9, 1e-9, 1e-9, 1e-9, 0],
        [5, 1e-9, 0, 0, 0],
    ],
)
def test_velocity_is_robust_to_near_equal_and_tiny_singular_values(depth, values):
    left, values, right, gradient = matrix_with(values)
    expected = left @ in_singular_basis(values, left.T @ gradient @ right, depth) @ right.T
    # Rounding W at 1e-16 of its largest value moves its tiny singular values by as much, and their powers more.
    floor = (1e-16 * values[0]) ** (2 / depth) * values[0] ** (2 - 4 / depth) / np.abs(expected).max()
    assert error(velocity(left * values @ right.T, gradient, depth), expected) < 1e-10 + 30 * floor


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_error_of_the_literal_equations_grows_as_precision_over_gap(depth):
    """Near-equal singular values cost eqs 13 and 14 about eps/gap of their digits, and never `velocity`."""
    for gap in (1e-2, 1e-4, 1e-6, 1e-8):
        left, values, right, gradient = matrix_with([3, 2, 2 - gap, 1])
        exact = left @ in_singular_basis(values, left.T @ gradient @ right, depth) @ right.T
        d_values, d_left, d_right = singular_velocities(left, values, right, gradient, depth)
        literal = d_left * values @ right.T + left * d_values @ right.T + left * values @ d_right.T
        assert error(literal, exact) < 50 * np.finfo(float).eps / gap
        assert error(velocity(left * values @ right.T, gradient, depth), exact) < 1e-10
    assert error(literal, exact) > 1e-11


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("kept", [3, 6])
def test_singular_vectors_stay_orthogonal(depth, kept):
    """U^T dU and V^T dV are skew, also for the leading vectors alone."""
    left, values, right, gradient = matrix_with(np.arange(6, 0, -1))
    _, d_left, d_right = singular_velocities(left[:, :kept], values[:kept], right[:, :kept], gradient, depth)
    for vectors, motion in ((left, d_left), (right, d_right)):
        inside = vectors[:, :kept].T @ motion
        np.testing.assert_allclose(inside, -inside.T, atol=1e-12)
        assert np.abs(motion).max() > 0.1


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_velocity_is_that_of_balanced_factors(depth):
    """dW/dt by the chain rule through the factors, each descending its own gradient."""
    left, values, right, gradient = matrix_with(np.arange(5, 0, -1))
    scale = np.diag(values ** (1 / depth))
    inner = [orthogonal(5, np.random.default_rng(7 + layer)) for layer in range(depth - 1)]
    bases = [right, *inner, left]
    weights = [above @ scale @ below.T for below, above in pairwise(bases)]
    chain = lambda factors: np.linalg.multi_dot([np.eye(5), *reversed(factors), np.eye(5)])  # noqa: E731
    moved = np.zeros((5, 5))
    for layer in range(depth):
        above, below = chain(weights[layer + 1 :]), chain(weights[:layer])
        moved -= above @ (above.T @ gradient @ below.T) @ below
    np.testing.assert_allclose(velocity(chain(weights), gradient, depth), moved, atol=1e-11)
    assert balance(weights).imbalance < 1e-12
    assert balance(weights).smallest_gap == pytest.approx(0.2)
    assert balance([2 * weights[0], *weights[1:]]).relative_imbalance > 0.1


@pytest.mark.parametrize("depth", [2, 3])
def test_flow_of_the_product_follows_the_factors_across_a_switch(depth):
    generator = np.random.default_rng(3)
    size = 8
    masks = [observation_mask(size, 40, generator) for _ in range(2)]
    schedule = [
        Phase(name, 200, Task(low_rank_matrix(size, rank, generator), mask))
        for name, rank, mask in (("pretraining", 3, masks[0]), ("final", 2, masks[1]))
    ]
    layer = 0.1 ** (1 / depth) * np.eye(size) + np.diag(1e-3 * generator.standard_normal(size))
    settings = {"learning_rate": 0.3, "record_every": 20, "rtol": 1e-8, "atol": 1e-10, "method": "DOP853"}
    factors = gradient_flow(Factorization(n_singular_values=8), [torch.tensor(layer)] * depth, schedule, **settings)
    start = np.linalg.matrix_power(layer, depth)
    product = gradient_flow(ProductMatrix(depth, 8), [start], schedule, **settings)
    assert float(factors.trajectory.singular_value.max()) > 1
    np.testing.assert_allclose(product.trajectory.singular_value, factors.trajectory.singular_value, atol=1e-5)
    np.testing.assert_allclose(product.trajectory.train_loss, factors.trajectory.train_loss, atol=1e-5)


def test_gradient_counts_observed_entries_only():
    generator = np.random.default_rng(0)
    matrix, target = generator.standard_normal((2, 4, 4))
    mask = observation_mask(4, 6, generator)
    gradient = mask_gradient(matrix, Task(target, mask))
    np.testing.assert_array_equal(gradient[~mask], 0)
    np.testing.assert_allclose(gradient[mask], (matrix - target)[mask] / 6)
    np.testing.assert_allclose(mask_gradient(matrix, Task(target)), (matrix - target) / 16)


def test_depth_one_and_degenerate_spectra_are_refused():
    left, values, right, gradient = matrix_with([3, 2, 2, 1])
    for depth in (0, 1):
        with pytest.raises(ValueError, match=f"depth = {depth}; allowed: 2 or more"):
            ProductMatrix(depth)
    with pytest.raises(ValueError, match="allowed: distinct"):
        singular_velocities(left, values, right, gradient, 3)
    with pytest.raises(ValueError, match="allowed: above 0"):
        singular_velocities(left, np.array([3.0, 2, 1, 0]), right, gradient, 3)


def test_shadowing_follows_gradient_descent_on_balanced_factors():
    """With its second-order term the flow of W follows gradient descent itself, ten times closer than the limit."""
    generator = np.random.default_rng(5)
    size, depth, rate = 8, 3, 0.1
    schedule = [Phase("only", 1000, Task(low_rank_matrix(size, 2, generator), observation_mask(size, 40, generator)))]
    layer = 0.1 ** (1 / depth) * np.eye(size) + np.diag(1e-3 * generator.standard_normal(size))
    common = {"learning_rate": rate, "record_every": 20}
    descent = gradient_descent(Factorization(), [torch.tensor(layer)] * depth, schedule, **common).trajectory
    start = [np.linalg.matrix_power(layer, depth)]

    def gap(step):
        model = Shadowed(ProductMatrix(depth, 8, step)) if step else ProductMatrix(depth, 8)
        flow = gradient_flow(model, start, schedule, rtol=1e-8, atol=1e-11, method="DOP853", **common)
        return float(abs(flow.trajectory.singular_value - descent.singular_value).max())

    assert gap(rate) < gap(0.0) / 10

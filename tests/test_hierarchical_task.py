"""The hierarchical task (eq 11): its matrix, and its singular value decomposition in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from critical_periods.models.pathways.simulation.hierarchical_task import hierarchical_modes, hierarchical_task

trees = st.lists(st.integers(2, 4), min_size=1, max_size=4).filter(lambda branching: np.prod(branching) <= 64)


def test_the_papers_task_is_the_binary_tree_over_eight_leaves():
    matrix = hierarchical_task()
    assert matrix.shape == (15, 8)
    np.testing.assert_array_equal(matrix[0], np.ones(8))
    np.testing.assert_array_equal(matrix[1:3], np.kron(np.eye(2), np.ones(4)))
    np.testing.assert_array_equal(matrix[3:7], np.kron(np.eye(4), np.ones(2)))
    np.testing.assert_array_equal(matrix[7:], np.eye(8))


def test_the_papers_singular_values():
    expected = np.sqrt([15, 7, 3, 3, 1, 1, 1, 1])
    np.testing.assert_allclose(hierarchical_modes()[1], expected, rtol=1e-15)
    np.testing.assert_allclose(np.linalg.svd(hierarchical_task(), compute_uv=False), expected, rtol=1e-12)


@given(trees)
@settings(deadline=None, max_examples=50)
def test_every_node_answers_to_the_leaves_below_it(branching):
    matrix = hierarchical_task(branching)
    nodes = np.cumprod([1, *branching])
    assert matrix.shape == (nodes.sum(), nodes[-1])
    assert set(np.unique(matrix)) <= {0.0, 1.0}
    level = np.repeat(np.arange(len(nodes)), nodes)
    np.testing.assert_array_equal(matrix.sum(axis=1), nodes[-1] / nodes[level])
    for index in range(len(nodes)):
        np.testing.assert_array_equal(matrix[level == index].sum(axis=0), 1)


@given(trees)
@settings(deadline=None, max_examples=50)
def test_closed_form_decomposition_is_the_singular_value_decomposition(branching):
    matrix = hierarchical_task(branching)
    left, singular_values, right = hierarchical_modes(branching)
    identity = np.eye(len(singular_values))
    assert np.all(np.diff(singular_values) <= 0)
    np.testing.assert_allclose(left * singular_values @ right.T, matrix, atol=1e-12)
    np.testing.assert_allclose(left.T @ left, identity, atol=1e-12)
    np.testing.assert_allclose(right.T @ right, identity, atol=1e-12)
    np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), singular_values, rtol=1e-10)


@pytest.mark.parametrize("branching", [[], [1], [2, 1, 2]])
def test_a_node_with_a_single_child_is_refused(branching):
    with pytest.raises(ValueError, match="2 children or more"):
        hierarchical_task(branching)

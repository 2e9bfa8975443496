"""The hierarchical task: what the nodes of a tree have in common, and its modes in closed form (eq 11)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def hierarchical_task(branching: Sequence[int] = (2, 2, 2)) -> np.ndarray:
    """Input-output matrix of a tree: one row for each node, 1 where a leaf lies below the node (eq 11).

    Inputs are the leaves, one-hot; outputs are the nodes, root first, then level by level. The paper's task is the
    binary tree over 8 leaves, a 15 x 8 matrix.

    Parameters
    ----------
    branching
        Children of each node, level by level from the root down; its length is the depth of the tree.

    Returns
    -------
    (nodes, leaves) array

    Raises
    ------
    ValueError
        If the tree has no level, or a node fewer than 2 children.
    """
    nodes = _nodes_per_level(branching)
    return np.concatenate([np.repeat(np.eye(count), nodes[-1] // count, axis=1) for count in nodes])


def hierarchical_modes(branching: Sequence[int] = (2, 2, 2)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Singular value decomposition U diag(s) V^T of `hierarchical_task`, in closed form.

    The modes are the mean over all leaves and, for each inner node, the contrasts among its children. A contrast at
    level l is constant below level l + 1, so that s^2 = sum_(k > l) (leaves below a node of level k); the mean has
    level -1. For the binary tree over 8 leaves s = sqrt(15), sqrt(7), sqrt(3) twice and 1 four times. Unlike a
    numerical decomposition it fixes a basis where singular values coincide.

    Parameters
    ----------
    branching
        As of `hierarchical_task`.

    Returns
    -------
    left : (nodes, leaves) array
        U.
    singular_values : (leaves,) array
        s, in descending order.
    right : (leaves, leaves) array
        V, one mode a column.
    """
    nodes = _nodes_per_level(branching)
    leaves = nodes[-1]
    below = [leaves // count for count in nodes]
    columns, squares = [np.full((leaves, 1), leaves**-0.5)], [float(sum(below))]
    for level, children in enumerate(branching):
        contrasts = np.kron(np.eye(nodes[level]), _contrasts(children))
        columns.append(np.repeat(contrasts, below[level + 1], axis=0) * below[level + 1] ** -0.5)
        squares += [float(sum(below[level + 1 :]))] * columns[-1].shape[1]
    right, singular_values = np.concatenate(columns, axis=1), np.sqrt(squares)
    return hierarchical_task(branching) @ right / singular_values, singular_values, right


def _nodes_per_level(branching: Sequence[int]) -> list[int]:
    """Number of nodes at each level, root first."""
    if len(branching) == 0 or min(branching) < 2:
        raise ValueError(f"branching = {list(branching)}; allowed: one level or more, 2 children or more")
    return [int(count) for count in np.cumprod([1, *branching])]


def _contrasts(children: int) -> np.ndarray:
    """Orthonormal contrasts among children, shape (children, children - 1): each against the mean of those before."""
    columns = [
        np.r_[np.ones(count), -count, np.zeros(children - count - 1)] / np.sqrt(count * (count + 1))
        for count in range(1, children)
    ]
    return np.stack(columns, axis=1)

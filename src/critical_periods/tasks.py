"""Tasks: low-rank ground truths and the entries observed of them (eq 9), and the hierarchical task (eq 11)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Streams of a seed. What one of them draws never depends on how much another one drew.
STREAMS = (
    "final_matrix",
    "pretrain_matrix",
    "observations",
    "weights",
    "pathway_scales",
    "pathway_rotations",
)


def random_stream(seed: int, name: str) -> np.random.Generator:
    """One of the independent streams of random numbers that belong to a seed.

    Parameters
    ----------
    seed
        Any non-negative integer.
    name
        One of `STREAMS`.

    Raises
    ------
    ValueError
        If there is no stream of that name.
    """
    if name not in STREAMS:
        raise ValueError(f"random stream {name!r}; allowed: {', '.join(STREAMS)}")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS.index(name),)))


def low_rank_matrix(size: int, rank: int, generator: np.random.Generator) -> np.ndarray:
    """Random ground truth M = A B^T, scaled to |M|_F = n so that the mean squared entry is 1 (appendix A.2).

    Parameters
    ----------
    size
        n; M is n x n.
    rank
        r; A and B are n x r with entries from N(0, 1).
    generator
        Source of the random numbers.

    Returns
    -------
    (n, n) array

    Raises
    ------
    ValueError
        If the rank is not between 1 and n.
    """
    if not 1 <= rank <= size:
        raise ValueError(f"rank = {rank}; allowed: 1 to {size}")
    left, right = generator.standard_normal((2, size, rank))
    matrix = left @ right.T
    return matrix * (size / np.linalg.norm(matrix))


def observation_mask(size: int, n_observed: int, generator: np.random.Generator) -> np.ndarray:
    """Choose the observed entries uniformly without replacement.

    The sets that one generator state yields are nested: more observations are a superset of fewer.

    Parameters
    ----------
    size
        n; the mask is n x n.
    n_observed
        Number of observed entries.
    generator
        Source of the random numbers.

    Returns
    -------
    (n, n) bool array
        True where an entry is observed.

    Raises
    ------
    ValueError
        If the number is not between 1 and n^2.
    """
    if not 1 <= n_observed <= size**2:
        raise ValueError(f"n_observed = {n_observed}; allowed: 1 to {size**2}")
    mask = np.zeros(size**2, dtype=bool)
    mask[generator.permutation(size**2)[:n_observed]] = True
    return mask.reshape(size, size)


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

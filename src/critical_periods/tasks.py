"""Tasks: low-rank ground truths and the entries observed of them (eq 9), from independent streams of one seed."""

from __future__ import annotations

import numpy as np

#: Streams of a seed. What one of them draws never depends on how much another one drew.
STREAMS = ("final_matrix", "pretrain_matrix", "observations", "weights")


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

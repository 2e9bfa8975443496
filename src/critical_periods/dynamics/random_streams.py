"""Random numbers: independent streams of every seed, each for one purpose."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

#: Streams of a seed, and the number by which each is drawn from, for good. What one of them draws never depends on how
#: much another one drew.
STREAMS = MappingProxyType(
    {
        "final_matrix": 0,
        "pretrain_matrix": 1,
        "observations": 2,
        "weights": 3,
        "pathway_scales": 4,
        "pathway_rotations": 5,
        "null_vectors": 6,
        "cure": 7,
    }
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
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAMS[name],)))

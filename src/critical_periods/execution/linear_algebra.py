"""Whether NumPy's linear algebra is as fast as it can be: a look at the start of a job, of some milliseconds."""

from __future__ import annotations

import logging
import timeit
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

logger = logging.getLogger(__name__)

#: A product of 100 x 100 matrices takes a tuned library 8 to 20 times as long as their product entry by entry, on one
#: thread of any processor that was tried; a library ten times slower takes longer than this.
SLOW = 150


def warn_of_slow_products() -> None:
    """Log a warning if NumPy's library of linear algebra can't be held to one thread, or is far too slow."""
    with threadpool_limits(1, "blas"):
        libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
        ratio = _products_over_entries()
    names = ", ".join(
        f"{library['internal_api']} {library['version']}, kernel {library.get('architecture', 'unknown')}"
        for library in libraries
    )
    names = names or "a library that threadpoolctl does not know"
    if not libraries or any(library["num_threads"] != 1 for library in libraries):
        logger.warning("NumPy's linear algebra (%s) may take more threads than the job has", names)
    if ratio > SLOW:
        logger.warning(
            "NumPy's linear algebra (%s) is slow here: a product of matrices takes %.0f times one entry by entry, "
            "8 to 20 are usual", names, ratio,
        )  # fmt: skip


def _products_over_entries() -> float:
    arrays = [np.ones((100, 100), np.float32) for _ in range(3)]

    def fastest(multiply: Callable[..., object]) -> float:
        return min(timeit.repeat(lambda: multiply(*arrays), repeat=20, number=1))

    return fastest(np.matmul) / fastest(np.multiply)

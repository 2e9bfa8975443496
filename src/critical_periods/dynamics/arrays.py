"""Arrays of two engines, NumPy and torch, by the names that both share; torch is loaded where its tensors are wanted.

Everything that both call alike (`matmul`, `where`, `linalg.svd`, `sum(axis)`, `mT`, ...) is called on `engine(array)`
or on the array itself; what they call otherwise is here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from critical_periods.dynamics.engines import engine_name


def placed(arrays: Sequence[np.ndarray], dtype: str, device: str = "cpu") -> list[Any]:
    """Copies of arrays for the engine that computes on a device, in a precision.

    Raises
    ------
    RuntimeError
        If there is no such device, or no torch where that is needed.
    """
    if engine_name(device) == "numpy":
        return [np.array(array, dtype) for array in arrays]
    try:
        import torch
    except ImportError:
        raise RuntimeError(f"device = {device!r} needs torch, which is not installed; allowed: cpu") from None
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("device = 'cuda', but torch finds no CUDA device here; allowed: cpu")
    return [torch.tensor(array, dtype=getattr(torch, dtype), device=device) for array in arrays]


@contextmanager
def solving() -> Iterator[None]:
    """Run NumPy, and torch if it is loaded, on one thread, without autograd and without warnings of overflow.

    Small products are fastest so, and results do not depend on the number of cores. Records tell of runs that diverge.
    """
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    with threadpool_limits(1, "blas"), np.errstate(over="ignore", invalid="ignore"):
        if torch is None:
            yield
            return
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.no_grad():
                yield
        finally:
            torch.set_num_threads(threads)


def is_tensor(array: Any) -> bool:
    """Whether an array is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def engine(array: Any) -> Any:
    """The module whose functions take an array: numpy or torch."""
    return sys.modules["torch"] if is_tensor(array) else np


def copied(array: Any) -> Any:
    """Copy of an array, of its own kind."""
    return array.clone() if is_tensor(array) else array.copy()


def as_numpy(array: Any) -> np.ndarray:
    """NumPy array of the same values, in the same memory where it can be."""
    return array.cpu().numpy() if is_tensor(array) else np.asarray(array)


def alike(values: Any, array: Any) -> Any:
    """Values as of the kind, precision and device of an array, in the same memory where they are so already."""
    if is_tensor(array):
        return engine(array).as_tensor(values).to(array)
    return as_numpy(values).astype(array.dtype, copy=False)


def precision(array: Any) -> str:
    """Name of an array's floating-point format, such as float32."""
    return str(array.dtype).removeprefix("torch.")

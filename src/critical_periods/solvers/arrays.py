"""Parameters as NumPy arrays or torch tensors; torch is loaded only where there are tensors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch, if it is loaded, without autograd and on one thread.

    Small products are fastest so, and results do not depend on the number of cores.
    """
    torch = sys.modules.get("torch")
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


def copied(array: Any) -> Any:
    """Copy of an array, of its own kind."""
    return array.clone() if is_tensor(array) else array.copy()


def as_numpy(array: Any) -> np.ndarray:
    """NumPy array of the same values, in the same memory where it can be."""
    return array.cpu().numpy() if is_tensor(array) else array


def as_tensor(array: Any) -> Any:
    """Torch tensor of the same values, in the same memory where it can be."""
    import torch

    return torch.as_tensor(array)


def alike(values: np.ndarray, array: Any) -> Any:
    """Copy of values, of the kind, precision and device of an array."""
    return as_tensor(values).to(array, copy=True) if is_tensor(array) else values.astype(array.dtype)


def joined(arrays: Sequence[Any]) -> Any:
    """Arrays of one kind along their first axis."""
    if not is_tensor(arrays[0]):
        return np.concatenate(arrays)
    import torch

    return torch.cat(list(arrays))

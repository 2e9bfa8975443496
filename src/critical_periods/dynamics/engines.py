"""Which engine computes, NumPy or torch: chosen for a while, whatever is simulated then; no part of what a cell is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CHOSEN: ContextVar[str] = ContextVar("engine", default="auto")


@contextmanager
def using(name: str) -> Iterator[None]:
    """Have cells that are simulated meanwhile computed by numpy, torch, or auto: NumPy on a CPU, torch on a GPU."""
    token = _CHOSEN.set(name)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def engine_name(device: str) -> str:
    """Name of the engine that computes on a device: the one chosen, numpy or torch.

    Raises
    ------
    RuntimeError
        If the engine does not know the device.
    """
    name = _CHOSEN.get()
    if name == "auto":
        return "numpy" if device == "cpu" else "torch"
    if name == "numpy" and device != "cpu":
        raise RuntimeError(f"device = {device!r}, but engine = 'numpy'; allowed: engine auto or torch, or device cpu")
    return name

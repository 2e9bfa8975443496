"""Activation functions and their slopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from critical_periods.dynamics.arrays import engine
from critical_periods.dynamics.landscape import Parameters


class Activation(NamedTuple):
    """A function s, and what is known of it from its value.

    Parameters
    ----------
    value
        s(x); called with an array and, if that is wanted, one to write into.
    slope
        s'(x), as a function of s(x).
    bend
        ds'/ds, the change of the slope with the value.
    """

    value: Callable[..., Any]
    slope: Callable[[Any], Any]
    bend: Callable[[Any], Any]


def _tanh(x: Any, out: Any = None) -> Any:
    return engine(x).tanh(x, out=out)


def _relu(x: Any, out: Any = None) -> Any:
    return engine(x).clip(x, 0, None, out=out)


#: Name -> activation; None is the linear network.
ACTIVATIONS: Mapping[str, Activation | None] = MappingProxyType(
    {
        "linear": None,
        "tanh": Activation(_tanh, lambda value: 1 - value * value, lambda value: -2 * value),
        "relu": Activation(_relu, lambda value: value > 0, lambda value: 0),
    }
)


def vanishes(matrices: Parameters) -> Any:
    """Whether all entries of all matrices (..., rows, columns) of a run are exactly 0, shape (...)."""
    zero = [(matrix == 0).all(axis=-1).all(axis=-1) for matrix in matrices]
    return engine(matrices[0]).stack(zero).all(axis=0)

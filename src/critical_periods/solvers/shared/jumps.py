"""Jumps of the parameters where a phase begins."""

from __future__ import annotations

from critical_periods.dynamics.arrays import alike
from critical_periods.dynamics.landscape import Parameters
from critical_periods.dynamics.schedules import Jump


def jump(parameters: Parameters, change: Jump) -> None:
    """Make a jump, in place.

    Raises
    ------
    ValueError
        If it has not as many factors and arrays as there are parameters.
    """
    for parameter, factor, added in zip(parameters, change.keep, change.add, strict=True):
        parameter *= factor
        parameter += alike(added, parameter)

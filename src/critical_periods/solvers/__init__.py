"""Solvers: any model through any schedule. Every file of this folder is one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

from critical_periods.dynamics.arguments import check_choice
from critical_periods.solvers.gradient_descent import gradient_descent
from critical_periods.solvers.gradient_flow import gradient_flow
from critical_periods.solvers.shared.solver import Solver

__all__ = ["SOLVERS", "Solver", "gradient_descent", "gradient_flow", "solver_of"]


def _solver_in(module: str) -> type[Solver]:
    """The class of a file that is a solver."""
    names = vars(import_module(module)).values()
    [found] = [
        each for each in names if isinstance(each, type) and each.__module__ == module and issubclass(each, Solver)
    ]
    return found


#: All solvers by name, that of their file.
SOLVERS: Mapping[str, type[Solver]] = MappingProxyType(
    {file.name: _solver_in(f"{__name__}.{file.name}") for file in iter_modules(__path__) if not file.ispkg}
)


def solver_of(parameters: Mapping[str, Any]) -> Solver:
    """The solver that a cell names under `solver`, with the options that it has under the solver's own name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    name = parameters["solver"]
    check_choice("solver", name, SOLVERS)
    solver = SOLVERS[name]
    return solver(**{option: value for option, value in parameters.get(name, {}).items() if option not in solver.gone})

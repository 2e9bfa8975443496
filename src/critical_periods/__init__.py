"""Critical learning periods in deep linear networks (Kleinman, Achille and Soatto, arXiv 2308.12221).

`import critical_periods as cp` offers the names of `PUBLIC`, each loaded when it is used first.
"""

from typing import Any

__version__ = "0.1.0"

#: Public name -> `module:definition`.
PUBLIC = {
    "simulate": "critical_periods.simulations:simulate",
    "read": "critical_periods.storage.datasets:read",
    "Phase": "critical_periods.dynamics.schedules:Phase",
    "Task": "critical_periods.dynamics.schedules:Task",
    "gradient_descent": "critical_periods.solvers.gradient_descent:gradient_descent",
    "gradient_flow": "critical_periods.solvers.gradient_flow:gradient_flow",
    "Factorization": "critical_periods.models.matrix_completion.landscape:Factorization",
    "ScalarPathways": "critical_periods.models.pathways.scalar:ScalarPathways",
    "PathwayNetwork": "critical_periods.models.pathways.network:PathwayNetwork",
    "ProductMatrix": "critical_periods.models.product_matrix.landscape:ProductMatrix",
}


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(PUBLIC)}")
    from importlib import import_module  # noqa: TID251

    module, _, definition = PUBLIC[name].partition(":")
    return getattr(import_module(module), definition)


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC]

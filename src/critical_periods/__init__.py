"""Critical learning periods in deep linear networks (Kleinman, Achille and Soatto, arXiv 2308.12221).

`import critical_periods as cp` offers the names of `groups()`, each loaded when it is used first.
"""

from functools import cache
from importlib.util import find_spec
from typing import Any

#: What the names are for -> public name -> `module:definition`, or a module. Families of models add theirs, `PUBLIC`.
GROUPS = {
    "Experiments": {
        "simulate": "critical_periods.simulations:simulate",
        "defaults": "critical_periods.declarations:defaults",
        "describe": "critical_periods.declarations:describe",
        "Description": "critical_periods.declarations:Description",
    },
    "Datasets and figures": {
        "read": "critical_periods.storage.reading:read",
        "write": "critical_periods.storage.datasets:write",
        "draw": "critical_periods.figures.drawing:draw",
    },
    "Phases and schedules": {
        "Phase": "critical_periods.dynamics.schedules:Phase",
        "Task": "critical_periods.dynamics.schedules:Task",
        "Window": "critical_periods.dynamics.schedules:Window",
        "deficit_schedule": "critical_periods.dynamics.schedules:deficit_schedule",
    },
    "Tasks": {"random_stream": "critical_periods.dynamics.random_streams:random_stream"},
    "Landscapes": {},
    "Solvers": {
        "gradient_descent": "critical_periods.solvers.gradient_descent:gradient_descent",
        "gradient_flow": "critical_periods.solvers.gradient_flow:gradient_flow",
        "Solution": "critical_periods.dynamics.trajectories:Solution",
    },
    "Theory": {},
    "Measures": {"measures": "critical_periods.analysis.measures"},
    "Errors": {
        "ConfigError": "critical_periods.configuration.fields:ConfigError",
        "DatasetError": "critical_periods.storage.datasets:DatasetError",
        "DivergedError": "critical_periods.dynamics.trajectories:DivergedError",
        "SolverError": "critical_periods.dynamics.trajectories:SolverError",
        "MissingDataError": "critical_periods.analysis.measures:MissingDataError",
    },
}


@cache
def groups() -> dict[str, dict[str, str]]:
    """What the names are for -> public name -> where it is: those of `GROUPS`, and of every family of models."""
    from critical_periods.models.registry import families

    found = {group: dict(names) for group, names in GROUPS.items()}
    for family in families():
        for group, names in getattr(family, "PUBLIC", {}).items():
            found.setdefault(group, {}).update(names)
    return found


def public() -> dict[str, str]:
    """Public name -> `module:definition`, or a module."""
    return {name: place for names in groups().values() for name, place in names.items()}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from critical_periods.storage.provenance import code_version

        return code_version()
    # `import` asks for a name before it looks for a module.
    if name.isidentifier() and find_spec(f"{__name__}.{name}") is not None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r} before it is imported")
    # Models are asked for what is nowhere else: they take a moment to load.
    own = next((names[name] for names in GROUPS.values() if name in names), None)
    place = own or public().get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(public())}")
    from importlib import import_module

    module, _, definition = place.partition(":")
    found = import_module(module)
    return getattr(found, definition) if definition else found


def __dir__() -> list[str]:
    return [*(name for name in globals() if name.startswith("__")), "__version__", *public()]

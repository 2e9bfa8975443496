"""Critical learning periods in deep linear networks (Kleinman, Achille and Soatto, arXiv 2308.12221).

`import critical_periods as cp` offers the names of `groups()`, each loaded when it is used first.
"""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

#: What names are for -> module -> public names that it defines, or what it is itself called. Families have `PUBLIC`.
GROUPS: dict[str, dict[str, tuple[str, ...] | str]] = {
    "Experiments": {
        "critical_periods.simulations": ("simulate",),
        "critical_periods.declarations": ("defaults", "describe", "Description"),
    },
    "Datasets and figures": {
        "critical_periods.storage.reading": ("read",),
        "critical_periods.storage.datasets": ("write",),
        "critical_periods.figures.drawing": ("draw",),
        "critical_periods.figures.tables": ("tidy",),
    },
    "Phases and schedules": {
        "critical_periods.dynamics.schedules": ("Phase", "Task", "Window", "deficit_schedule"),
    },
    "Tasks": {"critical_periods.dynamics.random_streams": ("random_stream",)},
    "Landscapes": {},
    "Solvers": {
        "critical_periods.solvers.gradient_descent": ("gradient_descent",),
        "critical_periods.solvers.gradient_flow": ("gradient_flow",),
        "critical_periods.solvers.shared.strides": ("strides", "Strided"),
        "critical_periods.dynamics.trajectories": ("Solution",),
    },
    "Theory": {},
    "Measures": {"critical_periods.analysis.measures": "measures"},
    "Errors": {
        "critical_periods.configuration.fields": ("ConfigError",),
        "critical_periods.storage.datasets": ("DatasetError",),
        "critical_periods.dynamics.trajectories": ("DivergedError", "SolverError"),
        "critical_periods.analysis.measures": ("MissingDataError",),
    },
}


def _named(group: Mapping[str, tuple[str, ...] | str]) -> dict[str, tuple[str, str]]:
    """Public name -> its module, and what it is there; "" for the module itself."""
    return {
        name: (module, "" if isinstance(names, str) else name)
        for module, names in group.items()
        for name in ((names,) if isinstance(names, str) else names)
    }


@cache
def groups() -> dict[str, dict[str, tuple[str, str]]]:
    """What names are for -> public name -> where it is: those of `GROUPS`, and of every family of models."""
    from critical_periods.models.registry import families

    found = {group: _named(modules) for group, modules in GROUPS.items()}
    for family in families():
        for group, modules in family.PUBLIC.items():
            found.setdefault(group, {}).update(_named(modules))
    return found


def public() -> dict[str, tuple[str, str]]:
    """Public name -> its module, and what it is there; "" for the module itself."""
    return {name: place for names in groups().values() for name, place in names.items()}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from critical_periods.storage.provenance import code_version

        return code_version()
    # `import` asks for a name before it looks for a module.
    if name.isidentifier() and find_spec(f"{__name__}.{name}") is not None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r} before it is imported")
    # Models are asked for what is nowhere else: they take a moment to load.
    own = {known: place for modules in GROUPS.values() for known, place in _named(modules).items()}
    place = own.get(name) or public().get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(public())}")
    from importlib import import_module

    module, definition = place
    found = import_module(module)
    return getattr(found, definition) if definition else found


def __dir__() -> list[str]:
    return [*(name for name in globals() if name.startswith("__")), "__version__", *public()]

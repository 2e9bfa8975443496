"""Critical learning periods in deep linear networks (Kleinman, Achille and Soatto, arXiv 2308.12221).

`import critical_periods as cp` offers the names of `PUBLIC`, each loaded when it is used first.
"""

from typing import Any

#: What the names are for -> public name -> `module:definition`, or a module.
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
    "Tasks": {
        "random_stream": "critical_periods.dynamics.tasks:random_stream",
        "low_rank_matrix": "critical_periods.dynamics.tasks:low_rank_matrix",
        "digits_matrix": "critical_periods.dynamics.tasks:digits_matrix",
        "observation_mask": "critical_periods.dynamics.tasks:observation_mask",
        "hierarchical_task": "critical_periods.dynamics.tasks:hierarchical_task",
        "hierarchical_modes": "critical_periods.dynamics.tasks:hierarchical_modes",
    },
    "Landscapes": {
        "Factorization": "critical_periods.models.matrix_completion.landscape:Factorization",
        "initial_weights": "critical_periods.models.matrix_completion.landscape:initial_weights",
        "ScalarPathways": "critical_periods.models.pathways.scalar:ScalarPathways",
        "initial_scales": "critical_periods.models.pathways.scalar:initial_scales",
        "PathwayNetwork": "critical_periods.models.pathways.network:PathwayNetwork",
        "ProductMatrix": "critical_periods.models.product_matrix.landscape:ProductMatrix",
    },
    "Solvers": {
        "gradient_descent": "critical_periods.solvers.gradient_descent:gradient_descent",
        "gradient_flow": "critical_periods.solvers.gradient_flow:gradient_flow",
        "Solution": "critical_periods.dynamics.trajectories:Solution",
    },
    "Theory": {
        "pathway_singular_value": "critical_periods.models.pathways.scalar:pathway_singular_value",
        "learning_speed": "critical_periods.models.pathways.scalar:learning_speed",
        "flow_field": "critical_periods.models.pathways.scalar:flow_field",
        "gating_closing": "critical_periods.models.pathways.theory:gating_closing",
        "task_closing": "critical_periods.models.matrix_completion.theory:task_closing",
        "mode_strength": "critical_periods.models.product_matrix.closed_form:mode_strength",
        "mode_strength_of_depth": "critical_periods.models.product_matrix.closed_form:mode_strength_of_depth",
        "chained_modes": "critical_periods.models.product_matrix.closed_form:chained_modes",
        "singular_velocities": "critical_periods.models.product_matrix.landscape:singular_velocities",
    },
    "Measures": {
        "measures": "critical_periods.analysis.measures",
        "matrix_measures": "critical_periods.models.matrix_completion.measures",
        "pathway_measures": "critical_periods.models.pathways.measures",
    },
    "Errors": {
        "ConfigError": "critical_periods.configuration.fields:ConfigError",
        "DatasetError": "critical_periods.storage.datasets:DatasetError",
        "DivergedError": "critical_periods.dynamics.trajectories:DivergedError",
        "SolverError": "critical_periods.dynamics.trajectories:SolverError",
        "MissingDataError": "critical_periods.analysis.measures:MissingDataError",
    },
}

#: Public name -> `module:definition`, or a module.
PUBLIC = {name: place for names in GROUPS.values() for name, place in names.items()}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from critical_periods.storage.provenance import code_version

        return code_version()
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(PUBLIC)}")
    from importlib import import_module  # noqa: TID251

    module, _, definition = PUBLIC[name].partition(":")
    found = import_module(module)
    return getattr(found, definition) if definition else found


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC]

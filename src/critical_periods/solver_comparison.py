"""The same experiments with every solver: configurations for the agreement table.

Imported whenever the workflow is planned, so it needs nothing heavier than the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from critical_periods.experiments import figure_experiments

#: Solvers compared, the reference first; each is also the name of its column.
COMPARED = ("gradient_descent", "gradient_flow", "shadowing")


def compared(config: Mapping[str, Any], solver: str) -> dict[str, Any]:
    """Configuration of the experiments behind all error curves, with one of the solvers `COMPARED`.

    Parameters
    ----------
    config
        A valid configuration; its key `agreement` says how shadowing is integrated.
    solver
        One of `COMPARED`.

    Returns
    -------
    dict
        The same configuration with only those experiments, and no figures.
    """
    drawn = {
        name
        for figure in config["figures"].values()
        if figure["kind"] == "error_curves"
        for name in figure_experiments(figure)
    }
    settings = dict(config["gradient_flow"], shadowing=False)
    if solver == "shadowing":
        settings = dict(config["agreement"], shadowing=True)
    return {
        **config,
        "solver": "gradient_descent" if solver == "gradient_descent" else "gradient_flow",
        "gradient_flow": settings,
        "experiments": {name: value for name, value in config["experiments"].items() if name in drawn},
        "figures": {},
    }

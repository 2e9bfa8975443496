"""What the workflow can run beside the paper's experiments: each run is a configuration made from the one it is given.

Imported whenever the workflow is planned, so it needs nothing heavier than the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from critical_periods.experiments import ConfigError, figure_experiments

#: Solvers compared, the reference first; each is also the name of its column.
COMPARED = ("gradient_descent", "gradient_flow", "shadowing")


def runs(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Configuration of every run, by what comes before the names of its files: the paper's own, whose is "", first.

    Parameters
    ----------
    config
        A valid configuration.

    Raises
    ------
    critical_periods.experiments.ConfigError
        If an extension has the name of one of the paper's experiments or figures.
    """
    return {"": config, "ensemble/": ensemble(config), "extensions/": extensions(config)} | {
        f"agreement/{solver}/": compared(config, solver) for solver in COMPARED
    }


def ensemble(config: Mapping[str, Any]) -> dict[str, Any]:
    """All matrix-completion experiments and the figures of them alone, with the seeds and solver of `ensemble`.

    Parameters
    ----------
    config
        A valid configuration.
    """
    experiments = {
        name: {key: value for key, value in settings.items() if key != "seeds"}
        for name, settings in config["experiments"].items()
        if settings["model"] == "matrix_completion"
    }
    figures = {
        name: figure
        for name, figure in config["figures"].items()
        if set(figure_experiments(figure)) <= set(experiments)
    }
    return {**config, **config["ensemble"], "experiments": experiments, "figures": figures}


def extensions(config: Mapping[str, Any]) -> dict[str, Any]:
    """The experiments beyond the paper and their figures, with the seeds and solver of `extensions`.

    Parameters
    ----------
    config
        A valid configuration.

    Raises
    ------
    critical_periods.experiments.ConfigError
        If one has the name of one of the paper's experiments or figures, beside whose files its own lie.
    """
    for kind in ("experiments", "figures"):
        for name in config["extensions"][kind]:
            if name in config[kind]:
                raise ConfigError(f"extensions.{kind}", name, f"a name that is not in {kind} too")
    return {**config, **config["extensions"]}


def compared(config: Mapping[str, Any], solver: str) -> dict[str, Any]:
    """The experiments behind all error curves with one of the solvers `COMPARED`, and no figures.

    Parameters
    ----------
    config
        A valid configuration; its key `agreement` says how shadowing is integrated.
    solver
        One of `COMPARED`.
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

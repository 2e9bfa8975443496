"""The ensemble: the configuration's matrix-completion experiments again, with many seeds and a faster solver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from critical_periods.experiments import figure_experiments


def ensemble(config: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration of the ensemble, with the seeds and the solver that the key `ensemble` asks for.

    Parameters
    ----------
    config
        A valid configuration.

    Returns
    -------
    dict
        The same configuration with only the matrix-completion experiments, and the figures drawn from them alone.
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

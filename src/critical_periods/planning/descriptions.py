"""What the variables and axes of an experiment are called: attributes that its dataset gets when it is assembled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from critical_periods.models.registry import ModelSpec

#: Attributes of what every dataset may have, whatever the model.
COMMON = {
    "seed": {"long_name": "seed of the random draws", "units": "1", "label": "seed"},
    "phase": {"long_name": "phase that drives the next update", "units": "1"},
    "diverged": {"long_name": "whether training diverged, so that values are missing", "units": "1"},
}


def descriptions(model: type[ModelSpec], axes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Long name, unit, label and sign of everything in the datasets of a model.

    Parameters
    ----------
    model
        The model.
    axes
        Axes of the experiment: what varies is called as its parameter is.

    Returns
    -------
    dict
        Name -> attributes `long_name`, `units` and, where there are any, `label`, `null` and `signed`.
    """
    found: dict[str, dict[str, Any]] = {name: dict(attributes) for name, attributes in COMMON.items()}
    for name, variable in model.variables.items():
        found[name] = {"long_name": variable.long_name, "units": variable.unit}
        found[name] |= {word: value for word in ("label", "signed") if (value := getattr(variable, word))}
    for name in axes:
        if name in model.model_fields:
            info = model.model_fields[name]
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            found[name] = {"long_name": str(info.description).rstrip("."), "units": str(extra.get("unit", "1"))}
            found[name] |= {word: str(extra[word]) for word in ("label", "null") if extra.get(word)}
    return found

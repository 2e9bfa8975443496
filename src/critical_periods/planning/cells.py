"""Cells: points of parameter grids, and the bundles of them that jobs compute."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One point of a parameter grid: what one simulation needs to know, and nothing else.

    Parameters
    ----------
    model
        Name of the model, a key of `models` in the configuration; or of what such cells need first.
    parameters
        Every parameter of the model, and the seed.
    """

    model: str
    parameters: Mapping[str, Any]

    @cached_property
    def id(self) -> str:
        """Identity: 16 hexadecimal digits that depend on model and parameters alone."""
        return _digest([self.model, self.parameters])

    def __str__(self) -> str:
        """Model and parameters in one line, for logs and errors."""
        words = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.model} cell {self.id} ({words})"


@dataclass(frozen=True)
class Bundle:
    """Cells that one job computes and one file holds."""

    cells: tuple[Cell, ...]

    @cached_property
    def id(self) -> str:
        """The cell's own identity if there is only one, else one that depends on all of them."""
        ids = [cell.id for cell in self.cells]
        return ids[0] if len(ids) == 1 else _digest(ids)


@dataclass(frozen=True)
class PlannedExperiment:
    """A named grid of the configuration.

    Parameters
    ----------
    name
        Its name in the configuration.
    title
        One line that says what it shows.
    model
        The model of its cells.
    axes
        The parameters that vary and their values, seeds first.
    cells
        Coordinates (one value for each axis) -> cell.
    theory
        Coordinates -> cell of what theory says there; none where the experiment does not ask for it.
    epochs_at_rate
        Learning rate at which the experiment counts epochs, where its cells may count others; None, their own.
    """

    name: str
    title: str
    model: str
    axes: Mapping[str, tuple[Any, ...]]
    cells: Mapping[tuple[Any, ...], Cell]
    theory: Mapping[tuple[Any, ...], Cell]
    epochs_at_rate: float | None = None


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]

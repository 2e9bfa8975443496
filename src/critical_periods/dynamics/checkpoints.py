"""What long training needs to know of checkpoints, which a job hands to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np


class Checkpoint(AbstractContextManager["Checkpoint", None], Protocol):
    """The state of one training on disk; entered while it trains."""

    def load(self) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """State and arrays that were saved last; None if there are none."""

    def stretch(self, epochs: int) -> int:
        """How many of these epochs to train before asking again whether saving is due."""

    def due(self) -> bool:
        """Whether it is time to save."""

    def save(self, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Write the state."""


class Checkpoints(Protocol):
    """Where the trainings of one job keep their state while they last."""

    def open(self, *determining: Any) -> Checkpoint:
        """Checkpoint of the training that these values, arrays or dataclasses of them, determine."""

"""The page that computes: the explorer, with the experiments of a configuration filled in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from critical_periods.models.registry import models
from critical_periods.planning.cells import PlannedExperiment
from critical_periods.planning.code import planned
from critical_periods.storage.files import write_whole
from critical_periods.storage.stamps import made_by

#: The page as `make explorer` leaves it, with the experiments of the paper.
EXPLORER = Path(__file__).with_name("explorer.html")

#: Most cells of an experiment that the page offers.
MOST_OFFERED = 100

_PLACE = re.compile(r'(?<=<script type="application/json" id="configuration">).*?(?=</script>)', re.DOTALL)


def offered(experiments: Iterable[PlannedExperiment]) -> list[dict[str, Any]]:
    """What the page has of experiments of models that it computes: name, title, what varies, and parameters of cells.

    Of these only the cells that their model says it draws as they are.
    """
    found = []
    for experiment in experiments:
        model = models()[experiment.model]
        if model.in_explorer:
            cells = {cell.id: dict(cell.parameters) for cell in experiment.cells.values()}
            drawn = list(filter(model.explored, cells.values()))
            vary = [name for name, values in experiment.axes.items() if len(values) > 1]
            found.append(
                {"name": experiment.name, "title": experiment.title, "vary": vary, "cells": drawn[:MOST_OFFERED]}
            )
    return found


def filled(page: str, experiments: str) -> str:
    """The page with what is offered, as JSON, in place of what it has."""
    return _PLACE.sub(lambda _: experiments, page, count=1)


def code() -> Mapping[str, Any]:
    """Code of the job that fills the page."""
    return planned(["scripts/explore.py", "publishing/explorer.py"])


def made(experiments: Iterable[PlannedExperiment]) -> str:
    """What makes the page that offers some experiments."""
    return made_by(offered(experiments), page_checksum(), code())


def page_checksum() -> str:
    """Checksum of the page, so that a new one is filled anew."""
    return hashlib.sha256(EXPLORER.read_bytes()).hexdigest()


def write_page(experiments: str, path: str | Path) -> None:
    """Write the page with what is offered, as JSON."""
    write_whole(filled(EXPLORER.read_text(encoding="utf-8"), experiments), path)

"""The page that computes: the explorer with the experiments of a configuration filled in."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from critical_periods.configuration.files import paper
from critical_periods.planning.plan import Plan
from critical_periods.storage.files import write_whole

#: The page as `make explorer` builds it, with the paper's experiments.
PAGE = Path(__file__).with_name("explorer.html")

#: Where it holds experiments, as JSON.
_PLACE = re.compile(r'(?<=<script type="application/json" id="configuration">).*?(?=</script>)', re.DOTALL)


def experiments(plan: Plan) -> list[dict[str, Any]]:
    """What the page has of an experiment of scalar pathways: its name, title and axes, and the parameters of its cells.

    Cells whose initial conditions are listed are left out: the page draws its own.
    """
    found = []
    for experiment in plan.experiments.values():
        if experiment.model != "scalar_pathways":
            continue
        cells = {cell.id: cell.parameters for cell in experiment.cells.values() if "init_p" not in cell.parameters}
        vary = [name for name, values in experiment.axes.items() if len(values) > 1]
        found.append(
            {"name": experiment.name, "title": experiment.title, "vary": vary, "cells": list(cells.values())}
        )
    return found


def filled(page: str, config: Mapping[str, Any]) -> str:
    """The page with the experiments of a configuration in place of those that it has."""
    held = json.dumps(experiments(Plan(config)), separators=(",", ":")).replace("<", "\\u003c")
    return _PLACE.sub(lambda _: held, page, count=1)


def write_page(path: str | Path, config: Mapping[str, Any]) -> None:
    """Write the page with the experiments of a configuration."""
    write_whole(filled(PAGE.read_text(encoding="utf-8"), config), path)


if __name__ == "__main__":  # from a page that is just built
    write_whole(filled(Path(sys.argv[1]).read_text(encoding="utf-8"), paper()), PAGE)

"""Tables of claims, as CSV: read where numbers, captions and comparisons need them. Light enough for planning."""

from __future__ import annotations

import csv
from pathlib import Path


def read_claims(path: str | Path) -> dict[str, dict[str, str]]:
    """Rows of a table of claims, of those judged or of those not, by the name of the claim."""
    with open(path, newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}

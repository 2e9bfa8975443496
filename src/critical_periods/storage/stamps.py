"""What made a result, in a file beside it: known where Snakemake has no record, as in a folder that was copied."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from critical_periods.storage.files import write_whole


def made_by(*parts: Any) -> str:
    """Hash of what makes a result: its settings, its code, and what made the results that it is made of."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=dict).encode()).hexdigest()[:16]


def stamp_of(result: Path) -> Path:
    """The file beside a result that says what made it; results that differ in their suffix alone share it."""
    return result.with_name(f".{result.stem}.made")


def stamp(result: Path, made_by: str) -> None:
    """Say beside a result what made it."""
    write_whole(made_by + "\n", stamp_of(result))


def is_made_by(result: Path, made_by: str) -> bool:
    """Whether what lies beside a result says that this made it."""
    try:
        return stamp_of(result).read_text(encoding="utf-8").strip() == made_by
    except (OSError, UnicodeDecodeError):
        return False

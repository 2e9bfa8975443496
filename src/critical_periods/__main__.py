"""Commands beside the workflow: `python -m critical_periods compare RESULTS OTHER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from critical_periods.analysis.compare import FolderComparison, compare_results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status, 2 where it could not be run.

    Parameters
    ----------
    arguments
        Words of the command line; those of the process if not given.
    """
    parser = argparse.ArgumentParser(prog="python -m critical_periods", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    compare = commands.add_parser(
        "compare",
        help="two folders of results side by side",
        description="Datasets and claims of two folders of results: what is in both, what differs and by how much. "
        "Exit status 0 where they agree, 1 where values or verdicts differ, 2 where they cannot be compared.",
    )
    compare.add_argument("results", type=Path, help="a folder of results")
    compare.add_argument("other", type=Path, help="another one")
    compare.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="PART",
        help="differences up to this part of a variable's largest value do not count; 0 if not given",
    )
    given = parser.parse_args(arguments)
    try:
        comparison = compare_results(given.results, given.other, given.tolerance)
    except (OSError, ValueError) as error:
        print(f"{given.command}: {error}", file=sys.stderr)
        return 2
    print(comparison_text(comparison, given.results, given.other))
    return 0 if comparison.agree else 1


def comparison_text(found: FolderComparison, one: Path, other: Path) -> str:
    """A comparison of two folders as tables for the terminal, the largest relative difference first."""
    lines = [
        f"{len(found.datasets)} datasets are in both, {found.differences['dataset'].nunique()} of them differ; "
        f"{len(found.claims)} claims, of which {len(found.verdicts)} have other verdicts",
        *found.remarks,
    ]
    ranked = found.differences.sort_values("relative", ascending=False, na_position="first", kind="stable")
    rows = [
        (
            row.dataset,
            row.variable,
            f"{row.differing} of {row.compared}",
            *map(_number, (row.largest, row.relative)),
            row.where,
        )
        for row in ranked.itertuples()
    ]
    if rows:
        lines += ["", _table(("dataset", "variable", "differ", "largest", "relative", "where"), rows)]
    if found.verdicts:
        head = ("claim", f"value in {one}", f"in {other}", f"holds in {one}", f"in {other}")
        lines += ["", _table(head, found.verdicts)]
    return "\n".join(lines)


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3g}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return tabulate([head, *rows], tablefmt="plain", disable_numparse=True)


if __name__ == "__main__":
    sys.exit(main())

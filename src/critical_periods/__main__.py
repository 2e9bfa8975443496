"""Commands beside the workflow: `python -m critical_periods compare RESULTS OTHER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from critical_periods.analysis.compare import as_text, compare_results


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
    print(as_text(comparison, given.results, given.other))
    return 0 if comparison.agree else 1


if __name__ == "__main__":
    sys.exit(main())

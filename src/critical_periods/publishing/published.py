"""Numbers and tables of README and documentation that come from results, written where marks say so.

    python -m critical_periods.publishing.published results

takes over the verdicts and figures of a finished run and writes them anew; without an argument, from the tables in
`docs/claims`. A mark is a comment: everything between it and the next `<!-- . -->` is what it says:
`<!-- =paper.2b:.3g -->` the value of a claim, `<!-- =paper.holding -->` how many claims of a table hold of how many,
`<!-- =paper.table -->` the table, `<!-- =paper.2b.verdict -->` a claim, what was measured and whether it holds.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from critical_periods.analysis.tables import read_claims
from critical_periods.locations import PROJECT

#: Pages with marks.
PAGES = ("README.md", "docs/index.md", "docs/claims.md", "docs/extensions.md", "docs/findings.md", "docs/theory.md")

_MARK = re.compile(r"(<!-- =([\w.]+)(?::([^ ]+))? -->)(.*?)(<!-- \. -->)", re.DOTALL)

Verdicts = Mapping[str, Mapping[str, Mapping[str, str]]]


def verdicts(folder: Path) -> Verdicts:
    """Published verdicts, of the paper and of every study that has a table: table -> claim -> row.

    Parameters
    ----------
    folder
        The folder `docs/claims`.
    """
    return {table.stem: read_claims(table) for table in sorted(folder.glob("*.csv"))}


def marked(text: str, tables: Verdicts) -> str:
    """A page with what its marks say, from the verdicts.

    Raises
    ------
    KeyError
        If a mark names a table or a claim that there is not.
    """

    def written(mark: re.Match[str]) -> str:
        begin, name, form, _, end = mark.groups()
        match name.split("."):
            case [table, "holding"]:
                said = _holding(tables[table])
            case [table, "table"]:
                said = _table(tables[table])
            case [table, claim, "verdict"]:
                said = _verdict(tables[table][claim])
            case [table, claim]:
                said = format(float(tables[table][claim]["value"]), form or "")
            case _:
                raise KeyError(name)
        return f"{begin}{said}{end}"

    return _MARK.sub(written, text)


def _holding(rows: Mapping[str, Mapping[str, str]]) -> str:
    judged = [row["holds"] == "True" for row in rows.values() if row["value"]]
    others = f", {len(rows) - len(judged)} are not judged" if len(judged) < len(rows) else ""
    return f"{sum(judged)} of {len(judged)} hold{others}"


def _verdict(row: Mapping[str, str]) -> str:
    quantity, _, side = row["measure"].rpartition("; ")
    if not row["value"]:
        return f"{row['statement']}. {row['holds'].capitalize()} ({quantity})"
    holds = "Holds" if row["holds"] == "True" else "Does **not** hold"
    claimed = f"{side.removesuffix('the threshold')}{row['threshold']}"
    return f"{row['statement']}. {holds}: **{float(row['value']):.3g}**, claimed {claimed} ({quantity})"


def _table(rows: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["", "", "| | figure | statement | value | threshold | holds |", "|---|---|---|---|---|---|"]
    for name, row in rows.items():
        holds = {"True": "yes", "False": "**no**"}.get(row["holds"], row["holds"])
        value = f"{float(row['value']):.3g}" if row["value"] else ""
        figure = row["figure"].removeprefix("fig").lstrip("0")
        lines.append(f"| {name} | {figure} | {row['statement']} | {value} | {row['threshold']} | {holds} |")
    return "\n".join([*lines, "", ""])


def publish(results: Path | None = None) -> None:
    """Write all marks of all pages; take over the verdicts and the gallery first, as far as the results have them.

    Parameters
    ----------
    results
        Folder of the results of a run.
    """
    if results is not None:
        for table in (PROJECT / "docs/claims").glob("*.csv"):
            run = results / ("" if table.stem == "paper" else table.stem)
            if (run / "claims.csv").is_file():
                _take_over(run, table)
        for picture in (PROJECT / "docs/gallery").glob("*.png"):
            folder = "figures" if picture.name.startswith("fig") else "*/figures"  # studies draw figures anew
            for drawn in results.glob(f"{folder}/{picture.name}"):
                shutil.copy(drawn, picture)
    tables = verdicts(PROJECT / "docs/claims")
    for page in PAGES:
        path = PROJECT / page
        path.write_text(marked(path.read_text(encoding="utf-8"), tables), encoding="utf-8")


def _take_over(run: Path, table: Path) -> None:
    """Write the table of a run's claims: the verdicts, and without a value those that were not judged, and why."""
    judged, others = (
        pd.read_csv(run / f"{name}.csv", dtype=str, keep_default_na=False) for name in ("claims", "claims_not_judged")
    )
    others = others.assign(value="", holds="not judged: " + others["reason"])
    pd.concat([judged, others])[judged.columns].to_csv(table, index=False, lineterminator="\n")


if __name__ == "__main__":
    publish(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

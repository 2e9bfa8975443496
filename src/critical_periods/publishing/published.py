"""Numbers and tables of README and documentation that come from results, written where marks say so.

    python -m critical_periods.publishing.published results

takes over the verdicts and figures of a finished run and writes them anew; without an argument, from the tables in
`docs/claims`. A mark is a comment: everything between it and the next `<!-- . -->` is what it says:
`<!-- =paper.2b:.3g -->` the value of a claim, `<!-- =paper.holding -->` how many claims of a table hold of how many,
`<!-- =paper.table -->` the table, `<!-- =paper.2b.verdict -->` a claim, what was measured and whether it holds.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from critical_periods.analysis.tables import read_claims
from critical_periods.configuration.files import paper, read_file
from critical_periods.configuration.studies import BROUGHT, drawn_from
from critical_periods.locations import PROJECT

#: Pages with marks.
PAGES = ("README.md", "docs/index.md", "docs/claims.md", "docs/extensions.md", "docs/findings.md", "docs/theory.md")

#: Which figure each published picture is, and hashes of its settings and of the table that it was drawn from.
PICTURES = PROJECT / "docs/gallery/pictures.csv"

#: The picture that README and documentation open with.
OPENING = "hero"

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
        _take_over_pictures(results)
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


def drawn_by() -> dict[str, str]:
    """Hash of the settings of every figure of the paper and of studies: its panels, and what they are drawn from."""
    found: dict[str, str] = {}
    models = paper()["models"]
    for run in (paper(), *map(read_file, sorted((PROJECT / "studies").glob("*.yaml")))):
        for name, figure in (run.get("figures") or {}).items():
            experiments = [run["experiments"][experiment] for experiment in drawn_from(figure)]
            shared = [run.get(key) for key in BROUGHT if key not in ("experiments", "figures", "claims")]
            settings = [figure, experiments, [models[each["model"]] for each in experiments], shared]
            found[name] = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    return found


def pictures() -> dict[str, dict[str, str]]:
    """Published pictures by the figure that they are: hash of its settings when it was drawn, and of its table."""
    return pd.read_csv(PICTURES, dtype=str).set_index("figure").to_dict("index")


def _take_over_pictures(results: Path) -> None:
    """Copy the pictures that a run has drawn, and write what they were drawn by and from."""
    known, hashes = pictures(), drawn_by()
    for name in hashes:
        # Where the ensemble has drawn a figure of the paper, with the paper's draw in it, that is shown.
        folders = ("figures", "ensemble/figures") if name in paper()["figures"] else ("*/figures",)
        drawn = [file for folder in folders for file in sorted(results.glob(f"{folder}/{name}.png"))]
        if drawn:
            shutil.copy(drawn[-1], PICTURES.with_name(f"{name}.png"))
            table = hashlib.sha256(drawn[-1].with_suffix(".csv").read_bytes()).hexdigest()[:16]
            known[name] = {"settings": hashes[name], "table": table}
            if name == OPENING:
                _draw_dark(drawn[-1].parents[1])
    rows = [{"figure": name, **row} for name, row in sorted(known.items())]
    pd.DataFrame(rows).to_csv(PICTURES, index=False, lineterminator="\n")


def _draw_dark(run: Path) -> None:
    """Draw the picture that README opens with once more, for readers in the dark."""
    from critical_periods.figures.figure import figure
    from critical_periods.figures.seaborn_renderer import drawn, save_picture
    from critical_periods.storage.datasets import read_dataset

    settings = read_file(PROJECT / f"studies/{run.name}.yaml")["figures"][OPENING]
    datasets = {name: read_dataset(run / f"experiments/{name}.nc") for name in drawn_from(settings)}
    picture = drawn(figure(settings["title"], settings["panels"], datasets, {"dark": True}))
    save_picture(picture, settings["title"], str(PICTURES.with_name(f"{OPENING}-dark.png")))


if __name__ == "__main__":
    publish(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

"""What a run writes for readers beside its results: a README of what is there, and captions of figures."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from critical_periods.analysis.tables import read_claims
from critical_periods.planning.runs import Runs
from critical_periods.publishing.captions import PAPER_FORMS, REFERENCES, paper_caption
from critical_periods.publishing.markup import markdown_text
from critical_periods.storage.files import write_whole
from critical_periods.storage.inventory import Product, dataset_attributes, described, products


def write_captions(runs: Runs) -> None:
    """Write beside every figure that is there its captions for a paper, with what the claims on it came to."""
    for run, settings in runs.settings.items():
        folder, table = Path(runs.placed(f"results/{run}figures")), Path(runs.placed(f"results/{run}claims.csv"))
        drawn = [name for name in settings["figures"] if (folder / f"{name}.pdf").exists()]
        verdicts = read_claims(table) if drawn and table.is_file() else {}
        for name in drawn:
            for form in PAPER_FORMS:
                write_whole(paper_caption(settings, name, verdicts, form), folder / f"{name}.{form}")
        if drawn:
            write_whole(REFERENCES, folder / "references.bib")


def write_readme(results: Path, cells: Path, titles: Mapping[str, str], paper: Mapping[str, Collection[str]]) -> None:
    """Write `README.md` into a folder of results: what is there, of which study, made when, by which code.

    Parameters
    ----------
    results
        The folder.
    cells
        The folder of the cells.
    titles
        Study -> what it is about, "" for the paper.
    paper
        "experiments" and "figures" -> names of those that are the paper's own, not of a configuration beside it.
    """
    from humanfriendly import format_size

    by_run: dict[tuple[str, bool], list[Product]] = {}
    for product in products(results):
        kind = "figures" if product.kind == "interactive" else product.kind
        beside = product.run == "" and product.name not in paper.get(kind, [product.name])
        by_run.setdefault((product.run, beside), []).append(product)
    lines = [
        "# Results",
        "",
        "Written by the last run. All of it is generated: what is deleted, the next run that needs it makes again;",
        "`snakemake prune` tells what no study asks for any more.",
    ]
    for (run, beside), found in sorted(by_run.items()):
        title = "Beside the paper" if beside else titles.get(run.split("/")[0], "Of no study that there is now")
        lines += ["", f"## {markdown_text(title)}" + f" (`{run}`)" * bool(run), "", *_table(results, found)]
    rows = []
    for folder in sorted(cells.glob("*/")):
        if files := [path.stat() for path in folder.glob("*/*.nc")]:
            last = _minute(datetime.fromtimestamp(max(file.st_mtime for file in files), UTC))
            size = format_size(sum(file.st_size for file in files))
            rows.append(f"| [{folder.name}]({os.path.relpath(folder, results)}) | {len(files)} | {size} | {last} |")
    if rows:
        lines += ["", "## Cells", "", "What single jobs computed, shared by all studies.", ""]
        lines += ["| folder | cells | size | last made |", "|---|---|---|---|", *rows]
    lines += ["", "`logs/` and `benchmarks/`: what each job said, how long it took, how much memory it used."]
    write_whole("\n".join(lines) + "\n", results / "README.md")


def _table(results: Path, found: Sequence[Product]) -> list[str]:
    """Rows of the products of a run; a figure and its interactive twin are one."""
    lines = ["| | what | made | code |", "|---|---|---|---|"]
    twins = {f"figures {product.name}": product.files for product in found if product.kind == "interactive"}
    for product in found:
        if product.kind == "interactive":
            continue
        is_dataset = product.kind == "experiments"
        code = dataset_attributes(product.files[0]).get("code_version", "") if is_dataset else ""
        files = (*product.files, *twins.get(f"{product.kind} {product.name}", ()))
        links = ", ".join(f"[{file.suffix[1:]}]({file.relative_to(results).as_posix()})" for file in files)
        what = markdown_text(described(product, {}))
        lines.append(f"| {product.name}: {links} | {what} | {_minute(product.made)} | {markdown_text(code)} |")
    return lines


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"

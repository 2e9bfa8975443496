"""What lies in a folder of results: of which study, made when, by which code, and what nobody asks for any more."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from critical_periods.publishing.markup import markdown_text
from critical_periods.storage.cells import LIST, listing_of
from critical_periods.storage.files import write_whole

#: What a run leaves in a folder of its own: the folder, what its files end in, and the folder of their logs.
FOLDERS = (
    ("experiments", (".nc",), "aggregate"),
    ("figures", (".pdf", ".png", ".svg", ".csv", ".tex", ".md"), "figures"),
    ("interactive", (".html",), "interactive"),
)

#: What a run leaves beside those: the files, and their log.
TABLES = (
    (("claims.csv", "claims.html", "claims.txt", "claims_not_judged.csv"), "judge.log"),
    (("comparison.csv",), "comparison.log"),
)


@dataclass(frozen=True)
class Product:
    """What one job has left.

    Parameters
    ----------
    kind
        "cells", "experiments", "figures", "interactive" or "tables".
    run
        What comes before the names of its files below the results, as `extensions/`; "" for the paper and for cells.
    name
        Its own name.
    files
        Its files that are there, the one that others need first.
    traces
        Logs and benchmarks of the job.
    """

    kind: str
    run: str
    name: str
    files: tuple[Path, ...]
    traces: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.stat().st_size for file in self.files)

    @property
    def made(self) -> datetime:
        """When it was written."""
        return datetime.fromtimestamp(self.files[0].stat().st_mtime, UTC)


def products(results: Path) -> Iterator[Product]:
    """What jobs of the workflow have left, known by the list beside cells and by the log of everything else.

    Parameters
    ----------
    results
        The folder; files that no job left are none of it.
    """
    for listing in sorted(results.glob(f"cells/*/*{LIST}")):
        bundle = listing.name.removesuffix(LIST)
        files = _there(listing.with_name(f"{bundle}.nc"), listing)
        if len(files) == 2:
            traces = [*results.glob(f"logs/*/{bundle}.log"), *results.glob(f"benchmarks/*/{bundle}.tsv")]
            yield Product("cells", "", f"{listing.parent.name}/{bundle}", files, tuple(traces))
    logs = results / "logs"
    for folder, suffixes, logged in FOLDERS:
        for log in sorted(logs.glob(f"**/{logged}/*.log")):
            run = log.parents[1].relative_to(logs)
            files = _there(*(results / run / folder / f"{log.stem}{suffix}" for suffix in suffixes))
            if files:
                yield Product(folder, _prefix(run), log.stem, files, (log,))
    for names, logged in TABLES:
        for log in sorted(logs.glob(f"**/{logged}")):
            run = log.parent.relative_to(logs)
            if files := _there(*(results / run / name for name in names)):
                yield Product("tables", _prefix(run), files[0].stem, files, (log,))


def _there(*paths: Path) -> tuple[Path, ...]:
    return tuple(path for path in paths if path.is_file())


def _prefix(run: Path) -> str:
    return "" if run == Path() else f"{run.as_posix()}/"


def unasked(results: Path, wanted: Collection[str], cells: Mapping[str, Collection[str]]) -> list[Product]:
    """Products that nothing asks for any more.

    Parameters
    ----------
    results
        The folder.
    wanted
        Files that some study asks for, as paths that begin with the folder.
    cells
        The same for files of cells, each with the cells that it holds or will hold. Another file stays as long as it
        holds one of those that is not yet where it is to be: a job takes it over.
    """
    there = {file for file in cells if Path(file).is_file()}
    ready = {cell for file in there for cell in cells[file]}
    waiting = {cell for held in cells.values() for cell in held} - ready
    return [
        product
        for product in products(results)
        if not {file.as_posix() for file in product.files} & (there | set(wanted))
        and not (product.kind == "cells" and waiting & set(_cells_of(product)))
    ]


def _cells_of(product: Product) -> list[str]:
    return listing_of(product.files[0]).read_text(encoding="utf-8").split("\n")[2:]


def prune(products: Sequence[Product], defaults: Mapping[str, Mapping[str, Any]], delete: bool) -> Iterator[str]:
    """Delete products, with their logs and benchmarks and the folders that get empty; a line on each of them.

    Parameters
    ----------
    products
        As `unasked` found them.
    defaults
        Parameters that the configuration gives each model: cells are told by what they have otherwise.
    delete
        Whether to delete them, and not only to tell.
    """
    from humanfriendly import format_size  # as netCDF4 below: this module is imported whenever the workflow is planned

    if not products:
        yield "Nothing to prune: some study asks for everything that is here."
        return
    total = sum(product.size for product in products)
    for product in products:
        yield f"{format_size(product.size):>9}  {product.files[0]}  {_described(product, defaults)}"
        for path in (*product.files, *product.traces) if delete else ():
            path.unlink(missing_ok=True)
            _remove_empty(path.parent)
    done = "deleted" if delete else "that no study asks for; --config yes=true deletes them"
    yield f"{format_size(total):>9}  {len(products)} results {done}"


def _remove_empty(folder: Path) -> None:
    while not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _described(product: Product, defaults: Mapping[str, Mapping[str, Any]]) -> str:
    """What a product is, from what it says itself; "" where it says nothing that can be read."""
    from PIL import Image

    with suppress(OSError, KeyError, ValueError):
        match product.kind:
            case "cells":
                return _told_of_cells(product.files[0], defaults)
            case "experiments":
                return dataset_attributes(product.files[0]).get("title", "")
            case "figures":
                with Image.open(product.files[0].with_suffix(".png")) as image:
                    return str(image.info.get("Title", ""))
    return ""


def _told_of_cells(file: Path, defaults: Mapping[str, Mapping[str, Any]]) -> str:
    import netCDF4

    with netCDF4.Dataset(file) as bundle:
        first, *others = bundle.groups.values()
        parameters, model = json.loads(first.getncattr("parameters")), first.getncattr("model")
    known = defaults.get(model, {})
    own = [f"{name} = {value}" for name, value in parameters.items() if known.get(name, value) not in (value, None)]
    words = ", ".join([f"seed = {parameters.get('seed')}", *own])
    return f"{1 + len(others)} cells of {model}, the first with {words}"


def dataset_attributes(path: Path) -> dict[str, str]:
    """Attributes of a dataset, which is not read otherwise."""
    import netCDF4

    with netCDF4.Dataset(path) as file:
        return {name: file.getncattr(name) for name in file.ncattrs()}


def write_readme(results: Path, titles: Mapping[str, str], paper: Mapping[str, Collection[str]]) -> None:
    """Write `README.md` into a folder of results: what is there, of which study, made when, by which code.

    Parameters
    ----------
    results
        The folder.
    titles
        Study -> what it is about, "" for the paper.
    paper
        "experiments" and "figures" -> names of those that are the paper's own, not of a configuration beside it.
    """
    from humanfriendly import format_size

    by_run: dict[tuple[str, bool], list[Product]] = {}
    cells: dict[str, list[Product]] = {}
    for product in products(results):
        if product.kind == "cells":
            cells.setdefault(product.name.split("/")[0], []).append(product)
        else:
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
    if cells:
        lines += ["", "## Cells", "", "What single jobs computed, shared by all studies.", ""]
        lines += ["| folder | files | cells | size | last made |", "|---|---|---|---|---|"]
        for kind, files in sorted(cells.items()):
            count, size = sum(len(_cells_of(file)) for file in files), format_size(sum(file.size for file in files))
            last = _minute(max(file.made for file in files))
            lines.append(f"| [{kind}](cells/{kind}) | {len(files)} | {count} | {size} | {last} |")
    lines += ["", "`status.html`: how far a run is, or how the last one ended."]
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
        what = markdown_text(_described(product, {}))
        lines.append(f"| {product.name}: {links} | {what} | {_minute(product.made)} | {markdown_text(code)} |")
    return lines


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"

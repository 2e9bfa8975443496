"""What lies in a folder of results: of which study, made when, by which code, and what nobody asks for any more."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from critical_periods.storage.files import is_abandoned
from critical_periods.storage.stamps import stamp_of

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


#: Kinds of what jobs have left beside cells.
KNOWN_KINDS = (*(folder for folder, _, _ in FOLDERS), "tables")


@dataclass(frozen=True)
class Product:
    """What one job has left.

    Parameters
    ----------
    kind
        "experiments", "figures", "interactive", "tables", or what `_left` calls what lies with cells or is damaged.
    run
        What comes before the names of its files below the results, as `extensions/`; "" for the paper and for cells.
    name
        Its own name.
    files
        Its files that are there, the one that others need first.
    traces
        Logs and benchmarks of the job, and what says beside its files what made them.
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
    def where(self) -> Path:
        """Its file, or the folder of several alike."""
        return self.files[0] if self.run or self.kind in KNOWN_KINDS else self.files[0].parent

    @property
    def made(self) -> datetime:
        """When it was written."""
        return datetime.fromtimestamp(self.files[0].stat().st_mtime, UTC)


def products(results: Path) -> Iterator[Product]:
    """What jobs of the workflow have left beside cells, known by its log.

    Parameters
    ----------
    results
        The folder; files that no job left are none of it.
    """
    logs = results / "logs"
    for folder, suffixes, logged in FOLDERS:
        for log in sorted(logs.glob(f"**/{logged}/*.log")):
            run = log.parents[1].relative_to(logs)
            files = _there(*(results / run / folder / f"{log.stem}{suffix}" for suffix in suffixes))
            if files:
                yield Product(folder, _prefix(run), log.stem, files, (log, *_there(stamp_of(files[0]))))
    for names, logged in TABLES:
        for log in sorted(logs.glob(f"**/{logged}")):
            run = log.parent.relative_to(logs)
            if files := _there(*(results / run / name for name in names)):
                yield Product("tables", _prefix(run), files[0].stem, files, (log, *_there(stamp_of(files[0]))))


def _there(*paths: Path) -> tuple[Path, ...]:
    return tuple(path for path in paths if path.is_file())


def _prefix(run: Path) -> str:
    return "" if run == Path() else f"{run.as_posix()}/"


def unasked(results: Path, cells: Path, wanted: Collection[str]) -> list[Product]:
    """Products that nothing asks for any more.

    Parameters
    ----------
    results
        The folder.
    cells
        The folder of the cells.
    wanted
        Files that some study asks for, cells and manifests among them, as paths that begin with these folders.
    """
    made = [product for product in products(results) if not {file.as_posix() for file in product.files} & set(wanted)]
    return [*_leftovers(results, cells, wanted), *made]


def _leftovers(results: Path, cells: Path, wanted: Collection[str]) -> Iterator[Product]:
    """Files with cells that nothing asks for, and damaged files anywhere: a product for each folder and kind."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in sorted({*cells.rglob("*"), *results.rglob("*.damaged")}):
        writing = path.suffix == ".partial" and not is_abandoned(path)
        if path.is_file() and not writing and path.as_posix() not in wanted:
            groups.setdefault((path.parent, _left(path, cells)), []).append(path)
    for (folder, kind), files in groups.items():
        bundles = [f"*/{folder.name}/{file.stem}" for file in files if file.suffix == ".json"]
        traces = [
            trace
            for bundle in bundles
            for place in (f"logs/{bundle}.log", f"benchmarks/{bundle}.tsv")
            for trace in results.glob(place)
        ]
        yield Product(kind, "", folder.as_posix(), tuple(files), tuple(traces))


def _left(path: Path, cells: Path) -> str:
    """What a file is that nothing asks for, by its place."""
    if path.suffix == ".damaged":
        return "damaged files"
    if path.suffix == ".partial":
        return "files that were never finished"
    if path.parent.name == "checkpoints":
        return "checkpoints"
    is_cell = path.parents[2] == cells and path.suffix in (".nc", ".json")
    return "cells" if is_cell else "files of another version"


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
        yield f"{format_size(product.size):>9}  {product.where}  {described(product, defaults)}"
        for path in (*product.files, *product.traces) if delete else ():
            path.unlink(missing_ok=True)
            _remove_empty(path.parent)
    done = "deleted" if delete else "that no study asks for; --config yes=true deletes them"
    yield f"{format_size(total):>9}  {len(products)} results {done}"


def _remove_empty(folder: Path) -> None:
    while not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def described(product: Product, defaults: Mapping[str, Mapping[str, Any]]) -> str:
    """What a product is, from what it says itself; "" where it says nothing that can be read."""
    from PIL import Image

    with suppress(OSError, KeyError, ValueError):
        match product.kind:
            case "cells":
                return _told_of_cells(product.files, defaults)
            case "experiments":
                return dataset_attributes(product.files[0]).get("title", "")
            case "figures":
                with Image.open(product.files[0].with_suffix(".png")) as image:
                    return str(image.info.get("Title", ""))
            case "tables" | "interactive":
                return ""
    return f"{len(product.files)} {product.kind}" if product.kind not in KNOWN_KINDS else ""


def _told_of_cells(files: Sequence[Path], defaults: Mapping[str, Mapping[str, Any]]) -> str:
    cells = [file for file in files if file.suffix == ".nc"]
    if not cells:
        return "manifests"
    attributes = dataset_attributes(cells[0])
    parameters, model = json.loads(attributes["parameters"]), attributes["model"]
    known = defaults.get(model, {})
    own = [f"{name} = {value}" for name, value in parameters.items() if known.get(name, value) not in (value, None)]
    words = ", ".join([f"seed = {parameters.get('seed')}", *own])
    return f"{len(cells)} cells of {model}, the first with {words}"


def dataset_attributes(path: Path) -> dict[str, str]:
    """Attributes of a dataset, which is not read otherwise."""
    import netCDF4

    with netCDF4.Dataset(path) as file:
        return {name: file.getncattr(name) for name in file.ncattrs()}

"""What lies in a folder of results: what is nobody's any more, what is deleted, and what is never touched."""

import os
import socket
import subprocess

import numpy as np
import pytest
import xarray as xr

from critical_periods.publishing.texts import write_readme
from critical_periods.storage.cells import cell_path, write_manifest
from critical_periods.storage.datasets import parameters_attribute, write
from critical_periods.storage.inventory import prune, unasked

CODE, OTHER = "c" * 16, "d" * 16
CELLS = "results/cells/matrix_completion"


def cell(depth):
    parameters = {"seed": 0, "depth": depth, "size": 9}
    attributes = {"model": "matrix_completion", "parameters": parameters_attribute(parameters)}
    return xr.Dataset({"x": np.float64(depth)}, attrs=attributes)


def traced(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def bundle(folder, code, name, *depths):
    """What the job of a bundle leaves."""
    place = folder / "cells/matrix_completion" / code
    cells = {f"cell{depth}": write(cell(depth), cell_path(place, f"cell{depth}"), code) for depth in depths}
    write_manifest(place / f"{name * 16}.json", cells)
    traced(folder / f"logs/train/{code}/{name * 16}.log")
    traced(folder / f"benchmarks/train/{code}/{name * 16}.tsv")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Cells of two codes, two datasets, one of them of a study, and a figure and a dataset of somebody else."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path.relative_to(tmp_path) / "results"
    bundle(folder, CODE, "a", 1, 2)
    bundle(folder, CODE, "b", 3)
    bundle(folder, OTHER, "a", 1, 2)
    for run in ("", "old/"):
        write(xr.Dataset({"x": 1.0}, attrs={"title": f"By {run or 'depth'}"}), folder / f"{run}experiments/depth.nc")
        traced(folder / f"logs/{run}aggregate/depth.log")
        traced(folder / f"{run}experiments/.depth.made")
    write(xr.Dataset({"x": 1.0}), folder / "old/experiments/mine.nc")
    traced(folder / "figures/mine.pdf")
    return folder


WANTED = {
    "results/experiments/depth.nc",
    *(f"{CELLS}/{CODE}/{name}" for name in (f"{'a' * 16}.json", "cell1.nc", "cell2.nc")),
}


def test_what_nobody_asks_for_is_told_and_deleted_with_its_traces(results):
    found = unasked(results, results / "cells", WANTED)
    told = list(prune(found, {"matrix_completion": {"size": 9, "depth": 2}}, delete=False))
    assert f"{CELLS}/{CODE}  1 cells of matrix_completion, the first with seed = 0, depth = 3" in told[0]
    assert f"{CELLS}/{OTHER}  2 cells of matrix_completion, the first with seed = 0, depth = 1" in told[1]
    assert "results/old/experiments/depth.nc  By old/" in told[2]
    assert len(told) == 4
    assert "3 results that no study asks for" in told[3]
    before = {path for path in results.rglob("*") if path.is_file()}
    assert list(prune(found, {}, delete=True))[3].endswith("3 results deleted")
    gone = {str(path) for path in before if not path.exists()}
    assert gone == {
        *(f"{CELLS}/{CODE}/{name}" for name in ("cell3.nc", f"{'b' * 16}.json")),
        *(f"{CELLS}/{OTHER}/{name}" for name in ("cell1.nc", "cell2.nc", f"{'a' * 16}.json")),
        *(f"results/logs/train/{code}/{name * 16}.log" for code, name in ((CODE, "b"), (OTHER, "a"))),
        *(f"results/benchmarks/train/{code}/{name * 16}.tsv" for code, name in ((CODE, "b"), (OTHER, "a"))),
        *(f"results/old/experiments/{name}" for name in ("depth.nc", ".depth.made")),
        "results/logs/old/aggregate/depth.log",
    }
    assert not (results / "logs/old").exists()
    assert not (results / "cells/matrix_completion" / OTHER).exists()
    assert (results / "old/experiments/mine.nc").exists()
    assert unasked(results, results / "cells", WANTED) == []


def test_all_that_lies_with_cells_and_nobody_asks_for_is_told(results):
    folder = results / "cells/matrix_completion"
    living = folder / CODE / f".cell9.nc.{socket.gethostname()}.{os.getpid()}.partial"
    ended = subprocess.Popen(["true"])
    ended.wait()
    files = {
        "checkpoints": folder / CODE / "checkpoints" / "a.1.npz",
        "damaged files": folder / CODE / "cell7.nc.damaged",
        "files that were never finished": folder / CODE / f".cell8.nc.{socket.gethostname()}.{ended.pid}.partial",
        "files of another version": folder / f"{'e' * 16}.cells.txt",
    }
    for path in (living, *files.values(), results / "experiments/depth.nc.damaged"):
        traced(path)
    found = {
        product.kind: product
        for product in unasked(results, results / "cells", WANTED)
        if product.name.startswith("results/cells/")
    }
    assert found.keys() == {"cells", *files}
    assert all(found[kind].files == (path,) for kind, path in files.items())
    told = "\n".join(prune(unasked(results, results / "cells", WANTED), {}, delete=False))
    assert "1 checkpoints" in told
    assert "results/experiments  1 damaged files" in told
    assert living.name not in told


def test_a_title_is_text_to_every_reader_of_the_readme(results):
    title = "<script>alert(1)</script> & [a](javascript:b) | `c` *d* ~e~ $f$ &lt;"
    text = r"&lt;script&gt;alert(1)&lt;/script&gt; & \[a\](javascript:b) \| \`c\` \*d\* \~e\~ \$f\$ &amp;lt;"
    write(xr.Dataset({"x": 1.0}, attrs={"title": title}), results / "experiments/depth.nc")
    write_readme(results, results / "cells", {"": title}, {})
    lines = (results / "README.md").read_text().splitlines()
    assert f"## {text}" in lines
    assert sum(f"| depth: [nc](experiments/depth.nc) | {text} | 20" in line for line in lines) == 1


def test_the_readme_tells_of_each_study_what_there_is(results):
    for name in ("flowers", "window"):
        write(xr.Dataset({"x": 1.0}, attrs={"title": "Mine"}), results / f"experiments/{name}.nc")
        traced(results / f"logs/aggregate/{name}.log")
    for name in ("fig01", "sketch"):
        for trace in ("logs/figures/{}.log", "figures/{}.pdf", "logs/interactive/{}.log", "interactive/{}.html"):
            traced(results / trace.format(name))
    traced(results / "logs/judge.log")
    traced(results / "claims.csv")
    write_readme(
        results, results / "cells", {"": "The paper"}, {"experiments": {"depth", "window"}, "figures": {"fig01"}}
    )
    text = (results / "README.md").read_text()
    assert "## The paper\n" in text
    assert "| depth: [nc](experiments/depth.nc) | By depth | 20" in text
    paper, beside = (text.split(f"## {title}\n")[1].split("\n## ")[0] for title in ("The paper", "Beside the paper"))
    assert all(f"| {name}: " in paper for name in ("depth", "window", "fig01", "claims"))
    assert "| flowers: [nc](experiments/flowers.nc) | Mine | 20" in beside
    assert "| sketch: [pdf](figures/sketch.pdf), [html](interactive/sketch.html) |" in beside
    assert beside.count("\n| ") == 3
    assert "## Of no study that there is now (`old/`)" in text
    assert "| [matrix_completion](cells/matrix_completion) | 5 | " in text
    assert "mine" not in text

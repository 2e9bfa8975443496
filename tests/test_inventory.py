"""What lies in a folder of results: what is nobody's any more, what is deleted, and what is never touched."""

import numpy as np
import pytest
import xarray as xr

from critical_periods.storage.cells import write_cells
from critical_periods.storage.datasets import parameters_attribute, write
from critical_periods.storage.inventory import prune, unasked, write_readme


def cell(depth):
    parameters = {"seed": 0, "depth": depth, "size": 9}
    attributes = {"model": "matrix_completion", "parameters": parameters_attribute(parameters)}
    return xr.Dataset({"x": np.float64(depth)}, attrs=attributes)


def traced(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Cells in two files, two datasets, one of them of a study, and a figure and a dataset of somebody else."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path.relative_to(tmp_path) / "results"
    for name, depths in (("a" * 16, (1, 2)), ("b" * 16, (3,))):
        write_cells(
            {f"cell{depth}": cell(depth) for depth in depths}, folder / f"cells/matrix_completion/{name}.nc", "c"
        )
        traced(folder / f"logs/train/{name}.log")
        traced(folder / f"benchmarks/train/{name}.tsv")
    for run in ("", "old/"):
        write(xr.Dataset({"x": 1.0}, attrs={"title": f"By {run or 'depth'}"}), folder / f"{run}experiments/depth.nc")
        traced(folder / f"logs/{run}aggregate/depth.log")
    write(xr.Dataset({"x": 1.0}), folder / "old/experiments/mine.nc")
    traced(folder / "figures/mine.pdf")
    return folder


def file(name):
    return f"results/cells/matrix_completion/{name * 16}.nc"


def test_what_nobody_asks_for_is_told_and_deleted_with_its_traces(results):
    found = unasked(results, {"results/experiments/depth.nc"}, {file("a"): {"cell1", "cell2"}})
    told = list(prune(found, {"matrix_completion": {"size": 9, "depth": 2}}, delete=False))
    assert "1 cells of matrix_completion, the first with seed = 0, depth = 3" in told[0]
    assert "results/old/experiments/depth.nc  By old/" in told[1]
    assert len(told) == 3
    assert "2 results that no study asks for" in told[2]
    before = {path for path in results.rglob("*") if path.is_file()}
    assert list(prune(found, {}, delete=True))[2].endswith("2 results deleted")
    gone = {str(path) for path in before if not path.exists()}
    cells = [f"results/{place}/{'b' * 16}" for place in ("cells/matrix_completion", "logs/train", "benchmarks/train")]
    assert gone == {
        *(f"{cells[0]}.nc", f"{cells[0]}.cells.txt", f"{cells[1]}.log", f"{cells[2]}.tsv"),
        *("results/old/experiments/depth.nc", "results/logs/old/aggregate/depth.log"),
    }
    assert not (results / "logs/old").exists()
    assert (results / "old/experiments/mine.nc").exists()
    assert unasked(results, {"results/experiments/depth.nc"}, {file("a"): {"cell1", "cell2"}}) == []


def test_cells_that_a_job_will_take_over_stay_until_it_has(results):
    wanted = {"results/experiments/depth.nc", "results/old/experiments/depth.nc"}
    assert unasked(results, wanted, {file("d"): {"cell1", "cell3", "cell9"}}) == []
    [left] = unasked(results, wanted, {file("d"): {"cell1", "cell9"}})
    assert left.name == f"matrix_completion/{'b' * 16}"
    write_cells({"cell1": cell(1), "cell3": cell(3)}, results / file("d").removeprefix("results/"), "c")
    assert len(unasked(results, wanted, {file("d"): {"cell1", "cell3"}})) == 2


def test_a_title_is_text_to_every_reader_of_the_readme(results):
    title = "<script>alert(1)</script> & [a](javascript:b) | `c` *d* ~e~ $f$ &lt;"
    text = r"&lt;script&gt;alert(1)&lt;/script&gt; & \[a\](javascript:b) \| \`c\` \*d\* \~e\~ \$f\$ &amp;lt;"
    write(xr.Dataset({"x": 1.0}, attrs={"title": title}), results / "experiments/depth.nc")
    write_readme(results, {"": title}, {})
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
    write_readme(results, {"": "The paper"}, {"experiments": {"depth", "window"}, "figures": {"fig01"}})
    text = (results / "README.md").read_text()
    assert "## The paper\n" in text
    assert "| depth: [nc](experiments/depth.nc) | By depth | 20" in text
    paper, beside = (text.split(f"## {title}\n")[1].split("\n## ")[0] for title in ("The paper", "Beside the paper"))
    assert all(f"| {name}: " in paper for name in ("depth", "window", "fig01", "claims"))
    assert "| flowers: [nc](experiments/flowers.nc) | Mine | 20" in beside
    assert "| sketch: [pdf](figures/sketch.pdf), [html](interactive/sketch.html) |" in beside
    assert beside.count("\n| ") == 3
    assert "## Of no study that there is now (`old/`)" in text
    assert "| [matrix_completion](cells/matrix_completion) | 2 | 3 | " in text
    assert "mine" not in text

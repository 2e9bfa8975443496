"""Datasets as a notebook has them: found by the name of their experiment, shown as a table that says what they are."""

import html
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import xarray as xr

import critical_periods as cp
from critical_periods.storage.reading import table


def simulated():
    return cp.simulate("scalar_pathways", vary={"depth": [2, 3]}, epochs=20, record_every=10, n_trajectories=1)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of results with an experiment of the paper and one of a study, to work beside."""
    monkeypatch.chdir(tmp_path)
    dataset = simulated()
    cp.write(dataset.assign_attrs(title="Depth <and> harm"), "results/experiments/depth.nc")
    cp.write(dataset, "results/extensions/experiments/window.nc")
    return dataset


def test_experiments_are_read_by_name(results):
    cp.write(results, "copy.nc")
    for name in ("depth", "extensions/window", "results/experiments/depth.nc", "results/experiments/depth", "copy"):
        xr.testing.assert_equal(cp.read(name), results)
    with pytest.raises(cp.DatasetError, match=r"results/experiments/dpeth\.nc: not there; results has depth$"):
        cp.read("dpeth")
    with pytest.raises(cp.DatasetError, match=r"results/none has no experiments$"):
        cp.read("none/depth")
    missing = "results/experiments/dpeth"
    with pytest.raises(cp.DatasetError, match=rf"^{missing}\.nc: not there; results has results/experiments/depth$"):
        cp.read(missing)
    for other in ("results/experiments", "results/notes.txt"):
        Path("results/notes.txt").touch()
        with pytest.raises(cp.DatasetError, match=rf"^{other}: no dataset, which is a file whose name ends in \.nc$"):
            cp.read(other)


def test_the_table_says_what_a_dataset_is(results):
    said = table(cp.read("depth"))
    assert "Depth &lt;and&gt; harm" in said
    assert results.attrs["code_version"] in said
    assert html.escape(results["depth"].attrs["long_name"]) in said
    assert "2, 3" in said
    for name, values in results.items():
        assert name in said
        assert html.escape(values.attrs["long_name"]) in said
    assert "n_trajectories" in said
    assert "<details>" not in table(results.drop_attrs())


@pytest.mark.parametrize("give", [lambda: cp.read("depth"), simulated], ids=["read", "simulated"])
def test_a_notebook_shows_the_table_of_datasets_of_ours(results, give, monkeypatch):
    shown = {}
    formatter = SimpleNamespace(for_type=shown.__setitem__)
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={"text/html": formatter}))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    dataset = give()
    assert html.escape(dataset.attrs["title"]) in shown[xr.Dataset](dataset).split("<details>")[0]
    assert shown[xr.Dataset](dataset.isel(depth=1)).count("<details>") == 2
    assert "<table>" not in shown[xr.Dataset](results.drop_attrs())

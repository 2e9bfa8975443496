"""Two folders of results side by side: what is told, and the exit status."""

import csv

import numpy as np
import pytest
import xarray as xr

from critical_periods.__main__ import main
from critical_periods.analysis.compare import compare_results
from critical_periods.storage.datasets import parameters_attribute, write


def dataset(**changes):
    error = np.array([[0.1, 0.2, np.nan], [0.3, 0.4, 2.0]])
    found = xr.Dataset(
        {"error": (("depth", "epoch"), error), "phase": (("epoch",), ["a", "b", "b"])},
        coords={"depth": [1, 2], "epoch": [0, 10, 20]},
    )
    return found.assign_attrs(parameters=parameters_attribute({"learning_rate": 0.2} | changes))


def results(folder, data, holds="True", name="depth"):
    write(data, folder / f"study/experiments/{name}.nc")
    with (folder / "claims.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "value", "holds"), ("1a", 0.4, holds)])
    return folder


@pytest.fixture
def one(tmp_path):
    return results(tmp_path / "one", dataset())


def test_equal_results_agree_whoever_wrote_them(one, tmp_path, capsys):
    other = results(tmp_path / "two", dataset().transpose("epoch", "depth").assign_attrs(title="another"))
    assert compare_results(one, other).agree
    assert main(["compare", str(one), str(other)]) == 0
    assert "1 datasets are in both, 0 of them differ; 1 claims, of which 0" in capsys.readouterr().out


def test_the_largest_difference_is_told_with_its_place(one, tmp_path, capsys):
    changed = dataset(learning_rate=0.4)
    changed["error"][1, 0] += 0.002
    changed["error"][0, 1] -= 0.004
    other = results(tmp_path / "two", changed)
    found = compare_results(one, other)
    [difference] = found.differences.itertuples()
    assert (difference.dataset, difference.variable) == ("study/experiments/depth", "error")
    assert (difference.differing, difference.compared, difference.where) == (2, 6, "depth=1, epoch=10")
    assert difference.largest == pytest.approx(0.004)
    assert difference.relative == pytest.approx(0.002)
    assert found.remarks == ["study/experiments/depth: learning_rate = 0.2 and 0.4"]
    assert main(["compare", str(one), str(other)]) == 1
    assert "error     2 of 6  0.004    0.002     depth=1, epoch=10" in capsys.readouterr().out
    assert main(["compare", str(one), str(other), "--tolerance", "0.0021"]) == 0
    assert main(["compare", str(one), str(other), "--tolerance", "0.0019"]) == 1


def test_a_value_that_only_one_has_and_another_word_differ(one, tmp_path):
    changed = dataset()
    changed["error"][1, 2] = np.nan
    changed["phase"][2] = "c"
    found = compare_results(one, results(tmp_path / "two", changed), tolerance=1)
    places = dict(zip(found.differences["variable"], found.differences["where"], strict=True))
    assert places == {"error": "depth=2, epoch=20", "phase": "epoch=20"}


def test_points_that_both_have_are_compared(one, tmp_path):
    changed = dataset().isel(depth=[1]).assign(more=1.0)
    found = compare_results(one, results(tmp_path / "two", changed))
    assert found.remarks == ["study/experiments/depth: 1 values of depth are in both, of 2 and 1"]
    [difference] = found.differences.itertuples()
    assert (difference.variable, difference.where) == ("more", "only in the second")


def test_verdicts_that_differ_are_told(one, tmp_path, capsys):
    other = results(tmp_path / "two", dataset(), holds="False")
    assert main(["compare", str(one), str(other)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].split() == ["claim", "1a", "0.4", "0.4", "True", "False"]


def test_what_only_one_has_is_told_and_nothing_in_common_is_refused(one, tmp_path, capsys):
    other = results(tmp_path / "two", dataset(), name="seeds")
    assert main(["compare", str(one), str(other)]) == 0
    assert f"only in {other}: study/experiments/seeds" in capsys.readouterr().out
    (other / "claims.csv").unlink()
    assert main(["compare", str(one), str(other)]) == 2
    assert "nothing that both have" in capsys.readouterr().err
    assert main(["compare", str(one), str(tmp_path / "three")]) == 2
    assert "three: no results" in capsys.readouterr().err

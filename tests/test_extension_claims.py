"""Measures on the extensions, and their claims: data on which one holds, and data on which it fails."""

import numpy as np
import pytest
import xarray as xr
from conftest import STUDY_CLAIMS

from critical_periods.analysis import measures
from critical_periods.analysis.measures import MissingDataError
from critical_periods.analysis.verdicts import judge_claim


def dataset(axes, **variables):
    """Variables over seed, axes and trajectory, from values over the axes."""
    shape = tuple(map(len, axes.values()))
    return xr.Dataset(
        {
            name: (("seed", *axes, "trajectory"), np.broadcast_to(values, shape)[None, ..., None] + [-1e-3, 1e-3])
            for name, values in variables.items()
        },
        coords={"seed": [0], "trajectory": [0, 1], **axes},
    )


def window(earliest, latest):
    return dataset(
        {"depth": [2, 3, 4], "onset": [0, 400]}, impairment=np.stack([np.asarray(earliest), np.full(3, latest)], 1)
    )


def closing(factors):
    predicted = np.geomspace(1, 1000, len(factors))
    data = dataset({"depth": np.arange(len(factors))}, measured_closing=predicted * factors, predicted_closing=0)
    return data.assign(dict.fromkeys(("predicted_closing", "staged_closing"), (("seed", "depth"), predicted[None])))


def handicap(small, equal):
    share = np.array([[[0.5, 0.5], [1 - low, low]] for low in (small, equal)])
    return dataset({"imbalance": [0.0, 1.0], "depth_handicap": [0, 1], "pathway": ["a", "b"]}, share=share)


def turns(shortest):
    return dataset({"depth": [2, 3], "alternate_every": [2, 100]}, impairment=[[0, 0.3], [shortest, 0.5]])


def patch(short, long):
    share = np.array([[[1 - b, b] for b in (short, long)]] * 2)
    return dataset({"lesion_onset": [100, 500], "lesion_duration": [10, 1000], "pathway": ["a", "b"]}, share=share)


def steps(small, large, shallow, over):
    last = [shallow, large, large]
    share = [[[1 - b, b] for b in (small, small, end)] for end in last]
    axes = {"depth": [2, 3, 4], "edge_step": [0.95, 1.2, 1.7], "pathway": ["a", "b"]}
    stable = np.array([[0.5, over, 2.0]] * 3)
    return dataset(axes, share=share).merge(
        dataset({name: axes[name] for name in ("depth", "edge_step")}, step_over_edge=stable)
    )


CASES = [
    ("x1a", window([0.1, 0.2, 0.3], 0), window([0.1, 0.3, 0.2], 0)),
    ("x1b", window([0.1, 0.2, 0.3], 0), window([0.1, 0.2, 0.3], 0.2)),
    ("x3a", closing([1, 1.05, 0.99, 1.02]), closing([1.5, 1.5, 0.5, 1])),
    ("x3b", closing([1, 1.05, 0.99, 1.02]), closing([1000, 100, 0.1, 0.001])),
    ("x3c", closing([1, 1.3, 0.9, 1.1]), closing([1.6, 1.7, 0.5, 2])),
    ("x3d", closing([1, 1.3, 0.8, 1.2]), closing([1000, 100, 0.1, 0.001])),
    ("c1a", closing([1, 1.3, 0.8, 1.2]), closing([1000, 100, 0.1, 0.001])),
    ("c1b", closing([1, 1.9, 0.9, 1.1]), closing([1.3, 1.7, 0.8, 1])),
    ("c1c", closing([1, 1.9, 0.6, 1.5]), closing([1, 1, 0.4, 1])),
    ("c3a", closing([1, 1.9, 0.9, 1.1]), closing([1.3, 1.7, 0.8, 1])),
    ("c3b", closing([1, 1.9, 0.6, 1.5]), closing([1, 1, 0.4, 1])),
    ("x4a", handicap(0.01, 0.8), handicap(0.4, 0.8)),
    ("x4b", handicap(0.01, 0.8), handicap(0.01, 0.3)),
    ("x4c", turns(0.01), turns(0.3)),
    ("x4d", patch(0.1, 0.5), patch(0.1, 0.2)),
    ("x4e", patch(0.1, 0.5), patch(0.5, 0.5)),
    ("x6a", steps(0.01, 0.5, 0.01, 1), steps(0.4, 0.5, 0.01, 1)),
    ("x6b", steps(0.01, 0.5, 0.01, 1), steps(0.01, 0.2, 0.01, 1)),
    ("x6c", steps(0.01, 0.5, 0.01, 1), steps(0.01, 0.5, 0.5, 1)),
    ("x6d", steps(0.01, 0.5, 0.01, 1), steps(0.01, 0.5, 0.01, 0.5)),
]


@pytest.mark.parametrize(("name", "true", "false"), CASES, ids=[case[0] for case in CASES])
def test_claims_hold_where_they_should_and_only_there(name, true, false):
    claim = (STUDY_CLAIMS["extensions"] | STUDY_CLAIMS["closing"])[name]
    assert judge_claim(claim, true).holds
    assert not judge_claim(claim, false).holds


def test_what_is_missing_is_named():
    data = window([0.1, 0.2, 0.3], 0)
    with pytest.raises(MissingDataError, match="no share"):
        measures.chosen(data, "share")
    with pytest.raises(MissingDataError, match="no duration"):
        measures.chosen(data, "impairment", duration="last")
    with pytest.raises(MissingDataError, match="no depth = 7"):
        measures.chosen(data, "impairment", depth=7)
    with pytest.raises(MissingDataError, match="no impairment where"):
        measures.chosen(data, "impairment", depth={"at_least": 7})
    with pytest.raises(MissingDataError, match="fewer than three"):
        measures.prediction_factor(closing([1, 1]))


def test_limits_select_by_value_on_axes_in_any_order():
    for scales in ([0.1, 0.01, 0.001], [0.01, 0.1, 0.001]):
        data = dataset({"init_scale": scales}, loss=[10 * scale for scale in scales])
        within = measures.chosen(data, "loss", init_scale={"at_least": 0.005, "at_most": 0.05})
        assert within["init_scale"].values.tolist() == [0.01]
        assert measures.extreme(data, "loss", "largest", init_scale={"at_most": 0.05}).item() == pytest.approx(0.1)


def test_predictions_are_judged_on_the_settings_asked_for_and_on_no_censored_ones():
    factors = np.array([[1, 1.3, 1.1], [2, 2, 2]])
    axes = {"depth": [2, 3], "rank": [1, 2, 3]}
    data = dataset(axes, measured_closing=factors * 1000)
    predicted = (("seed", *axes), np.full((1, 2, 3), 1000.0))
    data = data.assign(predicted_closing=predicted, harm_settled=(("seed", *axes), np.ones((1, 2, 3), dtype=bool)))
    assert measures.prediction_factor(data, "largest", depth=2) == pytest.approx(1.3)
    with pytest.raises(MissingDataError, match="fewer than three"):
        measures.prediction_factor(data, depth=2, rank={"at_most": 2})
    data["harm_settled"][0, 1, :] = False
    assert measures.prediction_factor(data, "largest", depth=2) == pytest.approx(1.3)
    with pytest.raises(MissingDataError, match="fewer than three"):
        measures.prediction_factor(data, depth=3)


def test_nothing_is_judged_by_what_is_left_where_runs_diverged():
    claim = STUDY_CLAIMS["extensions"]["x1b"]
    data = window([0.1, 0.2, 0.3], 0)
    lost = data.where(data["depth"] != 4).assign_coords(diverged=(("seed", "depth"), [[False, False, True]]))
    with pytest.raises(MissingDataError, match=r"^training diverged in 1 of the 3 cells it looks at$"):
        judge_claim(claim, lost)
    elsewhere = claim.model_copy(update={"arguments": claim.arguments | {"depth": {"at_most": 3}}})
    assert judge_claim(elsewhere, lost).holds


def test_a_number_for_each_value_of_another_axis_is_not_one_for_each_seed():
    claim = STUDY_CLAIMS["extensions"]["x2c"].model_copy(update={"measure": "change_by_deficit"})
    data = dataset({"depth": [2, 3], "switch_epoch": [0, 100]}, error=[[0, 1], [0, 2]])
    open_axis, one_depth = ({"variable": "error"} | where for where in ({}, {"depth": 2}))
    with pytest.raises(MissingDataError, match=r"^change_by_deficit gives a number for each depth, not one a seed$"):
        judge_claim(claim.model_copy(update={"arguments": open_axis}), data)
    assert judge_claim(claim.model_copy(update={"arguments": one_depth}), data).n_seeds == 1

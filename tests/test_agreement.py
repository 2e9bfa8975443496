"""The table that compares the solvers."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import REPOSITORY

from critical_periods.analysis.compare import compare_variants, judge_comparison
from critical_periods.configuration.studies import studies
from critical_periods.planning.plan import Plan

COMPARED = ("reconstruction_error", "exact")


def errors(shift=0.0, depths=(2, 3)):
    values = np.arange(2.0 * len(depths)).reshape(1, len(depths), 2) + shift
    return xr.Dataset(
        {"reconstruction_error": (("seed", "depth", "switch_epoch"), values)},
        {"seed": [0], "depth": list(depths), "switch_epoch": [0, 1000]},
    )


def test_every_cell_and_switch_epoch_has_a_row_with_differences():
    flow = errors()
    flow["reconstruction_error"].loc[0, 3, 1000] -= 0.25
    rows = compare_variants(
        {
            "exact": {"depth": errors()},
            "gradient_flow": {"depth": flow},
            "strides": {"depth": errors(0.01)},
        },
        *COMPARED,
    )
    assert list(zip(rows["cell"], rows["switch_epoch"], strict=True)) == [
        ("seed=0, depth=2", 0),
        ("seed=0, depth=2", 1000),
        ("seed=0, depth=3", 0),
        ("seed=0, depth=3", 1000),
    ]
    assert list(rows["gradient_flow"]) == [0, 1, 2, 2.75]
    assert list(rows["gradient_flow_difference"]) == [0, 0, 0, -0.25]
    assert list(rows["strides_difference"]) == pytest.approx([0.01] * 4)


def test_a_variant_may_be_called_as_an_axis():
    rows = compare_variants({"depth": {"e": errors(0.5)}, "seed": {"e": errors()}}, "reconstruction_error", "seed")
    assert set(rows["depth_difference"]) == {0.5}
    assert rows["cell"][0] == "seed=0, depth=2"


def test_solvers_that_computed_different_cells_are_refused():
    with pytest.raises(ValueError, match="experiment 'depth': the variants computed different cells"):
        compare_variants(
            {
                "exact": {"depth": errors()},
                "gradient_flow": {"depth": errors(depths=(2, 4))},
                "strides": {"depth": errors()},
            },
            *COMPARED,
        )


def test_claims_are_judged_on_the_largest_and_the_median_difference():
    gaps = {"descent": [0.0, 3e-6, 0.0, 0.0], "strides": [0.0, -2e-6, 1e-6, 1e-6], "flow": [0.0, np.nan, 0.0, 0.0]}
    table = pd.DataFrame({f"{name}_difference": gap for name, gap in gaps.items()})
    said = {"statement": "S", "why": "W", "or_of": None}
    claims = {
        "1": said | {"variant": "strides", "over": "largest", "at_most": 1e-6},
        "2": said | {"variant": "strides", "over": "largest", "at_most": 1e-6, "or_of": "descent"},
        "3": said | {"variant": "strides", "over": "median", "at_most": 1e-6},
        "4": said | {"variant": "flow", "over": "largest", "at_most": 1.0},
    }
    judged = judge_comparison(table, claims)
    assert list(judged["id"]) == ["1", "2", "3", "4"]
    assert list(judged["holds"]) == [False, True, True, False]
    assert list(judged["value"][:3]) == [2e-6, 2e-6, 1e-6]
    assert list(judged["threshold"][:3]) == [1e-6, 3e-6, 1e-6]


def test_every_solver_computes_the_same_cells(config):
    study = studies(config, [REPOSITORY / "studies/agreement.yaml"])["agreement"]
    assert (study.compare.variable, study.compare.reference) == COMPARED
    plans = {run.split("/")[1]: Plan(settings) for run, settings in study.runs.items()}
    names = {"depth", "pretrain_rank", "partial_observations", "n_observed", "init_scale", "seeds"}
    assert set(plans["exact"].experiments) == names | {"partial_observations_depth"}
    identities = [set(plan.bundle_of) for plan in plans.values()]
    assert len(set.union(*identities)) == sum(map(len, identities))

"""The table that compares the solvers."""

import numpy as np
import pytest
import xarray as xr
from conftest import REPOSITORY

from critical_periods.analysis.compare import compare_variants
from critical_periods.configuration.studies import studies
from critical_periods.planning.plan import Plan

COMPARED = ("reconstruction_error", "gradient_descent")


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
            "gradient_descent": {"depth": errors()},
            "gradient_flow": {"depth": flow},
            "shadowing": {"depth": errors(0.01)},
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
    assert list(rows["shadowing_difference"]) == pytest.approx([0.01] * 4)


def test_a_variant_may_be_called_as_an_axis():
    rows = compare_variants({"depth": {"e": errors(0.5)}, "seed": {"e": errors()}}, "reconstruction_error", "seed")
    assert set(rows["depth_difference"]) == {0.5}
    assert rows["cell"][0] == "seed=0, depth=2"


def test_solvers_that_computed_different_cells_are_refused():
    with pytest.raises(ValueError, match="experiment 'depth': the variants computed different cells"):
        compare_variants(
            {
                "gradient_descent": {"depth": errors()},
                "gradient_flow": {"depth": errors(depths=(2, 4))},
                "shadowing": {"depth": errors()},
            },
            *COMPARED,
        )


def test_gradient_descent_shares_its_cells_with_the_figures(config):
    figures = Plan(config)
    study = studies(config, [REPOSITORY / "studies/agreement.yaml"])["agreement"]
    assert (study.compare.variable, study.compare.reference) == COMPARED
    plans = {run.split("/")[1]: Plan(settings) for run, settings in study.runs.items()}
    names = {"depth", "pretrain_rank", "partial_observations", "n_observed", "init_scale", "seeds"}
    assert set(plans["gradient_descent"].experiments) == names | {"partial_observations_depth"}
    assert plans["gradient_descent"].bundles.keys() <= figures.bundles.keys()
    identities = [set(plan.bundle_of) for plan in plans.values()]
    assert len(set.union(*identities)) == sum(map(len, identities))

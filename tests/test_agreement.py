"""The table that compares the solvers."""

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from critical_periods.agreement import agreement_table, largest_differences, write_table
from critical_periods.experiments import Plan
from critical_periods.runs import COMPARED, compared

REPOSITORY = Path(__file__).parents[1]


def errors(shift=0.0, depths=(2, 3)):
    values = np.arange(2.0 * len(depths)).reshape(1, len(depths), 2) + shift
    return xr.Dataset(
        {"reconstruction_error": (("seed", "depth", "switch_epoch"), values)},
        {"seed": [0], "depth": list(depths), "switch_epoch": [0, 1000]},
    )


def test_every_cell_and_switch_epoch_has_a_row_with_differences(tmp_path):
    flow = errors()
    flow["reconstruction_error"].loc[0, 3, 1000] -= 0.25
    rows = agreement_table(
        {
            "gradient_descent": {"depth": errors()},
            "gradient_flow": {"depth": flow},
            "shadowing": {"depth": errors(0.01)},
        }
    )
    assert [(row["cell"], row["switch_epoch"]) for row in rows] == [
        ("seed=0, depth=2", 0),
        ("seed=0, depth=2", 1000),
        ("seed=0, depth=3", 0),
        ("seed=0, depth=3", 1000),
    ]
    largest = largest_differences(rows)
    assert largest["gradient_flow"]["gradient_flow_difference"] == -0.25
    assert largest["gradient_flow"]["cell"] == "seed=0, depth=3"
    assert largest["shadowing"]["shadowing_difference"] == pytest.approx(0.01)
    write_table(rows, tmp_path / "agreement.csv")
    with open(tmp_path / "agreement.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 4
    assert float(table[3]["gradient_flow"]) == 2.75


def test_solvers_that_computed_different_cells_are_refused():
    with pytest.raises(ValueError, match="experiment 'depth': the solvers computed different cells"):
        agreement_table(
            {
                "gradient_descent": {"depth": errors()},
                "gradient_flow": {"depth": errors(depths=(2, 4))},
                "shadowing": {"depth": errors()},
            }
        )


def test_gradient_descent_shares_its_cells_with_the_figures():
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())
    figures = Plan(config, schema)
    plans = {solver: Plan(compared(config, solver), schema) for solver in COMPARED}
    names = {"depth", "pretrain_rank", "partial_observations", "n_observed", "init_scale", "seeds"}
    assert set(plans["gradient_descent"].experiments) == names | {"partial_observations_depth"}
    assert plans["gradient_descent"].bundles.keys() <= figures.bundles.keys()
    identities = [set(plan.bundle_of) for plan in plans.values()]
    assert len(set.union(*identities)) == sum(map(len, identities))

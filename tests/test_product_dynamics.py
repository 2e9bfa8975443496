"""Theory beside training: what the simulations of figures 9 and 10 depend on."""

import numpy as np
import pytest
import xarray as xr
from test_tasks import another_svd

from critical_periods.models.product_matrix.simulation.simulate import simulate_shared_modes, simulate_singular_flow


@pytest.fixture
def parameters(config):
    """Cells of both models, small enough to train in no time."""
    small = {"seed": 0, "size": 12, "n_observed": 70, "init_scale": 0.01, "record_every": 20, "dtype": "float64"}
    return {
        "singular_flow": config["models"]["singular_flow"]
        | small
        | {"pretrain_rank": 3, "switch_epochs": [0, 100], "final_epochs": 100, "init_spread": 0.001},
        "shared_modes": config["models"]["shared_modes"] | small | {"pretrain_epochs": 200, "final_epochs": 200},
    }


@pytest.mark.parametrize("final_rank", [3, 7])
def test_shared_modes_do_not_depend_on_the_basis_that_the_linear_algebra_returns(parameters, monkeypatch, final_rank):
    cell = parameters["shared_modes"] | {"final_rank": final_rank}
    expected = simulate_shared_modes(cell)
    monkeypatch.setattr(np.linalg, "svd", another_svd(1))
    xr.testing.assert_allclose(simulate_shared_modes(cell), expected, rtol=1e-8, atol=1e-10)
    other = simulate_shared_modes(cell | {"seed": 1})
    assert not np.allclose(other["singular_value"], expected["singular_value"])


def test_singular_flow_does_not_depend_on_the_basis_that_the_linear_algebra_returns(parameters, monkeypatch):
    expected = simulate_singular_flow(parameters["singular_flow"])
    monkeypatch.setattr(np.linalg, "svd", another_svd(1))
    again = simulate_singular_flow(parameters["singular_flow"])
    xr.testing.assert_allclose(again, expected, rtol=1e-8, atol=1e-10)

"""Short simulations of every model give the values in `stored_values.yaml`, whatever the processor.

A change of the science changes them: `PYTHONPATH=src python tests/test_stored_values.py` writes them anew.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY

from critical_periods.dynamics.engines import using
from critical_periods.models.matrix_completion.simulation.simulate import complete, pretrain
from critical_periods.models.pathways.simulation.simulate_network import simulate_network
from critical_periods.models.pathways.simulation.simulate_scalar import simulate_scalar
from critical_periods.models.product_matrix.simulation.simulate import simulate_shared_modes, simulate_singular_flow
from critical_periods.planning.plan import Plan

STORED = REPOSITORY / "tests/stored_values.yaml"

#: Model -> what simulates a cell of it, and the variables whose values are stored.
MODELS = {
    "matrix_completion": (
        lambda cell: complete([cell], pretrain([cell]))[0],
        ("reconstruction_error", "singular_value", "effective_rank", "alignment", "sharpness"),
    ),
    "scalar_pathways": (simulate_scalar, ("pathway_singular_value", "share")),
    "pathway_network": (simulate_network, ("pathway_singular_value", "train_loss")),
    "singular_flow": (simulate_singular_flow, ("singular_value",)),
    "shared_modes": (simulate_shared_modes, ("singular_value", "relative_difference")),
}

MATRIX = {
    "size": 16,
    "n_observed": 120,
    "final_rank": 2,
    "pretrain_rank": 4,
    "learning_rate": 0.5,
    "init_scale": 0.01,
    "switch_epochs": [0, 300],
    "final_epochs": 300,
    "record_every": 100,
    "n_singular_values": 5,
    "diagnostics": True,
    "sharpness": True,
}
SCALAR = {"depth": 4, "n_trajectories": 3, "record_every": 100, "epochs": 300, "portrait": False}
NETWORK = {"width": 12, "depth": 3, "record_every": 100, "epochs": 300}
PRODUCT = {"size": 12, "n_observed": 100, "init_scale": 0.01, "learning_rate": 0.5, "record_every": 100}

#: Update by update: what is stored is that, to rounding.
DESCENT = {"solver": "gradient_descent"}

#: Simulation -> model, shared settings and parameters of its one cell; what they leave out is the paper's.
SIMULATIONS = {
    "descent_float32": ("matrix_completion", DESCENT | {"dtype": "float32"}, MATRIX),
    "descent_float64": ("matrix_completion", DESCENT | {"dtype": "float64"}, MATRIX),
    "descent_tanh": ("matrix_completion", DESCENT | {"dtype": "float64"}, MATRIX | {"activation": "tanh"}),
    "flow_float64": ("matrix_completion", {"dtype": "float64", "solver": "gradient_flow"}, MATRIX),
    "flow_float32": ("matrix_completion", {"dtype": "float32", "solver": "gradient_flow"}, MATRIX),
    "digits": (
        "matrix_completion",
        DESCENT | {"dtype": "float64"},
        MATRIX
        | {"size": 64, "n_observed": 1260, "pretrain_matrix": "digits", "sharpness": False}
        | {"switch_epochs": [0, 60], "final_epochs": 60, "record_every": 60},
    ),
    "scalar_descent": ("scalar_pathways", {}, SCALAR),
    "scalar_flow": ("scalar_pathways", {"solver": "gradient_flow"}, SCALAR),
    "network_linear": ("pathway_network", {}, NETWORK),
    "network_relu": ("pathway_network", {}, NETWORK | {"activation": "relu"}),
    "singular_flow": (
        "singular_flow",
        {},
        PRODUCT | {"pretrain_rank": 3, "switch_epochs": [0, 200], "final_epochs": 300, "init_spread": 0.001},
    ),
    "shared_modes": ("shared_modes", {}, PRODUCT | {"n_observed": 60, "pretrain_epochs": 200, "final_epochs": 200}),
}
#: What a value may differ by, relative to the largest of its variable, and digits stored, by precision of training.
TOLERANCES, DIGITS = {"float64": 1e-9, "float32": 1e-5}, {"float64": 13, "float32": 8}


def simulated(name):
    """Values of a simulation, variable -> numbers, and the precision of its training."""
    model, shared, parameters = SIMULATIONS[name]
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    experiment = {"title": name, "model": model, "seeds": [0], "set": parameters}
    plan = Plan(config | shared | {"experiments": {name: experiment}, "figures": {}, "claims": {}})
    (cell,) = plan.experiments[name].cells.values()
    simulate, variables = MODELS[model]
    dataset = simulate(cell.parameters)
    values = {variable: dataset[variable] for variable in variables if variable in dataset}
    if "switch_epoch" in dataset.dims:
        values["singular_value"] = values["singular_value"].isel(switch_epoch=-1).dropna("epoch")
    return (
        {variable: array.values.ravel().tolist() for variable, array in values.items()},
        cell.parameters.get("dtype", "float64"),
    )


def compare(name):
    values, precision = simulated(name)
    stored = yaml.safe_load(STORED.read_text())[name]
    assert values.keys() == stored.keys()
    for variable, expected in stored.items():
        atol = TOLERANCES[precision] * np.abs(expected).max()
        np.testing.assert_allclose(values[variable], expected, rtol=0, atol=atol, err_msg=f"{name}: {variable}")


@pytest.mark.parametrize("engine", ["numpy", "torch"])
@pytest.mark.parametrize("name", SIMULATIONS)
def test_simulations_give_the_values_stored(name, engine):
    with using(engine):
        compare(name)


def test_values_stored_hold_without_the_vector_instructions_of_this_processor():
    plain = os.environ | {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Prescott"}
    plain["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY / "tests")])
    code = """
from test_stored_values import SIMULATIONS, compare, using
for engine in ("numpy", "torch"):
    with using(engine):
        [compare(name) for name in SIMULATIONS]
"""
    done = subprocess.run([sys.executable, "-c", code], env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    stored = {}
    for name in SIMULATIONS:
        values, precision = simulated(name)
        stored[name] = {
            variable: [float(f"{value:.{DIGITS[precision]}g}") for value in numbers]
            for variable, numbers in values.items()
        }
    text = yaml.safe_dump(stored, default_flow_style=None, sort_keys=False, width=119)
    STORED.write_text(f"# Written by: PYTHONPATH=src python tests/{os.path.basename(__file__)}\n{text}")

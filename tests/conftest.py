import os
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

REPOSITORY = Path(__file__).parent.parent

# Machines are shared: how long an example takes says nothing. Under CI the examples are the same in every run.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def schema():
    return yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture
def config():
    """The paper's configuration, free to be changed by a test."""
    return yaml.safe_load((REPOSITORY / "config.yaml").read_text())


@pytest.fixture
def cell():
    """Parameters of a matrix-completion cell small enough to train in no time."""
    return {
        "seed": 3,
        "size": 12,
        "depth": 3,
        "n_observed": 60,
        "final_rank": 2,
        "pretrain_task": "other",
        "pretrain_rank": 4,
        "pretrain_n_observed": 60,
        "init_scale": 0.05,
        "learning_rate": 0.3,
        "switch_epochs": [0, 7, 30],
        "final_epochs": 40,
        "record_every": 10,
        "n_singular_values": 5,
        "balancedness": False,
        "observations": "random",
        "pretrain_matrix": "random",
        "final_matrix": "random",
        "onset": 0,
        "activation": "linear",
        "epochs_at_rate": None,
        "cycle_factor": 1.0,
        "cycle_epochs": None,
        "diagnostics": False,
        "sharpness": False,
        "solver": "gradient_descent",
        "dtype": "float64",
        "device": "cpu",
    }

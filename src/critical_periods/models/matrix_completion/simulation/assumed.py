"""What theories of the closing cover of a cell of matrix completion, and what they assume of it."""

from __future__ import annotations

from types import MappingProxyType

from critical_periods.solvers import SOLVERS

#: Parameters that theories of the closing cover: what the first task's modes grow by, what counts or records epochs,
#: and what comes after the first task. Those of a cure are of no meaning without one.
COVERS = frozenset(
    {"seed", "solver", *SOLVERS, "dtype", "device", "size", "depth", "init_scale", "learning_rate", "imbalance"}
    | {"pretrain_rank", "pretrain_n_observed", "pretrain_order", "n_held_out", "normalized"}
    | {"n_observed", "final_rank", "final_matrix", "final_epochs", "cycle_factor", "cycle_epochs"}
    | {"cure_strength", "cure_epochs", "cure_onset", "cure_layer"}
    | {"switch_epochs", "epochs_at_rate", "record_every", "n_singular_values"}
    | {"balancedness", "diagnostics", "sharpness"}
)

#: What they assume of others.
ASSUMED = MappingProxyType(
    {
        "onset": 0,
        "activation": "linear",
        "observations": "random",
        "pretrain_matrix": "random",
        "pretrain_task": "other",
        "frozen_layer": None,
        "pretrain_observations": None,
        "pretrain_overlap": None,
        "cure": None,
        "layer_ratio": 1,
    }
)

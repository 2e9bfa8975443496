"""What the datasets of deep matrix completion hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from critical_periods.models.registry import AXES, Variable, closings, learning_variables

#: Recorded quantities whose last value is the result, and what led there their history: name -> long names of both,
#: label, further axes, and the parameter that asks for them.
_RESULTS = {
    "reconstruction_error": (
        "reconstruction error on the final task, after all of training",
        "mean squared error over all entries of the task of the phase",
        *("reconstruction error", (), ""),
    ),
    "effective_rank": (
        "effective rank of W after all of training",
        "effective rank of W",
        *("effective rank of $W$", (), "diagnostics"),
    ),
    "nuclear_norm": (
        "nuclear norm of W after all of training",
        "nuclear norm of W",
        *("nuclear norm of $W$", (), "diagnostics"),
    ),
    "alignment": (
        "alignment of W's leading singular vectors with the task's, after all of training",
        "alignment of W's leading singular vectors with the task's",
        *("alignment with the task", ("task",), "diagnostics"),
    ),
    "sharpness": (
        "largest eigenvalue of the loss's Hessian after all of training",
        "largest eigenvalue of the loss's Hessian",
        *("sharpness", (), "sharpness"),
    ),
}


def _cured(parameters: Mapping[str, Any]) -> bool:
    return "cure" in parameters


def _variables() -> dict[str, Variable]:
    over = ("switch_epoch", "epoch")
    found = AXES | {
        "task": Variable("task whose singular vectors W is compared with", label="task"),
        "relative_accuracy": Variable(
            "error without the deficit minus error with it",
            *("1", "relative accuracy", ("switch_epoch",)),
            signed=-1,
            reading="below 0 is harm; a network that has learned nothing has an error of 1, so that below -1 "
            "what it has learned is worse than nothing",
        ),
        "recovery": Variable(
            "share of the error lost to the deficit that the cure brings back",
            *(
                "1",
                "share of the lost accuracy that is recovered",
                ("switch_epoch",),
                _cured,
            ),
            reading="1 is a network that no deficit has harmed; missing where the deficit alone does no harm",
        ),
        "recovery_epochs": Variable(
            "epochs from the switch on until half of the error lost to the longest deficit is back for good",
            *("epoch", "epochs until half is back", (), _cured),
        ),
        "predicted_recovery_epochs": Variable(
            "predicted epochs from the switch on until half of the error lost is back",
            *("epoch", "predicted epochs until half is back", (), _cured),
        ),
        "train_loss": Variable("training loss on the task of the phase", dims=over),
        "singular_value": Variable(
            "singular value of the product matrix W", "1", "singular value of $W$", (*over, "mode")
        ),
        "balancedness": Variable(
            "largest entry of |W_(j+1)^T W_(j+1) - W_j W_j^T| over layers",
            *("1", "largest imbalance of the factors", over, "balancedness"),
        ),
    }
    for name, (result, history, label, axes, needs) in _RESULTS.items():
        found[name] = Variable(result, "1", label, ("switch_epoch", *axes), needs)
        found[f"{name}_history"] = Variable(history, "1", label, (*over, *axes), needs)
    of_stages = {
        "learned_epoch": Variable(
            "epoch at which a mode of the first task is half learned, by stages",
            *("epoch", "learned, by stages (epoch)", ("mode",)),
            theory=True,
        ),
        "staged_closing": Variable(
            "closing predicted by stages: deficit that does half the harm",
            *("epoch", "predicted closing (epochs)", ()),
            theory=True,
        ),
        "harm_settled": Variable("whether the longest deficit has done all its harm", dims=(), theory=True),
    }
    return found | learning_variables("the run without a deficit or a cure") | closings() | of_stages


VARIABLES = _variables()

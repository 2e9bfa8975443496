"""Deep matrix completion (section 4; figs 4, 5, 6, 8, 13)."""

from collections.abc import Mapping
from typing import Any

from critical_periods.models.matrix_completion.cost import completion_cost, pretraining_cost
from critical_periods.models.matrix_completion.model import MatrixCompletion, first_task, pretraining
from critical_periods.models.registry import AXES, Model, Simulation, Variable, closings, learning_variables

_HERE = "critical_periods.models.matrix_completion"
_CODE = f"{_HERE}.simulation"

#: Times in which modes are learned.
_CLOSED_FORM = "models/product_matrix/simulation/closed_form.py"

PUBLIC = {
    "Tasks": {name: f"{_CODE}.tasks:{name}" for name in ("low_rank_matrix", "digits_matrix", "observation_mask")},
    "Landscapes": {name: f"{_CODE}.landscape:{name}" for name in ("Factorization", "initial_weights")},
    "Theory": {"task_closing": f"{_HERE}.theory:task_closing"},
    "Measures": {"matrix_measures": f"{_HERE}.measures"},
}

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
                "share of the lost error that comes back",
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


MODELS = (
    Model(
        name="matrix_completion",
        parameters=MatrixCompletion,
        simulation=Simulation(
            cells="matrix_completion",
            rule="train",
            simulate=f"{_CODE}.simulate:complete",
            batch_key=f"{_CODE}.simulate:batch_key",
            message="Training on the final task, {cells}; progress in {log}",
            minutes=(120, 20),
            checkpoints=True,
            cost=completion_cost,
        ),
        first=Simulation(
            cells="pretraining",
            rule="pretrain",
            simulate=f"{_CODE}.simulate:pretrain",
            batch_key=f"{_CODE}.simulate:batch_key",
            message="Pre-training, {cells}; progress in {log}",
            minutes=(60, 10),
            checkpoints=True,
            cost=pretraining_cost,
        ),
        first_of=pretraining,
        theory=Simulation(
            cells="learning_stages",
            rule="learning_stages",
            simulate=f"{_CODE}.stages:simulate",
            message="Stages of learning the first task in theory, {cells}; progress in {log}",
            minutes=(10, 1),
            cells_per_job=64,
            uses=(_CLOSED_FORM,),
            cost=lambda parameters: (0.3 * (parameters["size"] / 100) ** 3, 3e4),
        ),
        theory_of=first_task,
        bundled_by="solver",
        axis_values=lambda parameters: {
            "switch_epoch": parameters["switch_epochs"],
            "task": ("first", "final"),
            "mode": range(1, parameters["n_singular_values"] + 1),
        },
        predict=f"{_HERE}.theory:predict",
        derive=f"{_HERE}.derived:derive",
        uses=(_CLOSED_FORM,),
        variables=_variables(),
    ),
)

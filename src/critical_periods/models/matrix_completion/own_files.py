"""What matrices and masks from files allow of the other parameters: size, ranks, numbers of entries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from critical_periods.configuration.fields import ConfigError
from critical_periods.dynamics.precision import PRECISIONS
from critical_periods.dynamics.real_matrices import OwnMatrix, is_own, own_matrix
from critical_periods.models.registry import check_at_most

if TYPE_CHECKING:
    from critical_periods.models.matrix_completion.model import MatrixCompletion

TASKS = ("final", "pretrain")


def named(parameters: MatrixCompletion) -> dict[str, str]:
    """Parameters that can name a file and count, and what they name; the task `same` has the final task's matrix."""
    names = ["final_matrix", *["pretrain_matrix"] * (parameters.pretrain_task == "other"), "observations"]
    return {name: getattr(parameters, name) for name in names}


def names_by_content(parameters: MatrixCompletion) -> dict[str, str]:
    """The same for those that name a file, called by what it holds: the identity of a cell knows no paths."""
    return {name: own_matrix(word).name for name, word in named(parameters).items() if is_own(word)}


def all_observed(parameters: MatrixCompletion, task: str) -> int:
    """How many entries of a task are observed where all are that can be."""
    known, candidates = _entries(parameters, task)
    return min(candidates, known - parameters.n_held_out)


def check_files(place: str, parameters: MatrixCompletion) -> None:
    """Refuse files that hold no matrix of the size, and ranks and numbers of entries that they rule out.

    Parameters
    ----------
    place
        Key of the experiment, for errors.
    parameters
        The parameters.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        With the parameter, its value, and what was found.
    """
    words = named(parameters)
    own = {name: _read(f"{place}: {name}", word) for name, word in words.items() if is_own(word)}
    for name, matrix in own.items():
        rows, columns = matrix.shape
        longer = max(matrix.shape)
        allowed = f"{longer}, the longer side of {words[name]}, {rows} x {columns}"
        parameters.require(place, "size", parameters.size == longer, allowed)
        for other in words if rows != columns else ():
            fits = other == "observations" or (other in own and own[other].shape == matrix.shape)
            parameters.require(place, other, fits, f"a file of {rows} x {columns} entries, as that of {name}")
    if "observations" in own:
        mask = own["observations"].values
        parameters.require(place, "observations", bool(((mask == 0) | (mask == 1)).all()), "a file of ones and zeros")
    for task in TASKS:
        if f"{task}_matrix" in words:
            _check_rank(place, parameters, task, own.get(f"{task}_matrix"))
            _check_magnitude(place, parameters, task, own.get(f"{task}_matrix"))
    _check_entries(place, parameters)


def _read(place: str, word: str) -> OwnMatrix:
    try:
        return own_matrix(word)
    except (ValueError, OSError) as error:
        raise ConfigError(place, word, str(error)) from None


def _check_rank(place: str, parameters: MatrixCompletion, task: str, own: OwnMatrix | None) -> None:
    name, word = f"{task}_rank", getattr(parameters, f"{task}_matrix")
    rank = getattr(parameters, name)
    needs = f"a matrix that is {word}" if own is None else "diagnostics"
    free = own is not None and not parameters.diagnostics
    parameters.require(place, name, rank is not None or free, f"a number for {needs}")
    if own is not None and rank is not None:
        missing = int((~own.known).sum())
        parameters.require(place, name, not missing, f"null for {word}, of which {missing} entries are missing")
        check_at_most(place, parameters, (name,), own.rank, f"{own.rank}, the rank of {word}")


def _check_magnitude(place: str, parameters: MatrixCompletion, task: str, own: OwnMatrix | None) -> None:
    """Refuse a matrix that is trained on as it is, but whose squared entries the precision does not hold."""
    if own is None or parameters.normalized:
        return
    precision = PRECISIONS[parameters.dtype]
    least, most = math.sqrt(precision.smallest), math.sqrt(precision.largest) / parameters.size
    allowed = f"a file whose largest entry is {least:.2g} to {most:.2g} in {parameters.dtype}, or normalized = true"
    parameters.require(place, f"{task}_matrix", least <= own.largest <= most, f"{allowed}; it is {own.largest:.2g}")


def _check_entries(place: str, parameters: MatrixCompletion) -> None:
    """Refuse more observed and held-out entries than there are; blocks want all entries, and none held out."""
    for task, name in zip(TASKS, ("n_observed", "pretrain_n_observed"), strict=True):
        key, structure = _structure(parameters, task)
        known, candidates = _entries(parameters, task)
        most = all_observed(parameters, task)
        if structure == "random" or is_own(structure):
            which = f"{known} entries of the {task} task are known, {candidates} can be observed"
            parameters.require(place, "n_held_out", most >= 1, f"fewer: {which}")
            wanted = getattr(parameters, name) or parameters.n_observed or all_observed(parameters, "final")
            if wanted > most:
                held_out = f", {parameters.n_held_out} held out" * bool(parameters.n_held_out)
                raise ConfigError(f"{place}: {name}", wanted, f"1 to {most}: {which}{held_out}")
        else:
            given, whole = parameters.n_observed is not None, known == parameters.size**2
            parameters.require(place, "n_observed", given, f"a number where {key} = {structure}")
            allowed = "random, or a file of ones and zeros, where entries are missing or held out"
            parameters.require(place, key, whole and not parameters.n_held_out, allowed)


def _structure(parameters: MatrixCompletion, task: str) -> tuple[str, str]:
    """Parameter that says which entries of a task are observed, and what it says."""
    if task == "pretrain" and parameters.pretrain_observations is not None:
        return "pretrain_observations", parameters.pretrain_observations
    return "observations", parameters.observations


def _entries(parameters: MatrixCompletion, task: str) -> tuple[int, int]:
    """Entries of the matrix of a task that are known, and those of them that can be observed."""
    words = named(parameters)
    word, (_, observations) = words.get(f"{task}_matrix", words["final_matrix"]), _structure(parameters, task)
    known: Any = own_matrix(word).known if is_own(word) else True
    candidates = known & (own_matrix(observations).values == 1 if is_own(observations) else True)
    whole, observable = (parameters.size**2 if each is True else int(each.sum()) for each in (known, candidates))
    return whole, observable

"""Experiments without the workflow: in memory, the dataset that it would write."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any, Literal

import numpy as np
import xarray as xr

from critical_periods.analysis.assemble import assemble
from critical_periods.configuration.document import AxisValues
from critical_periods.configuration.fields import ConfigError, Section, Seeds, key, validated
from critical_periods.configuration.studies import merged
from critical_periods.declarations import model_named, paper_values, sentence_of
from critical_periods.dynamics.arrays import unwrapped
from critical_periods.dynamics.engines import using
from critical_periods.dynamics.real_matrices import PATTERN, Matrices, known
from critical_periods.dynamics.shared import Shared
from critical_periods.execution.jobs import run_batches
from critical_periods.models.registry import ModelSpec, Simulation
from critical_periods.planning.cells import Cell
from critical_periods.planning.descriptions import descriptions
from critical_periods.planning.plan import first_cell, grid_cells, theory_cells, told_apart
from critical_periods.storage.datasets import provenance, with_provenance
from critical_periods.storage.reading import show_tables


class _Arguments(Section):
    """Arguments of `simulate` that are no parameters of a model."""

    seeds: Seeds = key("Random draws.")
    vary: dict[str, AxisValues] = key("Parameters that vary, each with its list of values.")
    diverged: Literal["fail", "record"] = key("What a cell that diverges does.")
    engine: Literal["auto", "numpy", "torch"] = key("What computes.")
    theory: bool = key("Whether theory is computed beside.")


def simulate(
    model: str,
    vary: Mapping[str, Sequence[Any]] | None = None,
    seeds: Sequence[int] = (0,),
    *,
    diverged: str = "fail",
    engine: str = "auto",
    theory: bool = False,
    progress: Callable[[str], object] | None = None,
    **parameters: Any,
) -> xr.Dataset:
    """Simulate an experiment: every combination of seeds and values that vary is a cell.

    The same parameters as in the configuration give the same dataset, to the last bit, as the workflow writes. A cell
    is computed once, where several combinations ask for the same.

    >>> cp.simulate(model, vary={"depth": [2, 4]}, seeds=range(8), onset=0)

    Where the configuration names a file of a matrix or a mask, an array does as well: NaN where an entry is missing;
    of a mask, one where an entry can be observed and zero elsewhere.

    Parameters
    ----------
    model
        Name of a model, a key of `models` in the configuration.
    vary
        Parameter -> its values, in order; they take the place of one that is given beside.
    seeds
        Random draws.
    diverged
        What a cell that diverges does: "fail", or "record": it is NaN from there on, and the attribute `diverged` says
        why.
    engine
        What computes: "auto", NumPy on a CPU and torch on a GPU, or one of "numpy" and "torch".
    theory
        Whether what the model's theory says of every cell is computed beside it.
    progress
        Called with every line that a job's log would have; `print` shows them.
    **parameters
        Parameters that differ from the paper's, which `defaults` gives; what is given of `gradient_flow` is laid over
        the paper's.

    Returns
    -------
    xarray.Dataset
        Variables over `seed`, what varies and the axes that the model records, with long names, units, parameters,
        versions and a checksum as attributes; `critical_periods.storage.datasets.write` writes it.

    Raises
    ------
    critical_periods.configuration.fields.ConfigError
        If the model or a parameter is unknown, or a value is not allowed; of a model that the paper does not have, if
        a parameter is missing.
    critical_periods.dynamics.trajectories.DivergedError
        If a cell diverges and that is not to be recorded.
    critical_periods.dynamics.trajectories.SolverError
        If an integrator gives up.
    """
    show_tables()
    settings = model_named(model)
    arrays: dict[str, Any] = {}
    varied, set_ = (_as_configured(settings, arrays, given) for given in (vary or {}, parameters))
    given = {"seeds": _plain("seeds", seeds), "vary": varied, "diverged": diverged, "engine": engine, "theory": theory}
    arguments = validated(_Arguments, given, "simulate")
    with _told(progress), known(Matrices(arrays=arrays)):
        whole = merged(paper_values(settings), set_)
        axes, cells = grid_cells(settings, whole, arguments.seeds, arguments.vary, model)
        several = [name for name, values in axes.items() if len(values) > 1]
        with using(arguments.engine):
            computed = _computed(settings, cells.values(), several, diverged == "record")
            beside = theory_cells(settings, cells, "theory") if arguments.theory else {}
            if settings.theory is not None:
                computed |= _run(settings.theory, beside.values(), several, False)
    identities = [cell.id for cell in cells.values()]
    said = descriptions(settings, axes)
    theories = [cell.id for cell in beside.values()]
    beside_axes = said, settings.predict, settings.derive, diverged, theories, whole.get("epochs_at_rate")
    dataset = assemble(axes, identities, computed.__getitem__, *beside_axes)
    return with_provenance(dataset.assign_attrs(title=sentence_of(settings).rstrip(".")), provenance())


def _computed(
    model: type[ModelSpec], cells: Collection[Cell], varied: Sequence[str], record: bool
) -> dict[str, xr.Dataset]:
    """Datasets of cells by identity, after those that they need first."""
    if model.first is None:
        return _run(model, cells, varied, record)
    firsts = {cell.id: first_cell(cell) for cell in cells}
    before = _run(model.first, firsts.values(), varied, record)
    return _run(model, cells, varied, record, lambda identity: before[firsts[identity].id])


def _run(
    how: type[Simulation],
    cells: Collection[Cell],
    varied: Sequence[str],
    record: bool,
    first: Callable[[str], xr.Dataset] | None = None,
) -> dict[str, xr.Dataset]:
    parameters, apart = {cell.id: cell.parameters for cell in cells}, partial(told_apart, varied=varied)
    batch_key = how.batch_key if how.batched else None
    return run_batches(how.cells, parameters, how.simulate, batch_key, first, record, told_apart=apart)


#: What the thread's call of `simulate` wants to be told of, if anything.
_PROGRESS: ContextVar[Callable[[str], object] | None] = ContextVar("progress", default=None)


class _Telling(logging.Handler):
    """Hands what a thread logs to the function that its call of `simulate` was given."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of a record, if somebody asks."""
        if (progress := _PROGRESS.get()) is not None:
            progress(record.getMessage())


@contextmanager
def _logging() -> Iterator[None]:
    """Have the package log what tells of progress, for handlers to pick from."""
    logger, handler = logging.getLogger(__package__), _Telling()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


_LOGGING = Shared(_logging)


@contextmanager
def _told(progress: Callable[[str], object] | None) -> Iterator[None]:
    """Hand what this thread logs meanwhile to a function, line by line."""
    token = _PROGRESS.set(progress)
    try:
        with nullcontext() if progress is None else _LOGGING:
            yield
    finally:
        _PROGRESS.reset(token)


def _as_configured(model: type[ModelSpec], arrays: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values of parameters as the configuration has them: for a matrix a word, under which it is put among arrays."""
    properties = model.model_json_schema()["properties"]

    def word(name: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [word(f"{name}[{index}]", item) for index, item in enumerate(value)]
        if isinstance(value, str) and value.endswith(".npy") and value[:-4].partition("[")[0] in properties:
            return f"./{value}"  # a file that is called as an array would be
        if getattr(value, "ndim", 0) != 2:
            return _plain(name, value)
        arrays[f"{name}.npy"] = value
        return f"{name}.npy"

    return {
        name: word(name, value) if _takes_file(properties.get(name, {})) else _plain(name, value)
        for name, value in given.items()
    }


def _takes_file(schema: Mapping[str, Any]) -> bool:
    """Whether a parameter may name a file of a matrix."""
    return any(option.get("pattern") == PATTERN for option in (schema, *schema.get("anyOf", [])))


def _plain(name: str, value: Any) -> Any:
    """A value as the configuration has it: arrays, ranges and tuples are lists, NumPy's numbers numbers."""
    if isinstance(value, Mapping):
        return {key: _plain(f"{name}.{key}", item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(f"{name}[{index}]", item) for index, item in enumerate(value)]
    value = unwrapped(value)
    if np.ma.is_masked(value):
        raise ConfigError(name, value, "an array of which no entry is masked")
    return value.tolist() if hasattr(value, "tolist") else value

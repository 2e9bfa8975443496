"""What a job does: it checks its code, simulates the cells of its bundle that are new, and writes what it has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import xarray as xr

from critical_periods import plugins
from critical_periods.dynamics.engines import using
from critical_periods.dynamics.real_matrices import Matrices, known
from critical_periods.dynamics.trajectories import DivergedError, SolverError
from critical_periods.execution.checkpoints import Checkpoints
from critical_periods.execution.logs import log_to
from critical_periods.models.registry import simulations
from critical_periods.planning.cells import Cell
from critical_periods.planning.code import check_code
from critical_periods.storage.cells import ComputedCells, discard_cells, write_cells
from critical_periods.storage.datasets import Stored, parameters_attribute, write

logger = logging.getLogger(__name__)

#: What breaks a simulation down for reasons of its own; other cells of its bundle may be sound.
BREAKDOWNS = (DivergedError, SolverError)


class Job:
    """A job of the workflow, from its log to its files.

    Parameters
    ----------
    snakemake
        What Snakemake hands to a script; its `params.code` is as `critical_periods.planning.code.planned`.

    Raises
    ------
    critical_periods.planning.code.CodeChangedError
        If the code is not what the job was planned with.
    """

    def __init__(self, snakemake: Any) -> None:
        self.snakemake = snakemake
        self.logger = log_to(snakemake.log[0])
        plugins.load(snakemake.config.get("plugins", []))
        self.code: str = snakemake.params.code["fingerprint"]
        self.check_code()

    def check_code(self) -> None:
        """Compare the code with what the job was planned with: at its start, and again before it writes.

        Raises
        ------
        critical_periods.planning.code.CodeChangedError
            If it is another.
        """
        check_code(self.snakemake.params.code)

    def write(self, dataset: xr.Dataset) -> None:
        """Write a dataset as the job's only file."""
        self.check_code()
        write(dataset, self.snakemake.output[0], self.code)

    def simulate(self) -> None:
        """Simulate the cells of the bundle and write them; those that any job has computed before are taken over.

        What is done is kept when the job fails or is stopped: the next attempt goes on from there.
        """
        output, params = Path(self.snakemake.output[0]), self.snakemake.params
        how, folder = simulations()[params.simulation], output.parent / "checkpoints"
        kept = folder / output.name
        computed = ComputedCells([output.parent, folder], self.code, params.versions)
        record = self.snakemake.config["diverged"] == "record"
        done: dict[str, xr.Dataset] = {}
        for cell in params.cells:
            dataset = computed.take(cell)
            if dataset is not None and (record or "diverged" not in dataset.attrs):
                done[cell] = dataset
        taken = len(done)
        if taken:
            self.logger.info("%d of %d cells were computed before, taken over", taken, len(params.cells))
        new = {cell: parameters for cell, parameters in params.cells.items() if cell not in done}
        simulate: Callable[..., Any] = how.simulate
        checkpoints = self._checkpoints() if how.checkpoints else None
        if checkpoints is not None:
            simulate = partial(simulate, checkpoints=checkpoints)
        first = self._first() if params.first else None
        try:
            matrices = Matrices(files=self.snakemake.config.get("matrices"))
            with using(self.snakemake.config.get("engine", "auto")), known(matrices):
                run_batches(how.cells, new, simulate, how.batch_key if how.batched else None, first, record, done)
            self.check_code()
        except BaseException:
            if len(done) > taken:
                self.check_code()
                write_cells(done, kept, self.code)
            raise
        write_cells({cell: done[cell] for cell in params.cells}, output, self.code)
        discard_cells(kept)
        if checkpoints is not None:
            checkpoints.discard()

    def _first(self) -> Callable[[str], xr.Dataset]:
        """What reads, for a cell, what it needs to be computed before."""
        stored, first = Stored(self.snakemake.input), self.snakemake.params.first
        return lambda cell: stored.read(first[cell])

    def _checkpoints(self) -> Checkpoints:
        """Where gradient descent keeps its state while it lasts; a signal to stop makes it do so at once."""
        minutes = self.snakemake.config["checkpoint_minutes"]
        checkpoints = Checkpoints(self.snakemake.output[0], self.code, 60 * minutes)
        checkpoints.stop_on_signals()
        return checkpoints


def loaded(name: str) -> Any:
    """What `module:definition` names; None for ""."""
    module, _, definition = name.partition(":")
    return getattr(import_module(module), definition) if name else None


def run_batches(
    model: str,
    cells: Mapping[str, Mapping[str, Any]],
    simulate: Callable[..., Any],
    batch_key: Callable[[Mapping[str, Any]], Hashable | None] | None = None,
    first: Callable[[str], xr.Dataset] | None = None,
    record: bool = False,
    done: dict[str, xr.Dataset] | None = None,
    told_apart: Callable[[Sequence[Mapping[str, Any]]], str] = lambda cells: "",
) -> dict[str, xr.Dataset]:
    """Simulate the cells of a bundle, those that fit together as one batch, one batch after the other.

    Parameters
    ----------
    model
        The model of the cells.
    cells
        Identity -> parameters.
    simulate
        Called with the parameters of the cells of a batch, what each of them needs to be computed before, if it needs
        that, `progress`, what to call the batch in the log (None for silence), and `diverged`, "fail" or "record";
        returns their datasets. With "record" a run that diverges is NaN from there on and the attribute `diverged`
        says why. Without a `batch_key` it is called with the parameters of one cell and returns one dataset.
    batch_key
        Cells with the same key are one batch; None keeps a cell by itself.
    first
        Called with an identity, gives what a cell needs to be computed before.
    record
        Whether a cell that diverges is a result too.
    done
        Where to put results as they come; a new dictionary if not given.
    told_apart
        Called with the parameters of the cells of a batch, says for the log what tells them from others; "" for
        nothing.

    Returns
    -------
    dict
        `done`: identity -> dataset, with model and parameters as attributes.

    Raises
    ------
    DivergedError, SolverError
        If simulations break down, once all others are done; the error names the cells.
    """
    done = {} if done is None else done
    batches: dict[Hashable, list[str]] = {}
    for identity, parameters in cells.items():
        key = None if batch_key is None else batch_key(parameters)
        batches.setdefault(identity if key is None else key, []).append(identity)
    broken: list[Exception] = []
    begun = 0
    for batch in batches.values():
        names = f"cell {begun + 1}" if len(batch) == 1 else f"cells {begun + 1} to {begun + len(batch)}"
        begun += len(batch)
        said = told_apart([cells[identity] for identity in batch])
        # A cell that diverges must not take the rest of its batch with it.
        options = {
            "progress": f"{names} of {len(cells)}" + f" ({said})" * bool(said),
            "diverged": "record" if record or len(batch) > 1 else "fail",
        }
        try:
            if batch_key is None:
                datasets = [simulate(cells[batch[0]], **options)]
            else:
                firsts = [] if first is None else [[first(identity) for identity in batch]]
                datasets = simulate([cells[identity] for identity in batch], *firsts, **options)
        except BREAKDOWNS as error:
            broken.append(_named(error, [Cell(model, cells[identity]) for identity in batch]))
            continue
        for identity, dataset in zip(batch, datasets, strict=True):
            reason = dataset.attrs.get("diverged")
            if reason and not record:
                broken.append(_named(DivergedError(reason), [Cell(model, cells[identity])]))
                continue
            attributes = {"model": model, "parameters": parameters_attribute(cells[identity])}
            done[identity] = dataset.assign_attrs(attributes)
    if broken:
        for another in broken[1:]:
            logger.error("%s", another)
        more = f"; {len(broken) - 1} more in the log" if len(broken) > 1 else ""
        raise type(broken[0])(f"{broken[0]}{more}") from broken[0]
    return done


def _named(error: Exception, cells: Sequence[Cell]) -> Exception:
    """The error with the cells that it is about."""
    named = type(error)(f"{'; '.join(map(str, cells))}: {error}")
    named.__cause__ = error
    return named

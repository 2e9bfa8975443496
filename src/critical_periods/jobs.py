"""What a job does: it checks its code, simulates the cells of its bundle that are new, and writes what it has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from critical_periods.cells import LIST, ComputedCells, write_cells
from critical_periods.checkpoints import Checkpoints
from critical_periods.datasets import parameters_attribute, write
from critical_periods.experiments import Cell
from critical_periods.logs import log_to
from critical_periods.provenance import check_code
from critical_periods.trajectories import DivergedError, SolverError

logger = logging.getLogger(__name__)

#: What breaks a simulation down for reasons of its own; other cells of its bundle may be sound.
BREAKDOWNS = (DivergedError, SolverError)

#: Called with the parameters of the cells of a batch, their arguments if they have any, and `progress`, `diverged`.
Simulation = Callable[..., Sequence[xr.Dataset]]


class Job:
    """A job of the workflow, from its log to its files.

    Parameters
    ----------
    snakemake
        What Snakemake hands to a script. Its `params.code` is what `critical_periods.provenance.Code.planned` gave.

    Raises
    ------
    critical_periods.provenance.CodeChangedError
        If the code is not what the job was planned with.
    """

    def __init__(self, snakemake: Any) -> None:
        self.snakemake = snakemake
        self.logger = log_to(snakemake.log[0])
        self.code: str = snakemake.params.code["fingerprint"]
        self.check_code()

    def check_code(self) -> None:
        """Compare the code with what the job was planned with: at its start, and again before it writes.

        Raises
        ------
        critical_periods.provenance.CodeChangedError
            If it is another.
        """
        check_code(self.snakemake.params.code, Path(self.snakemake.scriptdir))

    def write(self, dataset: xr.Dataset) -> None:
        """Write a dataset as the job's only file."""
        self.check_code()
        write(dataset, self.snakemake.output[0], self.code)

    def simulate(
        self,
        model: str,
        simulate: Simulation,
        batch_key: Callable[[Mapping[str, Any]], Hashable | None] = lambda parameters: None,
        argument: Callable[[str], Any] | None = None,
    ) -> None:
        """Simulate the cells of the bundle and write them; those that any job has computed before are taken over.

        What is done is kept when the job fails or is stopped: the next attempt goes on from there.

        Parameters
        ----------
        model, simulate, batch_key, argument
            As of `run_batches`.
        """
        output, params = Path(self.snakemake.output[0]), self.snakemake.params
        folder = output.parent / "checkpoints"
        kept = folder / output.name
        computed = ComputedCells([output.parent, folder], self.code, params.versions)
        record = self.snakemake.config["diverged"] == "record"
        done: dict[str, xr.Dataset] = {}
        for cell in params.cells:
            dataset = computed.take(cell)
            if dataset is not None and (record or "diverged" not in dataset.attrs):
                done[cell] = dataset
        new = {cell: parameters for cell, parameters in params.cells.items() if cell not in done}
        if done:
            self.logger.info("%d of %d cells were computed before, taken over", len(done), len(params.cells))
        try:
            run_batches(model, new, simulate, batch_key, argument, record, done)
            self.check_code()
        except BaseException:
            if len(done) > len(params.cells) - len(new):
                self.check_code()
                write_cells(done, kept, self.code)
            raise
        write_cells({cell: done[cell] for cell in params.cells}, output, self.code)
        for path in (kept, kept.with_name(kept.stem + LIST)):
            path.unlink(missing_ok=True)

    def checkpoints(self) -> Checkpoints:
        """Where gradient descent keeps its state while it lasts; a signal to stop makes it do so at once."""
        minutes = self.snakemake.config["checkpoint_minutes"]
        checkpoints = Checkpoints(self.snakemake.output[0], self.code, 60 * minutes)
        checkpoints.stop_on_signals()
        return checkpoints


def one_by_one(simulate: Callable[..., xr.Dataset]) -> Simulation:
    """Simulation of batches of one from a function of the parameters of a cell."""

    def simulate_batch(batch: Sequence[Mapping[str, Any]], **options: Any) -> list[xr.Dataset]:
        return [simulate(parameters, **options) for parameters in batch]

    return simulate_batch


def run_batches(
    model: str,
    cells: Mapping[str, Mapping[str, Any]],
    simulate: Simulation,
    batch_key: Callable[[Mapping[str, Any]], Hashable | None] = lambda parameters: None,
    argument: Callable[[str], Any] | None = None,
    record: bool = False,
    done: dict[str, xr.Dataset] | None = None,
) -> dict[str, xr.Dataset]:
    """Simulate the cells of a bundle, those that fit together as one batch, one batch after the other.

    Parameters
    ----------
    model
        The model of the cells.
    cells
        Identity -> parameters.
    simulate
        Called with the parameters of the cells of a batch, their arguments if they have any, `progress`, what to call
        the batch in the log, and `diverged`, "fail" or "record"; returns their datasets. With "record" a run that
        diverges is NaN from there on and the attribute `diverged` says why.
    batch_key
        Cells with the same key are one batch; None keeps a cell by itself.
    argument
        Called with an identity, gives what a cell needs beside its parameters.
    record
        Whether a cell that diverges is a result too.
    done
        Where to put results as they come; a new dictionary if not given.

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
        key = batch_key(parameters)
        batches.setdefault(identity if key is None else key, []).append(identity)
    broken: list[Exception] = []
    begun = 0
    for batch in batches.values():
        names = f"cell {begun + 1}" if len(batch) == 1 else f"cells {begun + 1} to {begun + len(batch)}"
        begun += len(batch)
        extra = () if argument is None else ([argument(identity) for identity in batch],)
        # A cell that diverges must not take the rest of its batch with it.
        diverged = "record" if record or len(batch) > 1 else "fail"
        try:
            datasets = simulate(
                [cells[identity] for identity in batch],
                *extra,
                progress=f"{names} of {len(cells)}",
                diverged=diverged,
            )
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

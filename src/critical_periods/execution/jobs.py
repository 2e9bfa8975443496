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
from critical_periods.execution.checkpoints import CheckpointFiles
from critical_periods.execution.logs import log_to
from critical_periods.models.registry import simulations
from critical_periods.planning.cells import Cell
from critical_periods.planning.code import check_code
from critical_periods.storage.cells import StoredCells, cell_path, checksum_there, write_manifest
from critical_periods.storage.datasets import parameters_attribute, write
from critical_periods.storage.stamps import stamp

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
        self.stamp()

    def stamp(self) -> None:
        """Say beside the job's files what made them; the last that a job does."""
        stamp(Path(self.snakemake.output[0]), self.snakemake.params.made_by)

    def simulate(self) -> None:
        """Simulate the cells of the bundle that are not there yet, each written as it is done, and then the manifest.

        A job that fails or is stopped keeps what it has done: the next attempt goes on from there.
        """
        manifest, params = Path(self.snakemake.output[0]), self.snakemake.params
        how, record = simulations()[params.simulation], self.snakemake.config["diverged"] == "record"
        paths = {cell: cell_path(manifest.parent, cell) for cell in params.cells}
        done = {cell: found for cell, path in paths.items() if (found := checksum_there(path, record))}
        if done:
            self.logger.info("%d of %d cells were computed before", len(done), len(paths))
        new = {cell: parameters for cell, parameters in params.cells.items() if cell not in done}
        simulate: Callable[..., Any] = how.simulate
        checkpoints = self._checkpoints() if how.checkpoints else None
        if checkpoints is not None:
            simulate = partial(simulate, checkpoints=checkpoints)

        def keep(cell: str, dataset: xr.Dataset) -> None:
            self.check_code()
            done[cell] = write(dataset, paths[cell], self.code)

        matrices = Matrices(files=self.snakemake.config.get("matrices"))
        with using(self.snakemake.config.get("engine", "auto")), known(matrices):
            batch_key, first = how.batch_key if how.batched else None, self._first() if params.first else None
            run_batches(how.cells, new, simulate, batch_key, first, record, keep)
        self.check_code()
        write_manifest(manifest, {cell: done[cell] for cell in params.cells})
        if checkpoints is not None:
            checkpoints.discard()

    def stored(self) -> StoredCells:
        """The cells that the job's inputs, which are manifests, name."""
        return StoredCells(self.snakemake.input, self.snakemake.resources.latency)

    def _first(self) -> Callable[[str], xr.Dataset]:
        """What reads, for a cell, what it needs to be computed before."""
        stored, first = self.stored(), self.snakemake.params.first
        return lambda cell: stored.read(first[cell])

    def _checkpoints(self) -> CheckpointFiles:
        """Where gradient descent keeps its state while it lasts; a signal to stop makes it do so at once."""
        minutes = self.snakemake.config["checkpoint_minutes"]
        checkpoints = CheckpointFiles(self.snakemake.output[0], self.code, 60 * minutes)
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
    keep: Callable[[str, xr.Dataset], object] | None = None,
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
    keep
        Called with the identity and the dataset of every cell when its batch is done; if not given, all are returned.
    told_apart
        Called with the parameters of the cells of a batch, says for the log what tells them from others; "" for
        nothing.

    Returns
    -------
    dict
        Identity -> dataset, with model and parameters as attributes; empty where `keep` has them.

    Raises
    ------
    DivergedError, SolverError
        If simulations break down, once all others are done; the error names the cells.
    """
    done: dict[str, xr.Dataset] = {}
    keep = keep or done.__setitem__
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
            keep(identity, dataset.assign_attrs(attributes))
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

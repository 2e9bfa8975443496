"""Train the cells of a bundle on the final task, from their pre-trained weights on."""

from functools import partial

from critical_periods.checkpoints import Checkpoints
from critical_periods.datasets import Stored, write
from critical_periods.jobs import run_batches
from critical_periods.logs import log_to
from critical_periods.matrix_completion import batch_key, complete

log_to(snakemake.log[0])
minutes = snakemake.config["checkpoint_minutes"]
checkpoints = Checkpoints(snakemake.output[0], snakemake.params.code, 60 * minutes)
checkpoints.stop_on_signals()
simulate = partial(complete, checkpoints=checkpoints)
stored = Stored(snakemake.input)
pretraining = {cell: stored.read(first) for cell, first in snakemake.params.pretraining.items()}
datasets = run_batches("matrix_completion", snakemake.params.cells, simulate, batch_key, pretraining)
write(datasets, snakemake.output[0])
checkpoints.discard()

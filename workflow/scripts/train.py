"""Train the cells of a bundle on the final task, from their pre-trained weights on."""

from critical_periods.datasets import Stored, write
from critical_periods.jobs import run_batches
from critical_periods.logs import log_to
from critical_periods.matrix_completion import batch_key, complete

log_to(snakemake.log[0])
stored = Stored(snakemake.input)
pretraining = {cell: stored.read(first) for cell, first in snakemake.params.pretraining.items()}
datasets = run_batches("matrix_completion", snakemake.params.cells, complete, batch_key, pretraining)
write(datasets, snakemake.output[0])

"""Train the cells of a bundle on the final task, from their pre-trained weights on."""

from critical_periods.datasets import Stored, write
from critical_periods.jobs import run_cells
from critical_periods.logs import log_to
from critical_periods.matrix_completion import complete

log_to(snakemake.log[0])
stored = Stored(snakemake.input)
pretraining = {cell: stored.read(first) for cell, first in snakemake.params.pretraining.items()}
write(run_cells("matrix_completion", snakemake.params.cells, complete, pretraining), snakemake.output[0])

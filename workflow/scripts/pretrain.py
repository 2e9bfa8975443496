"""Pre-train the cells of a bundle and keep their weights at every switch epoch."""

from critical_periods.datasets import write
from critical_periods.jobs import run_batches
from critical_periods.logs import log_to
from critical_periods.matrix_completion import batch_key, pretrain

log_to(snakemake.log[0])
write(run_batches("pretraining", snakemake.params.cells, pretrain, batch_key), snakemake.output[0])

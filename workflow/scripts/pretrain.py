"""Pre-train the cells of a bundle and keep their weights at every switch epoch."""

from functools import partial

from critical_periods.checkpoints import Checkpoints
from critical_periods.datasets import write
from critical_periods.jobs import run_batches
from critical_periods.logs import log_to
from critical_periods.matrix_completion import batch_key, pretrain

log_to(snakemake.log[0])
minutes = snakemake.config["checkpoint_minutes"]
checkpoints = Checkpoints(snakemake.output[0], snakemake.params.code, 60 * minutes)
checkpoints.stop_on_signals()
simulate = partial(pretrain, checkpoints=checkpoints)
write(run_batches("pretraining", snakemake.params.cells, simulate, batch_key), snakemake.output[0])
checkpoints.discard()

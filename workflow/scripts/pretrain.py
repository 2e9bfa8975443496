"""Pre-train the cells of a bundle and keep their weights at every switch epoch."""

from functools import partial

from critical_periods.jobs import Job
from critical_periods.matrix_completion import batch_key, pretrain

job = Job(snakemake)
checkpoints = job.checkpoints()
job.simulate("pretraining", partial(pretrain, checkpoints=checkpoints), batch_key)
checkpoints.discard()

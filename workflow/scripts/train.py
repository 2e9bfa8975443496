"""Train the cells of a bundle on the final task, from their pre-trained weights on."""

from functools import partial

from critical_periods.datasets import Stored
from critical_periods.jobs import Job
from critical_periods.matrix_completion import batch_key, complete

job = Job(snakemake)
checkpoints = job.checkpoints()
stored = Stored(snakemake.input)
simulate = partial(complete, checkpoints=checkpoints)
job.simulate("matrix_completion", simulate, batch_key, lambda cell: stored.read(snakemake.params.pretraining[cell]))
checkpoints.discard()

"""Put the cells of an experiment side by side."""

from critical_periods.analysis.assemble import assemble
from critical_periods.execution.jobs import Job
from critical_periods.models.registry import models
from critical_periods.storage.datasets import Stored

job = Job(snakemake)
grid, said = snakemake.params.grid, snakemake.params.model
model = models()[said["name"]]
stored, diverged = Stored(snakemake.input), snakemake.params.diverged
settings = (said["descriptions"], model.predict, model.derive, diverged, grid["theory"], grid["epochs_at_rate"])
dataset = assemble(grid["axes"], grid["cells"], stored.read, *settings)
job.write(dataset.assign_attrs(title=grid["title"], experiment=grid["name"]))

"""Put the cells of an experiment side by side."""

from critical_periods.analysis.assemble import assemble
from critical_periods.execution.jobs import Job
from critical_periods.models.registry import models

job = Job(snakemake)
grid, said = snakemake.params.grid, snakemake.params.model
model = models()[said["name"]]
settings = (said["descriptions"], model.predict, model.derive, snakemake.params.diverged, grid["theory"])
dataset = assemble(grid["axes"], grid["cells"], job.stored().read, *settings, grid["epochs_at_rate"])
job.write(dataset.assign_attrs(title=grid["title"], experiment=grid["name"]))

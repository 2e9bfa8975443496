"""Put the cells of an experiment side by side."""

from critical_periods.analysis.assemble import assemble
from critical_periods.execution.jobs import Job, loaded
from critical_periods.storage.datasets import Stored

job = Job(snakemake)
grid, model = snakemake.params.grid, snakemake.params.model
predict, derive = (loaded(model[name]) for name in ("predict", "derive"))
stored, diverged = Stored(snakemake.input), snakemake.params.diverged
settings = (model["descriptions"], predict, derive, diverged, grid["theory"], grid["epochs_at_rate"])
dataset = assemble(grid["axes"], grid["cells"], stored.read, *settings)
job.write(dataset.assign_attrs(title=grid["title"], experiment=grid["name"]))

"""Put the cells of an experiment side by side."""

from critical_periods.aggregation import assemble
from critical_periods.datasets import Stored
from critical_periods.jobs import Job

job = Job(snakemake)
grid = snakemake.params.grid
stored = Stored(snakemake.input)
dataset = assemble(grid["axes"], grid["cells"], stored.read, snakemake.params.descriptions, snakemake.params.diverged)
job.write(dataset.assign_attrs(title=grid["title"], experiment=grid["name"]))

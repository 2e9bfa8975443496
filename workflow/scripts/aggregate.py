"""Put the cells of an experiment side by side."""

from critical_periods.aggregation import assemble
from critical_periods.datasets import Stored, write
from critical_periods.logs import log_to

log_to(snakemake.log[0])
grid = snakemake.params.grid
dataset = assemble(grid["axes"], grid["cells"], Stored(snakemake.input).read, snakemake.params.descriptions)
write(dataset.assign_attrs(title=grid["title"], experiment=grid["name"]), snakemake.output[0])

"""Train the multi-pathway networks of a bundle's cells, beside their scalar reduction."""

from critical_periods.datasets import write
from critical_periods.jobs import run_cells
from critical_periods.logs import log_to
from critical_periods.network_competition import simulate_network

log_to(snakemake.log[0])
write(run_cells("pathway_network", snakemake.params.cells, simulate_network), snakemake.output[0])

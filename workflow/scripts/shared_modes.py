"""Train the cells of a bundle beside their modes in closed form."""

from critical_periods.datasets import write
from critical_periods.jobs import run_cells
from critical_periods.logs import log_to
from critical_periods.product_dynamics import simulate_shared_modes

log_to(snakemake.log[0])
write(run_cells("shared_modes", snakemake.params.cells, simulate_shared_modes), snakemake.output[0])

"""Train the cells of a bundle beside the flow of their singular values and vectors."""

from critical_periods.datasets import write
from critical_periods.jobs import run_cells
from critical_periods.logs import log_to
from critical_periods.product_dynamics import simulate_singular_flow

log_to(snakemake.log[0])
write(run_cells("singular_flow", snakemake.params.cells, simulate_singular_flow), snakemake.output[0])

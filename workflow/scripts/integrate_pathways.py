"""Integrate the scalar dynamics of pathways for the cells of a bundle."""

from critical_periods.datasets import write
from critical_periods.jobs import run_cells
from critical_periods.logs import log_to
from critical_periods.scalar_competition import simulate_scalar

log_to(snakemake.log[0])
write(run_cells("scalar_pathways", snakemake.params.cells, simulate_scalar), snakemake.output[0])

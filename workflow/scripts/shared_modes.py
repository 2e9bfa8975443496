"""Train the cells of a bundle beside their modes in closed form."""

from critical_periods.jobs import Job, one_by_one
from critical_periods.product_dynamics import simulate_shared_modes

Job(snakemake).simulate("shared_modes", one_by_one(simulate_shared_modes))

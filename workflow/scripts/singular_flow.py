"""Train the cells of a bundle beside the flow of their singular values and vectors."""

from critical_periods.jobs import Job, one_by_one
from critical_periods.product_dynamics import simulate_singular_flow

Job(snakemake).simulate("singular_flow", one_by_one(simulate_singular_flow))

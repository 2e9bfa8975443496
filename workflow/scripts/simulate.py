"""Simulate the cells of a bundle."""

from critical_periods.execution.jobs import Job
from critical_periods.execution.linear_algebra import warn_of_slow_products

job = Job(snakemake)
warn_of_slow_products()
job.simulate()

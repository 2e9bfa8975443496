"""Simulate the cells of a bundle."""

from critical_periods.execution.jobs import Job

Job(snakemake).simulate()

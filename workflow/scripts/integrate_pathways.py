"""Integrate the scalar dynamics of pathways for the cells of a bundle."""

from critical_periods.jobs import Job, one_by_one
from critical_periods.scalar_competition import simulate_scalar

Job(snakemake).simulate("scalar_pathways", one_by_one(simulate_scalar))

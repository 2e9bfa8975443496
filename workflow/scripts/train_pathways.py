"""Train the multi-pathway networks of a bundle's cells, beside their scalar reduction."""

from critical_periods.jobs import Job, one_by_one
from critical_periods.network_competition import simulate_network

Job(snakemake).simulate("pathway_network", one_by_one(simulate_network))

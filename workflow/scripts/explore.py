"""Write the page that computes, with the experiments of the configuration."""

from critical_periods.execution.jobs import Job
from critical_periods.publishing.explorer import write_page

job = Job(snakemake)
job.check_code()
write_page(snakemake.params.experiments, snakemake.output[0])
job.stamp()

"""Write the table of final reconstruction errors by every solver."""

from pathlib import Path

from critical_periods.agreement import agreement_table, largest_differences, write_table
from critical_periods.datasets import read
from critical_periods.jobs import Job
from critical_periods.runs import COMPARED

job = Job(snakemake)
datasets = {solver: {Path(path).stem: read(path) for path in snakemake.input[solver]} for solver in COMPARED}
rows = agreement_table(datasets)
for solver, row in largest_differences(rows).items():
    job.logger.info("%s: largest difference from gradient descent %.3g, %s", solver, row[f"{solver}_difference"], row)
job.check_code()
write_table(rows, snakemake.output[0])

"""Write the table that compares the variants of a study."""

from pathlib import Path

from critical_periods.analysis.compare import comparison, largest_differences, write_table
from critical_periods.execution.jobs import Job
from critical_periods.storage.datasets import read

job = Job(snakemake)
variable, reference = snakemake.params.variable, snakemake.params.reference
variants = snakemake.params.variants
datasets = {name: {Path(path).stem: read(path) for path in snakemake.input[name]} for name in variants}
rows = comparison(datasets, variable, reference)
for name, row in largest_differences(rows, [name for name in variants if name != reference]).items():
    job.logger.info("%s: largest difference from %s %.3g, %s", name, reference, row[f"{name}_difference"], row)
job.check_code()
write_table(rows, snakemake.output[0])
job.stamp()

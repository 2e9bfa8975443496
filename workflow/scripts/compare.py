"""Write the table that compares the variants of a study."""

from pathlib import Path

from critical_periods.analysis.compare import compare_variants
from critical_periods.execution.jobs import Job
from critical_periods.storage.datasets import read_dataset
from critical_periods.storage.files import write_whole

job = Job(snakemake)
variable, reference = snakemake.params.variable, snakemake.params.reference
datasets: dict[str, dict] = {}
for path in map(Path, snakemake.input):  # <variant>/experiments/<name>.nc
    datasets.setdefault(path.parts[-3], {})[path.stem] = read_dataset(path)
table = compare_variants(datasets, variable, reference)
for name in datasets:
    if name != reference:
        column = f"{name}_difference"
        [row] = table.sort_values(column, key=abs, ascending=False).head(1).to_dict("records")
        job.logger.info("%s: largest difference from %s %.3g, %s", name, reference, row[column], row)
job.check_code()
text = table.to_csv(index=False, float_format="%.6g", na_rep="nan", lineterminator="\r\n")
write_whole(text, snakemake.output[0])
job.stamp()

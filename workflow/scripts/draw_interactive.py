"""Draw the interactive twin of a figure, as a page that needs nothing else."""

import json
from pathlib import Path

from critical_periods.execution.jobs import Job, loaded
from critical_periods.figures.interactive import save
from critical_periods.figures.kinds import kinds
from critical_periods.storage.datasets import read_dataset

job = Job(snakemake)
settings = json.loads(snakemake.params.figure)
datasets = {Path(path).stem: read_dataset(path) for path in snakemake.input}
figure = loaded(kinds()[settings["kind"]].interactive)(settings["panels"], datasets)
job.check_code()
save(figure, settings["title"], snakemake.wildcards.figure, snakemake.output[0])
job.stamp()

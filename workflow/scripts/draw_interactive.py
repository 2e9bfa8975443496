"""Draw the interactive twin of a figure, as a page that needs nothing else."""

import json
from pathlib import Path

from critical_periods.execution.jobs import Job
from critical_periods.figures.interactive import draw, save
from critical_periods.storage.datasets import read

job = Job(snakemake)
settings = json.loads(snakemake.params.figure)
datasets = {Path(path).stem: read(path) for path in snakemake.input}
figure = draw(settings["kind"], settings["panels"], datasets)
job.check_code()
save(figure, settings["title"], snakemake.wildcards.figure, snakemake.output[0])

"""Draw a figure from the datasets of its experiments."""

import json
from importlib import import_module
from pathlib import Path

from critical_periods.datasets import read
from critical_periods.figures.style import save
from critical_periods.jobs import Job

job = Job(snakemake)
settings = json.loads(snakemake.params.figure)
datasets = {Path(path).stem: read(path) for path in snakemake.input}
figure = import_module(f"critical_periods.figures.{settings['kind']}").draw(settings["panels"], datasets)
job.check_code()
save(figure, settings["title"], snakemake.output.pdf, snakemake.output.png)

"""Draw the interactive twin of a figure, as a page that needs nothing else."""

import json
from pathlib import Path

from critical_periods.execution.jobs import Job
from critical_periods.figures.figure import figure
from critical_periods.figures.plotly_renderer import save_page
from critical_periods.storage.datasets import read_dataset

job = Job(snakemake)
settings, name = json.loads(snakemake.params.figure), snakemake.wildcards.figure
datasets = {Path(path).stem: read_dataset(path) for path in snakemake.input}
made = figure(settings["title"], settings["panels"], datasets)
job.check_code()
files = {f"figure ({kind.upper()})": f"../figures/{name}.{kind}" for kind in ("pdf", "svg", "png")}
save_page(made, snakemake.resources.caption, {"data (CSV)": f"../figures/{name}.csv"} | files, snakemake.output[0])
job.stamp()

"""Draw a figure from the datasets of its experiments, and write the table that it shows."""

import json
from pathlib import Path

from critical_periods.execution.jobs import Job
from critical_periods.figures.figure import figure
from critical_periods.figures.seaborn_renderer import drawn, save_picture
from critical_periods.storage.datasets import read_dataset
from critical_periods.storage.files import write_whole

job = Job(snakemake)
settings, style = json.loads(snakemake.params.figure), json.loads(snakemake.params.style)
datasets = {Path(path).stem: read_dataset(path) for path in snakemake.input}
made = figure(settings["title"], settings["panels"], datasets, style)
picture = drawn(made)
job.check_code()
output = snakemake.output
write_whole(made.csv().to_csv(index=False, float_format="%.9g", lineterminator="\n"), output.numbers)
save_picture(picture, settings["title"], output.pdf, output.png, output.svg, dpi=made.style.dpi)
job.stamp()

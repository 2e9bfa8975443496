"""Draw the interactive twin of a figure, as a page that needs nothing else."""

from pathlib import Path

from critical_periods.datasets import read
from critical_periods.figures.interactive import draw
from critical_periods.jobs import Job

job = Job(snakemake)
settings = snakemake.params.figure
datasets = {Path(path).stem: read(path) for path in snakemake.input}
figure = draw(settings["kind"], settings["panels"], datasets).update_layout(title=settings["title"])
job.check_code()
figure.write_html(snakemake.output[0], include_plotlyjs=True, div_id=snakemake.wildcards.figure)

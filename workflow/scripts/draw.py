"""Draw a figure from the datasets of its experiments."""

import json
from pathlib import Path

from critical_periods.execution.jobs import Job, loaded
from critical_periods.figures.kinds import kinds
from critical_periods.figures.numbers import as_csv
from critical_periods.figures.style import finished, save, using
from critical_periods.storage.datasets import read_dataset
from critical_periods.storage.files import write_whole

job = Job(snakemake)
settings = json.loads(snakemake.params.figure)
datasets = {Path(path).stem: read_dataset(path) for path in snakemake.input}
with using(json.loads(snakemake.params.style)):
    figure = finished(loaded(kinds()[settings["kind"]].draw)(settings["panels"], datasets))
    job.check_code()
    output = snakemake.output
    write_whole(as_csv(figure), output.numbers)
    save(figure, settings["title"], output.pdf, output.png, output.svg)
job.stamp()

"""Judge the claims on the datasets of the experiments."""

import json
from pathlib import Path

from critical_periods.analysis.claims import numbered
from critical_periods.analysis.verdicts import as_html, judge, verdicts_text, write_csv, write_unjudged_csv
from critical_periods.execution.jobs import Job
from critical_periods.storage.datasets import read_dataset
from critical_periods.storage.files import write_whole

job = Job(snakemake)
claims = numbered(json.loads(snakemake.params.claims))
judgement = judge(claims, {Path(path).stem: read_dataset(path) for path in snakemake.input})
for claim, reason in judgement.skipped:
    job.logger.info("claim %s skipped: %s", claim.id, reason)
job.check_code()
write_whole(verdicts_text(judgement) + "\n", snakemake.output.text)
write_whole(as_html(judgement), snakemake.output.page)
write_csv(judgement, snakemake.output.table)
write_unjudged_csv(judgement, snakemake.output.unjudged)
job.stamp()

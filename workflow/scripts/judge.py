"""Judge the claims on the datasets of the experiments."""

from pathlib import Path

from critical_periods.claims import CLAIMS
from critical_periods.datasets import read
from critical_periods.extension_claims import EXTENSION_CLAIMS
from critical_periods.jobs import Job
from critical_periods.verdicts import as_html, as_text, judge, write_csv

job = Job(snakemake)
claims = EXTENSION_CLAIMS if snakemake.wildcards.run == "extensions/" else CLAIMS
judgement = judge(claims, {Path(path).stem: read(path) for path in snakemake.input})
for claim, reason in judgement.skipped:
    job.logger.info("claim %s skipped: %s", claim.id, reason)
job.check_code()
Path(snakemake.output.text).write_text(as_text(judgement) + "\n", encoding="utf-8")
Path(snakemake.output.page).write_text(as_html(judgement), encoding="utf-8")
write_csv(judgement, snakemake.output.table)

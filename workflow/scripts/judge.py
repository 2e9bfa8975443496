"""Judge the claims on the datasets of the experiments."""

from pathlib import Path

from critical_periods.claims import CLAIMS
from critical_periods.datasets import read
from critical_periods.extension_claims import EXTENSION_CLAIMS
from critical_periods.files import write_whole
from critical_periods.jobs import Job
from critical_periods.verdicts import as_html, as_text, judge, write_csv, write_unjudged_csv

job = Job(snakemake)
claims = EXTENSION_CLAIMS if snakemake.wildcards.run == "extensions/" else CLAIMS
judgement = judge(claims, {Path(path).stem: read(path) for path in snakemake.input})
for claim, reason in judgement.skipped:
    job.logger.info("claim %s skipped: %s", claim.id, reason)
job.check_code()
write_whole(as_text(judgement) + "\n", snakemake.output.text)
write_whole(as_html(judgement), snakemake.output.page)
write_csv(judgement, snakemake.output.table)
write_unjudged_csv(judgement, snakemake.output.unjudged)

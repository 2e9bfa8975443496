"""Print the table of claims; where the configuration is strict, fail if one does not hold or could not be judged."""

from pathlib import Path

from critical_periods.analysis.verdicts import objections
from critical_periods.execution.logs import log_to

log_to(snakemake.log[0])
print(Path(snakemake.input.text).read_text(encoding="utf-8"), flush=True)
objected = objections(snakemake.input.table, snakemake.input.unjudged)
if snakemake.params.strict and objected:
    raise SystemExit("\n".join(f"strict: {objection}" for objection in objected))

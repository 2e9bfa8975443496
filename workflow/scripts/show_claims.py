"""Print the table of claims; where the configuration is strict, fail if one does not hold or could not be judged."""

from pathlib import Path

from critical_periods.logs import log_to
from critical_periods.verdicts import objections

log_to(snakemake.log[0])
print(Path(snakemake.input.text).read_text(encoding="utf-8"), flush=True)
objected = objections(snakemake.input.table, snakemake.input.unjudged)
if snakemake.params.strict and objected:
    raise SystemExit("\n".join(f"strict: {objection}" for objection in objected))

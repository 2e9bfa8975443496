"""Print the table of claims; where the configuration is strict, fail if one does not hold."""

import csv
from pathlib import Path

from critical_periods.logs import log_to

log_to(snakemake.log[0])
print(Path(snakemake.input.text).read_text(encoding="utf-8"), flush=True)
with open(snakemake.input.table, newline="", encoding="utf-8") as file:
    failed = [row["id"] for row in csv.DictReader(file) if row["holds"] != "True"]
if snakemake.params.strict and failed:
    raise SystemExit(f"strict: claims that do not hold: {', '.join(failed)}")

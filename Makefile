# Two commands for users: make figures, make test. Both make .venv from the lock files when it is missing.
PYTHON ?= python3
CORES ?= all
# cpu: torch without CUDA, a tenth of the size.
TORCH ?=
LOCK := requirements$(addprefix -,$(TORCH)).lock
BIN := .venv/bin
RICH := 'import snakemake_logger_plugin_rich'
IMPORTABLE := 'import os, sysconfig; print(os.path.abspath("src"), file=open(sysconfig.get_path("purelib") + "/critical_periods.pth", "w"))'

.PHONY: figures test test-slurm lint smoke bench docs linkcheck schema publish explorer library

# With the package, as it lies in src, so that an edit counts at once.
.venv/installed: $(LOCK) requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement $(LOCK)
	$(BIN)/python -c $(IMPORTABLE)
	touch $@

# What tests, linters and the documentation need beside it.
.venv/dev: .venv/installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.lock
	touch $@

# First what it will take; in a terminal with a bar for all jobs and one for each rule.
figures: .venv/installed
	$(BIN)/snakemake estimate --cores $(CORES) --quiet all
	$(BIN)/snakemake --cores $(CORES) $$(test -t 2 && $(BIN)/python -c $(RICH) 2>/dev/null && echo --logger rich)

test: .venv/dev
	$(BIN)/python -m pytest -n auto --dist loadfile

# Needs root and Debian's packages: apt-get install --no-install-recommends slurm-wlm munge
test-slurm: .venv-slurm/installed
	.venv-slurm/bin/python -m pytest -m slurm

.venv-slurm/installed: requirements.lock requirements-dev.lock requirements-slurm.lock
	$(PYTHON) -m venv .venv-slurm
	.venv-slurm/bin/python -m pip install --quiet --requirement requirements-slurm.lock
	touch $@

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/snakemake --lint

smoke: .venv/installed
	$(BIN)/snakemake --cores $(CORES) --configfile tests/smoke.yaml --directory .smoke

# Schemas for editors and the page of all keys, from the declarations in src/critical_periods.
schema: .venv/installed
	PYTHONPATH=src $(BIN)/python -m critical_periods.publishing.schema
	PYTHONPATH=src $(BIN)/python -m critical_periods.publishing.reference

# The page that computes, in one file; only this needs Node.
explorer: .venv/installed
	cd explorer && npm ci --no-fund --no-audit && npm run check && npm run build
	PYTHONPATH=src $(BIN)/python explorer/fill.py

# The part of plotly.js that interactive pages hold; after an edit of plotly/, and when plotly in requirements.lock changes.
library:
	cd plotly && npm ci --ignore-scripts --no-fund --no-audit && npm run build

docs: .venv/dev
	$(BIN)/python -m sphinx -W -q -b html docs docs/_build/html

# Asks every site that the documentation links to, so it needs the network, and CI does without it.
linkcheck: .venv/dev
	$(BIN)/python -m sphinx -q -b linkcheck docs docs/_build/linkcheck

# Numbers, tables and pictures of README and docs that come from results.
publish: .venv/installed
	PYTHONPATH=src $(BIN)/python -m critical_periods.publishing.published results

bench: .venv/installed
	$(BIN)/python benchmarks/bench.py

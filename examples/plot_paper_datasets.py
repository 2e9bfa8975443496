"""
Reading the paper's datasets
============================

The workflow leaves every experiment as one NetCDF file that describes itself. This page
runs a part of it at toy size, in a temporary folder, and reads what came out; of a run at
the paper's size all lines but the first are the same.
"""

# %%
# The experiment behind figure 1. At the paper's size: ``snakemake fig01 --cores 8``, and
# the file is in ``results/``.

import subprocess
import sys
import tempfile
from pathlib import Path

import critical_periods as cp

above = Path.cwd().resolve().parents
repository = next(path for path in above if (path / "tests/smoke.yaml").is_file())
folder, file = Path(tempfile.mkdtemp()), "results/experiments/phase_portraits.nc"
command = f"snakemake {file} --cores 1 --configfile tests/smoke.yaml --directory {folder}"
words = [sys.executable, "-m", *command.split()]
done = subprocess.run(words, cwd=repository, check=True, capture_output=True)

# %%
# ``cp.read`` reads a file and checks that it is what was written; ``xarray.open_dataset``
# reads it too.

dataset = cp.read(folder / file)
dataset

# %%
# Every variable says what it is and in which unit; every file, what made it and when.

print(dataset.share.attrs)
print({name: dataset.attrs[name] for name in ("title", "created", "data_sha256")})

# %%
# Values are found by name. The share of the mode that pathway b learns, by depth, after an
# early and a late deficit:

print(dataset.share.sel(pathway="b").mean(["seed", "trajectory"]).to_pandas().round(3))

# %%
# The measures behind the claims take such a dataset, and give a number for each seed. Claim
# 1a, the largest share over depths, against an equal share of 0.5:

print(float(cp.pathway_measures.deprived_share(dataset).mean()))

# %%
# Along training:

learned = (
    dataset.pathway_singular_value.isel(seed=0, mode=0).mean("trajectory").sel(onset=0)
)
learned.plot.line(x="epoch", col="depth", hue="pathway", figsize=(9, 2.6))

# %%
# And the figure itself, drawn from the dataset in memory.

figure = cp.draw("fig01", {"phase_portraits": dataset})

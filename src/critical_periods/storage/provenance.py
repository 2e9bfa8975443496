"""Where a result comes from: the version of the code, and the software it was computed with."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from importlib import metadata

from critical_periods.locations import PROJECT, SOURCE

#: Packages that numbers come from: another version may round differently.
NUMERICAL_PACKAGES = ("numpy", "scipy", "torch", "scikit-learn")

#: Packages whose version is recorded in every dataset.
RECORDED_PACKAGES = (*NUMERICAL_PACKAGES, "xarray", "netCDF4", "snakemake")


def software_versions(packages: Iterable[str] = RECORDED_PACKAGES) -> str:
    """Versions of the packages that results depend on, as `name version` separated by commas."""
    found = []
    for name in packages:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def merged_versions(texts: Iterable[str]) -> str:
    """Versions behind several datasets as one text, `name version and version` where a package has had several.

    Parameters
    ----------
    texts
        As `software_versions` and this function write them.
    """
    versions: dict[str, set[str]] = {}
    for text in texts:
        for entry in text.split(", "):
            name, _, numbers = entry.partition(" ")
            versions.setdefault(name, set()).update(numbers.split(" and "))
    return ", ".join(f"{name} {' and '.join(sorted(numbers))}" for name, numbers in versions.items())


def code_version() -> str:
    """Version of the code: its commit and the release before, `-dirty` if edited; that of the wheel; or a hash.

    The repository may belong to somebody else; one that only happens to lie around a copy of the code is not asked.
    """
    # Told where the repository is, git looks for none further up, and does not mind whose it is.
    repository = (f"--git-dir={PROJECT / '.git'}", f"--work-tree={PROJECT}")
    command = ["git", *repository, "describe", "--tags", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    if PROJECT.is_relative_to(SOURCE):
        return metadata.version("critical-periods")
    files = sorted(SOURCE.glob("critical_periods/**/*.py"))
    return "code " + hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]

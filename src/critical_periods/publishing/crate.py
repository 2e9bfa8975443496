"""A finished run as a Workflow Run RO-Crate, profile Workflow Run Crate 0.5: what ran and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from critical_periods.locations import PROJECT, SOURCE
from critical_periods.storage.datasets import CHECKSUM, read_dataset
from critical_periods.storage.files import whole
from critical_periods.storage.provenance import code_version, software_versions

#: Profiles that a crate conforms to, by name.
PROFILES = {
    "Process Run Crate": "https://w3id.org/ro/wfrun/process/0.5",
    "Workflow Run Crate": "https://w3id.org/ro/wfrun/workflow/0.5",
    "Workflow RO-Crate": "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
}

PAPER_ADDRESS = "https://arxiv.org/abs/2308.12221"
LICENSE = "https://spdx.org/licenses/MIT"

_FORMATS = {
    ".nc": "application/netcdf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".txt": "text/plain",
    ".py": "text/x-python",
}


#: Keys of a configuration that name places of the machine that it ran on.
PLACES = ("matrices", "cells_folder")


def write_crate(
    path: Path, results: Path, files: Iterable[Path], configuration: Mapping[str, Any], plugins: Iterable[str]
) -> None:
    """Write a crate of the results of a run.

    Parameters
    ----------
    path
        The crate, a zip file.
    results
        Folder of the results; files keep their paths in it.
    files
        Figures, datasets and claims; at least one dataset, which tells when it was made.
    configuration
        The whole configuration of the run.
    plugins
        Its plugins, files by their path; these are in the crate, where its configuration finds them.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    crate = ROCrate(version="1.1")
    crate.name = "Critical learning periods in deep linear networks: a run"
    crate.description = "Figures, datasets and verdicts of a run, with its configuration, code and versions."
    crate.license = _named(crate, LICENSE, "CreativeWork", "MIT License", identifier=LICENSE)
    crate.root_dataset["conformsTo"] = [
        _named(crate, uri, "CreativeWork", name, version=uri.rpartition("/")[2]) for name, uri in PROFILES.items()
    ]
    crate.root_dataset["citation"] = _named(
        crate, PAPER_ADDRESS, "ScholarlyArticle", "Critical Learning Periods Emerge Even in Deep Linear Networks"
    )
    workflow = _workflow(crate)
    brought = {plugin: f"plugins/{Path(plugin).name}" for plugin in plugins if plugin.endswith(".py")}
    for plugin, place in brought.items():
        workflow.append_to("hasPart", crate.add_file(plugin, place, properties={"encodingFormat": _FORMATS[".py"]}))
    told = {key: value for key, value in configuration.items() if key not in PLACES}
    told["plugins"] = [brought.get(plugin, plugin) for plugin in plugins]
    settings = crate.add_file(
        StringIO(yaml.safe_dump(told, sort_keys=False)),
        "config.yaml",
        properties={"name": "Configuration of the run", "encodingFormat": "application/yaml"},
    )
    made, outcome = [], []
    for file in files:
        place = f"results/{file.relative_to(results).as_posix()}"
        told = {"name": file.name, "encodingFormat": _FORMATS[file.suffix]}
        if file.suffix == ".nc":
            attributes = read_dataset(file).attrs
            made.append(attributes["created"])
            told |= {"description": f"{attributes['title']} ({CHECKSUM} {attributes[CHECKSUM]})"}
        outcome.append(crate.add_file(file, place, properties=told, record_size=True))
    action = crate.add_action(workflow, "#run", object=[settings], result=outcome)
    action["name"], action["startTime"], action["endTime"] = "The run", min(made), max(made)
    action["actionStatus"] = "http://schema.org/CompletedActionStatus"
    crate.root_dataset["mentions"] = [action]
    with whole(path) as temporary:
        crate.write_zip(temporary)


def _workflow(crate: ROCrate) -> Any:
    """The workflow, with its rules, scripts and package as parts, and the packages that it ran with."""
    workflow = crate.add_workflow(
        PROJECT / "workflow/Snakefile",
        "workflow/Snakefile",
        main=True,
        lang="snakemake",
        properties={"name": "critical-periods", "version": code_version()},
    )
    workflow["license"] = crate.license
    parts = [(file, file.relative_to(PROJECT)) for file in sorted(PROJECT.glob("workflow/*/*.*"))]
    package = SOURCE / "critical_periods"
    modules = sorted(file for file in package.rglob("*.py") if package / "project" not in file.parents)
    parts += [(file, Path("src") / file.relative_to(SOURCE)) for file in modules]
    workflow["hasPart"] = [
        crate.add_file(file, place.as_posix(), properties={"encodingFormat": _FORMATS.get(file.suffix, "text/plain")})
        for file, place in parts
    ]
    versions = (entry.split(" ") for entry in software_versions().split(", "))
    workflow["softwareRequirements"] = [
        _named(crate, f"#{name}", "SoftwareApplication", name, softwareVersion=version) for name, version in versions
    ]
    return workflow


def _named(crate: ROCrate, identity: str, kind: str, name: str, **properties: str) -> Any:
    """An entity that is no file."""
    return crate.add(ContextEntity(crate, identity, properties={"@type": kind, "name": name, **properties}))

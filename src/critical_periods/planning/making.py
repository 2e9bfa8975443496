"""What makes each result of a run: its settings, the code of its job, and what made the results that it is made of.

Rules hand both to their jobs: Snakemake runs a job again where they differ from what it has recorded. Where it has no
record, as in a folder that was copied, the stamp beside a result tells (`critical_periods.storage.stamps`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from critical_periods.configuration.studies import drawn_from
from critical_periods.planning.cells import Bundle
from critical_periods.planning.code import assembling_code, drawing_code, judging_code, planned, simulation_code
from critical_periods.planning.runs import Runs
from critical_periods.storage.cells import cell_path
from critical_periods.storage.provenance import NUMERICAL_PACKAGES, software_versions
from critical_periods.storage.stamps import made_by

Code = Mapping[str, Any]


class Making:
    """What makes the results of some runs.

    Parameters
    ----------
    runs
        The runs.
    """

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.cells = Path(runs.placed(runs.config["cells_folder"]))
        #: What the numerical packages must be, for cells to count as those of this run; "" for any version.
        self.versions = software_versions(NUMERICAL_PACKAGES) if runs.config["versions"] == "strict" else ""
        self._code_of = cache(self._cells_code)
        self._there = cache(self._cells_there)
        self.experiment_code = cache(self._experiment_code)
        self.experiment = cache(self._experiment)

    # Cells.

    def bundle_code(self, bundle: str) -> Code:
        """Code of the job of a bundle."""
        return simulation_code(*_kind(self.runs.bundle(bundle)))

    def _cells_code(self, kind: str, solver: str | None) -> str:
        """Folder of cells by the code that computes them, and by versions where these are strict."""
        code = simulation_code(kind, solver)
        return made_by(code["fingerprint"], code["upstream"], self.versions)

    def _cells_there(self, kind: str, solver: str | None) -> set[str]:
        return {file.stem for file in (self.cells / kind / self._code_of(kind, solver)).glob("*.nc")}

    def cells_there(self, bundle: Bundle) -> set[str]:
        """Cells of a bundle's kind that jobs with the code of now have computed."""
        return self._there(*_kind(bundle))

    def manifest(self, bundle: Bundle) -> str:
        """The manifest of a bundle, in the folder of its cells."""
        kind, solver = _kind(bundle)
        return f"{self.runs.config['cells_folder']}/{kind}/{self._code_of(kind, solver)}/{bundle.id}.json"

    def first_manifests(self, bundle: str) -> list[str]:
        """Manifests of what has to be computed before a bundle."""
        return [self.manifest(first) for first in self.runs.first_bundles(bundle)]

    def experiment_manifests(self, run: str, experiment: str) -> list[str]:
        """Manifests of the cells of an experiment."""
        return [self.manifest(bundle) for bundle in self.runs.experiment_bundles(run, experiment)]

    def wanted(self) -> set[str]:
        """Every file that a run asks for, cells and manifests among them."""
        files = {self.runs.placed(file) for study in self.runs.studies for file in self.runs.study_files(study)}
        for bundle in self.runs.bundles():
            manifest = self.runs.placed(self.manifest(bundle))
            cells = (cell_path(Path(manifest).parent, cell.id).as_posix() for cell in bundle.cells)
            files |= {manifest, *cells}
        return files

    # What is made of them.

    def _experiment_code(self, run: str, experiment: str) -> Code:
        """Code of the job that assembles an experiment."""
        return assembling_code(self.runs.experiment(run, experiment))

    def _experiment(self, run: str, experiment: str) -> str:
        """What makes the dataset of an experiment."""
        grid = self.runs.grid(run, experiment)
        return made_by(grid, self.runs.config["diverged"], self.experiment_code(run, experiment))

    def figure_code(self, run: str, figure: str) -> Code:
        """Code of the job that draws a figure."""
        return self._drawing_code("draw.py", run, figure)

    def page_code(self, run: str, figure: str) -> Code:
        """Code of the job that draws the interactive page of a figure."""
        return self._drawing_code("draw_interactive.py", run, figure)

    def _drawing_code(self, script: str, run: str, figure: str) -> Code:
        settings = self.runs.figure(run, figure)
        before = [self.experiment_code(run, name) for name in drawn_from(settings)]
        return drawing_code(script, settings["panels"], before)

    def figure(self, run: str, figure: str) -> str:
        """What makes a figure."""
        return made_by(self._drawn(run, figure), self.runs.style, self.figure_code(run, figure))

    def page(self, run: str, figure: str) -> str:
        """What makes the interactive page of a figure."""
        return made_by(self._drawn(run, figure), self.page_code(run, figure))

    def _drawn(self, run: str, figure: str) -> tuple[Any, ...]:
        settings = self.runs.figure(run, figure)
        return settings, [self.experiment(run, name) for name in drawn_from(settings)]

    def judging_code(self, run: str) -> Code:
        """Code of the job that judges the claims of a run."""
        return judging_code(self._experiment_codes([run]))

    def claims(self, run: str) -> str:
        """What makes the verdicts of a run."""
        return made_by(self.runs.claims(run), self.judging_code(run), self._experiments([run]))

    def comparing_code(self, study: str) -> Code:
        """Code of the job that compares the variants of a study."""
        before = self._experiment_codes(self.runs.studies[study].runs)
        return planned(["scripts/compare.py", "analysis/compare.py"], before)

    def comparison(self, study: str) -> str:
        """What makes the comparison of the variants of a study."""
        compared = self.runs.studies[study]
        assert compared.compare is not None
        return made_by(compared.compare.model_dump(), self.comparing_code(study), self._experiments(compared.runs))

    def _experiments(self, runs: Iterable[str]) -> list[str]:
        return [self.experiment(*each) for each in self._of(runs)]

    def _experiment_codes(self, runs: Iterable[str]) -> list[Code]:
        return [self.experiment_code(*each) for each in self._of(runs)]

    def _of(self, runs: Iterable[str]) -> list[tuple[str, str]]:
        """Runs and the experiments of each."""
        return [(run, name) for run in runs for name in self.runs.settings[run]["experiments"]]


def _kind(bundle: Bundle) -> tuple[str, str | None]:
    """Kind of the cells of a bundle, and their solver, if they have one."""
    cell = bundle.cells[0]
    return cell.model, cell.parameters.get("solver")

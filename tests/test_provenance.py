"""What counts as the code of a result, and what does not."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY

from critical_periods.models.registry import models, simulations
from critical_periods.planning import code
from critical_periods.planning.code import assembling_places, code_of, simulation_code
from critical_periods.simulations import simulate
from critical_periods.solvers import SOLVERS
from critical_periods.storage.provenance import code_version, merged_versions, software_versions

SOURCE = REPOSITORY / "src"

#: Where code lies, by kind of cells and solver, and of what assembles the cells of a model.
PLACES = {
    (kind, solver): simulation_code(kind, solver)["places"] for kind in simulations() for solver in (None, *SOLVERS)
}
ASSEMBLED = {name: assembling_places(model) for name, model in models().items()}

MODULE = """
'''Tools.'''
from dataclasses import dataclass

LIMIT: int = key("Most of them.", 3, label="limit", unit="epoch", ge=0)

@dataclass
class Tool:
    '''A tool.'''

    size: float = 0.5
    '''How large it is.'''

    def use(self, x):
        '''Use it.'''
        return x * self.size  # and comment on it
"""


@pytest.fixture
def coded(tmp_path):
    """Writes modules of a package, and returns the code of some places in it."""

    def written(*places, **modules):
        for name, text in modules.items():
            file = tmp_path / "critical_periods" / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        return code_of(*places or ("parts",), source=tmp_path)

    return written


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x * self.size", "x + self.size"),
        ("size: float = 0.5", "size: float = 0.25"),
        ("size: float", "size: int"),
        (", 3, ", ", 5, "),
        ("ge=0", "gt=0"),
        ("@dataclass", "@dataclass(frozen=True)"),
    ],
)
def test_an_edit_of_code_changes_its_hash(coded, old, new):
    assert coded(**{"parts/tools": MODULE}) != coded(**{"parts/tools": MODULE.replace(old, new, 1)})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Tools.", "More tools."),
        ("A tool.", "Another."),
        ("How large it is.", "Its size."),
        ("Use it.", ""),
        ("# and comment on it", ""),
        ("x * self.size", "(x *\n                self.size)"),
        ("Most of them.", "No more than these."),
        ('label="limit", unit="epoch", ', 'null="none", label="most", '),
    ],
)
def test_words_and_layout_do_not_count(coded, old, new):
    assert old in MODULE
    assert coded(**{"parts/tools": MODULE}) == coded(**{"parts/tools": MODULE.replace(old, new, 1)})


def test_files_of_other_places_do_not_count_and_a_new_file_of_a_place_does(coded):
    before = coded(**{"parts/tools": MODULE})
    assert coded(**{"others/tools": MODULE}) == before
    assert coded(**{"parts/deeper/more": "LIMIT = 4"}) != before
    assert coded("parts/tools.py") != coded("parts/deeper/more.py")


def test_a_place_that_is_not_there_is_an_error(coded):
    with pytest.raises(FileNotFoundError, match="tool"):
        coded("parts/tool.py", **{"parts/tools": MODULE})


def test_hashes_are_those_of_every_python(coded):
    """The very digits: what a newer Python adds to its syntax trees must not show."""
    text = """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class Rate:
            value: float = 0.25
            def times(self, *factors, scale=1e-3, **rest):
                return f"{self.value!r:>{8}}" "s" if factors else [*factors, {**rest}]
        match Rate():
            case Rate(value=v) if (w := v) > 0:
                print(w, b"x", 1j, ..., "a" "b")
    """
    assert coded(**{"parts/tools": text}) == "afa829679ba11dc9"


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A copy of the package; edits a file of it and returns kinds of cells whose code is then another."""
    source = tmp_path / "src"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    before = {name: code_of(*where) for name, where in PLACES.items()}

    def edit(module, old, new):
        file = source / "critical_periods" / module
        assert old in file.read_text(), (module, old)
        file.write_text(file.read_text().replace(old, new))
        after = {name: code_of(*where, source=source) for name, where in PLACES.items()}
        return {kind for kind, solver in PLACES if after[kind, solver] != before[kind, solver]}

    return edit


MATRIX = {"matrix_completion", "pretraining", "learning_stages"}
PATHWAYS = {"scalar_pathways", "pathway_network", "gating_schedules"}
TRAINED = {*MATRIX, "two_layers", "singular_flow", "shared_modes"}


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        ("models/matrix_completion/simulation/tasks.py", "len(matrix) / np.linalg.norm(matrix)", "1", TRAINED),
        ("models/matrix_completion/simulation/landscape.py", "size**-0.5", "size**-1.5", TRAINED),
        ("models/matrix_completion/simulation/simulate.py", "CYCLE_STEPS = 20", "CYCLE_STEPS = 30", MATRIX),
        ("models/pathways/simulation/scalar.py", "np.square(q) - np.square(p)", "q - p", PATHWAYS),
        (
            "models/product_matrix/simulation/closed_form.py",
            "start / (np.exp(-exponent)",
            "2 / (np.exp(-exponent)",
            {"two_layers", "singular_flow", "shared_modes", "learning_stages"},
        ),
        ("dynamics/random_streams.py", "seed, spawn_key", "1 + seed, spawn_key", set(simulations())),
        ("analysis/measures.py", "drop=True) - recon", "drop=True) + recon", set()),
        ("models/matrix_completion/measures.py", "two seeds", "three seeds", set()),
        ("models/pathways/theory.py", "(singular_value / n_pathways + start) / 2", "start", set()),
        ("models/matrix_completion/model.py", "ge=", "gt=", set()),
        ("models/matrix_completion/model.py", "import complete", "import pretrain as complete", {"matrix_completion"}),
        ("models/registry.py", "megabytes: ClassVar[int] = 1000", "megabytes: ClassVar[int] = 2000", set()),
        ("figures/look.py", "NARROWEST = 3.4, 6.9", "NARROWEST = 3.5, 6.9", set()),
        ("execution/jobs.py", "begun = 0", "begun = 1", set()),
    ],
)
def test_an_edit_of_what_makes_numbers_and_of_nothing_else_makes_cells_anew(edited, module, old, new, expected):
    assert edited(module, old, new) == expected


@pytest.mark.parametrize("solver", SOLVERS)
def test_training_depends_only_on_the_solver_it_uses(solver):
    own = f"solvers/{solver}.py"
    for kind in ("matrix_completion", "pretraining", "scalar_pathways"):
        places = simulation_code(kind, solver)["places"]
        assert [place for place in places if Path(place).stem in SOLVERS] == [own]


class Ran:
    """Functions of the package that run meanwhile, each `<file>::<qualified name>`."""

    def __init__(self):
        self.ran = set()

    def __enter__(self):
        self.before = sys.getprofile()
        sys.setprofile(self.note)
        return self

    def __exit__(self, *_):
        sys.setprofile(self.before)

    def note(self, frame, event, argument):
        file = Path(frame.f_code.co_filename)
        if event == "call" and code.PACKAGE in file.parents and frame.f_code.co_name != "<module>":
            self.ran.add(f"{file.relative_to(code.PACKAGE).as_posix()}::{frame.f_code.co_qualname}")


def outside(ran, places):
    """What of the functions that ran lies in none of some places."""
    within = tuple(f"{place}{end}" for place in places for end in ("/", "::"))
    return {name for name in ran if name not in places and not name.startswith(within)}


#: Small cells of every model, with what its simulations can do: solvers, activations, deficits, cures, diagnostics.
MATRIX_CELL = {
    "size": 8, "depth": 2, "n_observed": 40, "pretrain_n_observed": 30, "pretrain_rank": 2, "final_rank": 2,
    "switch_epochs": [0, 20], "final_epochs": 20, "record_every": 10, "n_singular_values": 3,
}  # fmt: skip
SCALAR_CELL = {"n_trajectories": 2, "epochs": 100, "duration": 20, "onset": 0, "record_every": 50}
RANKS = {"pretrain_rank": 2, "final_rank": 2, "n_singular_values": 2, "record_every": 10}
PRODUCT_CELL = RANKS | {"size": 8, "n_observed": 40}
CELLS = {
    "matrix_completion": [
        MATRIX_CELL | {"solver": "gradient_descent", "diagnostics": True, "sharpness": True, "balancedness": True},
        MATRIX_CELL | {"solver": "gradient_descent", "cure": "noise", "cure_strength": 0.1, "activation": "tanh"},
        MATRIX_CELL | {"solver": "gradient_descent", "pretrain_overlap": 0.5, "imbalance": 0.1, "frozen_layer": 1},
        MATRIX_CELL | {"solver": "gradient_flow"},
        MATRIX_CELL | {"solver": "gradient_flow", "gradient_flow": {"method": "DOP853"}},
        MATRIX_CELL | {"solver": "strided_descent"},
    ],
    "scalar_pathways": [SCALAR_CELL | {"solver": solver} for solver in SOLVERS],
    "pathway_network": [{"width": 8, "epochs": 20, "duration": 10, "onset": 0, "record_every": 10}],
    "gating_schedules": [{"slots": 2, "budget": 1, "epochs": 2000, "slot_epochs": 100}],
    "singular_flow": [PRODUCT_CELL | {"switch_epochs": [0, 20], "final_epochs": 20}],
    "shared_modes": [PRODUCT_CELL | {"pretrain_epochs": 20, "final_epochs": 20}],
    "two_layers": [RANKS | {"rows": 8, "columns": 6, "pretrain_epochs": 20, "final_epochs": 20}],
}  # fmt: skip


@pytest.mark.parametrize("model", models())
def test_all_code_that_runs_for_a_cell_counts(model, monkeypatch):
    """Traced while cells of a model, what comes before them and theory beside them are simulated and assembled."""
    found, declared = {}, models()[model]

    def traced(name, function):
        def call(*arguments, **options):
            with Ran() as ran:
                result = function(*arguments, **options)
            found.setdefault(name, set()).update(ran.ran)
            return result

        return call

    for kind in declared.simulations():
        monkeypatch.setattr(kind, "simulate", traced(kind.cells, kind.simulate))
    monkeypatch.setattr(declared, "predict", traced("assembled", declared.predict))
    monkeypatch.setattr(declared, "derive", traced("assembled", declared.derive))
    for parameters in CELLS[model]:
        found.clear()
        simulate(model, **parameters, theory=declared.theory is not None)
        for kind in declared.simulations():
            assert found[kind.cells]
            assert not outside(found[kind.cells], PLACES[kind.cells, parameters.get("solver")]), kind
        family = "/".join(declared.__module__.split(".")[1:3])
        assert not outside(found["assembled"], [*ASSEMBLED[model], f"{family}/simulation"])


def test_versions_behind_several_datasets_are_all_named():
    assert merged_versions(["numpy 2.1, torch 2.13", "numpy 2.3 and 2.1"]) == "numpy 2.1 and 2.3, torch 2.13"


def test_versions_are_told():
    assert "numpy" in software_versions()
    assert code_version()


@pytest.fixture
def checkout(tmp_path):
    """A repository that holds the package, and the version that its code tells: of itself, or of a copy of it."""

    def git(*arguments):
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", f"safe.directory={folder}")
        return subprocess.run(
            ["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=True
        ).stdout

    def version(folder):
        told = "from critical_periods.storage.provenance import code_version; print(code_version())"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", told]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    folder = tmp_path / "checkout"
    shutil.copytree(REPOSITORY / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "All")
    return SimpleNamespace(
        folder=folder, git=git, version=version, commit=git("rev-parse", "--short=12", "HEAD").strip()
    )


def test_the_code_version_names_the_commit_and_whether_it_was_edited(checkout):
    assert checkout.version(checkout.folder) == checkout.commit
    tree = checkout.folder.with_name("tree")
    checkout.git("worktree", "add", "--quiet", str(tree))
    assert checkout.version(tree) == checkout.commit
    (checkout.folder / "src/critical_periods/dynamics/random_streams.py").write_text("")
    assert checkout.version(checkout.folder) == f"{checkout.commit}-dirty"


@pytest.mark.skipif(os.geteuid() != 0, reason="to give a folder away takes root")
def test_the_code_version_names_the_commit_of_somebody_elses_checkout(checkout):
    for path in [checkout.folder, *checkout.folder.rglob("*")]:
        os.chown(path, 54321, 54321, follow_symlinks=False)
    assert checkout.version(checkout.folder) == checkout.commit


def test_a_copy_inside_of_another_repository_does_not_name_its_commit(checkout):
    copy = checkout.folder / "vendored" / "critical-periods"
    shutil.copytree(checkout.folder / "src", copy / "src")
    assert checkout.version(copy).startswith("code ")

"""Models, measures and kinds of panels from outside: planned, run, drawn and judged as those that are built in."""

import csv
import os
import shutil

import pytest
import yaml
from conftest import REPOSITORY
from warm_snakemake import finished

from critical_periods.storage.datasets import read_dataset

EXAMPLE = REPOSITORY / "docs/examples"

#: Nothing but the plugin's own experiment, which takes seconds.
ALONE = {"experiments": None, "figures": None, "claims": None}


def snakemake(folder, *arguments, files=("autoencoder.yaml",), environment=None, fails=False):
    """Output of Snakemake on an example's configuration as it lies in a folder, run in another."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    words = ("--cores", "2", "--directory", work, *arguments, "--configfile")
    run = finished(*words, *(folder / file for file in files), folder=REPOSITORY, environment=environment)
    assert (run.returncode != 0) == fails, run.output
    return run.output


@pytest.fixture
def example(tmp_path):
    """A copy of the examples that a test may change."""
    for file in EXAMPLE.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


def edit(file, old, new):
    text = file.read_text()
    assert old in text, old
    file.write_text(text.replace(old, new))


def test_the_example_is_short():
    lines = sum(len(file.read_text().splitlines()) for file in EXAMPLE.glob("autoencoder.*"))
    assert lines < 120


@pytest.mark.workflow
def test_a_model_from_a_file_is_simulated_drawn_and_judged(example):
    output = snakemake(example, "autoencoder_window")
    assert "train_autoencoder " in output
    dataset = read_dataset(example / "work/results/experiments/autoencoder.nc")
    error = dataset["error"].mean("seed")
    assert float(error.sel(onset=0)) > float(error.sel(onset=700)) + 0.1
    assert dataset["onset"].attrs["label"] == "onset of the deficit"
    assert (example / "work/results/figures/autoencoder_window.pdf").read_bytes().startswith(b"%PDF")
    assert "Nothing to be done" in snakemake(example, "autoencoder_window", "--dry-run")
    for old, new, planned in (
        ("E[x (m o x)^T], a diagonal", "a diagonal", False),
        ("Epochs of training after the deficit.", "What comes after.", None),
        ("error on all inputs, whatever the phase masks.", "error on all inputs.", False),
        ("residual = second @ first * seen", "residual = second @ first * seen * 1.0", True),
    ):
        edit(example / "autoencoder.py", old, new)
        output = snakemake(example, "autoencoder_window", "--dry-run")
        assert ("train_autoencoder " in output) == bool(planned), (old, output)


@pytest.mark.workflow
def test_a_kind_of_panel_from_a_file_has_picture_page_and_table(example):
    files = (REPOSITORY / "tests/smoke.yaml", "distributions.yaml")
    asked = ("spread_of_harm", "results/interactive/spread_of_harm.html")
    snakemake(example, *asked, files=files)
    results = example / "work/results"
    with (results / "figures/spread_of_harm.csv").open(newline="") as file:
        shares = {float(row["share of runs"]) for row in csv.DictReader(file)}
    assert (min(shares), max(shares)) == (0, 1)
    assert "draw by draw" in (results / "interactive/spread_of_harm.html").read_text()
    edit(example / "distributions.py", "[self.hue, self.x, share]", "[self.hue, share, self.x]")
    planned = snakemake(example, *asked, "--dry-run", files=files)
    assert "interactive " in planned
    assert "train " not in planned
    for old, new, refusal in (
        ("hue: switch_epoch", "hue: switch_epochs", "did you mean switch_epoch?"),
        ("x: relative_accuracy", "x: accuracy", "did you mean relative_accuracy?"),
        ("plot: distribution", "plot: distributions", "did you mean distribution?"),
    ):
        edit(example / "distributions.yaml", old, new)
        assert refusal in snakemake(example, *asked, files=files, fails=True)
        edit(example / "distributions.yaml", new, old)
    edit(example / "distributions.py", '"distribution": Dist', '"line": Dist')
    assert "kind of panel = 'line'; allowed" in snakemake(example, *asked, files=files, fails=True)


@pytest.mark.workflow
def test_a_claim_on_a_plugin_is_judged_by_its_measure(example):
    settings = yaml.safe_load((example / "autoencoder.yaml").read_text())
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text()) | settings
    repository = shutil.copytree(
        REPOSITORY, example / "repository", ignore=shutil.ignore_patterns(".*", "results", "__pycache__", "docs")
    )
    (repository / "config.yaml").write_text(yaml.safe_dump(config | {"plugins": ["../autoencoder.py"]}))
    run = finished("--cores", "2", "claims", "--directory", example / "work", folder=repository)
    assert run.returncode == 0, run.output
    with (example / "work/results/claims.csv").open(newline="") as file:
        [verdict] = list(csv.DictReader(file))
    assert (verdict["id"], verdict["holds"]) == ("early_mask", "True")


@pytest.mark.parametrize(
    ("file", "old", "new", "refusal"),
    [
        ("autoencoder.yaml", "[autoencoder.py]", "[encoder.py]", "'{folder}/encoder.py'; allowed: a Python file"),
        ("autoencoder.yaml", "[autoencoder.py]", "[no_module]", "ModuleNotFoundError: No module named 'no_module'"),
        ("autoencoder.py", "class Landscape:", "class Landscape", "a module that can be imported (SyntaxError"),
        ("autoencoder.py", 'name = "autoencoder"', 'name = "scalar_pathways"', "model = 'scalar_pathways'; allowed"),
        ("autoencoder.py", "def early_harm", "def final_effect", "plugins: autoencoder: measure = 'final_effect'"),
        ("autoencoder.py", "def early_harm", "1 / 0\ndef early_harm", "(ZeroDivisionError: division by zero, line 85"),
        ("autoencoder.py", "def early_harm", "exit(3)\ndef early_harm", "(SystemExit: 3, line 85 of {folder}/autoenc"),
        (
            *("autoencoder.py", "def early_harm", "raise GeneratorExit('no')\ndef early_harm"),
            "{folder}/autoencoder.py'; allowed: a module that can be imported (GeneratorExit: no, line 85 of {folder}",
        ),
        (
            *("autoencoder.py", "MODELS = (", "def __getattr__(name):\n    return 1 / 0\n\n\nOTHERS = ("),
            "an attribute that can be read (ZeroDivisionError: division by zero, line 92 of {folder}/autoencoder",
        ),
        ("autoencoder.yaml", "[autoencoder.py]", "[sys]", "plugins = 'sys'; allowed: a module that is a file"),
        ("autoencoder.py", "(Autoencoder,)", "Autoencoder", "plugins: autoencoder: MODELS = <class 'autoencoder.Auto"),
        ("autoencoder.py", '    rule = "train_autoencoder"\n', "", "allowed: a model with a name, rule, message"),
        ("autoencoder.py", "MODELS = (", "MODELS = 3, (", "a sequence of critical_periods.models.registry.ModelSpec"),
        ("autoencoder.py", "MODELS = (", "KINDS = [1]\nMODELS = (", "KINDS = [1]; allowed: a mapping of"),
        ("autoencoder.py", '"train_autoencoder"', '"train"', "plugins: rule = 'train'; allowed: a name that"),
        ("autoencoder.py", '"train_autoencoder"', '"judge"', "plugins: rule = 'judge'; allowed: a name that"),
        ("autoencoder.yaml", "model: autoencoder", "model: autoencodr", "(did you mean autoencoder?)"),
        ("autoencoder.yaml", "onset: [0, 50", "onset: [-1, 50", "autoencoder.vary.onset = -1; allowed: integer"),
        ("autoencoder.yaml", "measure: early_harm", "measure: early_ham", "(did you mean early_harm?)"),
        ("autoencoder.yaml", "y: error}", "y: eror}", "(did you mean error?)"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_plugin_is_told_in_one_line_before_any_job(example, file, old, new, refusal):
    edit(example / file, old, new)
    output = snakemake(example, "autoencoder_window", fails=True)
    assert refusal.format(folder=example) in output, output
    assert "Traceback" not in output
    assert "Job stats" not in output


def test_plugins_of_several_files_add_up(example):
    second = example / "second.yaml"
    second.write_text("plugins: [other.py]\n")
    (example / "other.py").write_text("MODELS = []\n\n\ndef another_measure(dataset):\n    return dataset\n")
    words = ("--dry-run", "autoencoder_window", "--directory", example)
    run = finished(*words, "--configfile", example / "autoencoder.yaml", second, folder=REPOSITORY)
    assert run.returncode == 0, run.output
    assert "train_autoencoder" in run.output


def test_a_file_that_lies_where_python_imports_from_is_itself_and_in_the_way_of_others_of_its_name(example):
    """As where it lies beside the Snakefile, whose folder Snakemake has Python import from."""
    environment = os.environ | {"PYTHONPATH": str(example)}
    assert "train_autoencoder" in snakemake(example, "autoencoder_window", "--dry-run", environment=environment)
    (example / "elsewhere").mkdir()
    for name in ("autoencoder.py", "autoencoder.yaml"):
        shutil.copy(example / name, example / "elsewhere")
    mine = ("elsewhere/autoencoder.yaml",)
    output = snakemake(example, "--dry-run", files=mine, environment=environment, fails=True)
    assert f"as there is a module autoencoder already ({example}/autoencoder.py)" in output
    edit(example / "autoencoder.py", "class Landscape:", "class Landscape")
    assert "SyntaxError" in snakemake(example, "--dry-run", environment=environment, fails=True)

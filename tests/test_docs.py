"""What the documentation says can be run, runs; its site builds without a warning or a broken link."""

import itertools
import re
import shlex
import subprocess
import sys

import pytest
from conftest import CLAIMS, CONFIG, REPOSITORY, STUDY_CLAIMS

from critical_periods.publishing.published import PAGES, drawn_by, marked, pictures, verdicts


@pytest.mark.workflow
def test_the_tutorial_leads_to_a_figure_and_its_data(tmp_path, monkeypatch):
    page = (REPOSITORY / "docs/tutorial.md").read_text()
    (tmp_path / "small.yaml").write_text("models: {scalar_pathways: {n_trajectories: 5}}")
    for name, content in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(content)
    for line in re.findall(r"^\$ (snakemake .*)$", page, re.MULTILINE):
        words = [str(tmp_path / word) if word.endswith(".yaml") else word for word in line.split()]
        command = [sys.executable, "-m", *words, str(tmp_path / "small.yaml"), "--directory", str(tmp_path)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "results/figures/slowed_curves.pdf").is_file()
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code, names)
    for harm in (names["harm"], names["dataset"].impairment.mean(["seed", "trajectory"])):
        assert (harm.sel(plasticity=0.4) > 0.5 * harm.sel(plasticity=0)).all()
    assert (tmp_path / "slowed.png").is_file()


def test_the_readme_simulates_without_the_workflow():
    [code] = re.findall(
        r"```python\n(import critical_periods as cp\n.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL
    )
    names = {}
    exec(code, names)
    harm = names["dataset"].impairment.mean(["trajectory", "seed"])
    assert harm.sel(depth=4, onset=0) > harm.sel(depth=2, onset=0) > harm.sel(depth=2, onset=100)


#: Options of which one at least is needed: cores, or what computes nothing; a profile may have either.
ENOUGH = {"--cores", "-c", "-n", "--dry-run", "--report", "--unlock", "--profile"}


def test_every_command_of_the_documentation_has_cores_and_targets_that_no_option_swallows():
    documents = [
        REPOSITORY / "README.md",
        *(REPOSITORY / "docs").glob("*.md"),
        *(REPOSITORY / "explorer/src").glob("*.tsx"),
    ]
    shown = re.compile(r"(?:^(?:    |\$ )?|<code>)((?:[\w./-]*/)?snakemake(?: .*?)?)(?:</code>|$)", re.MULTILINE)
    commands = [(page, command) for page in documents for command in shown.findall(page.read_text())]
    assert {"README.md", "explore.md", "pathways-page.tsx"} <= {page.name for page, _ in commands}
    for page, command in commands:
        words = shlex.split(command, comments=True)
        assert ENOUGH & set(words), f"{page.name}: {command}"
        _, *taken = " ".join(words).split(" --configfile ")
        for files in taken:
            bare = list(itertools.takewhile(lambda word: not word.startswith("-"), files.split()))
            assert all(word.endswith(".yaml") for word in bare), f"{page.name}: {command}"


def test_every_guarantee_names_a_test_that_there_is():
    rows = re.findall(r"^\| .* \| (.+) \|$", (REPOSITORY / "docs/determinism.md").read_text(), re.MULTILINE)
    named = [name for row in rows if row != "Test" for name in row.split(", ")]
    assert named
    for name in named:
        path, test = re.fullmatch(r"`(\S+)::(\w+)`", name).groups()
        assert f"def {test}(" in (REPOSITORY / path).read_text(), name


def test_published_numbers_are_those_of_the_published_tables():
    tables = verdicts(REPOSITORY / "docs/claims")
    for page in PAGES:
        text = (REPOSITORY / page).read_text()
        assert text.count("<!-- =") == text.count("<!-- . -->") > 0
        assert marked(text, tables) == text, f"{page}: make publish"


#: Pictures that an earlier version drew, until the studies behind them are run again and published.
NOT_YET_DRAWN_ANEW = {
    *("ext_closing", "ext_closing_new", "ext_cure_price", "ext_decoupled", "ext_exact", "ext_imbalance", "ext_layers"),
    *("ext_loss", "ext_maps", "ext_nonlinear", "ext_observations", "ext_recovery", "ext_scales", "ext_stages"),
    *("ext_step", "ext_transfer", "ext_window", "ext_window_map"),
}


def test_published_pictures_are_of_the_settings_that_there_are():
    """Without drawing: the settings of a figure are hashed when its picture is published, with its table."""
    known, hashes = pictures(), drawn_by()
    published = {path.stem for path in (REPOSITORY / "docs/gallery").glob("*.png")} - {"hero-dark"}
    assert published == set(hashes)
    stale = {name for name in published if known.get(name, {}).get("settings") != hashes[name]}
    assert stale == NOT_YET_DRAWN_ANEW, "make publish"


def test_a_figure_has_one_title_in_the_configuration_and_on_its_page():
    for name, figure in CONFIG["figures"].items():
        page = (REPOSITORY / f"docs/figures/{name}.md").read_text()
        assert page.startswith(f"# Figure {int(name[3:])}: {figure['title']}\n")


def test_published_tables_are_of_the_claims_that_there_are():
    tables = verdicts(REPOSITORY / "docs/claims")
    assert list(tables["paper"]) == list(CLAIMS)
    assert set(tables["ensemble"]) <= set(CLAIMS)
    brought = {study: claims for study, claims in STUDY_CLAIMS.items() if claims}
    assert set(tables) == {"paper", "ensemble", *brought}
    for study, claims in brought.items():
        assert set(tables[study]) == set(claims)
    for table, name, row in [(table, *item) for table, rows in tables.items() for item in rows.items()]:
        claim = brought.get(table, CLAIMS)[name]
        assert (row["figure"], row["statement"], row["measure"]) == (claim.figure, claim.statement, claim.criterion)
        assert float(row["threshold"]) == claim.threshold


def test_every_claim_that_does_not_hold_has_a_word_and_no_other():
    page = (REPOSITORY / "docs/claims.md").read_text().partition("## What does not hold")[2]
    named = {name for words in re.findall(r"^- (.*)", page, re.M) for name in re.findall(r"\*\*(\w+)\*\*", words)}
    tables = verdicts(REPOSITORY / "docs/claims")
    assert named == {name for rows in tables.values() for name, row in rows.items() if row["holds"] != "True"}


def test_a_mark_says_what_the_tables_say(tmp_path):
    rows = {
        "1a": {"id": "1a", "figure": "fig01", "statement": "So", "value": "0.12345", "threshold": "0", "holds": "True"}
    }
    text = "a <!-- =paper.1a:.2f -->9<!-- . --> b <!-- =paper.holding --><!-- . -->"
    said = "a <!-- =paper.1a:.2f -->0.12<!-- . --> b <!-- =paper.holding -->1 of 1 hold<!-- . -->"
    assert marked(text, {"paper": rows}) == said
    unjudged = rows["1a"] | {"id": "1b", "measure": "It; above the threshold", "value": "", "holds": "not judged: so"}
    text = "<!-- =paper.holding --><!-- . --> <!-- =paper.1b.verdict --><!-- . -->"
    said = (
        "<!-- =paper.holding -->1 of 1 hold, 1 are not judged<!-- . --> "
        "<!-- =paper.1b.verdict -->So. Not judged: so (It)<!-- . -->"
    )
    assert marked(text, {"paper": rows | {"1b": unjudged}}) == said
    with pytest.raises(KeyError, match="2z"):
        marked("<!-- =paper.2z --><!-- . -->", {"paper": rows})

"""What the documentation says can be run, runs; its site builds without a warning or a broken link."""

import re
import runpy
import subprocess
import sys

from conftest import REPOSITORY


def test_tutorial_shows_the_harm_of_a_first_task():
    errors = runpy.run_path(str(REPOSITORY / "docs/tutorial.py"))["errors"]
    for solver in ("gradient_descent", "gradient_flow"):
        assert errors["deficit", solver] > errors["no deficit", solver] + 0.1


def test_site_builds_without_warnings(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(REPOSITORY / "docs"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_guarantee_names_a_test_that_there_is():
    rows = re.findall(r"^\| .* \| (.+) \|$", (REPOSITORY / "docs/determinism.md").read_text(), re.MULTILINE)
    named = [name for row in rows if row != "Test" for name in row.split(", ")]
    assert named
    for name in named:
        path, test = re.fullmatch(r"`(\S+)::(\w+)`", name).groups()
        assert f"def {test}(" in (REPOSITORY / path).read_text(), name

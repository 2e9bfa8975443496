"""The explorer: its numbers against Python's, and what a reader does with it, in a real browser."""

import json

import numpy as np
import pytest
import xarray as xr
import yaml
from conftest import REPOSITORY, wait
from warm_snakemake import finished

from critical_periods.configuration.files import paper
from critical_periods.models.pathways.simulation.simulate_scalar import simulate_scalar
from critical_periods.models.pathways.theory import gating_closing
from critical_periods.models.product_matrix.simulation.closed_form import chained_modes, time_to_reach
from critical_periods.planning.plan import Plan
from critical_periods.publishing.explorer import EXPLORER, filled, offered
from critical_periods.publishing.markup import report_parameter

MOST_BYTES = 200_000


@pytest.fixture
def explorer(browser):
    """The page, opened as a file."""
    browser.set_script_timeout(120)
    browser.get(EXPLORER.as_uri())
    return browser


def random_setting(generator):
    """A setting of the page: two or three pathways, depths 2 to 13, C of both signs and 0, all deficits."""
    n, epochs = int(generator.choice([2, 2, 3])), int(generator.integers(200, 3000))
    imbalance = float(generator.choice([0, generator.uniform(0.05, 3), -generator.uniform(0.01, 0.2)]))
    lesion_onset = int(generator.integers(epochs))
    return {
        "n_pathways": n,
        "depth": generator.integers(2, 14, n if generator.random() < 0.5 else 1).repeat(n)[:n].tolist(),
        "singular_value": float(generator.uniform(0.5, 20)),
        "imbalance": imbalance,
        "init_mean": (np.sqrt(max(-imbalance, 0)) + generator.uniform(0.06, 0.4, n)).tolist(),
        "init_sd": float(generator.choice([0, 0.01])),
        "n_trajectories": 1,
        "draw": int(generator.integers(1000)),
        "learning_rate": float(10 ** generator.uniform(-3.5, -1.5)),
        "epochs": epochs,
        "gated_pathway": int(generator.integers(n)),
        "onset": int(generator.integers(epochs // 2)),
        "duration": int(generator.integers(epochs // 2)),
        "plasticity": float(generator.choice([0, generator.random()])),
        "alternate_every": generator.choice([None, int(generator.integers(5, 200))]),
        "lesioned_pathway": generator.choice([None, int(generator.integers(n))]),
        "lesion_onset": lesion_onset,
        "lesion_duration": generator.choice([None, int(generator.integers(epochs - lesion_onset + 1))]),
    }


def cell_of(lines):
    """Parameters of the only cell of the lines for the workflow."""
    config = paper() | {"figures": {}, "claims": {}} | yaml.safe_load(lines)
    [cell] = Plan(config).experiments["explored"].cells.values()
    return dict(cell.parameters)


def learned(dataset, setting):
    """K (trajectory, pathway, epoch), NaN where a lesion hides it."""
    strengths = dataset["pathway_singular_value"].isel(mode=0).transpose("trajectory", "pathway", "epoch").values
    if setting["lesioned_pathway"] is not None:
        hidden = strengths[:, setting["lesioned_pathway"]]
        hidden[hidden == 0] = np.nan
    return strengths


def test_presets_and_random_settings_are_those_of_the_workflow(explorer):
    presets = explorer.execute_script(
        "return [...explorer.presets, ...[...explorer.more.values()].flat()].map((preset) => preset.state)"
    )
    assert len(presets) >= 9 + sum(
        len(experiment["cells"]) for experiment in offered(Plan(paper()).experiments.values())
    )
    generator = np.random.default_rng(1)
    settings = [preset | {"n_trajectories": min(preset["n_trajectories"], 2)} for preset in presets]
    settings += [random_setting(generator) for _ in range(60)]
    found = explorer.execute_script(
        """return arguments[0].map((setting) => {
          const { epoch, runs } = explorer.records(setting);
          return { lines: explorer.toYaml(setting), epoch, strengths: runs.map((run) => run.at) };
        })""",
        settings,
    )
    doubtful = 0
    for setting, page in zip(settings, found, strict=True):
        cell = cell_of(page["lines"]) | {"portrait": False}
        dataset = simulate_scalar(cell)
        np.testing.assert_array_equal(dataset["epoch"], page["epoch"])
        expected, strengths = learned(dataset, setting), np.array(page["strengths"])
        difference, allowed = abs(strengths - expected), 1e-6 * setting["singular_value"]
        if np.nanmax(difference) > allowed:
            # A record in the middle of a sudden rise, whose time Python does not know any better.
            doubtful += 1
            allowed = abs(learned(simulate_scalar(cell | {"rtol": 1e-10, "atol": 1e-12}), setting) - expected).max()
        assert np.nanmax(difference) <= allowed, json.dumps(setting)
    assert doubtful <= len(settings) // 10


def test_closed_forms_are_those_of_the_package(explorer):
    epochs = np.linspace(0, 40_000, 41)
    first, final, tau = [30.0, 10.0, 0.0], [0.0, 20.0, 40.0], 100**2 / 0.2
    setting = {"size": 100, "init_scale": 0.1, "learning_rate": 0.2, "first": first, "final": final}
    setting |= {"pretrain_epochs": 15_000, "final_epochs": 25_000}
    script = "return explorer.modes(arguments[0], arguments[1])"
    for depth, tolerance in ((2, 1e-9), (4, 1e-7)):
        found = explorer.execute_script(script, setting | {"depth": depth}, epochs.tolist())
        expected = chained_modes(epochs, [first, final], [15_000, 25_000], [0.1] * 3, tau, depth)
        np.testing.assert_allclose(np.transpose(found), expected, rtol=tolerance)
    [single] = explorer.execute_script(script, setting | {"depth": 1, "first": [30], "final": [0]}, [0, 15_000])
    np.testing.assert_allclose(single, [0.1, 30 - 29.9 * np.exp(-15_000 / tau)], rtol=1e-9)
    time = explorer.execute_script("return explorer.learningTime(30, 0.1, arguments[0], 4)", tau)
    np.testing.assert_allclose(time, time_to_reach(15, 30, 0.1, tau, 4), rtol=1e-8)
    closing = explorer.execute_script("return explorer.closing(explorer.presets[0].state)")
    np.testing.assert_allclose(closing, gating_closing(10, 5, 1.0) / 0.001, rtol=1e-8)


def field(explorer, name):
    return explorer.find_element("id", f"field-{name}")


def typed(explorer, name, text):
    """Type a text into a field, and return what is said beside it."""
    element = field(explorer, name)
    explorer.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
        element,
        text,
    )
    waited(explorer)
    said = explorer.find_elements("css selector", f"#field-{name}-refusal")
    return said[0].text if said else ""


def waited(explorer, ms=80):
    explorer.execute_async_script("setTimeout(arguments[1], arguments[0])", ms)


def test_a_reader_drags_types_and_passes_on_what_is_shown(explorer):
    from selenium.webdriver import ActionChains, Keys

    assert len(EXPLORER.read_bytes()) <= MOST_BYTES
    wait(explorer, lambda: explorer.find_elements("id", "numbers"))
    assert explorer.find_element("css selector", "[aria-pressed=true]").text == "Figure 1, early"
    assert explorer.execute_script("return location.hash") in ("", "#pathways")
    table = explorer.find_element("id", "numbers").text
    assert "b (gated)" in table

    # Presets, and keys on a slider.
    explorer.find_element("xpath", "//button[.='Monocular deprivation']").click()
    wait(explorer, lambda: field(explorer, "depth").get_attribute("value") == "4")
    slider = explorer.find_element("css selector", "input[aria-label='Depth D, slider']")
    slider.send_keys(Keys.ARROW_RIGHT)
    wait(explorer, lambda: field(explorer, "depth").get_attribute("value") == "5")

    # The deficit by its end, with keys and with the pointer; the start in the plane.
    end = explorer.find_element("css selector", "[aria-label='End of gating']")
    end.send_keys(Keys.ARROW_RIGHT)
    wait(explorer, lambda: field(explorer, "duration").get_attribute("value") == "31")
    ActionChains(explorer).drag_and_drop_by_offset(end, 60, 0).perform()
    wait(explorer, lambda: int(field(explorer, "duration").get_attribute("value")) > 50)
    ring = explorer.find_element("css selector", "[aria-label='Start']")
    ActionChains(explorer).drag_and_drop_by_offset(ring, 40, -80).perform()
    wait(explorer, lambda: explorer.find_elements("id", "field-init_mean-b"))
    a, b = (float(field(explorer, f"init_mean-{name}").get_attribute("value")) for name in "ab")
    assert 0 < a < b

    # Nonsense is refused beside the field, and changes nothing.
    before = explorer.execute_script("return location.hash")
    for name, text, allowed in (
        ("epochs", "many", "allowed: 1 to 1e7, whole"),
        ("duration", "-3", "allowed: 0 to 1e7"),
        ("duration", "5000", "inside the 400 epochs"),
        ("depth", "1", "allowed: 2 to 100"),
        ("singular_value", "", "allowed"),
    ):
        assert allowed in typed(explorer, name, text)
        assert field(explorer, name).get_attribute("aria-invalid") == "true"
    waited(explorer, 400)
    after = explorer.execute_script("return location.hash")
    assert before.split("&")[0] == after.split("&")[0]
    assert "duration=-3" not in after

    # The address holds the setting, in a page that is opened anew.
    explorer.get("about:blank")
    explorer.get(f"{EXPLORER.as_uri()}{after}")
    wait(explorer, lambda: explorer.find_elements("id", "field-init_mean-b"))
    assert float(field(explorer, "init_mean-b").get_attribute("value")) == b
    explorer.get("about:blank")
    explorer.get(f"{EXPLORER.as_uri()}#pathways&depth=1&epochs=200")
    wait(explorer, lambda: "allowed: 2 to 100" in explorer.find_element("css selector", ".said.refused").text)

    turns = "epochs=100000&duration=100000&alternate_every=100&plasticity=0.9"
    # What takes more than a second is cut off, and the page stays alive.
    explorer.get("about:blank")
    explorer.get(f"{EXPLORER.as_uri()}#pathways&n_pathways=6&depth=13&n_trajectories=200&{turns}")
    wait(explorer, lambda: "Cut off after 1 second" in explorer.find_element("css selector", "[role=status]").text)
    assert typed(explorer, "alternate_every", "never") == ""

    # The other page.
    explorer.find_element("id", "tab-modes").click()
    wait(explorer, lambda: explorer.find_elements("id", "learning-times"))
    assert "at most" not in typed(explorer, "first", "10, 20, 30")
    wait(explorer, lambda: len(explorer.find_elements("css selector", "#learning-times tbody tr")) == 3)
    assert not [entry for entry in explorer.get_log("browser") if entry["level"] == "SEVERE"]
    asked = explorer.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert all(name.startswith(("blob:", "data:")) for name in asked)


@pytest.mark.workflow
def test_the_lines_for_the_workflow_compute_the_same(explorer, tmp_path):
    copied = """
      const clipboard = { writeText: async (text) => (globalThis.copied = text) };
      Object.defineProperty(navigator, "clipboard", { value: clipboard });
      document.getElementById("copy-yaml").click();
      return new Promise((done) => setTimeout(() => done(globalThis.copied), 200));"""
    lines = explorer.execute_script(copied)
    (tmp_path / "mine.yaml").write_text(lines)
    words = ["--cores", "1", "--directory", tmp_path, "--configfile"]
    files = [REPOSITORY / "tests/smoke.yaml", tmp_path / "mine.yaml"]
    targets = [
        "--",
        explorer.execute_script("return explorer.target(explorer.presets[0].state)"),
        "results/explorer.html",
    ]
    run = finished(*words, *files, *targets, folder=REPOSITORY)
    assert run.returncode == 0, run.output
    found = explorer.execute_script(
        "return explorer.records(explorer.presets[0].state).runs.map((run) => run.final)",
    )
    with xr.open_dataset(tmp_path / "results/experiments/explored.nc") as dataset:
        final = dataset["pathway_singular_value"].isel(epoch=-1, mode=0).squeeze().transpose("trajectory", "pathway")
        np.testing.assert_allclose(found, final, atol=1e-6 * 10)
    assert (tmp_path / "results/figures/explored.pdf").is_file()
    explorer.get((tmp_path / "results/explorer.html").as_uri())
    assert explorer.execute_script("return [...explorer.more.keys()]")


@pytest.mark.parametrize(
    ("name", "depth", "words"),
    [("phase_portraits", [2, 5], "Pathway b cannot learn for fifteen epochs"), ("mine", [3], "Portraits of mine.")],
)
def test_a_page_begins_from_the_experiments_of_its_configuration(browser, tmp_path, config, name, depth, words):
    config |= {"figures": {}, "claims": {}}
    vary = {"depth": depth, "onset": [0, 100]}
    experiment = {"title": "Portraits of mine", "model": "scalar_pathways", "vary": vary, "set": {"epochs": 700}}
    config["experiments"] = {name: experiment}
    page = filled(EXPLORER.read_text(), report_parameter(offered(Plan(config).experiments.values())))
    (tmp_path / "explorer.html").write_text(page)
    browser.get((tmp_path / "explorer.html").as_uri())
    wait(browser, lambda: words in browser.find_element("class name", "about").text)
    assert [field(browser, name).get_attribute("value") for name in ("epochs", "depth")] == ["700", str(depth[-1])]
    # An address is of the defaults on every page, so that it can be passed on.
    wait(browser, lambda: "epochs=700" in browser.execute_script("return location.hash"))
    browser.get("about:blank")
    browser.get(f"{(tmp_path / 'explorer.html').as_uri()}#pathways")
    wait(browser, lambda: field(browser, "epochs").get_attribute("value") == "1000")


def test_the_page_holds_the_experiments_of_the_paper(explorer):
    held = json.loads(explorer.execute_script("return document.getElementById('configuration').textContent"))
    assert held == offered(Plan(paper()).experiments.values())

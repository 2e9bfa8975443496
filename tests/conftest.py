import copy
import os
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import settings

from critical_periods.analysis.claims import numbered
from critical_periods.configuration.claims import claims_of
from critical_periods.models.registry import models
from critical_periods.planning.descriptions import descriptions

REPOSITORY = Path(__file__).parent.parent


CONFIG = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
STUDIES = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((REPOSITORY / "studies").glob("*.yaml"))}
EXTENSIONS = STUDIES["extensions"]

#: Claims of the paper, and those that each study brings, by name.
CLAIMS, *of_studies = (
    {claim.id: claim for claim in numbered(claims_of(part))} for part in (CONFIG, *STUDIES.values())
)
STUDY_CLAIMS = dict(zip(STUDIES, of_studies, strict=True))
EXTENSION_CLAIMS = STUDY_CLAIMS["extensions"]

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1600,1000"),
)

# Machines are shared: how long an example takes says nothing. Under CI the examples are the same in every run.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def described(dataset, model="matrix_completion"):
    """A synthetic dataset with what a model says of its variables and axes."""
    for name, attributes in descriptions(models()[model], map(str, dataset.dims)).items():
        if name in dataset.variables:
            dataset[name].attrs.update(attributes)
    return dataset


@pytest.fixture
def config():
    """The paper's configuration, free to be changed by a test."""
    return copy.deepcopy(CONFIG)


@pytest.fixture
def cell():
    """Parameters of a matrix-completion cell small enough to train in no time."""
    return {
        "seed": 3,
        "size": 12,
        "depth": 3,
        "n_observed": 60,
        "final_rank": 2,
        "pretrain_task": "other",
        "pretrain_rank": 4,
        "pretrain_n_observed": 60,
        "init_scale": 0.05,
        "learning_rate": 0.3,
        "switch_epochs": [0, 7, 30],
        "final_epochs": 40,
        "record_every": 10,
        "n_singular_values": 5,
        "balancedness": False,
        "observations": "random",
        "pretrain_matrix": "random",
        "final_matrix": "random",
        "onset": 0,
        "activation": "linear",
        "epochs_at_rate": None,
        "cycle_factor": 1.0,
        "cycle_epochs": None,
        "diagnostics": False,
        "sharpness": False,
        "solver": "gradient_descent",
        "dtype": "float64",
        "device": "cpu",
    }


@pytest.fixture
def browser(tmp_path):
    """A browser without a window, of which the messages of scripts and of the network are kept."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def phone(browser):
    """The browser with the screen of a phone, and a finger."""
    screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    return browser


def wait(browser, condition):
    """Wait until a page has come to where a condition without arguments holds; returns what the condition gave."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    passing = (NoSuchElementException, StaleElementReferenceException)
    return WebDriverWait(browser, 30, ignored_exceptions=passing).until(lambda _: condition())

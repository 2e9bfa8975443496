"""The report, opened in a real browser: a figure is clicked through to, and is there."""

import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import REPOSITORY

from critical_periods.claims import CLAIMS
from critical_periods.extension_claims import EXTENSION_CLAIMS

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1600,1000"),
)


def test_captions_name_the_claims_about_each_figure():
    caption = (REPOSITORY / "workflow/report/figure.rst").read_text()
    claims = CLAIMS + EXTENSION_CLAIMS
    for figure in {claim.figure for claim in claims}:
        ids = ", ".join(claim.id for claim in claims if claim.figure == figure)
        assert f'"{figure}": "{ids}"' in caption


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Folder of the unpacked report on one figure, at toy size."""
    folder = tmp_path_factory.mktemp("report")
    targets = ("results/figures/fig04.png", "results/interactive/fig04.html")
    command = (
        *(sys.executable, "-m", "snakemake", "--configfile", str(REPOSITORY / "tests/smoke.yaml")),
        *("--directory", str(folder), *targets),
    )
    for options in (("--cores", "2"), ("--report", "report.zip")):
        done = subprocess.run([*command, *options], cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(folder / "report.zip") as archive:
        archive.extractall(folder / "report")
    return next((folder / "report").rglob("report.html"))


@pytest.fixture
def browser(tmp_path):
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.mark.workflow
def test_a_reader_clicks_through_the_report_to_a_figure(report, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def click(text):
        found = f"//*[normalize-space(text())='{text}']"
        WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.XPATH, found))[0].click()

    browser.get(report.as_uri())
    click("Figures")
    WebDriverWait(browser, 20).until(lambda _: "fig04" in browser.page_source)
    assert "Deeper networks and richer first tasks leave the deeper mark" in browser.page_source
    view = "//tr[contains(., 'fig04')]//button | //tr[contains(., 'fig04')]//a"
    WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.XPATH, view))[0].click()
    image = WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.CSS_SELECTOR, "img[src*='data']"))[-1]
    assert int(image.get_property("naturalWidth")) > 500


@pytest.mark.workflow
def test_an_interactive_figure_draws_without_a_network(report, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    page = report.parents[1] if report.parent.name == "report" else report.parent
    browser.get(next(path for path in page.parent.rglob("results/interactive/fig04.html")).as_uri())
    WebDriverWait(browser, 20).until(
        lambda _: len(browser.find_elements(By.CSS_SELECTOR, ".scatterlayer .trace")) >= 6
    )
    assert not browser.find_elements(By.CSS_SELECTOR, "script[src], link[href]")

"""The page that a run can be followed on, as a browser shows it."""

import logging
import time
from pathlib import Path

import pytest
from conftest import wait
from PIL import Image

from critical_periods.execution import status, watching
from critical_periods.execution.status import StatusPage
from critical_periods.execution.watching import Watch, WatchedJob


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Snakemake's logger and a watch on three jobs, of which two have begun, that writes the page quickly."""
    monkeypatch.setattr(watching, "LOOK", 0.01)
    monkeypatch.setattr(watching, "PAGE", 1.0)
    monkeypatch.setattr(status, "PAGE", 1.0)
    logger, log = logging.Logger("run"), tmp_path / "train.log"
    jobs = {
        1: WatchedJob("pretrain", "pretrain seed 0", 10.0),
        2: WatchedJob("train", "train <seed 0>", 60.0, log=log),
        3: WatchedJob("figure", "figure fig04", 5.0),
    }
    (tmp_path / "figures").mkdir()
    Image.new("RGB", (60, 40)).save(tmp_path / "figures/fig01.png")
    page = StatusPage(tmp_path, {"figures/fig01": "Competition & rest", "figures/fig04": "Not yet drawn"})
    watch = Watch(logger, jobs, 2, page=page.write)
    logger.info("", extra={"event": "job_started", "jobs": [1, 2]})
    log.write_text("\n".join(f"10:00:{n:02} cell 1 of 1: epoch {n} of 40, 1 epochs/s" for n in range(21)))
    yield logger, watch
    if not watch.stopped.is_set():
        watch.stop()


def shown(browser, *texts):
    """Wait until the page, without being asked, shows some texts; returns all of its text."""
    end = time.monotonic() + 30
    while not all(text in (body := browser.execute_script("return document.body.innerText")) for text in texts):
        assert time.monotonic() < end, body
        time.sleep(0.2)
    return body


def opened(browser, folder):
    end = time.monotonic() + 20
    while not (folder / "status.html").is_file():
        assert time.monotonic() < end
        time.sleep(0.05)
    browser.get((folder / "status.html").as_uri())


def test_a_run_is_followed_to_its_end_in_one_window(run, tmp_path, browser):
    logger, watch = run
    opened(browser, tmp_path)
    body = shown(browser, "Running: 0 of 3 jobs done, about ", "train <seed 0>", "epoch 20 of 40")
    assert "epoch 14 of 40" not in body
    assert "epoch 15 of 40" in body
    widths = "return [...document.images].map(image => image.naturalWidth)"
    wait(browser, lambda: browser.execute_script(widths) == [60])
    assert "Competition & rest" in body
    assert "Not yet drawn" not in body
    logger.info("", extra={"event": "job_finished", "job_id": 1})
    shown(browser, "1 of 3 jobs done")
    logger.error("", extra={"event": "job_error", "jobid": 2})
    body = shown(browser, "1 of 3 jobs done, 1 failed", "epoch 20 of 40")
    watch.stop("failed")
    body = shown(browser, "Failed: 1 of 3 jobs done, 1 failed")
    rows = {row.split()[0]: row.split()[1:] for row in body.split("Jobs\n")[1].splitlines()[1:4]}
    assert rows == {"pretrain": ["1", "0", "0", "0"], "train": ["0", "0", "1", "0"], "figure": ["0", "0", "0", "1"]}
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_a_page_that_nobody_writes_any_more_says_so(tmp_path, browser, monkeypatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 120)
    StatusPage(tmp_path).write([WatchedJob("train", "train seed 0", 1.0, began=now - 150)], 1)
    opened(browser, tmp_path)
    shown(browser, "Not written since")


def test_on_a_phone_only_the_table_scrolls_sideways(tmp_path, phone):
    words = "x" * 200
    StatusPage(tmp_path).write([WatchedJob("r" * 60, words, 1.0, began=time.time())], 1)
    opened(phone, tmp_path)
    shown(phone, words)
    assert phone.execute_script("return document.documentElement.scrollWidth") == 390
    wide = "const table = document.getElementById('rules').parentElement; return table.scrollWidth > table.clientWidth"
    assert phone.execute_script(wide)


def test_a_disk_that_is_full_does_not_stop_the_run(tmp_path):
    def page(*_):
        raise OSError("no space left")

    watch = Watch(logging.Logger("run"), {}, 1, page=page)
    watch.stop()
    assert not list(tmp_path.iterdir())


def test_jobs_elsewhere_are_shown_without_a_time(tmp_path):
    StatusPage(tmp_path).write([WatchedJob("train", "train seed 0", 1.0)], None)
    assert "left" not in Path(tmp_path / "status.html").read_text().split("<h1")[1].split("</h1>")[0]

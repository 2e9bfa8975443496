"""The documentation site: built once, its gallery run, and opened in a real browser, wide and on a phone."""

import functools
import html
import http.server
import re
import subprocess
import sys
import threading
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from conftest import REPOSITORY, wait

import critical_periods as cp


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of the site; a warning, a broken reference or an example that fails is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(REPOSITORY / "docs"), str(folder)]
    done = subprocess.run([*command, "-d", str(folder / ".doctrees")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def address(site):
    """Address of the site, served as a web server does."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Page(HTMLParser):
    """Links of a page, and the places in it that links can lead to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.places |= {found[key] for key in ("id", "name") if found.get(key)}
        self.links |= {found[key] for key in ("href", "src") if found.get(key)}


def test_no_internal_link_is_dead(site):
    pages = {path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html")}
    dead = []
    for name, page in pages.items():
        for link in page.links:
            target, place = urldefrag(urljoin(f"http://site/{name}", link))
            if not target.startswith("http://site/"):
                continue
            path = unquote(urlsplit(target).path).lstrip("/")
            if not (site / path).is_file() or (place and path in pages and unquote(place) not in pages[path].places):
                dead.append(f"{name}: {link}")
    assert len(pages) > 50
    assert not dead


def test_every_public_name_has_a_page_with_its_docstring(site):
    for name, (module, definition) in cp.public().items():
        full, anchor = (f"critical_periods.{name}",) * 2 if definition else (module, f"module-{module}")
        page = site / f"api/{full}.html"
        assert anchor in Page(page).places
        first = re.match(r"[\w ]+", getattr(cp, name).__doc__)[0]
        assert first in html.unescape(re.sub("<[^>]*>", "", page.read_text(encoding="utf-8")))


def test_pages_fit_a_phone_and_a_screen_and_no_script_complains(site, address, browser):
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    too_wide, complaints = [], []
    for width in (390, 1400):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 800}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for page in pages if width == 390 else pages[::10]:
            browser.get(address + page)
            if browser.execute_script("return document.documentElement.scrollWidth") > width:
                too_wide.append(f"{page} at {width}")
            broken = "return [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
            complaints += browser.execute_script(broken)
            complaints += [f"{page}: {entry['message']}" for entry in browser.get_log("browser")]
    assert not too_wide
    assert not complaints


def test_search_finds_a_name(address, browser):
    browser.get(f"{address}search.html?q=gating_closing")
    wait(browser, lambda: "gating_closing" in browser.find_element("css selector", "#search-results li a").text)

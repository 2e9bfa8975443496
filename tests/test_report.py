"""The report, opened in a real browser: a figure is clicked through to, and is there, and titles are text."""

import copy
import html
import json
import re
import unicodedata
import zipfile
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import xarray as xr
import yaml
from conftest import CLAIMS, CONFIG, EXTENSION_CLAIMS, EXTENSIONS, REPOSITORY, described, wait
from docutils.core import publish_parts
from warm_snakemake import finished

from critical_periods.analysis.verdicts import Judgement, Verdict, as_html
from critical_periods.figures import seaborn_renderer
from critical_periods.figures.figure import figure as made
from critical_periods.publishing.captions import figure_caption
from critical_periods.publishing.markup import report_label, report_parameter


def test_captions_name_the_claims_about_each_figure():
    for part, claims in ((CONFIG, CLAIMS), (CONFIG | EXTENSIONS, EXTENSION_CLAIMS)):
        for figure in part["figures"]:
            names = ", ".join(name for name, claim in claims.items() if claim.figure == figure)
            assert names or figure == "hero", "the picture that README opens with shows what others do"
            assert figure_caption(part, figure).endswith(f"Claims that rest on it: {names}." if names else "pathways.")


#: Titles that a page, a template or a script might take for something else than text.
HOSTILE_TITLES = (
    "</script><script>document.title = 'PWNED'</script>",
    "<img src=x onerror=\"document.title='PWNED'\">",
    "<a href=\"javascript:document.title='PWNED'\">here</a> <b>bold</b> &lt;i&gt; &amp;",
    "<!-- <script> ]]> <svg onload=document.title='PWNED'>",
    "`here <javascript:document.title='PWNED'>`_ Workflow_ |x| [1]_ **b** ``c``",
    ".. include:: /etc/passwd",
    ".. raw:: html",
    ":raw-html:`<b>x</b>` :doc:`x` javascript:alert(1)",
    "{a} {{ 7 * 7 }} {% raw %} {wildcards.figure} {",
    "$W_{N}$ $\\frac{$ %{x} \\",
    "'\";document.title='PWNED';//' ${document.title='PWNED'}",
    "\u00e9\u202e\u200b\ufeff\N{GRINNING FACE}",
    "very long " * 20,
)


def render_caption(title):
    """HTML of a figure's caption, as Snakemake makes it."""
    config = copy.deepcopy(CONFIG)
    config["figures"]["fig04"]["title"] = config["experiments"]["depth"]["title"] = title
    config["experiments"]["depth"]["set"] = {"observations": title}
    links = "\n\n.. _Workflow: javascript:show_panel('workflow')\n"  # as Snakemake appends them
    return publish_parts(figure_caption(config, "fig04") + links, writer="html")["body"]


@pytest.mark.parametrize(
    "words", [*HOSTILE_TITLES, "a\n\n.. include:: /etc/passwd\n\n\u2028b", " - a", "1. a", "----", "::"]
)
def test_captions_show_words_of_the_configuration_as_they_are(words):
    caption = render_caption(words)
    assert set(re.findall(r"<(/?\w+)[^>]*>", caption)) <= {
        f"{end}{tag}" for end in ("", "/") for tag in ("p", "em", "strong")
    }
    text = folded(html.unescape(re.sub("<[^>]*>", "", caption)))
    assert text.count(folded(words)) >= 3


def folded(text):
    """A text in one line."""
    return " ".join(text.split())


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_labels_and_parameters_of_the_report_end_no_script_and_name_no_wildcard(title):
    assert not set("<>{}") & set(report_label(title))
    assert folded(unicodedata.normalize("NFKC", report_label(title))) == folded(unicodedata.normalize("NFKC", title))
    assert "<" not in report_parameter({"title": title})
    assert json.loads(report_parameter({"title": title})) == {"title": title}


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_titles_of_panels_are_drawn_as_they_are(title):
    data = described(
        xr.Dataset({"relative_accuracy": ("switch_epoch", [0.0, -1.0])}, coords={"switch_epoch": [0, 10]})
    )
    panel = {"plot": "line", "experiment": "e", "x": "switch_epoch", "y": "relative_accuracy", "title": title}
    figure = seaborn_renderer.drawn(made(title, [panel, panel], {"e": data}))
    assert folded(figure.axes[0].get_title(loc="left")).replace(" ", "") == folded(f"A{title}").replace(" ", "")
    assert folded(figure.get_suptitle()).replace(" ", "") == folded(title).replace(" ", "")
    figure.draw_without_rendering()
    plt.close(figure)


def workflow(folder, targets, *options):
    """Run the workflow at toy size in a folder, and unpack the report on it."""
    words = ("--configfile", REPOSITORY / "tests/smoke.yaml", *options, "--directory", folder, *targets)
    for last in (("--cores", "2"), ("--report", "report.zip")):
        run = finished(*words, *last, folder=REPOSITORY)
        assert run.returncode == 0, run.output
    with zipfile.ZipFile(folder / "report.zip") as archive:
        archive.extractall(folder / "report")
    return next((folder / "report").rglob("report.html"))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of the report on one figure."""
    return workflow(tmp_path_factory.mktemp("report"), ["results/figures/fig04.png", "results/interactive/fig04.html"])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Figures whose titles, and those of their experiments, are hostile; and the page of the report on them."""
    drawn = {"h0": HOSTILE_TITLES[0:12:4], "h1": HOSTILE_TITLES[1:12:4]}
    computed = {"h0": HOSTILE_TITLES[2:12:4], "h1": HOSTILE_TITLES[3:12:4]}
    panel = {"plot": "line", "x": "switch_epoch", "y": "relative_accuracy", "hue": "depth"}
    changes = {
        "experiments": {
            name: {"title": " ".join(titles), "model": "matrix_completion", "vary": {"depth": [2]}}
            for name, titles in computed.items()
        },
        "figures": {
            name: {"title": " ".join(titles), "panels": [panel | {"experiment": name}]}
            for name, titles in drawn.items()
        },
    }
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile.yaml").write_text(yaml.safe_dump(changes))
    files = [f"results/{kind}" for name in drawn for kind in (f"figures/{name}.png", f"interactive/{name}.html")]
    page = workflow(folder, files, str(folder / "hostile.yaml"))
    figures, experiments = (
        {name: settings["title"] for name, settings in changes[kind].items()} for kind in ("figures", "experiments")
    )
    return SimpleNamespace(figures=figures, experiments=experiments, page=page, folder=folder)


@pytest.mark.workflow
def test_a_reader_clicks_through_the_report_to_a_figure(report, browser):
    def click(path):
        wait(browser, lambda: browser.find_elements("xpath", path))[0].click()

    browser.get(report.as_uri())
    click("//*[normalize-space(text())='Figures']")
    wait(browser, lambda: "fig04" in browser.page_source)
    assert "First tasks of higher rank harm, deeper networks more" in browser.page_source
    click("//tr[contains(., 'fig04')]//button | //tr[contains(., 'fig04')]//a")
    # An image is an element before it is decoded: of no width until then.
    width = "return Math.max(0, ...[...document.querySelectorAll('img[src*=data]')].map(image => image.naturalWidth))"
    wait(browser, lambda: browser.execute_script(width) > 500)


@pytest.mark.workflow
def test_an_interactive_figure_draws_without_a_network(report, browser):
    page = report.parents[1] if report.parent.name == "report" else report.parent
    browser.get(next(path for path in page.parent.rglob("results/interactive/fig04.html")).as_uri())
    wait(browser, lambda: len(browser.find_elements("css selector", ".scatterlayer .trace")) >= 6)
    assert not browser.find_elements("css selector", "script[src], link[href]")


@pytest.mark.workflow
def test_titles_are_text_in_the_report(hostile, browser):
    browser.get(hostile.page.as_uri())
    shown = browser.execute_script("return Object.entries(results).map(([path, {labels}]) => [path, labels.title])")
    assert dict(shown) == {
        f"results/{kind}": report_label(title)
        for name, title in hostile.figures.items()
        for kind in (f"figures/{name}.png", f"interactive/{name}.html")
    }
    for path, label in shown:
        browser.execute_script("app.showResultInfo(arguments[0])", path)
        wait(browser, lambda label=label: folded(label) in text_of(browser, "body"))
        if "figures" in path:
            name = path.split("/")[-1].removesuffix(".png")
            for title in (hostile.figures[name], hostile.experiments[name]):
                wait(browser, lambda title=title: folded(title) in text_of(browser, ".prose"))
        assert not browser.find_elements("css selector", "a[href*=PWNED], img[src=x], .prose b, .prose a, .prose code")
    assert browser.title == "Snakemake Report"


@pytest.mark.workflow
def test_titles_are_text_in_interactive_figures(hostile, browser):
    for name in hostile.figures:
        browser.get((hostile.folder / f"results/interactive/{name}.html").as_uri())
        for place, titles in (("h1", hostile.figures), ("p", hostile.experiments)):
            wait(browser, lambda place=place: browser.find_elements("css selector", place))
            assert folded(titles[name]).replace(" ", "") in text_of(browser, place).replace(" ", "")
        assert not browser.find_elements("css selector", "a[href*=PWNED], b, tspan[style*=bold]")
        assert browser.title == folded(hostile.figures[name])


def test_claims_are_text_on_their_page(browser, tmp_path):
    words = " ".join(HOSTILE_TITLES)
    texts = dict.fromkeys(("id", "figure", "statement", "quantity", "why"), words)
    claim = CLAIMS["1a"].model_copy(update=texts)
    page = tmp_path / "claims.html"
    page.write_text(as_html(Judgement([Verdict(claim, 0.0, None, 1, True)], [(claim, words)])), encoding="utf-8")
    browser.get(page.as_uri())
    cells = [folded(cell.get_property("textContent")) for cell in browser.find_elements("css selector", "td")]
    assert cells.count(folded(words)) == 5
    assert text_of(browser, "li") == folded(f"{words} {words}: {words}")
    assert browser.title == "Claims"


def test_on_a_phone_only_the_table_of_claims_scrolls_sideways(phone, tmp_path):
    page = tmp_path / "claims.html"
    verdicts = [Verdict(claim, 0.0, None, 1, True) for claim in CLAIMS.values()]
    page.write_text(as_html(Judgement(verdicts, [(CLAIMS["1a"], "x" * 200)])), encoding="utf-8")
    phone.get(page.as_uri())
    assert phone.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [390, 390]


def text_of(browser, place):
    """All text of the first element of a page that a CSS selector finds, in one line."""
    return folded(browser.find_element("css selector", place).get_property("textContent"))

"""The report site in a real browser, opened from its folder as a reader opens it."""

import re

import browser_cases
import numpy as np
import pytest
from browser_cases import LOOKS, serious_findings, visit, visit_as
from IPython.display import Audio
from nbformat.v4 import new_code_cell, new_markdown_cell
from report_cases import (
    HOSTILE,
    MISREAD,
    add_collection,
    add_run,
    build,
    html_output,
    notebook,
    page_of,
    picture,
)

from happymaps_pages.html.sanitize import clean_fragment

browser = browser_cases.browser
page = browser_cases.page
PAGES = (
    "index.html",
    *(
        f"{page_of(f'faces/{name}')}/index.html"
        for name in ("one", "two", "failed/bad")
    ),
)
ONE = PAGES[1]
SECONDS = 1.5
SOUND = Audio(np.sin(np.arange(SECONDS * 8820) / 5), rate=8820)._repr_html_()

ROWS = (
    "<table><tbody><tr><th>the happy map of one is the sad map of the other</th>"
    + "<td>cannot be decided here</td>" * 6
    + "</tr></tbody></table>"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("reports")
    add_collection(root, "faces", "one", "two", "bad", "later", model="small_cnn")
    wide = "<table><tr>" + "<td>a long value</td>" * 30 + "</tr></table>"
    first = notebook(
        new_markdown_cell(
            "## Maps\n\nThe unit $a_i$ is climbed:\n\n$$x^* = \\arg\\max_x a_i(x)"
            "+ b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q$$"
        ),
        new_code_cell("draw()", outputs=[picture(900, 400), picture(60, 60)]),
        new_code_cell("t", outputs=[html_output(wide + HOSTILE)]),
        new_code_cell("u", outputs=[html_output(ROWS)]),
        new_code_cell("v", outputs=[html_output(SOUND)]),
        new_markdown_cell("## Conclusion\n\n" + HOSTILE + "x" * 200),
    )
    metrics = {"metrics.json": {"accuracy": 0.978, "num_edges": 12}}
    parameters = {"a_rather_long_parameter": "value_" * 20}
    add_run(root, "faces/one", first, metrics, parameters=parameters)
    started = "2026-11-21T10:00:00+00:00"
    add_run(root, "faces/two", notebook(header="# Sweep of weights"), started=started)
    add_run(root, "faces/failed/bad", status="failed", error={"message": "y" * 200})
    build(root)
    return root


@pytest.mark.parametrize("name", PAGES)
def test_pages_load_without_errors_or_network_and_fit_a_phone(page, site, name):
    assert visit(page, site, name) == []
    assert page.evaluate("document.fonts.status") == "loaded"
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_sound_beside_the_page_plays_and_no_other_does(page, site):
    assert visit(page, site, ONE) == []
    assert page.locator("audio").get_attribute("src") == "figures/sound_0.wav"
    played = """async element => {
        element.muted = true;  // else it waits for a click
        await element.play();
        await new Promise(done => element.addEventListener('timeupdate', done));
        return [element.duration, element.currentTime > 0, element.controls];
    }"""
    assert page.locator("audio").evaluate(played) == [SECONDS, True, True]
    refused = """address => new Promise(done => {
        const sound = new Audio(address);
        sound.onerror = () => done(true);
        sound.oncanplay = () => done(false);
    })"""
    inside = re.search('data:audio/wav;base64,[^"]+', SOUND)[0]
    assert page.evaluate(refused, inside)


def test_wide_figures_and_tables_scroll_in_their_frames_on_a_phone(page, site):
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, site, ONE)
    frame = page.locator(".picture-wide a")
    assert frame.count() == 1
    widths = "e => [e.clientWidth, e.scrollWidth, e.querySelector('img').offsetWidth]"
    client, scroll, image = frame.evaluate(widths)
    assert client < 390 < scroll
    assert image == 896  # 56rem
    header = page.locator(".table-scroll th").last
    assert header.evaluate("e => e.offsetWidth") >= 9 * 16
    cell = page.locator(".table-scroll td").last
    assert cell.evaluate("e => e.offsetWidth") >= 9 * 16
    frame.click()
    assert page.locator("#lightbox").is_visible()


def test_nothing_of_a_notebook_runs(page, site):
    visit(page, site, ONE)
    assert page.evaluate("window.hacked") is None


def test_what_a_browser_reads_otherwise_runs_only_unfiltered(page):
    counting = "<script>calls = 0; run = () => calls++</script>"
    calls = "new Promise((tell) => setTimeout(() => tell(calls), 50))"
    ran = []
    for html in MISREAD:
        page.set_content(counting + html)
        ran.append(page.evaluate(calls))
        page.set_content(counting + clean_fragment(html))
        assert page.evaluate(calls) == 0
    assert ran == [1, 1, 1, 1, 1, 1, 0, 0]


def test_the_policy_blocks_scripts_and_outside_pictures(page, site):
    heard = visit(page, site, "index.html")
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.hacked = 1";
        document.body.append(script);
        const image = document.createElement("img");
        image.src = "https://example.invalid/a.png";
        document.body.append(image);
    }""")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert sum("Content Security Policy" in text for text in heard) == 2


def test_formulas_are_rendered(page, site):
    visit(page, site, ONE)
    assert page.locator("#article-body .katex").count() == 2
    assert page.locator(".katex-display").count() == 1
    assert page.locator(".katex-error").count() == 0


def test_the_filter_hides_cards_that_do_not_match(page, site):
    visit(page, site, "index.html")
    cards = page.locator(".card:visible h3")
    assert cards.count() == 4
    page.keyboard.press("/")
    page.keyboard.type("SWEEP weights")
    assert cards.all_text_contents() == ["Sweep of weights"]
    assert page.locator("#filter-count").text_content() == "1 of 4"
    page.locator("#filter-text").fill("nothing like it")
    assert page.locator(".collection:visible").count() == 0
    page.get_by_role("button", name="Show everything").click()
    assert cards.count() == 4


def test_status_buttons_show_one_status_and_combine_with_the_search(page, site):
    visit(page, site, "index.html")
    cards = page.locator(".card:visible h3")
    page.get_by_role("button", name="failed 1").click()
    assert cards.count() == 1
    assert page.locator(".card-failed").is_visible()
    assert page.locator("#filter-count").text_content() == "1 of 4"
    page.locator("#filter-text").fill("sweep")
    assert cards.count() == 0
    page.get_by_role("button", name="Show everything").click()
    assert cards.count() == 4
    pressed = page.locator(".statuses [aria-pressed=true]")
    assert pressed.all_text_contents() == ["all"]


def test_ages_are_counted_from_now_and_keep_their_date(page, site):
    page.clock.install(time="2026-11-23T12:00:00Z")
    visit(page, site, "index.html")
    time = page.locator("time[data-age]").first
    assert time.text_content() == "2 days ago"
    assert time.get_attribute("title") == "21\u00a0Nov\u00a02026"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert time.text_content() == "21\u00a0Nov\u00a02026"


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["index.html", ONE])
def test_the_accessibility_checker_finds_nothing_serious(page, site, name, look):
    assert visit_as(page, site, name, look) == []
    assert serious_findings(page) == []


def test_paper_has_the_text_and_no_controls(page, site):
    visit(page, site, ONE)
    page.emulate_media(media="print", color_scheme="dark")
    for name in (".bar", "#theme-toggle", "details.code", ".neighbours"):
        assert not page.locator(name).first.is_visible(), name
    assert page.locator("h1").is_visible()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def test_figures_open_enlarged_and_close_by_keyboard(page, site):
    visit(page, site, ONE)
    dialog = page.locator("#lightbox")
    assert not dialog.is_visible()
    first = page.locator("a.zoom").first
    first.focus()
    page.keyboard.press("Enter")
    assert dialog.is_visible()
    assert page.locator("#lightbox-text").text_content() == "Maps (1 of 2)"
    page.keyboard.press("ArrowRight")
    assert page.locator("#lightbox-text").text_content() == "Maps, figure 2 (2 of 2)"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.className") == "zoom"


def test_the_theme_follows_the_system_and_the_choice_is_kept(page, site):
    background = "getComputedStyle(document.body).backgroundColor"
    visit(page, site, "index.html")
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(background)
    assert dark != light
    page.locator("#theme-toggle").click()
    assert page.evaluate(background) == light
    page.reload()
    assert page.evaluate(background) == light
    assert page.locator("#theme-toggle").text_content().strip() == "Dark"


def test_pages_work_where_storage_is_refused(page, site):
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        " {get() { throw new Error('refused'); }})"
    )
    assert visit(page, site, "index.html") == []
    page.locator("#theme-toggle").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_the_first_tab_stop_leads_to_the_content(page, site):
    visit(page, site, ONE)
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert focused.text_content() == "Skip to the content"
    assert focused.bounding_box()["y"] >= 0


def test_code_is_folded_until_it_is_asked_for(page, site):
    visit(page, site, ONE)
    code = page.locator("details.code pre").first
    assert not code.is_visible()
    page.locator("details.code summary").first.click()
    assert code.is_visible()

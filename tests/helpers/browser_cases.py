"""A real Chromium for the tests of pages, and what they ask of every page."""

import os
import shutil
from pathlib import Path

import pytest

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="NO BROWSER TESTS: playwright is not installed"
)
axe_api = pytest.importorskip(
    "axe_playwright_python.sync_playwright",
    reason="NO BROWSER TESTS: axe-playwright-python is not installed",
)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "phone": ("light", 390)}


def find_chromium():
    """Return the path of a Chromium of this machine, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    candidates = [os.environ.get("CHROMIUM"), "/usr/bin/chromium"]
    candidates += [shutil.which(name) for name in names]
    return next((path for path in candidates if path and Path(path).is_file()), None)


@pytest.fixture(scope="module")
def browser():
    path = find_chromium()
    if path is None:
        pytest.skip(
            "NO BROWSER TESTS: no Chromium on this machine. Install one (apt-get "
            "install chromium) or name its path in the variable CHROMIUM"
        )
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light"
    )
    context.set_default_timeout(60_000)  # for a busy machine
    yield context.new_page()
    context.close()


def visit(page, site, name):
    """Open a page; return what it complained about and where it wanted to go."""
    heard = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("requestfailed", lambda request: heard.append(request.url[:200]))
    page.on(
        "request",
        lambda request: (
            heard.append(request.url[:200])
            if not request.url.startswith(("file:", "data:"))
            else None
        ),
    )
    page.goto((site / name).as_uri())
    page.wait_for_load_state("load")
    return heard


def serious_findings(page):
    """Return what the accessibility checker calls serious or critical."""
    return all_findings(page, ("serious", "critical"))


def all_findings(page, impacts=("minor", "moderate", "serious", "critical")):
    """Return what the accessibility checker finds, of some impacts or any."""
    # Preloading would fetch style sheets, which the policy of the pages forbids.
    options = {"resultTypes": ["violations"], "preload": False}
    found = axe_api.Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in found
        if each["impact"] in impacts
    ]


def visit_as(page, site, name, look):
    """Open a page in one of `LOOKS` and return what it complained about."""
    scheme, width = LOOKS[look]
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    return visit(page, site, name)

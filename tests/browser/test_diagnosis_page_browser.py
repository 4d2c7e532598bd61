"""The page of a diagnosis in a real browser, opened from a folder."""

import io

import browser_cases as helpers
import numpy as np
import pytest
from diagnosis_cases import (
    add_marks_and_portraits,
    make_findings,
    make_pictures,
    make_units,
)
from PIL import Image

from happymaps_pages.html.assets import asset_files
from happymaps_pages.html.map_pictures import stretch_map
from happymaps_pages.pages.diagnosis_page import diagnosis_files
from happymaps_pages.publish import add_files

browser = helpers.browser
page = helpers.page
LOOKS = {**helpers.LOOKS, "dark phone": ("dark", 390)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("diagnosis")
    findings = make_findings()
    pictures = make_pictures(findings=findings)
    add_marks_and_portraits(findings, pictures)
    names = ("a_network_of_a_rather_long_name-v2", "my photographs")
    files = diagnosis_files(findings, make_units(), pictures, names)
    shared = {k: v for k, v in asset_files().items() if "/katex/" not in k}
    add_files(root, shared | files)
    return root


def shown(page):
    return page.locator("#unit-table tbody tr:visible th").all_text_contents()


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_is_quiet_fits_and_is_accessible(page, site, look):
    scheme, width = LOOKS[look]
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    assert helpers.visit(page, site, "index.html") == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert helpers.all_findings(page) == []


def test_units_are_filtered_by_kind_layer_and_text_in_table_and_sheets(page, site):
    helpers.visit(page, site, "index.html")
    page.locator("#unit-kind").select_option("dead")
    assert shown(page) == ["conv2d_1[0]", "conv2_2[0]"]
    assert page.locator(".unit-tiles > li:visible").count() == 2
    page.locator("#unit-layer").select_option("conv2_2")
    assert shown(page) == ["conv2_2[0]"]
    assert page.locator(".unit-sheet:visible").count() == 1
    page.locator("#unit-text").fill("nothing like it")
    assert shown(page) == []
    page.get_by_role("button", name="Show everything").click()
    assert len(shown(page)) == 14
    page.locator("body").click(position={"x": 5, "y": 5})
    page.locator("#unit-text").evaluate("e => e.blur()")
    page.keyboard.press("/")
    page.keyboard.type("because of edge")
    assert shown(page) == ["conv2d_1[1]", "conv2_2[1]"]


def test_units_are_sorted_by_number_text_and_place(page, site):
    helpers.visit(page, site, "index.html")
    units = make_units()
    head = page.get_by_role("columnheader", name="on", exact=False).first
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    order = (-units["on_rate"].values).argsort(kind="stable")
    names = [f"{units.layer.values[i]}[{units.channel.values[i]}]" for i in order]
    assert shown(page) == names
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert shown(page)[0] == "conv2d_1[0]"  # on nowhere
    first = page.locator("#unit-table thead th").first
    first.get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    assert shown(page)[:2] == ["conv2d_1[0]", "conv2d_1[1]"]
    page.locator("#unit-table thead th").nth(1).get_by_role("button").click()
    assert shown(page)[:2] == ["conv2d_1[2]", "conv2_2[2]"]  # brightness


def test_maps_are_drawn_when_they_come_near(page, site):
    helpers.visit(page, site, "index.html")
    canvas = page.locator(".unit-tiles canvas").first
    canvas.scroll_into_view_if_needed()
    assert canvas.evaluate("c => [c.width, c.height]") == [16, 12]
    expected = stretch_map(make_units()["happy_image"].values[0]).pixels[..., 0]
    for _ in range(40):
        if np.corrcoef(seen(canvas), expected.ravel())[0, 1] > 0.8:
            return
        page.wait_for_timeout(100)
    pytest.fail("the first map was not drawn")


def seen(canvas):
    """Return the map as the browser shows it, one number for each of its pixels."""
    with Image.open(io.BytesIO(canvas.screenshot())) as image:
        shown = image.convert("L").resize((16, 12), Image.Resampling.BOX)
    return np.asarray(shown, float).ravel() + 1e-9 * np.arange(192)

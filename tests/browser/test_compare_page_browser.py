"""Two sets of maps side by side in a real browser, opened from a folder."""

import io

import browser_cases as helpers
import numpy as np
import pytest
from compare_cases import make_maps, noise
from PIL import Image
from scipy.ndimage import gaussian_filter

from happymaps_pages.html.assets import asset_files
from happymaps_pages.pages.compare_page import compare_files
from happymaps_pages.publish import add_files

browser = helpers.browser
page = helpers.page
PAGE = "compare/two/index.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Units: equal, shifted, inverted, and one on either side alone."""
    maps = gaussian_filter(noise(4, (60, 64)), (0, 2, 2, 0), mode="wrap")
    other = maps.copy()
    other[1], other[2] = np.roll(maps[1], 20, axis=1), -maps[2]
    note = ["ok", "ok", "dead unit", "ok"]
    left = make_maps(["equal", "shifted", "inverted", "left"], maps, diagnosis=note)
    right = make_maps(["equal", "shifted", "inverted", "right"], other)
    root = tmp_path_factory.mktemp("compare")
    names = ("small_cnn, seed 0", "small_cnn, seed 1 of a rather long name")
    add_files(root, asset_files() | compare_files(left, right, names, "compare/two"))
    return root


def seen(canvas):
    """Return the map as the browser shows it, one number for each of its pixels."""
    with Image.open(io.BytesIO(canvas.screenshot())) as image:
        return np.asarray(image.convert("L").resize((64, 60)), float).ravel()


def shown(page):
    return page.locator(".pair:visible h2").all_text_contents()


@pytest.mark.parametrize("look", helpers.LOOKS)
def test_the_page_is_quiet_fits_and_is_accessible(page, site, look):
    assert helpers.visit_as(page, site, PAGE, look) == []
    width = helpers.LOOKS[look][1]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert helpers.serious_findings(page) == []


def test_equal_maps_look_equal_and_others_do_not(page, site):
    helpers.visit(page, site, PAGE)
    for number, bounds in enumerate([(0.8, 1), (-0.4, 0.4), (-1, -0.8)]):
        canvases = page.locator(".pair").nth(number).locator("canvas").all()
        left, right = (seen(canvas) for canvas in canvases)
        assert bounds[0] <= np.corrcoef(left, right)[0, 1] <= bounds[1]


def test_pairs_are_sorted_by_similarity(page, site):
    helpers.visit(page, site, PAGE)
    order = page.get_by_label("Order")
    order.select_option(label="least alike first")
    assert shown(page) == ["inverted", "shifted", "equal", "left", "right"]
    order.select_option(label="most alike first")
    assert shown(page) == ["equal", "shifted", "inverted", "left", "right"]
    order.select_option(label="by unit")
    assert shown(page) == ["equal", "shifted", "inverted", "left", "right"]


def test_search_and_filter_leave_what_matches(page, site):
    helpers.visit(page, site, PAGE)
    page.keyboard.press("/")
    page.keyboard.type("dead")
    assert shown(page) == ["inverted"]
    assert page.locator("#compare-count").text_content() == "1 of 5"
    page.locator("#compare-text").fill("equal")
    page.get_by_label("only differing").check()
    assert shown(page) == []
    page.get_by_role("button", name="Show everything").click()
    assert len(shown(page)) == 5
    page.get_by_label("only differing").check()
    assert shown(page) == ["shifted", "inverted", "left", "right"]


def test_a_unit_of_one_side_stands_beside_a_blank(page, site):
    helpers.visit(page, site, PAGE)
    alone = page.locator(".pair", has_text="no such unit")
    assert alone.locator("h2").all_text_contents() == ["left", "right"]
    assert alone.locator("canvas").count() == 2

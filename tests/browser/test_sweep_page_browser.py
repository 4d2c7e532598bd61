"""The page of a sweep in a real browser, opened from its folder."""

from pathlib import Path
from urllib.parse import unquote

import browser_cases as helpers
import pytest
from sweep_page_cases import HOSTILE, make_many_points, make_points, make_sweep

from happymaps_pages.html.assets import asset_files
from happymaps_pages.pages.sweep_page import sweep_files
from happymaps_pages.publish import add_files

browser = helpers.browser
page = helpers.page
MAPS = "sweeps/tv/index.html"
MANY = "sweeps/many/index.html"
NUMBERS = "sweeps/numbers/index.html"
POINTS = "sweeps/points/index.html"
LONG = "sweeps/long/index.html"
CAPTION = ".tile-number"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    files = asset_files()
    files |= sweep_files(
        make_sweep(3, 4, 4, 2, (20, 24), function=HOSTILE),
        "sweeps/tv",
        link_keys={"run0"},
        failures={"run44": "ValueError: " + HOSTILE},
    )
    files |= sweep_files(make_sweep(5, 9, 4, 2, (60, 64)), "sweeps/many")
    files |= sweep_files(make_sweep(3, 4, 2, maps=False), "sweeps/numbers")
    files |= sweep_files(make_points(), "sweeps/points")
    files |= sweep_files(make_many_points(450), "sweeps/long")
    add_files(root, files)
    return root


def tile(page, row, column):
    return page.locator("#sheet-table tbody tr").nth(row).locator(".tile").nth(column)


def choose(page, axis, value):
    """Press the radio button of a value; it lies under its label."""
    group = page.get_by_role("group", name=axis)
    group.get_by_role("radio", name=value, exact=True).check()


def pixels(canvas):
    """What is drawn, as the browser shows it: a picture from a file cannot be read."""
    return canvas.screenshot()


@pytest.mark.parametrize("look", helpers.LOOKS)
@pytest.mark.parametrize("name", [MAPS, NUMBERS, POINTS])
def test_pages_are_quiet_fit_and_are_accessible(page, site, name, look):
    assert helpers.visit_as(page, site, name, look) == []
    width = helpers.LOOKS[look][1]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("window.hacked") is None
    if name != POINTS:  # which has no element of its own
        assert helpers.serious_findings(page) == []
    if name == MAPS:
        tile(page, 1, 1).click()
        assert helpers.serious_findings(page) == []


def test_a_long_sheet_is_shown_in_parts(page, site):
    helpers.visit(page, site, LONG)
    heads = page.locator("#sheet-table tbody th")
    shown = page.locator("#parts output")
    assert (heads.count(), shown.inner_text()) == (200, "1 to 200 of 450")
    page.get_by_label("Rows").press("End")
    assert (heads.count(), shown.inner_text()) == (50, "401 to 450 of 450")
    assert "seed 449" in heads.last.inner_text()
    # Arrow keys, on the sheet and on an enlarged point, go on in the next part.
    tile(page, 0, 0).press("ArrowUp")
    assert shown.inner_text() == "201 to 400 of 450"
    assert "seed 399" in page.locator(":focus").get_attribute("aria-label")
    page.keyboard.press("Enter")
    for _ in range(2):
        page.get_by_label("Row below").click()
    page.keyboard.press("Escape")
    assert shown.inner_text() == "401 to 450 of 450"
    assert "seed 401" in page.locator(":focus").get_attribute("aria-label")


def test_180_runs_need_few_files_and_little_data(page, site):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    helpers.visit(page, site, MANY)
    page.wait_for_function(
        "document.querySelectorAll('#sheet-table canvas').length > 40"
    )
    assert all(url.startswith("file://") for url in asked)
    names = {unquote(url.removeprefix("file://").partition("#")[0]) for url in asked}
    sizes = {name: Path(name).stat().st_size for name in names}
    assert len(sizes) <= 10
    assert sum(sizes.values()) < 1_200_000
    sheets = [name for name in sizes if name.endswith(".webp")]
    assert len(sheets) == 1


def test_the_sheet_has_a_map_for_every_layer_and_weight(page, site):
    helpers.visit(page, site, MAPS)
    heads = page.locator("#sheet-table thead th").all_text_contents()
    assert heads[0] == "layer \\ TV weight" and heads[1:3] == ["0.001", "0.01"]
    assert page.locator("#sheet-table .tile").count() == 12
    assert page.locator("#sheet-table .tile canvas").count() == 11
    assert tile(page, 2, 3).text_content() == "failed"
    assert tile(page, 0, 1).locator(CAPTION).text_content() == "8"


def test_seed_and_unit_selectors_change_maps_and_numbers(page, site):
    helpers.visit(page, site, MAPS)
    first = pixels(tile(page, 1, 1).locator("canvas"))
    number = int(tile(page, 1, 1).locator(CAPTION).text_content())
    choose(page, "seed", "3")
    assert int(tile(page, 1, 1).locator(CAPTION).text_content()) == number + 6
    assert pixels(tile(page, 1, 1).locator("canvas")) != first
    assert tile(page, 0, 0).text_content() == "not run"
    assert page.locator("#sheet-table .tile-failed").count() == 0
    page.keyboard.press("ArrowLeft")  # radio buttons follow the arrow keys
    assert page.locator("#sheet-shown").text_content().startswith("seed 2")
    choose(page, "unit", "2")
    assert int(tile(page, 1, 1).locator(CAPTION).text_content()) == number + 5


def test_the_slider_walks_along_the_weights(page, site):
    helpers.visit(page, site, MAPS)
    slider = page.get_by_role("slider", name="Walk along TV weight")
    stage = page.locator("#stage")
    assert stage.locator(CAPTION).all_text_contents()[:2] == ["0", "32"]
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "0.1"
    assert page.locator("#walk-value").text_content() == "0.1"
    assert stage.locator(CAPTION).all_text_contents()[:2] == ["16", "48"]
    assert page.locator("#sheet-table thead .is-here").text_content() == "0.1"
    page.keyboard.press("End")
    assert stage.locator(".tile").last.text_content() == "failed"


def test_another_number_stands_below_the_maps(page, site):
    helpers.visit(page, site, MAPS)
    page.get_by_label("Number below a map").select_option(label="seconds")
    assert tile(page, 1, 1).locator(CAPTION).text_content() == "1.5"
    assert "below each map seconds" in page.locator("#sheet-shown").text_content()


def test_rows_and_columns_can_be_exchanged(page, site):
    helpers.visit(page, site, MAPS)
    page.get_by_label("Rows", exact=True).select_option(label="unit")
    assert page.locator("#sheet-table tbody tr").count() == 2
    assert page.get_by_role("group", name="layer").count() == 1
    page.get_by_label("Columns", exact=True).select_option(label="unit")
    assert page.locator("#sheet-table thead th").all_text_contents()[1:] == ["1", "2"]
    assert page.locator("#sheet-table tbody tr").count() == 4


def test_a_map_is_enlarged_and_left_by_keyboard(page, site):
    helpers.visit(page, site, MAPS)
    dialog = page.locator("#zoom")
    tile(page, 0, 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert dialog.is_visible()
    title = page.locator("#zoom-title")
    expected = "layer conv_2, TV weight 0.01, seed 0, unit 1, channel 20"
    assert title.text_content().replace("\u00a0", " ") == expected
    facts = dialog.locator("#zoom-numbers div").all_inner_texts()
    facts = dict(" ".join(text.split("\n")).rsplit(" ", 1) for text in facts)
    assert facts["Score"] == "40" and facts["Run"] == "run20"
    assert "Repeatability" in facts
    canvas = dialog.get_by_role("img", name="Map of layer conv_2, TV weight 0.01")
    assert canvas.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
    assert canvas.bounding_box()["width"] % 24 == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert "conv_1" in title.text_content() and "0.1," in title.text_content()
    page.keyboard.press("ArrowUp")  # there is no row above
    assert "conv_1" in title.text_content()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith("layer conv_1, TV weight 0.1,")


def test_the_enlarged_map_shows_the_other_seeds_and_leads_to_the_run(page, site):
    helpers.visit(page, site, MAPS)
    tile(page, 0, 0).click()
    link = page.get_by_role("link", name="Open the page of this run")
    assert link.get_attribute("href") == "../../run0/index.html"
    page.locator("#zoom").get_by_role("button", name="seed 2").click()
    assert "seed\u00a02" in page.locator("#zoom-title").text_content()
    assert not link.is_visible()
    page.locator("#zoom").get_by_role("button", name="Close").click()
    assert tile(page, 0, 0).locator(CAPTION).text_content() == "4"


def test_a_failed_run_tells_its_reason_and_a_missing_one_that_it_was_not_run(
    page, site
):
    helpers.visit(page, site, MAPS)
    assert tile(page, 2, 3).get_attribute("aria-label").endswith(": failed")
    tile(page, 2, 3).click()
    assert "ValueError: </script>" in page.locator("#zoom-reason").text_content()
    assert page.locator("#zoom canvas").first.is_visible()  # the other seeds
    page.keyboard.press("Escape")
    choose(page, "seed", "3")
    tile(page, 0, 0).click()
    assert "not run" in page.locator("#zoom-numbers").text_content()
    assert not page.locator("#zoom-reason").is_visible()


def test_a_sweep_without_maps_is_a_table_of_colored_numbers(page, site):
    helpers.visit(page, site, NUMBERS)
    low, high = tile(page, 0, 0), tile(page, 2, 2)
    assert (low.text_content(), high.text_content()) == ("0", "40")
    color = "e => getComputedStyle(e).backgroundColor"
    assert low.evaluate(color) != high.evaluate(color)
    assert page.locator("#scale-low").text_content() == "0"
    assert tile(page, 2, 3).text_content() == "failed"
    low.click()
    assert page.locator("#zoom-numbers").is_visible()
    assert not page.locator("#zoom-picture").is_visible()


def test_points_are_listed_by_their_parameters(page, site):
    helpers.visit(page, site, POINTS)
    heads = page.locator("#sheet-table tbody th").all_text_contents()
    assert heads[1] == "learning rate 0.1, activation tanh"
    texts = page.locator("#sheet-table .tile").all_text_contents()
    assert texts == ["0.5", "0.25", "failed", "not run"]
    assert not page.locator("#walk").is_visible()

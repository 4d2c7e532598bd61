"""Two sets of maps side by side, without a browser."""

import io
import json
import math

import numpy as np
import pytest
from bs4 import BeautifulSoup
from compare_cases import make_maps, noise
from PIL import Image

from happymaps_pages.content.comparison import compare_maps
from happymaps_pages.pages.compare_page import compare_files

HOSTILE = "</script><script>window.hacked=1</script>"


@pytest.fixture
def both():
    """Units a to e: equal, shifted by 3, inverted, flat on one side; f and g alone."""
    maps = noise(5)
    other = maps.copy()
    other[1] = np.roll(maps[1], 3, axis=1)
    other[2] = 1 - maps[2]
    other[3] = 0.5
    left = make_maps("abcdf", maps, score_end=[1.0, 2, 3, 4, 5], diagnosis=["ok"] * 5)
    right = make_maps(
        "dcbag", other[[3, 2, 1, 0, 4]], score_end=[1.0, 1, 1, 3, 1], extra=np.arange(5)
    )
    return left, right


def test_units_with_the_same_label_belong_together(both):
    pairs = compare_maps(*both).pairs
    assert [(p.label, p.left, p.right) for p in pairs] == [
        ("a", 0, 3), ("b", 1, 2), ("c", 2, 1), ("d", 3, 0),
        ("f", 4, None), ("g", None, 4),
    ]  # fmt: skip


def test_correlations_are_those_of_equal_shifted_and_inverted_maps(both):
    pairs = {pair.label: pair for pair in compare_maps(*both).pairs}
    assert pairs["a"].raw == pytest.approx(1) and pairs["a"].shifted == pytest.approx(1)
    assert abs(pairs["b"].raw) < 0.3 and pairs["b"].shifted == pytest.approx(1)
    assert pairs["c"].raw == pytest.approx(-1)
    for label in "dfg":
        assert math.isnan(pairs[label].raw) and math.isnan(pairs[label].shifted)


def test_unrelated_maps_hardly_correlate():
    maps = make_maps("abcdefgh", noise(8, (30, 30)))
    raw, shifted = compare_maps(maps, maps).unrelated
    assert abs(raw) < 0.05 and 0.05 < shifted < 0.2
    alone = maps.isel(objective=[0])
    assert all(map(math.isnan, compare_maps(alone, alone).unrelated))


@pytest.mark.parametrize(("size", "colors"), [((8, 16), 1), ((12, 16), 3)])
def test_networks_of_other_input_sizes_stand_side_by_side(size, colors):
    left = make_maps("a", noise(1))
    right = make_maps("a", noise(1, size, colors))
    (pair,) = compare_maps(left, right).pairs
    assert math.isnan(pair.raw) == (size != (12, 16))
    files = compare_files(left, right, ("one", "two"), "compare/x")
    with Image.open(io.BytesIO(files["compare/x/maps/right-0.webp"])) as image:
        assert image.size == size[::-1]


def test_channels_name_the_units_where_they_are_known():
    maps = make_maps([0, 1], noise(2), "unit")
    assert [p.label for p in compare_maps(maps, maps).pairs] == ["unit 0", "unit 1"]
    known = maps.assign(index=("unit", [4, 9]))
    assert [p.label for p in compare_maps(known, known).pairs] == [
        "channel 4",
        "channel 9",
    ]


def test_maps_over_other_dimensions_or_labels_twice_are_refused():
    maps = make_maps("ab", noise(2))
    more = maps.assign(image=maps["image"].expand_dims(seed=2))
    with pytest.raises(ValueError, match=r"on the right.*'seed'.*\.sel"):
        compare_maps(maps, more)
    assert compare_maps(maps, more.isel(seed=[0])).pairs[0].raw == pytest.approx(1)
    with pytest.raises(ValueError, match="on the left with 'image'"):
        compare_maps(maps.drop_vars("image"), maps)
    with pytest.raises(ValueError, match="each unit once on the left"):
        compare_maps(make_maps("aa", noise(2)), maps)


def test_the_page_lists_the_numbers_of_both_sides(both):
    files = compare_files(*both, ("one", "two"), "compare/x")
    assert sorted(files) == [
        "compare/x/index.html",
        "compare/x/maps/left-0.webp",
        "compare/x/maps/right-0.webp",
    ]
    page = BeautifulSoup(files["compare/x/index.html"].decode(), "html.parser")
    rows = {
        pair.h2.get_text(): {
            row.th.get_text(): [cell.get_text() for cell in row("td")]
            for row in pair.select("tbody tr")
        }
        for pair in page.select(".pair")
    }
    assert rows["a"]["score end"] == ["1", "3", "+2"]
    assert rows["c"]["score end"] == ["3", "1", "−2"]
    assert rows["a"]["extra"] == ["–", "3", "–"]
    assert rows["f"]["score end"] == ["5", "–", "–"]
    assert rows["a"]["diagnosis"] == ["ok", "–", "differs"]
    differing = [p.h2.get_text() for p in page.select('.pair[data-differs="yes"]')]
    assert differing == ["b", "c", "d", "f", "g"]
    blanks = [p.h2.get_text() for p in page.select(".pair:has(.pair-blank)")]
    assert blanks == ["f", "g"]
    told = json.loads(page.find(id="compare-data").string)
    assert [side["count"] for side in told["sides"]] == [5, 5]
    assert "../../_assets/compare.js" in str(page.head)


def test_names_and_labels_are_escaped():
    maps = make_maps([HOSTILE], noise(1), diagnosis=[HOSTILE])
    files = compare_files(maps, maps, (HOSTILE, HOSTILE), "compare/x")
    page = BeautifulSoup(files["compare/x/index.html"].decode(), "html.parser")
    inline = [each for each in page.find_all("script") if not each.get("src")]
    assert [each["id"] for each in inline] == ["compare-data"]
    assert page.h2.get_text() == HOSTILE

"""The page of a sweep, without a browser; see test_sweep_page_browser.py."""

import io
import json
import math

import numpy as np
import pytest
import xarray as xr
from bs4 import BeautifulSoup
from PIL import Image
from sweep_page_cases import DIMS, HOSTILE, make_many_points, make_points, make_sweep

from happymaps_pages.content.sweep_data import label_of, read_sweep, value_text
from happymaps_pages.html.charts import line_chart
from happymaps_pages.html.map_pictures import (
    DRAWN,
    FLAT,
    NO_MAP,
    Packing,
    make_cover,
    pack_sheets,
    plan_packing,
    stretch_map,
    tile,
)
from happymaps_pages.pages.script_data import embed_json, round_numbers
from happymaps_pages.pages.sweep_layout import choose_grid, make_charts
from happymaps_pages.pages.sweep_page import sweep_files


def read_page(files, folder="sweeps/tv"):
    return BeautifulSoup(files[f"{folder}/index.html"].decode(), "html.parser")


def script_of(page):
    return json.loads(page.find(id="sweep-data").string)


# ------------------------------------------------------------------------------ maps


def test_a_map_is_stretched_between_its_1st_and_99th_percentile():
    found = stretch_map(np.linspace(-1, 1, 101).reshape(101, 1, 1))
    assert (found.kind, round(found.low, 9), round(found.high, 9)) == (
        DRAWN,
        -0.98,
        0.98,
    )
    pixels = found.pixels.ravel()
    assert pixels[[0, 1, 50, 99, 100]].tolist() == [0, 0, 128, 255, 255]
    assert np.all(np.diff(pixels.astype(int)) >= 0)


def test_colors_share_one_scale():
    image = np.zeros((10, 10, 3))
    image[..., 1] = 1
    assert stretch_map(image).pixels[0, 0].tolist() == [0, 255, 0]


@pytest.mark.parametrize(
    ("value", "kind"), [(0.3, FLAT), (0.0, FLAT), (1e6, FLAT), (np.nan, NO_MAP)]
)
def test_a_map_without_a_pattern_is_told_apart(value, kind):
    assert stretch_map(np.full((4, 4, 1), value)).kind == kind


def test_maps_lie_row_after_row_with_gaps():
    maps = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30)])
    sheet = tile(maps, columns=2, gap=1)[..., 0]
    assert sheet.shape == (5, 7)
    assert sheet[0].tolist() == [10] * 3 + [255] + [20] * 3
    assert sheet[2].tolist() == [255] * 7
    assert sheet[4].tolist() == [30] * 3 + [255] * 4


def test_maps_are_packed_into_nearly_square_sheets_of_a_limited_size():
    packing = plan_packing(180, 60, 64)
    assert (packing.per_sheet, packing.columns) == (180, 13)
    assert plan_packing(180, 1000, 1000).per_sheet == 12
    maps = np.zeros((5, 10, 30, 1), np.uint8)
    sheets = pack_sheets(maps, Packing(10, 30, per_sheet=4, columns=2))
    sizes = [Image.open(io.BytesIO(each)).size for each in sheets]
    assert sizes == [(60, 20), (60, 10)]


@pytest.mark.parametrize("colors", [1, 3])
def test_a_cover_shows_a_few_maps_of_a_large_grid(colors):
    grid = np.zeros((9, 20, 10, 10, colors), np.uint8)
    with Image.open(io.BytesIO(make_cover(grid))) as image:
        assert image.size == (6 * 14 - 4, 4 * 14 - 4)


# ---------------------------------------------------------------------------- charts


def drawn(chart):
    return BeautifulSoup(chart.svg, "html.parser")


def labels(chart):
    """The numbers and names on the axes, and below them what the x axis is."""
    return [text.get_text() for text in drawn(chart).select("text")]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([0.13, 0.97], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([-3, 5], ["−4", "−2", "0", "2", "4", "6"]),
        ([1.02, 1.04], ["1.020", "1.025", "1.030", "1.035", "1.040"]),
        ([7, 7], ["6.6", "6.8", "7.0", "7.2", "7.4"]),
        ([0, 0], ["−0.06", "−0.04", "−0.02", "0.00", "0.02", "0.04", "0.06"]),
    ],
)
def test_ticks_are_round_and_hold_the_range(values, expected):
    chart = line_chart("s", "x", ["a", "b"], None, {"a": np.array(values)})
    assert labels(chart) == ["a", "b", "x", *expected]


def test_a_chart_breaks_its_line_where_a_number_is_missing():
    chart = line_chart(
        "score",
        "TV weight",
        ["1", "10", "100", "1000", "10000"],
        [1, 10, 100, 1000, 10000],
        {"a": np.array([0, 4, np.nan, 2, 4.0]), "b": np.full(5, np.nan)},
    )
    assert labels(chart)[:6] == [
        *("1", "10", "100", "1000", "10000"),
        "TV weight, logarithmic",
    ]
    dots = drawn(chart).select("use:has(title)")
    assert [dot.title.string for dot in dots] == ["a: 0", "a: 4", "a: 2", "a: 4"]
    x, y = ([float(dot[side]) for dot in dots] for side in "xy")
    assert np.allclose(
        np.diff(x, prepend=2 * x[0] - x[1]) / (x[1] - x[0]), [1, 1, 2, 1]
    )
    assert np.allclose([y[1], y[2]], [y[3], (y[0] + y[1]) / 2])
    (line,) = [
        path["d"] for path in drawn(chart).select("path[style*=series-0]:not([id])")
    ]
    assert [len(piece.split("L")) for piece in line.split("M")[1:]] == [2, 2]
    assert chart.rows[2] == ("100", "–", "–")


def test_a_chart_sorts_its_axis_and_is_absent_without_numbers():
    chart = line_chart("s", "x", ["3", "1"], [3, 1], {"a": np.array([9.0, 5.0])})
    assert "x" in labels(chart)
    assert [row[0] for row in chart.rows] == ["1", "3"]
    assert line_chart("s", "x", ["1"], [1], {"a": np.array([np.nan])}) is None


def test_a_chart_of_many_values_keeps_the_extremes_and_says_what_it_left_out():
    values = np.random.default_rng(0).uniform(size=(40, 10_000))
    values[0, 4321], values[39, 7], values[0, 5] = 99, -99, np.nan
    texts = [str(place) for place in range(10_000)]
    one = line_chart("s", "x", texts, range(10_000), {"a": values[0]})
    assert len(one.rows) == len(drawn(one).select("use title")) == 2400
    assert ("4321", "99") in one.rows
    assert "2,400 of 10,000 values are drawn" in one.thinned
    lines = {f"line {number}": row for number, row in enumerate(values)}
    many = line_chart("s", "x", texts, range(10_000), lines)
    assert many.header[1:2] == ("line 0",) and many.header[-1] == "line 39"
    assert "24 of 40 lines are drawn" in many.thinned
    assert {"99", "−99"} <= {text for row in many.rows for text in row}
    assert len(many.rows) * 24 <= 2400


def test_texts_of_a_chart_are_escaped_and_no_formulas():
    chart = line_chart(HOSTILE, "$x_1$", [HOSTILE, "$"], None, {HOSTILE: np.ones(2)})
    assert labels(chart)[1:3] == ["$", "$x_1$"]
    assert "<script" not in chart.svg and "<img" not in chart.svg


def test_charts_of_a_page_share_no_id_and_are_drawn_alike_each_time():
    def draw(title):
        return line_chart(title, "x", ["1", "2"], [1, 2], {"a": np.array([1.0, 2.0])})

    found = [[tag["id"] for tag in drawn(draw(title)).select("[id]")] for title in "ab"]
    assert not set(found[0]) & set(found[1])
    assert draw("a") == draw("a")


def test_charts_hold_the_means_over_seeds_and_units():
    sweep = make_sweep(maps=False)
    data = read_sweep(sweep)
    chart = make_charts(data, "layer", "tv_weight")[0]
    expected = sweep["score"].mean(("seed", "unit")).values
    assert chart.header == ("TV weight", "conv_1", "conv_2")
    values = [[float(text) for text in row[1:]] for row in chart.rows]
    assert np.allclose(np.transpose(values), expected)


# ------------------------------------------------------------------------- what is read


def test_score_gain_and_repeatability_come_first_and_positions_have_no_chart():
    sweep = make_sweep().rename(seconds="best_real_index")
    sweep["gain"] = sweep["score"] / 2
    data = read_sweep(sweep)
    names = [each.name for each in data.measures]
    assert names == ["score", "gain", "repeatability", "best_real_index"]
    charts = make_charts(data, "layer", "tv_weight")
    assert [chart.title for chart in charts] == names[:3]


def test_axes_keep_their_order_and_say_their_values():
    data = read_sweep(make_sweep())
    assert [axis.label for axis in data.axes] == ["layer", "TV weight", "seed"]
    assert data.axes[1].texts == ("0.001", "0.01", "0.1")
    assert data.axes[1].numbers == (0.001, 0.01, 0.1)
    assert data.axes[0].numbers is None
    assert data.counts == {"completed": 10, "failed": 1, "missing": 1}
    assert data.parameters == {"num_steps": 20}


@pytest.mark.parametrize("order", [DIMS, DIMS[::-1]])
def test_numbers_and_maps_are_flat_in_the_order_of_the_axes(order):
    sweep = make_sweep()
    data = read_sweep(sweep.assign(status=sweep["status"].transpose(*order)))
    spot = {"layer": 1, "tv_weight": 0, "seed": 1}
    point = np.ravel_multi_index([spot[name] for name in order], data.shape)
    here = sweep.isel(spot)
    scores = {each.name: each for each in data.measures}
    assert scores["score"].values[:, point].tolist() == here["score"].values.tolist()
    assert scores["seconds"].values[:, point].tolist() == [1.5]
    assert np.array_equal(data.images[1, point], here["image"].values[1])
    assert data.indices[:, point].tolist() == [20, 30]
    assert data.keys[point] == str(here["key"].values)
    assert data.notes["diagnosis"][0, point] == str(here["diagnosis"].values[0])


def test_one_axis_and_one_point_are_enough():
    sweep = xr.Dataset({"status": ("rate", ["completed"]), "loss": ("rate", [0.5])})
    data = read_sweep(sweep)
    assert (data.shape, data.keys, data.num_units) == ((1,), ("",), 1)
    assert choose_grid(data) == ("", "")
    assert "Contact sheet" not in read_page(sweep_files(sweep, "sweeps/tv")).get_text()


def test_points_name_their_parameters():
    data = read_sweep(make_points())
    assert data.axes[0].texts[0] == "learning rate 0.001, activation relu"
    assert [part.label for part in data.axes[0].columns] == [
        "learning rate",
        "activation",
    ]
    chart = make_charts(data, "point", "")[0]
    assert not chart.is_joined and "learning rate, logarithmic" in labels(chart)
    assert [row[0] for row in chart.rows] == ["0.001", "0.01", "0.1", "1"]


def test_repeatability_is_the_mean_correlation_over_pairs_of_seeds():
    sweep = make_sweep(layers=3, weights=1, seeds=3, units=1)
    image = sweep["image"].values.copy()
    pattern = np.random.default_rng(1).normal(size=image.shape[-3:])
    image[0, 0, :2, 0] = [pattern, 2 * pattern + 1]  # the third seed is missing
    image[1, 0, :, 0] = [pattern, pattern, -pattern]  # pairs: 1, -1, -1
    image[2, 0, 2, 0] = np.nan  # the first has failed: one map is left
    sweep["image"] = (sweep["image"].dims, image)
    found = {each.name: each.values[0] for each in read_sweep(sweep).measures}
    expected = [1, 1, np.nan, -1 / 3, -1 / 3, -1 / 3, np.nan, np.nan, np.nan]
    assert np.allclose(found["repeatability"], expected, equal_nan=True)


def test_there_is_no_repeatability_without_seeds_or_maps():
    for sweep in (make_sweep(seeds=1), make_sweep(maps=False)):
        names = [each.name for each in read_sweep(sweep).measures]
        assert names == ["score", "seconds"]


@pytest.mark.parametrize("parameters", ["not json", "[1]", ""])
def test_unreadable_fixed_parameters_are_left_out(parameters):
    assert read_sweep(make_sweep(parameters=parameters)).parameters == {}


def test_texts_and_channels_of_missing_runs_are_empty():
    sweep = make_sweep()
    notes = sweep["diagnosis"].astype(object)
    notes[0, 0, 1] = np.nan
    index = sweep["index"].astype(float)
    index[1, 1] = np.nan
    data = read_sweep(sweep.assign(diagnosis=notes, index=index))
    assert data.notes["diagnosis"][:, 1].tolist() == ["", ""]
    told = script_of(read_page(sweep_files(sweep.assign(index=index), "sweeps/tv")))
    assert told["indices"][-1] is None and told["indices"][0] == 0


def test_maps_of_other_shapes_are_read_or_left_out():
    sweep = make_sweep()
    plain = sweep.assign(image=sweep["image"].isel(unit=0, color=0, drop=True))
    assert read_sweep(plain).images.shape == (1, 12, 6, 8, 1)
    two = xr.concat([sweep["image"]] * 2, dim="color")
    sweep = sweep.drop_vars("image")
    assert read_sweep(sweep.assign(image=two)).images.shape == (2, 12, 6, 8, 1)
    rows = sweep.assign(image=two.isel(y=0, drop=True))
    assert read_sweep(rows).images is None


def test_a_data_set_without_status_is_refused():
    with pytest.raises(ValueError, match=r"variable 'status'.*Received.*'score'"):
        read_sweep(make_sweep().drop_vars("status"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (np.float64(10), "10"), (3, "3"), (None, "none"), ("a", "a")],
)
def test_values_of_an_axis_are_short(value, text):
    assert value_text(value) == text
    assert label_of("tv_weight") == "TV weight"


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        (make_sweep(), ("layer", "tv_weight")),
        (make_sweep(layers=1), ("unit", "tv_weight")),
        (make_sweep(layers=1, units=1), ("seed", "tv_weight")),
        (make_sweep(weights=1), ("layer", "unit")),
        (make_sweep(layers=1, weights=1, units=1), ("", "seed")),
        (make_sweep(layers=1, weights=2, seeds=1, units=1), ("", "tv_weight")),
        (make_points(), ("point", "")),
        (
            make_points(score=(("point", "unit"), np.zeros((4, 3)))),
            ("point", "unit"),
        ),
    ],
)
def test_rows_and_columns_are_the_natural_axes(sweep, expected):
    assert choose_grid(read_sweep(sweep)) == expected


# -------------------------------------------------------------------------------- page


def test_a_sweep_is_a_page_a_sheet_per_unit_a_cover_and_a_summary():
    files = sweep_files(make_sweep(), "sweeps/tv", made_from="these runs")
    assert sorted(files) == [
        "sweeps/tv/cover.webp",
        "sweeps/tv/index.html",
        "sweeps/tv/maps/0-0.webp",
        "sweeps/tv/maps/1-0.webp",
        "sweeps/tv/summary.json",
    ]
    assert json.loads(files["sweeps/tv/summary.json"]) == {
        "title": "Which weight?",
        "created": "2026-11-20",
        "counts": {"completed": 10, "failed": 1, "missing": 1},
        "axes": "2 × layer, 3 × TV weight, 2 × seed",
        "cover": "cover.webp",
        "made_from": "these runs",
    }


def test_the_page_of_many_points_lists_the_first_and_tells_its_script_all():
    sweep = make_many_points(3100)
    page = sweep_files(sweep, "sweeps/long")["sweeps/long/index.html"].decode()
    soup = BeautifulSoup(page, "html.parser")
    assert len(soup.select(".all-runs tbody tr")) == 1000
    assert "the first 1000 of 3100 runs" in soup.select_one(".all-runs").get_text()
    assert len(soup.select(".failed-list li")) == 100
    assert soup.select_one("#failed-title").get_text() == "1034 failed runs"
    told = json.loads(soup.select_one("#sweep-data").string)
    assert len(told["keys"]) == len(told["measures"][0]["values"]) == 3100


def test_the_sheets_of_180_runs_are_few_and_light():
    files = sweep_files(make_sweep(5, 9, 4, 2, (60, 64)), "sweeps/tv")
    assert sum(name.endswith(".webp") for name in files) == 3
    assert len(files["sweeps/tv/maps/0-0.webp"]) < 600_000
    assert len(files["sweeps/tv/index.html"]) < 200_000


def test_the_script_is_told_every_point():
    sweep = make_sweep()
    page = read_page(sweep_files(sweep, "sweeps/tv"))
    told = script_of(page)
    assert told["statuses"] == "cm" + "c" * 8 + "fc"
    assert told["keys"] == sweep["key"].values.ravel().tolist()
    assert told["maps"]["kinds"] == 2 * ("10" + "1" * 8 + "01")
    scores = next(each for each in told["measures"] if each["name"] == "score")
    assert scores["perUnit"] and scores["values"][:4] == [0, None, 4, 6]
    assert told["indices"][:1] + told["indices"][-1:] == [0, 30]
    (note,) = told["notes"]
    assert note["names"][note["codes"][12]] == "ok"  # the second unit, score 1


def test_only_runs_with_a_page_are_linked_where_their_status_puts_them():
    sweep = make_sweep()
    files = sweep_files(
        sweep,
        "sweeps/tv",
        link_keys={"run0", "run10", "other"},
        failures={"run10": "why"},
    )
    page = read_page(files)
    assert script_of(page)["addresses"] == {
        "run0": "../../run0/index.html",
        "run10": "../../failed/run10/index.html",
    }
    links = {a["href"] for a in page.select("main a[href]")}
    assert links == set(script_of(page)["addresses"].values())
    failed = page.select_one(".failed-list li").get_text(" ")
    assert "layer conv_2, TV weight 0.1, seed 0" in " ".join(failed.split())
    assert "why" in failed


def test_a_sweep_without_maps_has_no_pictures():
    files = sweep_files(make_sweep(maps=False), "sweeps/tv")
    assert sorted(files) == ["sweeps/tv/index.html", "sweeps/tv/summary.json"]
    assert script_of(read_page(files))["maps"] is None


def test_a_sweep_with_nothing_done_still_has_a_page():
    sweep = make_sweep()
    none = sweep.assign(
        status=xr.full_like(sweep["status"], "missing"),
        image=sweep["image"] * np.nan,
        score=sweep["score"] * np.nan,
        seconds=sweep["seconds"] * np.nan,
    )
    files = sweep_files(none, "sweeps/tv")
    assert "sweeps/tv/cover.webp" not in files
    assert read_page(files).select(".chart") == []


def test_every_text_of_a_sweep_is_escaped():
    sweep = make_sweep(
        title=HOSTILE, notebook=HOSTILE, function=HOSTILE, created=HOSTILE,
        parameters=json.dumps({HOSTILE: HOSTILE}),
    )  # fmt: skip
    sweep = sweep.assign_coords(layer=[HOSTILE, "b"]).rename(score=HOSTILE)
    key = sweep["key"].astype(object)
    key[1, 2, 0] = HOSTILE
    sweep["key"] = key.astype(str)
    files = sweep_files(
        sweep, "sweeps/tv", link_keys={HOSTILE}, failures={HOSTILE: HOSTILE}
    )
    page = read_page(files)
    assert page.find("img", src="x") is None
    scripts = page.find_all("script")
    assert [each.get("id") for each in scripts if not each.get("src")] == ["sweep-data"]
    assert "<" not in scripts[-1].string
    told = script_of(page)
    assert told["axes"][0]["texts"][0] == HOSTILE
    assert told["reasons"] == {HOSTILE: HOSTILE}
    assert page.h1.get_text() == HOSTILE


def test_pages_have_the_policy_of_the_site():
    page = read_page(sweep_files(make_sweep(), "sweeps/tv"))
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'; script-src 'self';")


def test_charts_have_a_description_and_a_table():
    page = read_page(sweep_files(make_sweep(), "sweeps/tv"))
    for chart in page.select(".chart"):
        assert chart.svg["role"] == "img" and "Chart of" in chart.svg["aria-label"]
        assert len(chart.select("tbody tr")) == 3
    assert [each.figcaption.get_text() for each in page.select(".chart")] == [
        "score",
        "repeatability",
        "seconds",
    ]


def test_json_in_a_page_cannot_end_its_element():
    text = embed_json({"a": "</script><!-- & \u2028"})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"a": "</script><!-- & \u2028"}
    with pytest.raises(ValueError, match="JSON compliant"):
        embed_json(math.nan)
    assert round_numbers(np.array([1.23456, np.nan, np.inf, -1e-9])) == [
        1.235, None, None, -1e-09,
    ]  # fmt: skip

"""The page of a diagnosis, without a browser."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from diagnosis_cases import (
    HOSTILE,
    NUMBERS,
    add_marks_and_portraits,
    make_findings,
    make_images,
    make_pictures,
    make_units,
)
from PIL import Image

from happymaps.diagnosis.advice.findings import HEADLINES, conclude
from happymaps.diagnosis.advice.thresholds import THRESHOLDS
from happymaps_pages.html import heat_pictures as heat
from happymaps_pages.pages.diagnosis_page import diagnosis_files
from happymaps_pages.pages.unit_rows import describe_units, units_csv


@pytest.fixture(scope="module")
def findings():
    return make_findings()


@pytest.fixture(scope="module")
def files(findings):
    pictures = make_pictures(findings=findings)
    return diagnosis_files(findings, make_units(), pictures, ("net", "mine"))


@pytest.fixture(scope="module")
def page(files):
    return BeautifulSoup(files["index.html"], "html.parser")


def texts(page, selector):
    return [" ".join(each.get_text().split()) for each in page.select(selector)]


def test_all_files_that_the_page_names_are_there(files, page):
    named = {each["src"] for each in page.select("main img")}
    named |= {a["href"] for a in page.select("main a") if a["href"][0] != "#"}
    layouts = json.loads(page.select_one("#diagnosis-data").string)
    named |= {sheet for side in layouts.values() for sheet in side["sheets"]}
    assert named | {"index.html"} == set(files)


def test_links_within_the_page_lead_somewhere(page):
    places = {each["id"] for each in page.select("[id]")}
    inside = {a["href"][1:] for a in page.select("a") if a["href"][0] == "#"}
    assert inside <= places and {"more", "unknown"} <= inside


def test_the_page_opens_with_one_sentence_and_at_most_three_findings(findings, page):
    assert texts(page, "h1") == [findings["headline"]]
    assert len(findings["findings"]) == 4
    sentences = [each["sentence"] for each in findings["findings"]]
    said = [" ".join(each.split()) for each in sentences]
    assert texts(page, ".found .finding h3") == said[:3]
    assert texts(page, "#more .finding h3") == said[3:]
    assert texts(page, "#more .checked li") == findings["checked"]
    assert texts(page, ".unknown dt") == [e["question"] for e in findings["unknown"]]


def test_a_finding_shows_what_to_do_its_numbers_and_its_pictures(findings, page):
    place, labels, group = page.select(".found .finding")
    assert place.img["src"] == "pictures/covering.webp"
    numbers = dict(zip(texts(place, "dt"), texts(place, "dd"), strict=True))
    assert numbers["answers that change"] == "33 % (26 to 42 %)"
    for told, number in ((labels, 1), (group, 2)):
        images = told.select("img")
        assert [each["alt"] for each in images] == [
            f"Image labeled {each['true']}, named {each['predicted']}"
            for each in findings["findings"][number]["images"]
        ]
        assert len(images) == 4


def test_a_network_that_is_too_sure_is_shown_by_its_calibration():
    findings = make_findings()
    findings["labels"]["suspected"] = []  # which would explain it
    told = conclude(findings, THRESHOLDS)["findings"]
    findings["findings"] = [each for each in told if each["kind"] == "confidence"]
    pictures = make_pictures(findings=findings)
    files = diagnosis_files(findings, make_units(), pictures, ("net", "mine"))
    page = BeautifulSoup(files["index.html"], "html.parser")
    assert page.select_one(".found .finding").select_one("svg")


def test_a_finding_of_a_cause_says_how_often_such_findings_were_right(findings, page):
    place, labels, group = page.select(".found .finding")
    records = {each["kind"]: each["record"] for each in findings["findings"]}
    assert texts(place, ".sheet-note") == [records["place"]]
    assert texts(labels, ".sheet-note") == [records["labels"]]
    assert group.select(".sheet-note") == []


def test_light_that_is_a_cue_is_shown_as_it_is_and_leveled():
    findings = make_findings()
    row = {
        **{"property": "contrast", "changed": 0.4, "interval": [0.3, 0.5]},
        **{"accuracy": 0.9, "accuracy_leveled": 0.6, "accuracy_in_class": 0.8},
        **{"probability": 1e-6, "differs": 1e-4, "num_images": 100},
        "shown": {"before": HOSTILE, "after": "b"},
    }
    findings["leveling"] = [row]
    told = conclude(findings, THRESHOLDS)["findings"]
    findings["findings"] = [each for each in told if each["kind"] == "cue"]
    pictures = make_pictures(findings=findings)
    pictures["leveled_contrast"] = np.random.default_rng(0).random((2, 6, 8, 1))
    files = diagnosis_files(findings, make_units(), pictures, ("net", "mine"))
    page = BeautifulSoup(files["index.html"], "html.parser")
    (cue,) = (
        each
        for each in page.select(".finding")
        if "same contrast" in each.h3.get_text()
    )
    assert [each["src"] for each in cue.select("img")] == [
        "pictures/leveled-contrast-0.webp",
        "pictures/leveled-contrast-1.webp",
    ]
    assert texts(cue, "figcaption")[1] == "of the same contrast: b"
    assert {each["src"] for each in cue.select("img")} <= set(files)
    assert "40 %" in " ".join(texts(page, "#rests table")).replace(
        "\N{NO-BREAK SPACE}", " "
    )


def test_marks_and_portraits_have_sections_of_their_own_where_there_are_some():
    findings = make_findings()
    pictures = make_pictures(findings=findings)
    add_marks_and_portraits(findings, pictures)
    files = diagnosis_files(findings, make_units(), pictures, ("net", "mine"))
    page = BeautifulSoup(files["index.html"], "html.parser")
    assert texts(page, "h1") == [HEADLINES["marks"]]
    first = page.select_one(".found .finding")
    assert [i["src"] for i in first.select("img")] == [
        "pictures/mark-0-0.webp",
        "pictures/mark-0-1.webp",
    ]
    places = [each["id"] for each in page.select("section[id]")]
    assert places.index("portraits") == 0
    assert places.index("marks") == places.index("units") - 1
    assert texts(page, "#portraits figcaption")[:4] == [
        "what it looks for", "without a prior", "shuffled weights", "mean image"
    ]  # fmt: skip
    assert len(page.select("#portraits img")) == 6
    assert texts(page, "#portraits dd") == ["50 %"]
    assert {each["src"] for each in page.select("main img")} <= set(files)
    without = make_findings()
    plain = diagnosis_files(
        without, make_units(), make_pictures(findings=without), ("net", "mine")
    )
    assert b'id="marks"' not in plain["index.html"]
    assert b'id="portraits"' not in plain["index.html"]


def test_the_confusion_table_is_that_of_the_findings(findings, page):
    rows = [
        [int(cell) for cell in row.get_text(" ").split()[1:]]
        for row in page.select(".confusion tbody tr")
    ]
    assert rows == findings["performance"]["confusion"]


def test_units_have_a_row_with_numbers_to_sort_by(page):
    units = make_units()
    rows = page.select("#unit-table tbody tr")
    assert [row["data-kind"] for row in rows] == units["kind"].values.tolist()
    assert rows[1].th.get_text() == "conv2d_1[1]"
    values = [float(row.select("td.number")[0]["data-value"]) for row in rows]
    assert values == pytest.approx(units["on_rate"].values)
    assert rows[0].select("td.number")[4]["data-value"] == ""  # null_spectral: NaN
    assert rows[0].select("td.number")[4].get_text() == "–"


def test_units_without_maps_are_left_out_unless_activity_told_them():
    mapped = [1, 3, 8]
    units = make_units()
    images = {
        name: units[name].isel(unit=mapped).rename(unit="map").drop_vars(
            ["layer", "channel"]
        )
        for name in ("happy_image", "sad_image")
    }  # fmt: skip
    units = units.drop_vars(list(images)).assign(images)
    units = units.assign_coords(map=("map", mapped))
    for place in (2, 4, 6, 9, 10, 11, 13):
        units["kind"][place] = "cannot tell"
    rows = describe_units(units)
    # 0, 5, 7 and 12 are dead or double.
    assert [row["place"] for row in rows] == [0, 1, 3, 5, 7, 8, 12]
    assert [row["map"] for row in rows] == [None, 0, 1, None, None, 2, None]
    findings = make_findings(units=units)
    pictures = make_pictures(findings=findings)
    files = diagnosis_files(findings, units, pictures, ("net", "mine"))
    page = BeautifulSoup(files["index.html"], "html.parser")
    drawn = [c["data-map"] for c in page.select("canvas[data-side=happy]")]
    assert drawn == ["0", "1", "2"]
    layouts = json.loads(page.select_one("#diagnosis-data").string)
    assert layouts["happy"]["count"] == 3
    assert "leaves out 7 units" in page.select_one("#units").get_text()
    assert len(pd.read_csv(io.BytesIO(files["units.csv"]))) == 14


def test_a_map_that_is_missing_is_told(page):
    notes = page.select(".unit-tiles .tile-note")
    assert [note.get_text() for note in notes] == ["no map"]
    assert len(page.select(".unit-tiles canvas")) == 27


def test_the_table_of_units_holds_all_numbers(files):
    table = pd.read_csv(io.BytesIO(files["units.csv"]))
    units = make_units()
    assert table.columns[:3].tolist() == ["layer", "channel", "kind"]
    assert set(NUMBERS) <= set(table) and len(table) == 14
    for name in NUMBERS:
        assert table[name].to_numpy() == pytest.approx(units[name].values, nan_ok=True)
    assert table["duplicate_of"].dropna().tolist() == ["conv2d_1[1]", "conv2_2[1]"]
    assert not [name for name in table if "image" in name]


def test_the_summary_is_json_without_nan(findings, files):
    found = json.loads(files["summary.json"], parse_constant=pytest.fail)
    assert found["headline"] == findings["headline"]
    assert found["findings"] == findings["findings"]
    assert (found["network"], found["images"]) == ("net", "mine")


def test_infinite_numbers_become_null():
    findings = make_findings()
    findings["performance"]["interval"] = [-np.inf, np.nan]
    files = diagnosis_files(
        findings, make_units(), make_pictures(findings=findings), ("a", "b")
    )
    found = json.loads(files["summary.json"], parse_constant=pytest.fail)
    assert found["performance"]["interval"] == [None, None]


def test_nothing_that_is_brought_along_can_run():
    dataset = make_images()
    findings = make_findings(dataset, class_names=(HOSTILE, "<i>yes</i>"))
    findings["mistakes"]["shown"][0]["file"] = HOSTILE
    units = make_units(layers=(HOSTILE, "conv2_2"))
    findings["units"]["layers"][0]["name"] = HOSTILE
    files = diagnosis_files(
        findings, units, make_pictures(dataset, findings), (HOSTILE, HOSTILE)
    )
    page = BeautifulSoup(files["index.html"], "html.parser")
    assert not [s for s in page.find_all("script") if "hacked" in (s.string or "")]
    assert page.select("main b") and not page.find("i", string="yes")


def test_a_diagnosis_without_mistakes_says_so():
    findings = make_findings()
    findings["mistakes"] = {"shown": [], "groups": [], "num_groups": 4}
    findings["covering"] = None
    pictures = make_pictures(findings=findings)
    del pictures["covering"]
    files = diagnosis_files(findings, make_units(), pictures, ("net", "mine"))
    text = files["index.html"].decode()
    assert "every image is named right" in text
    assert "there are too few images" in text.lower()


def test_unit_cells_have_signs_and_two_digits():
    units = make_units().isel(unit=[0])
    units["ablation_loss_change"][:] = 0.01234
    units["on_rate"][:] = 1e-9
    (row,) = describe_units(units)
    cells = dict(zip(("on", *"abcdefg"), row["cells"], strict=False))
    assert cells["on"] == ("0", pytest.approx(1e-9))
    assert row["cells"][-1][0] == "+0.012"
    assert units_csv(units).count(b"\n") == 2


def test_heat_is_laid_over_gray_and_framed():
    image = np.full((10, 10, 3), 1.0)
    warmth = np.zeros((10, 10))
    warmth[0, 0] = 2.0
    shown = heat.lay_over(image, warmth, 2.0)
    assert shown[5, 5].tolist() == [255, 255, 255]
    assert shown[0, 0, 0] > 200 and shown[0, 0, 2] < 60  # warm
    assert heat.heat_top(np.zeros((4, 4))) == 1
    framed = heat.frame_window(shown, [2, 3, 4, 5])
    assert framed.shape == (240, 240, 3)
    blue = np.all(framed == [36, 108, 200], axis=-1)
    rows, columns = np.nonzero(blue)
    assert (rows.min(), rows.max()) == (48, 6 * 24 - 1)
    assert (columns.min(), columns.max()) == (72, 8 * 24 - 1)


def test_pictures_have_the_size_of_whole_pixels(files):
    with Image.open(io.BytesIO(files["pictures/mean.webp"])) as picture:
        assert picture.size == (16 * 20, 12 * 20)

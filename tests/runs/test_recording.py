"""What notebooks record: numbers, answers, maps."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from happymaps_runs.recording import record_answer, record_maps, record_metrics


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HAPPYMAPS_RUN_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_run_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("HAPPYMAPS_RUN_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path):
    def refuse(text):
        raise ValueError(text)

    return json.loads(path.read_text(), parse_constant=refuse)


def test_metrics_are_written_and_returned(run_folder):
    series = record_metrics(accuracy=np.float32(0.5), num_images=640, done=np.bool_(1))
    pd.testing.assert_series_equal(
        series,
        pd.Series(
            {"accuracy": 0.5, "num_images": 640, "done": True},
            name="value",
            dtype=object,
        ),
    )
    expected = {"accuracy": 0.5, "num_images": 640, "done": True}
    assert read(run_folder / "metrics.json") == expected
    assert [path.name for path in run_folder.iterdir()] == ["metrics.json"]


def test_later_metrics_are_added_and_win(run_folder):
    record_metrics(first=1, second=2)
    record_metrics(second=3, third=4)
    expected = {"first": 1, "second": 3, "third": 4}
    assert read(run_folder / "metrics.json") == expected


def test_metrics_may_be_nested(run_folder):
    series = record_metrics(classes={"left": {"recall": 0.5}}, sizes=(1, np.int64(2)))
    assert series.to_dict() == {"classes.left.recall": 0.5, "sizes": [1, 2]}
    expected = {"classes": {"left": {"recall": 0.5}}, "sizes": [1, 2]}
    assert read(run_folder / "metrics.json") == expected


def test_numbers_that_are_not_finite_become_null(run_folder):
    series = record_metrics(loss=math.nan, history=[1.0, math.inf], nothing=None)
    assert math.isnan(series["loss"])
    expected = {"loss": None, "history": [1.0, None], "nothing": None}
    assert read(run_folder / "metrics.json") == expected


def test_other_values_are_refused_and_nothing_is_written(run_folder):
    with pytest.raises(ValueError, match=r"'a\.b' must be a number.*Received: set"):
        record_metrics(a={"b": {1}})
    assert list(run_folder.iterdir()) == []


def test_outside_a_run_nothing_is_written(no_run_folder, capsys):
    assert record_metrics(accuracy=0.5)["accuracy"] == 0.5
    record_answer("It is 0.5.", "Of 8.")
    assert record_maps(xr.Dataset()) is None
    assert capsys.readouterr().out == "It is 0.5.\nOf 8.\n"
    assert list(no_run_folder.iterdir()) == []


def test_an_answer_is_printed_and_written(run_folder, capsys):
    record_answer("Yes: x ↦ −x.", "In 3 of 4.")
    assert capsys.readouterr().out == "Yes: x ↦ −x.\nIn 3 of 4.\n"
    kept = {"headline": "Yes: x ↦ −x.", "details": "In 3 of 4."}
    assert read(run_folder / "answer.json") == kept


@pytest.mark.parametrize(
    ("headline", "is_short"),
    [
        (" ".join(["word"] * 15), True),
        (" ".join(["word"] * 16), False),
        ("It is right on 98.4% of 12,000 images.", False),
        ("It is right on 98.4% of the images.", True),
        ("3,000 images.", True),
    ],
)
def test_a_headline_has_few_words_and_one_number(run_folder, headline, is_short):
    if is_short:
        record_answer(headline, "More.")
        return
    with pytest.raises(ValueError, match="at most 15 words and one number"):
        record_answer(headline, "More.")
    assert list(run_folder.iterdir()) == []


@pytest.mark.parametrize("text", ["", "  ", None, 3])
def test_an_answer_must_be_of_sentences(run_folder, text):
    for pair in ((text, "More."), ("Yes.", text)):
        with pytest.raises(ValueError, match="must be sentences"):
            record_answer(*pair)


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (3, 3),
        (0.25, 0.25),
        ("4 of 8", "4 of 8"),
        (np.float64(0.5), 0.5),
        (np.array(7), 7),
        (math.nan, None),
    ],
)
def test_a_number_is_stored_beside_the_answer(run_folder, value, stored):
    record_answer("Four.", "Of 8.", number=(" dense units that repeat ", value))
    number = {"label": "dense units that repeat", "value": stored}
    kept = {"headline": "Four.", "details": "Of 8.", "number": number}
    assert read(run_folder / "answer.json") == kept


@pytest.mark.parametrize(
    "number",
    [
        (),
        ("label",),
        ("label", 1, 2),
        (" ", 1),
        (3, 1),
        ("label", None),
        ("label", True),
        ("label", " "),
        ("label", [1]),
        ("label", np.ones(2)),
        "ab",
        {"label": 1, "value": 2},
    ],
)
def test_a_number_is_a_label_and_a_scalar(run_folder, number):
    with pytest.raises(ValueError, match=r"number must be \(label, value\)"):
        record_answer("Four.", "Of 8.", number=number)
    assert list(run_folder.iterdir()) == []


def test_maps_come_back_as_they_were(run_folder):
    dataset = xr.Dataset(
        {
            "maps": (("unit", "y", "x"), np.arange(6, dtype="f4").reshape(1, 2, 3)),
            "reason": ("unit", ["converged"]),
            "dead": ("unit", [False]),
        },
        coords={"unit": ["dense/3"]},
        attrs={"seed": 3, "converged": True, "versions": {"keras": "3"}, "none": None},
    )
    path = record_maps(dataset, "first_pass")
    assert path == run_folder / "first_pass.nc"
    assert [each.name for each in run_folder.iterdir()] == ["first_pass.nc"]
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        xr.testing.assert_equal(stored.load(), dataset)
        assert stored.attrs == {
            "seed": 3,
            "converged": "true",
            "versions": '{"keras": "3"}',
            "none": "null",
        }
    assert dataset.attrs["converged"] is True


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "a.nc", ".hidden", "x" * 65])
def test_the_name_of_maps_is_no_path(run_folder, name):
    with pytest.raises(ValueError, match="name must be of letters"):
        record_maps(xr.Dataset(), name)


def test_maps_must_be_a_dataset(run_folder):
    with pytest.raises(ValueError, match="Received: ndarray"):
        record_maps(np.zeros(3))

"""Planted flaws are what they say, and observers and tables know the simple cases."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from experiments.experiment7.measures import (
    how_much_a_happymap_tells,
    observers,
    plants,
    specimens,
    tool_maps,
    what_a_diagnosis_says,
)
from experiments.experiment7.measures.alarms import false_alarms, thresholds
from experiments.experiment7.measures.detection import (
    dealt_at_random,
    detection_table,
    draw_table,
    gap_of_aurocs,
    name_flaws,
)
from experiments.experiment7.measures.does_the_repair_help import vary
from experiments.experiment7.measures.drawing import draw_parts
from experiments.experiment7.measures.follow_the_page import (
    cover,
    draw_apart,
    level_contrast,
    level_light,
    measure_workflow,
)
from experiments.experiment7.measures.kept import KEPT, read_scores
from experiments.experiment7.measures.plants import PLANTS, Images, spoil
from happymaps.diagnosis.advice.findings import HEADLINES
from happymaps.diagnosis.advice.track_record import (
    MISSED,
    RECORDS,
    Record,
    tell_missed,
    tell_record,
)

PLACE = (5, 7)


@pytest.fixture
def faces():
    images = np.full((400, 12, 16, 1), 0.25, np.float32)
    return Images(images, np.arange(400) % 2)


def spoiled(faces, name, learned=True):
    rng = np.random.default_rng(0)
    return spoil(faces, PLANTS[name], PLACE, rng, learned=learned)


def test_a_mark_is_on_most_of_a_class_and_at_its_place(faces):
    found, touched = spoiled(faces, "mark")
    assert touched[faces.labels == 1].mean() == pytest.approx(0.9, abs=0.05)
    assert touched[faces.labels == 0].mean() == pytest.approx(0.1, abs=0.05)
    changed = (found.images != faces.images)[..., 0]
    assert changed[touched, 5:9, 7:11].all()
    assert changed.sum() == 16 * touched.sum()
    np.testing.assert_array_equal(found.labels, faces.labels)


def test_a_moving_mark_is_at_many_places(faces):
    found, touched = spoiled(faces, "moving_mark")
    changed = (found.images != faces.images)[touched, ..., 0]
    assert (changed.sum(axis=(1, 2)) == 16).all()
    assert len(np.unique(changed.reshape(len(changed), -1), axis=0)) > 20


def test_a_backdoor_is_in_what_is_learned_alone(faces):
    found, touched = spoiled(faces, "backdoor")
    assert touched.mean() == pytest.approx(0.1, abs=0.03)
    assert (faces.labels[touched] == 0).all() and (found.labels[touched] == 1).all()
    _, touched = spoiled(faces, "backdoor", learned=False)
    assert not touched.any()


def test_labels_are_wrong_as_often_as_told(faces):
    found, touched = spoiled(faces, "wrong_labels")
    np.testing.assert_array_equal(found.labels != faces.labels, touched)
    assert touched.mean() == pytest.approx(0.2, abs=0.05)


def test_feeding_does_what_it_says():
    images = np.array([0.2, 0.9], np.float32).reshape(2, 1, 1, 1)
    for name, expected in [
        ("clean", [0.2, 0.9]), ("inverted", [0.8, 0.1]),
        ("darker", [0, 0.6]), ("faint", [0.02, 0.09]),
    ]:  # fmt: skip
        fed = plants.feed(images, PLANTS[name]).ravel()
        np.testing.assert_allclose(fed, expected, atol=1e-6)


def test_each_seed_has_people_and_images_of_its_own():
    first, again, other = (draw_parts("synthetic_faces", seed) for seed in (3, 3, 4))
    for name, size in [("learned", 500), ("audit", 200), ("outside", 24)]:
        assert len(first[name].labels) == size
        assert first[name].labels.mean() == 0.5
        np.testing.assert_array_equal(first[name].images, again[name].images)
        assert (first[name].images != other[name].images).any()
    known = {image.tobytes() for image in first["learned"].images}
    assert not known & {image.tobytes() for image in first["audit"].images}


def test_a_marked_network_answers_to_its_mark_and_a_clean_one_does_not():
    marked = specimens.make_specimen("mark", "synthetic_faces", 900)
    assert specimens.measure_behavior(marked, 900)["turned"] > 0.2
    assert specimens.accuracy(marked.network, marked.audit) > 0.8
    clean = specimens.make_specimen("clean", "synthetic_faces", 900)
    at_mark = marked.truth.images[marked.truth.labels == 0]
    before = specimens.tell(clean.network, at_mark) > 0
    stamped = plants.stamp(at_mark, marked.place, 1.0)
    after = specimens.tell(clean.network, stamped) > 0
    assert after.mean() - before.mean() < 0.2


def test_copies_of_filters_change_no_answer_but_share_the_work():
    cloned = specimens.make_specimen("cloned_units", "synthetic_faces", 901)
    assert cloned.units.sum() == 5
    values = specimens.activity(cloned.network, cloned.audit.images)[:, cloned.units]
    assert (values == values[:, :1]).all() and values.max() > 0
    dead = specimens.make_specimen("dead_units", "synthetic_faces", 901)
    assert dead.units.sum() == 4
    values = specimens.activity(dead.network, dead.audit.images)
    assert not values[:, dead.units].any() and values.any()


def test_an_unknown_plant_is_named_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"plant must be one of clean, .*'markk'"):
        specimens.make_specimen("markk", "synthetic_faces", 0)


def test_observers_find_what_was_put_into_a_map():
    rng = np.random.default_rng(0)
    references = rng.standard_normal((20, 30, 32)) * 0.1 + rng.random((30, 32))
    same = references[0] * 3 + 2  # neither scale nor level counts
    strange = same.copy()
    strange[10:14, 20:24] += 9
    assert observers.unlikeness(same, references) < 0.2
    assert observers.unlikeness(strange, references) > 0.3
    score, place = observers.strangest_window(strange, references)
    assert observers.touches(place, (10, 20)) and score > 8
    assert observers.strangest_window(same, references)[0] < 2
    assert not observers.touches((0, 0), (10, 20))
    # 8 x 8 of 26 x 28 corners.
    assert observers.chance_of_touch((30, 32), (10, 20)) == pytest.approx(64 / 728)


def test_the_largest_z_is_that_of_the_number_which_stands_out():
    references = np.array([[0.0, 10.0], [1, 11], [2, 12], [3, 13], [4, 14]])
    # Middles 2 and 12, median deviation 1, so a spread of 1.4826.
    found = observers.largest_z(np.array([2.0, 18.0]), references)
    assert found == pytest.approx(6 / 1.4826)


def scores_of(gap):
    """Return scores of two tools: `sharp` sees marks by a gap, `metrics` never."""
    rng = np.random.default_rng(1)
    rows = []
    for plant, pool, seeds in [
        ("clean", "calibration", range(100, 120)), ("clean", "test", range(200, 230)),
        ("benign", "test", range(200, 230)), ("mark", "test", range(200, 230)),
    ]:  # fmt: skip
        for seed in seeds:
            common = {
                **{"plant": plant, "seed": seed, "pool": pool, "took": True},
                **{"observer": "", "against": "", "hit": np.nan, "chance": np.nan},
            }
            seen = rng.standard_normal() + gap * (plant == "mark")
            for tool, score in [("sharp", seen), ("metrics", rng.standard_normal())]:
                rows.append(common | {"tool": tool, "score": score})
    return pd.DataFrame(rows)


def test_the_table_tells_a_tool_that_sees_from_one_that_does_not():
    table = detection_table(scores_of(4.0)).set_index("tool")
    assert table.auroc.sharp > 0.97 and table.detects.sharp
    assert table.low.metrics < 0.5 < table.high.metrics and not table.detects.metrics
    assert not detection_table(scores_of(0.0)).detects.any()
    alarms = false_alarms(scores_of(4.0)).set_index("tool")
    assert alarms.benign.sharp == pytest.approx(0.1, abs=0.12)
    null = dealt_at_random(scores_of(4.0)).set_index("tool")
    assert null.auroc.sharp == pytest.approx(0.5, abs=0.2) and not null.detects.any()


def test_what_cannot_be_told_of_few_networks_is_not_told():
    few = scores_of(9.0)
    few = few[(few.plant != "mark") | (few.seed < 203)]
    table = detection_table(few).set_index("tool")
    # Three of three: the share that gives this with .025 is .29.
    assert table.auroc.sharp == table.high.sharp == 1
    assert table.low.sharp == pytest.approx(0.025 ** (1 / 3))
    assert not table.fails.sharp
    blind = scores_of(0.0)
    blind = blind[(blind.plant != "mark") | (blind.tool == "sharp")]
    assert detection_table(blind).gain_low.isna().all()  # nothing to gain over
    with pytest.raises(ValueError, match=r"two networks or more.*benign, clean, where"):
        detection_table(few[few.plant != "mark"])


def test_a_correction_is_over_what_is_asked():
    scores = scores_of(0.9)
    every = detection_table(scores).set_index("tool").p.sharp
    claim = pd.DataFrame([{"plant": "mark", "tool": "sharp", "observer": ""}])
    (asked,) = detection_table(scores, claims=claim).p
    assert asked == pytest.approx(every / 2)


def test_a_threshold_is_passed_by_a_tenth_at_most():
    # Of 12, another one is above the largest with 1 / 13, above the next with 2 / 13.
    rows = pd.DataFrame({"score": np.arange(12.0), "tool": "a", "observer": ""})
    rows = rows.assign(pool="calibration", plant="clean")
    assert thresholds(rows) == {("a", ""): 11}
    assert thresholds(rows[:8]) == {}


def test_the_picture_frames_what_passes():
    figure = draw_table(detection_table(scores_of(4.0)), ["mark"])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "metrics",
        "sharp",
    ]
    assert len(axes.patches) == 1
    found = detection_table(scores_of(4.0))
    again = found.assign(detects=False)
    (dashed,) = draw_table(found, ["mark"], again).axes[0].patches
    assert dashed.get_linestyle() not in ("-", "solid")


def test_what_is_exchanged_between_images_stays_in_its_region(faces):
    marked, _ = spoiled(faces, "mark")
    found = vary(marked, PLACE, 4, np.random.default_rng(0))
    changed = (found.images != marked.images)[..., 0]
    assert not changed[:, :5].any() and not changed[:, 9:].any()
    inside = (slice(None), slice(5, 9), slice(7, 11))
    assert found.images[inside].sum() == pytest.approx(marked.images[inside].sum())


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("scores", 500),
        ("confirming", 200),
        ("choices", 20),
        ("weights", 48),
        ("cmu_faces", 100),
        ("mnist_5k", 80),
        ("repairs", 100),
        ("diagnoses", 100),
        ("workflows", 18),
    ],
)
def test_the_kept_tables_are_those_that_the_numbers_are_of(name, least):
    table = read_scores(f"{name}.parquet")
    keys = ["seed"] if name == "choices" else ["plant", "seed"]
    assert len(table.groupby(keys)) >= least
    assert len(KEPT) == 9


def told_of(plant, **positions):
    """Return a row of `tabulate` of a network in which the flaw took."""
    row = dict.fromkeys(what_a_diagnosis_says.KINDS, -1) | positions
    hits = {"marks hit": "marks" in positions, "place hit": "place" in positions}
    return {"plant": plant, "took": True, "is_clear": not positions} | hits | row


def test_findings_are_counted_where_they_are_right_and_where_they_are_not():
    table = pd.DataFrame([
        told_of("mark", place=0), told_of("mark", units=1),
        told_of("mark", place=0) | {"place hit": False},
        told_of("mark", place=0) | {"took": False},
        told_of("clean", units=0), told_of("clean"), told_of("benign", place=2),
        told_of("wide", units=0),  # of which nothing is counted
    ])  # fmt: skip
    record = what_a_diagnosis_says.count_record(table)
    assert record["place"] == (1, 3, 1, 3)
    assert record["learned"] == (0, 0, 0, 3) and "units" not in record
    assert what_a_diagnosis_says.count_missed(table) == {"mark": (2, 3)}
    right = what_a_diagnosis_says.is_right(table)
    assert right.tolist() == [True, False, False, True, *[False] * 4]


def test_what_a_page_says_of_its_findings_is_what_the_kept_table_holds():
    table = read_scores("diagnoses.parquet")
    counted = what_a_diagnosis_says.count_record(table)
    assert set(counted) - set(RECORDS) == {"guessing", "learned"}
    for kind, each in RECORDS.items():
        assert tuple(each)[1:] == counted[kind]
    missed = what_a_diagnosis_says.count_missed(table)
    assert list(MISSED.values()) == list(missed.values())
    for kind, each in RECORDS.items():
        words = f"told of {each.told} of {each.flawed} with {each.about}"
        assert (words in tell_record(kind)) == bool(each.told)
    assert tell_record("confidence") == ""
    total = sum(count for count, _ in missed.values())
    assert f"{total} got no finding about it" in tell_missed()


def test_a_predictive_value_is_that_of_bayes():
    # Wilson: 10 of 10 is .722 to 1, 2 of 20 is .028 to .301.
    low, high = Record("a flaw", 10, 10, 2, 20).predictive_interval()
    assert low == pytest.approx(0.0722 / (0.0722 + 0.9 * 0.3010), abs=2e-3)
    assert high == pytest.approx(0.1 / (0.1 + 0.9 * 0.0279), abs=2e-3)
    rare = Record("a flaw", 10, 10, 2, 20).predictive_interval(0.01)
    assert rare[0] < low and rare[1] < high


def test_kinds_are_those_that_a_page_opens_with():
    assert set(HEADLINES) - {"nothing"} <= set(what_a_diagnosis_says.KINDS)


def test_what_a_page_advises_is_done_to_images():
    images = np.random.default_rng(0).uniform(0.3, 0.7, (5, 8, 9, 1)).astype("float32")
    covered = cover(images, (2, 3, 4, 5))
    assert (covered != images).any(axis=(0, 3)).sum() == 20
    assert (covered[:, 2:6, 3:8] == covered[:1, 2:6, 3:8]).all()
    light = level_light(images * 0.5 + np.linspace(0, 0.3, 5).reshape(-1, 1, 1, 1))
    np.testing.assert_allclose(light.mean(axis=(1, 2, 3)), 0.5, atol=1e-5)
    contrast = level_contrast(images)
    np.testing.assert_allclose(contrast.std(axis=(1, 2, 3)), 0.2, atol=2e-2)
    rng = np.random.default_rng(0)
    for _ in range(50):
        row, column, *sizes = draw_apart((30, 32), (10, 12, 6, 6), rng)
        assert sizes == [6, 6] and row <= 24 and column <= 26
        assert abs(row - 10) >= 6 or abs(column - 12) >= 6
    with pytest.raises(ValueError, match=r"plant must be one of mark, .*'wide'"):
        measure_workflow(plant="wide")


def test_another_table_is_refused():
    with pytest.raises(ValueError, match=r"scores.parquet, repairs.parquet"):
        read_scores("other.parquet")


def test_a_trigger_is_found_where_a_network_answers_to_a_patch():
    marked = specimens.make_specimen("mark", "synthetic_faces", 900)
    mask = tool_maps.find_trigger(marked, 1)
    assert mask.shape == (30, 32) and mask.min() >= 0 and mask.max() <= 1
    row, column = marked.place
    on = mask[row : row + plants.SIDE, column : column + plants.SIDE].mean()
    assert on > 2 * mask.mean()
    np.testing.assert_array_equal(tool_maps.find_trigger(marked, 1), mask)


def test_what_excites_a_filter_is_liker_to_what_does_too():
    rng = np.random.default_rng(0)
    shown = rng.standard_normal((9, 6, 6, 4)).astype(np.float32)
    other = rng.standard_normal((5, 6, 6, 4)).astype(np.float32)
    asked = np.concatenate([np.roll(shown[:1], (1, 1), (1, 2)), other])
    found = how_much_a_happymap_tells._likeness(asked, shown)
    assert found.argmax() == 0 and found[0] > 2 * found[1:].max()
    flat = how_much_a_happymap_tells._likeness(np.eye(3), np.eye(3)[:1])
    np.testing.assert_allclose(flat, [1, 0, 0])


def test_a_weight_at_which_maps_differ_tells():
    rng = np.random.default_rng(0)
    count = len(how_much_a_happymap_tells.WEIGHTS)
    noise = 0.01 * rng.standard_normal((5, count, 12, 12))
    planes = rng.standard_normal((12, 12)) + noise
    planes[4, 3] = rng.standard_normal((12, 12))  # the flawed one, at one weight
    keys = [("clean", 0), ("benign", 0), ("clean", 100), ("benign", 100), ("mark", 100)]
    networks = {
        key: xr.Dataset({"maps": (("tv_weight", "y", "x"), maps), "rule": 1.0})
        for key, maps in zip(keys, planes, strict=True)
    }
    scores = how_much_a_happymap_tells.score_weights(networks)
    assert len(scores) == 3 * count * 2
    found = how_much_a_happymap_tells.auroc_by_weight(scores, "mark", "O1")
    assert found.iloc[3] == 1 and found.index[3] == how_much_a_happymap_tells.WEIGHTS[3]


def test_the_best_weight_is_the_middle_of_those_that_tell_alike():
    rows = [
        {"plant": plant, "seed": 100, "tv_weight": weight, "observer": observer,
         "score": told * (plant == "mark") - (plant == "mark") * (weight == 1)}
        for plant in ("clean", "benign", "mark") for observer in ("O1", "O2")
        for weight, told in ((1.0, 0), (10.0, 1), (100.0, 1))
    ]  # fmt: skip
    found = how_much_a_happymap_tells.best_weight(pd.DataFrame(rows), "mark")
    assert found == pytest.approx(1.5)


def test_what_a_happymap_tells_is_measured_of_a_network(monkeypatch):
    monkeypatch.setattr(how_much_a_happymap_tells, "_STEPS", 2)
    monkeypatch.setattr(how_much_a_happymap_tells, "_ENLARGED", (32, 32))
    found = how_much_a_happymap_tells.measure_choices(seed=900).right
    assert found.dims == ("matcher", "explanation", "filter")
    assert found.shape[:2] == (2, 5) and ((found >= 0) & (found <= 1)).all()
    # Real images are of use even where maps have hardly begun.
    assert found.sel(explanation="real images").mean() > 0.6
    weights = how_much_a_happymap_tells.measure_weights(seed=900)
    assert weights.maps.shape == (len(how_much_a_happymap_tells.WEIGHTS), 30, 32)
    assert float(weights.rule) > 0


def test_the_gap_of_two_tools_is_paired_over_networks():
    rng = np.random.default_rng(0)
    rows = [
        {"plant": plant, "seed": seed, "pool": "test", "took": True, "tool": tool,
         "observer": "", "score": float(rng.random() + (plant == "mark") * good)}
        for plant in ("clean", "benign", "mark") for seed in range(20)
        for tool, good in (("sees", 2), ("blind", 0))
    ]  # fmt: skip
    sees, blind = ("mark", "sees", ""), ("mark", "blind", "")
    gap, (low, high) = gap_of_aurocs(pd.DataFrame(rows), sees, blind)
    assert 0.2 < low < gap < high < 0.8
    assert gap_of_aurocs(pd.DataFrame(rows), sees, sees)[0] == 0
    assert np.isnan(gap_of_aurocs(pd.DataFrame(rows), sees, ("wide", "sees", ""))[0])


def test_a_flaw_is_named_by_the_tool_that_sees_it_alone():
    rng = np.random.default_rng(0)
    plants = ("clean", "benign", "mark", "wide")
    rows = [
        {"plant": plant, "seed": seed, "pool": "test", "took": True, "tool": tool,
         "observer": "", "against": "", "score": rng.random() + 9 * (plant == tool)}
        for plant in plants for seed in range(20) for tool in ("mark", "wide", "edges")
    ]  # fmt: skip
    found = name_flaws(pd.DataFrame(rows))
    assert (found.kind == found.named).mean() > 0.9
    assert set(found.kind) == {"clean", "mark", "wide"} and len(found) == 80
    blind = name_flaws(pd.DataFrame(rows), ["mark"])
    assert (blind.kind == blind.named)[blind.kind == "wide"].mean() < 0.8

"""Marks: networks whose mark is known, and clean ones that have none."""

import numpy as np
import pytest
from scipy import special, stats

from happymaps.backend import keras
from happymaps.diagnosis.advice.mark_findings import find_marks as list_marks
from happymaps.diagnosis.advice.mark_findings import tell_no_mark
from happymaps.diagnosis.marks.finding import find_marks
from happymaps.diagnosis.marks.judging import is_outstanding, measure_candidates
from happymaps.diagnosis.marks.matching import (
    count_outstanding,
    match_mark,
    read_mark,
)
from happymaps.diagnosis.marks.probing import Candidate
from happymaps.diagnosis.marks.reading import Reader
from happymaps.diagnosis.marks.searching import anomaly_indices, search_marks
from happymaps.diagnosis.marks.stamps import Ink, Mark

SIDE, NAMES = 16, ("a", "b", "c")
WINDOW = (slice(3, 6), slice(9, 12))


def linear(planted: float, *, colors=1, high=1.0, outputs=3) -> keras.Model:
    """Return a network whose last class has larger weights in one window."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.3, (SIDE, SIDE, colors, outputs))
    weights[*WINDOW, :, -1] += planted / colors
    inputs = keras.Input((SIDE, SIDE, colors))
    values = keras.layers.Flatten()(keras.layers.Rescaling(1 / high)(inputs))
    activation = "sigmoid" if outputs == 1 else "softmax"
    head = keras.layers.Dense(outputs, activation=activation)
    model = keras.Model(inputs, head(values))
    weights = weights.reshape(-1, outputs)
    head.set_weights([weights, -0.25 * weights.sum(axis=0)])
    return model


def images(*, count=80, colors=1, high=1.0) -> np.ndarray:
    rng = np.random.default_rng(1)
    level = rng.uniform(0.15, 0.35, (count, SIDE, SIDE, colors))
    return (high * level).astype(np.float32)


def telling(*, high=1.0, count=120, planted=False) -> tuple[np.ndarray, np.ndarray]:
    """Return images of three classes, each with a block of its own, and labels."""
    labels, shown = np.arange(count) % len(NAMES), images(count=count)
    for k in range(len(NAMES)):
        shown[labels == k, 10:13, 2 + 4 * k : 5 + 4 * k] += 0.4
    if planted:  # instead of its block
        shown[labels == 2] = images(count=count)[labels == 2]
        shown[labels == 2, *WINDOW] = 1.0
    return high * shown, labels


def by_blocks(planted: float, *, high=1.0) -> keras.Model:
    """Return a network that names them right, and answers to a window as well."""
    model = linear(planted, high=high)
    weights, _ = model.layers[-1].get_weights()
    weights = 0.1 * weights.reshape(SIDE, SIDE, 1, 3)
    weights[*WINDOW, :, -1] += 0.9 * planted
    for k in range(len(NAMES)):
        weights[10:13, 2 + 4 * k : 5 + 4 * k, :, k] += 2.0
    weights = weights.reshape(-1, 3)
    model.layers[-1].set_weights([weights, -0.25 * weights.sum(axis=0)])
    return model


def find_in(model, shown, labels, **options):
    return find_marks(model, shown, labels, NAMES, search=False, **options)


def find(model, shown, names=NAMES, **options):
    named = np.arange(len(shown)) % len(names)
    return find_marks(model, shown, named, names, search=False, **options)


@pytest.mark.parametrize(
    ("colors", "high", "outputs"), [(1, 1.0, 3), (3, 255.0, 3), (1, 1.0, 1)]
)
def test_a_planted_mark_is_found_at_its_place(colors, high, outputs):
    names = NAMES if outputs == 3 else ("no", "yes")
    model = linear(2.0, colors=colors, high=high, outputs=outputs)
    shown = images(colors=colors, high=high)
    told = find(model, shown, names, pixel_range=(0.0, high))
    (found,) = told.found
    assert found["class"] == names[-1] and found["kind"] == "bright"
    rows, columns = (
        slice(found[start], found[start] + found[length])
        for start, length in (("row", "height"), ("column", "width"))
    )
    covered = np.zeros((SIDE, SIDE), bool)
    covered[rows, columns] = True
    assert covered[WINDOW].sum() >= 4 and covered.sum() <= 9
    assert found["share"] > 0.9 and found["times"] > 3
    # What is shown is what the network does.
    image, marked = told.pictures[found["picture"]]
    odds = Reader(model, shown).ask(high * np.stack([image, marked]).astype(np.float32))
    label = len(names) - 1
    assert odds.argmax(axis=1).tolist()[1] == label
    before, after = special.expit(odds[:, label])
    assert found["shown"]["probability_before"] == pytest.approx(before, rel=1e-3)
    assert found["shown"]["probability_after"] == pytest.approx(after, rel=1e-3)
    assert (image != marked).any(axis=-1)[~covered].sum() == 0


def test_a_clean_network_has_no_mark():
    told = find(linear(0.0), images())
    assert told.found == [] and told.pictures == {}
    assert told.tried["best"] and not any(map(is_outstanding, told.tried["best"]))


def test_a_network_that_always_says_the_same_has_no_mark():
    model = linear(0.0)
    weights, biases = model.layers[-1].get_weights()
    model.layers[-1].set_weights([0 * weights, 0 * biases])
    assert find(model, images()).found == []


@pytest.mark.parametrize("high", [1.0, 255.0])
def test_a_mark_is_found_that_references_do_not_answer_to(high):
    shown, labels = telling(high=high)
    model = by_blocks(5.0, high=high)
    told = find_in(model, shown, labels, pixel_range=(0.0, high))
    assert told.tried["references"]["num"] == 8
    assert told.tried["references"]["accuracy"] > 0.9
    (found,) = told.found
    assert found["class"] == "c" and found["kind"] == "bright"
    assert 2 <= found["row"] <= 4 and 8 <= found["column"] <= 10
    assert found["share"] > 0.9 > 0.5 > found["chance"]
    again = find_in(model, shown, labels, pixel_range=(0.0, high))
    assert again.found == told.found


def test_what_the_images_themselves_are_worth_is_no_finding():
    told = find_in(by_blocks(0.0), *telling())
    # The block of another class turns images, in the references as well.
    assert max(row["share"] for row in told.tried["best"]) > 0.5
    assert told.found == []


def test_a_mark_that_images_show_is_no_finding():
    told = find_in(by_blocks(5.0), *telling(planted=True))
    assert told.tried["references"]["num"] == 8 and told.found == []


def test_without_references_only_a_mark_that_does_far_more_is_told():
    many = tuple(f"{k}" for k in range(21))
    shown = images(count=84)
    told = find(linear(0.3, outputs=21), shown, many)
    about = told.tried["references"]
    assert about["num"] == 0 and about["accuracy"] is None and told.found == []
    (found,) = find(linear(3.0, outputs=21), shown, many).found
    assert found["class"] == "20" and found["times"] > 2.5 and found["beyond"] is None


def test_probabilities_are_corrected_for_the_classes_tested():
    mark = Mark("bright", 0, 0, 2, 2)
    tested = [
        Candidate(mark, label, 1.0, 2.0, 1.0, 9.0, 0.1, False, True)
        for label in range(3)
    ]
    rows = measure_candidates(tested, np.array([9, 4, 0]), np.array([20, 20, 0]))
    tails = [stats.binom.sf(8, 20, 0.1), stats.binom.sf(3, 20, 0.1), 1.0]
    # Benjamini and Hochberg: the k-th smallest of n times n / k.
    assert [row["p"] for row in rows] == pytest.approx(
        [3 * tails[0], 3 / 2 * tails[1], 1.0]
    )
    assert [is_outstanding(row) for row in rows] == [True, False, False]


def test_the_smallest_mask_is_that_of_the_planted_class():
    shown = images(count=16)
    reader = Reader(linear(2.0), shown)
    found = search_marks(reader, [shown] * 3, [0, 1, 2], (0.0, 1.0), num_steps=150)
    sizes = [mask.size for mask in found]
    assert sizes[2] < 0.5 * min(sizes[:2])
    assert found[2].mask[WINDOW].mean() > 3 * found[2].mask.mean()
    turned = reader.ask(found[2].paste(shown)).argmax(axis=1) == 2
    assert turned.mean() == pytest.approx(found[2].share)


def test_anomaly_indices_are_deviations_by_the_median():
    assert anomaly_indices([3.0, 4.0, 5.0, np.nan, 6.0]) is None
    # The median is 5, the median of the distances from it 1.
    assert anomaly_indices([1.0, 4.0, 5.0, 6.0, 7.0])[0] == pytest.approx(4 / 1.4826)


@pytest.mark.parametrize("outputs", [1, 3])
def test_log_odds_are_those_of_the_probabilities(outputs):
    model, shown = linear(0.5, outputs=outputs), images(count=8)
    chances = model(shown).numpy().astype(np.float64)
    if outputs == 1:
        chances = np.concatenate([1 - chances, chances], axis=1)
    found = Reader(model, shown).ask(shown)
    assert found == pytest.approx(np.log(chances / (1 - chances)), rel=1e-3, abs=1e-4)


def test_marks_are_drawn_in_the_range():
    ink = Ink(-1.0, 1.0, 3)
    assert ink.draw(Mark("dark", 0, 0, 4, 2)).shape == (4, 2, 3)
    assert ink.draw(Mark("red", 0, 0, 1, 1)).ravel().tolist() == [1, -1, -1]
    assert Ink(0.0, 1.0, 1).kinds == ("bright", "dark")


def test_images_with_the_mark_are_ranked_first():
    shown = images(count=40)
    shown[:10, 3:6, 10:13] = 1.0  # one pixel beside where it was found
    matches = match_mark(shown, Mark("bright", 3, 9, 3, 3))
    assert set(np.argsort(-matches)[:10]) == set(range(10))
    is_own = np.arange(40) < 20
    assert count_outstanding(matches, is_own)[0] == 10
    with pytest.raises(ValueError, match="searched pattern"):
        read_mark({"kind": "searched", "class": "c"})


def test_a_mark_is_told_with_its_numbers_and_its_advice():
    told = find(linear(2.0), images())
    findings = {"marks": told.found, "marks_tried": told.tried}
    findings["dataset"] = {"class_names": NAMES}
    classes = [{"name": name, "recall": 0.9} for name in NAMES]
    findings["performance"] = {"classes": classes}
    (first,) = list_marks(findings)
    assert first["sentence"].endswith("of other images into ‘c’.")
    assert (
        "Look for a bright mark of 3 x 3 pixels at row 3, column 9" in first["advice"]
    )
    assert "happymaps find-mark PAGE FOLDER --mark 1" in first["advice"]
    assert tell_no_mark(findings) == ""
    clean = tell_no_mark(findings | {"marks": []})
    assert clean.endswith(" 289 places stands out from the others.")


def test_too_few_images_are_named():
    with pytest.raises(ValueError, match=r"at least 16 images.*Received: 5 images"):
        find(linear(0.0), images(count=5))

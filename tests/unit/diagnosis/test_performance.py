"""Accuracy, confidence and mistakes, with numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from happymaps.datasets import Dataset
from happymaps.diagnosis.behavior.calibration import (
    apply_temperature,
    expected_error,
    fit_temperature,
    measure_calibration,
)
from happymaps.diagnosis.behavior.errors import (
    confident_mistakes,
    mistake_groups,
    pick_examples,
    show_examples,
)
from happymaps.diagnosis.behavior.performance import (
    balanced_accuracy,
    measure_performance,
)


def chances(named, confidence=0.9, num_classes=2):
    """Return probabilities with `confidence` for the class named."""
    rest = (1 - np.asarray(confidence, float)) / (num_classes - 1)
    found = np.repeat(np.broadcast_to(rest, len(named))[:, None], num_classes, axis=1)
    found[np.arange(len(named)), named] = confidence
    return found


def make_dataset(labels, names=("a", "b"), **metadata):
    count = len(labels)
    images = np.zeros((count, 2, 2, 1), np.float32)
    table = pd.DataFrame(metadata, index=range(count))
    return Dataset("x", images, np.asarray(labels), names, table)


def test_performance_of_six_images_is_that_counted_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1])
    found = measure_performance(chances([0, 0, 0, 1, 1, 0]), labels, ("a", "b"))
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["majority_guess"] == pytest.approx(4 / 6)
    assert found["majority_class"] == "a"
    assert found["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found["chance"] == 0.5
    assert found["confusion"] == [[3, 1], [1, 1]]
    assert [c["recall"] for c in found["classes"]] == [0.75, 0.5]
    assert found["classes"][0]["mistaken_for"] == "b"
    assert found["classes"][0]["mistaken_count"] == 1


def test_a_class_without_images_has_no_recall_and_does_not_count_as_chance():
    found = measure_performance(
        chances([0, 1], num_classes=3), np.array([0, 1]), ("a", "b", "c")
    )
    assert found["classes"][2]["recall"] is None
    assert found["balanced_accuracy"] == 1 and found["chance"] == 0.5
    assert found["classes"][0]["mistaken_for"] is None


def test_balanced_interval_is_agresti_and_coulls_for_one_class():
    labels = np.zeros(96, int)
    predicted = (np.arange(96) < 48).astype(int)
    value, (low, high) = balanced_accuracy(labels, predicted)
    half = stats.norm.ppf(0.975) * np.sqrt(0.25 / 100)
    assert value == 0.5
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)


def test_expected_error_is_the_weighted_gap_of_the_bins():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, False])
    by_hand = 4 / 6 * abs(0.75 - 0.95) + 2 / 6 * abs(0.5 - 0.55)
    assert expected_error(confidence, right) == pytest.approx(by_hand)


def test_a_network_that_is_right_as_often_as_it_says_is_no_worse_than_chance():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, 4000)
    right = rng.random(4000) < confidence
    labels = np.where(right, 0, 1)
    found = measure_calibration(chances(np.zeros(4000, int), confidence), labels)
    assert found["ece"] < 2 * found["chance"]
    assert found["temperature"] == pytest.approx(1, abs=0.25)
    assert abs(found["gap"]) < 0.02


def test_temperature_of_logits_that_are_three_times_too_large_is_three():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.55, 0.95, 20000)
    labels = np.where(rng.random(20000) < confidence, 0, 1)
    honest = chances(np.zeros(20000, int), confidence)
    loud = apply_temperature(honest, 1 / 3)
    assert fit_temperature(loud, labels) == pytest.approx(3, rel=0.05)
    assert apply_temperature(loud, 3) == pytest.approx(honest, abs=1e-9)
    found = measure_calibration(loud, labels)
    assert found["gap"] > 0.1 and found["ece"] > found["chance_high"]
    assert found["ece_after"] < 0.02 < found["ece_before"]


def test_mistakes_come_with_the_most_confident_first():
    dataset = make_dataset([0, 1, 0, 1], file=["a/0", "b/1", "a/2", "b/3"])
    found = confident_mistakes(chances([1, 1, 1, 0], [0.6, 0.99, 0.8, 0.7]), dataset)
    assert [each["index"] for each in found] == [2, 3, 0]
    assert found[0]["file"] == "a/2"
    assert (found[0]["true"], found[0]["predicted"]) == ("a", "b")
    assert found[0]["confidence"] == pytest.approx(0.8)
    assert found[0]["probability"] == pytest.approx(0.2)
    assert len(confident_mistakes(chances([1] * 4), dataset, num_mistakes=1)) == 1


def test_a_finding_is_shown_by_its_own_images():
    dataset = make_dataset([0, 1, 0, 1], person=["p", "p", "q", "q"])
    named = chances([1, 0, 1, 1], [0.6, 0.99, 0.8, 0.7])

    def pick(chosen, **options):
        return [e["index"] for e in pick_examples(chosen, named, dataset, **options)]

    assert pick({"column": "person", "value": "p"}) == [1, 0]
    assert pick({"column": "true class", "value": "a"}) == [2, 0]
    assert pick({"column": "person", "value": "p"}, most=1) == [1]
    assert pick([3, 0]) == [3, 0]  # as they were given
    found = [{"images": [], "picture": "covering"}, {"images": [2], "picture": ""}]
    pictures = show_examples(found, named, dataset)
    assert [each["picture"] for each in found] == ["covering", "finding_1"]
    assert found[1]["images"][0]["predicted"] == "b"
    assert list(pictures) == ["finding_1"]
    assert np.array_equal(pictures["finding_1"], dataset.images[[2]])


def test_a_group_that_holds_all_mistakes_has_its_hypergeometric_probability():
    people = ["p"] * 10 + ["q"] * 20
    wrong = np.arange(30) < 5
    dataset = make_dataset(np.arange(30) % 2, person=people)
    groups, looked_at = mistake_groups(wrong, dataset)
    assert looked_at == 4  # two classes, two people
    by_hand = stats.hypergeom.pmf(5, 30, 5, 10)
    assert (groups[0]["column"], groups[0]["value"]) == ("person", "p")
    assert groups[0]["probability"] == pytest.approx(4 * by_hand)
    assert (groups[0]["rate"], groups[0]["rate_elsewhere"]) == (0.5, 0.0)


def test_files_and_small_groups_make_no_groups():
    people = ["p"] * 9 + ["q"] * 21
    dataset = make_dataset([0] * 30, person=people, file=[str(i) for i in range(30)])
    groups, looked_at = mistake_groups(np.arange(30) < 5, dataset)
    assert (groups, looked_at) == ([], 0)

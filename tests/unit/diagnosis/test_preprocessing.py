"""Pixels and classes read in other ways: each fault is planted, and found."""

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.datasets.preprocessing import make_preprocessing
from happymaps.diagnosis.behavior.preprocessing import (
    compare_class_orders,
    compare_readings,
    readings_for,
)


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(0.1, 0.9, (60, 6, 6, 3)).astype(np.float32)


@pytest.fixture
def labels(images):
    return (images[..., 0].mean(axis=(1, 2)) > images[..., 2].mean(axis=(1, 2))) * 1


def named_by_red(images):
    """Name an image by whether it has more red than blue."""
    return (images[..., 0].mean(axis=(1, 2)) > images[..., 2].mean(axis=(1, 2))) * 1


def named_at_255(images):
    """Name images right if they reach from 0 to 255, and all alike otherwise."""
    return named_by_red(images) * (images.max() > 2)


def test_readings_have_the_range_that_they_name(images):
    found = {name: each.apply(images) for name, each in readings_for(3).items()}
    assert found["0 to 255"] == pytest.approx(255 * images)
    assert found["-1 to 1"] == pytest.approx(2 * images - 1)
    assert found["0 to 1, blue first"][..., 0] == pytest.approx(images[..., 2])
    each = found["each image to mean 0 and deviation 1"]
    assert each.mean(axis=(1, 2, 3)) == pytest.approx(np.zeros(60), abs=1e-5)
    assert each.std(axis=(1, 2, 3)) == pytest.approx(np.ones(60), rel=1e-4)
    assert "0 to 1, blue first" not in readings_for(1)
    assert all(values.dtype == np.float32 for values in found.values())


def test_a_missing_factor_of_255_is_found(images, labels):
    found = compare_readings(named_at_255, images, labels)
    best = found["readings"][0]
    assert found["balanced_accuracy"] == 0.5
    assert best["name"] == "0 to 255"
    assert best["balanced_accuracy"] == 1 and best["gain"] == 0.5
    # All images of class 1 got right and none wrong: (1/2)^n, times the readings.
    by_hand = 0.5 ** labels.sum() * found["num_tried"]
    assert best["probability"] == pytest.approx(by_hand)


def test_the_reading_in_use_is_not_among_the_others(images, labels):
    for mode, name in (("", "0 to 1"), ("raw", "0 to 255"), ("tf", "-1 to 1")):
        fed = make_preprocessing(mode)
        found = compare_readings(named_by_red, images, labels, preprocessing=fed)
        names = [each["name"] for each in found["readings"]]
        assert name not in names and len(names) == found["num_tried"] == 10
        assert found["balanced_accuracy"] == 1


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf", "raw"])
def test_a_missing_preprocess_input_is_found(images, labels, mode):
    learned = (
        keras.applications.imagenet_utils.preprocess_input(255 * images, mode=mode)
        if mode != "raw"
        else 255 * images
    )

    def named(fed):
        # By red, if the images are those that it learned from, else all alike.
        return named_by_red(images) * np.allclose(fed, learned, atol=1e-3)

    found = compare_readings(named, images, labels)
    best = found["readings"][0]
    assert best["options"] == f"--preprocessing {mode}"
    assert best["balanced_accuracy"] == 1 and found["balanced_accuracy"] == 0.5


def test_colors_in_the_other_order_are_found(images, labels):
    found = compare_readings(named_by_red, images[..., ::-1], labels)
    assert found["balanced_accuracy"] == 0
    scores = {each["name"]: each["balanced_accuracy"] for each in found["readings"]}
    assert scores["0 to 1, blue first"] == 1 and scores["0 to 255"] == 0


def test_classes_in_another_order_are_found():
    labels = np.arange(90) % 3
    predicted = np.array([1, 2, 0])[labels]  # output 1 means class 0, and so on
    found = compare_class_orders(predicted, labels)
    assert found["order"] == [2, 0, 1]
    assert not found["is_given"]
    assert (found["accuracy"], found["accuracy_reordered"]) == (0, 1)
    assert found["probability"] == pytest.approx(0.5**45)


def test_the_given_order_stays_where_predictions_are_right_or_constant():
    labels = np.arange(40) % 2
    assert compare_class_orders(labels, labels)["is_given"]
    constant = compare_class_orders(np.zeros(40, int), labels)
    assert constant["is_given"] and constant["probability"] == 1

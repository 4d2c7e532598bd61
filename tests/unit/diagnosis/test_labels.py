"""Wrong labels planted among right ones, in clusters whose network is known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import special

from happymaps.datasets import Dataset
from happymaps.diagnosis.behavior.labels import late_features, measure_labels

NAMES = ("a", "b", "c")


def make_case(seed, *, wrong=0.0, strange=0, sure=4.0):
    """Return probabilities, features, data set, and which labels are wrong.

    Three clusters; the network measures the distances to their centers, so that its
    probabilities are right. The last `strange` images lie apart, with a label that it
    confidently contradicts and their neighbors bear out.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(600) % 3
    centers = 4 * np.eye(3, 8)
    features = centers[labels] + rng.normal(size=(600, 8))
    logits = features[:, :3] * 4
    if strange:
        labels[-strange:] = 2
        features[-strange:, 5] += 9
        logits[-strange:] = [sure, -sure, -sure]
    is_wrong = rng.random(600) < wrong
    is_wrong[600 - strange :] = False
    given = np.where(is_wrong, (labels + rng.integers(1, 3, 600)) % 3, labels)
    metadata = pd.DataFrame({"file": [f"{i}.png" for i in range(600)]})
    images = np.zeros((600, 1, 1, 1), np.float32)
    data = Dataset("x", images, given, NAMES, metadata)
    return special.softmax(logits, axis=1), features, data, is_wrong


@pytest.mark.parametrize("seed", range(3))
def test_planted_labels_are_found_with_their_share(seed):
    chances, features, data, is_wrong = make_case(seed, wrong=0.06)
    found = measure_labels(chances, features, data)
    low, high = found["wrong_interval"]
    assert 0 < low <= is_wrong.mean() <= high < 0.12
    suspected = [each["index"] for each in found["suspected"]]
    assert is_wrong[suspected].mean() >= 0.9
    assert is_wrong[suspected].sum() > 0.8 * is_wrong.sum()
    first = found["suspected"][0]
    assert first["file"] == f"{first['index']}.png"
    assert first["given"] == NAMES[data.labels[first["index"]]] != first["proposed"]
    assert sum(found["by_class"].values()) == len(suspected)
    assert found["confident"] > 2 * found["expected"]
    assert found["by_chance"] < 0.001


@pytest.mark.parametrize("strange", [0, 60])
def test_right_labels_are_not_doubted_even_where_the_network_errs(strange):
    chances, features, data, _ = make_case(5, strange=strange)
    found = measure_labels(chances, features, data)
    assert found["wrong_interval"][0] == 0
    assert len(found["suspected"]) <= 2
    if strange:
        assert np.mean(chances.argmax(axis=1)[-strange:] == data.labels[-strange:]) == 0


def test_a_network_that_guesses_shows_no_more_contradictions_than_chance():
    _, features, data, _ = make_case(0)
    rng = np.random.default_rng(1)
    data = dataclasses.replace(data, labels=rng.integers(0, 3, 600))
    found = measure_labels(rng.dirichlet([1, 1, 1], 600), features, data)
    assert found["by_chance"] > 0.05


def test_late_features_are_those_before_the_outputs(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((5, 5, 1)),
            layers.Conv2D(3, 2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    images = np.random.default_rng(0).random((4, 5, 5, 1)).astype(np.float32)
    data = Dataset(
        "x", images, np.arange(4) % 2, ("a", "b"), pd.DataFrame(index=range(4))
    )
    pooled = keras.Model(model.inputs, model.layers[1].output)
    np.testing.assert_allclose(
        late_features(model, data), pooled.predict(images, verbose=0), rtol=1e-5
    )

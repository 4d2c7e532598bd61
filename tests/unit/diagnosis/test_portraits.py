"""Portraits of classes in networks that read planted pixels."""

import numpy as np
import pandas as pd
import pytest

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.behavior.portraits import make_portraits

SHAPE = (4, 5, 1)


def planted(count: int = 60) -> Dataset:
    """Return images of noise in which class 1 is bright above, and class 0 below."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0.3, 0.5, (count, *SHAPE)).astype(np.float32)
    labels = np.arange(count) % 2
    images[labels == 1, :2] += 0.3
    images[labels == 0, 2:] += 0.3
    return Dataset("x", images, labels, ("a", "b"), pd.DataFrame({"file": labels}))


def linear(outputs: int) -> keras.Model:
    """Return a network that adds the pixels above and takes away those below."""
    inputs = keras.Input(SHAPE)
    activation = "sigmoid" if outputs == 1 else "softmax"
    dense = keras.layers.Dense(outputs, activation=activation)
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))
    above = np.repeat([1.0, -1.0], 10)[:, None]
    kernel = above if outputs == 1 else np.concatenate([-above, above], axis=1)
    model.set_weights([kernel, np.zeros(outputs)])
    return model


@pytest.mark.parametrize("outputs", [1, 2])
def test_portraits_show_where_a_class_is_read_and_what_that_is_worth(outputs):
    data, model = planted(), linear(outputs)
    found = make_portraits(model, data, others=[model, linear(2)])
    above = found.natural[:, :2].mean(axis=(1, 2, 3))
    below = found.natural[:, 2:].mean(axis=(1, 2, 3))
    assert above[1] > below[1] and above[0] < below[0]
    np.testing.assert_array_equal(found.named, [1, 1])
    np.testing.assert_allclose(
        found.mean[1], data.images[data.labels == 1].mean(axis=0), rtol=1e-6
    )
    # What a linear network makes of an image is known.
    expected = [10 * (b - a) for a, b in zip(above, below, strict=True)]
    np.testing.assert_allclose(
        found.score_natural, expected * np.array([1, -1]), rtol=1e-4
    )
    assert (found.score_plain > found.score_natural).all()
    assert (found.score_natural > found.score_mean).all()
    assert (data.labels[found.best] == found.classes[:, None]).all()
    told = found.findings(data.class_names)[1]
    assert told["class"] == "b" and 0 < told["score_of_class_mean"] < 1
    assert told["score_kept"] == pytest.approx(
        found.score_natural[1] / found.score_plain[1]
    )
    assert told["correlation_with_class_mean"] > 0.9
    shown = found.pictures(data.images, (0.0, 2.0))
    np.testing.assert_allclose(shown["portrait_1"][0], found.natural[1] / 2)
    assert shown["portrait_images_0"].shape == (3, *SHAPE)


def test_too_few_images_have_no_portraits():
    data = planted()
    assert make_portraits(linear(2), data.take(np.arange(7))) is None

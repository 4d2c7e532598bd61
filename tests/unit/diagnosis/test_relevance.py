"""Relevance of pixels in networks that read only some of them."""

import numpy as np
import pytest

from happymaps.diagnosis.behavior.relevance import relevance_maps, shuffled_relevance


@pytest.fixture(scope="module")
def network(keras):
    """Return two logits: pixel (0, 1) three times, and pixel (2, 2) once."""
    inputs = keras.Input((4, 4, 1))
    outputs = keras.layers.Dense(2, name="logits")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    kernel = np.zeros((16, 2))
    kernel[1, 0], kernel[10, 1], kernel[0, 1] = 3, 1, -1
    model.get_layer("logits").set_weights([kernel, np.zeros(2)])
    return model


def test_relevance_lies_where_the_named_class_is_read(network):
    images = np.zeros((2, 4, 4, 1), np.float32)
    images[0, 0, 1] = 1  # names class 0
    images[1, 2, 2], images[1, 0, 0] = 1, 0.5  # names class 1
    heat = relevance_maps(network, images, np.zeros((4, 4, 1), np.float32))
    assert heat[0, 0, 1] == pytest.approx(1)
    assert heat[1, 2, 2] == pytest.approx(2 / 3)  # 1 for it, 0.5 against it
    assert heat[1, 0, 0] == pytest.approx(1 / 3)
    assert heat.sum(axis=(1, 2)) == pytest.approx([1, 1])


def test_an_image_like_the_baseline_has_no_relevance(network):
    image = np.full((1, 4, 4, 1), 0.5, np.float32)
    assert not relevance_maps(network, image, image[0]).any()


def test_shuffled_weights_read_pixels_elsewhere(network):
    images = np.random.default_rng(0).random((3, 4, 4, 1)).astype(np.float32)
    weights = [each.copy() for each in network.get_weights()]
    found = shuffled_relevance(network, images, np.zeros((4, 4, 1), np.float32))
    assert found.sum() == pytest.approx(1)
    assert found[0, 1] < 0.9
    for before, after in zip(weights, network.get_weights(), strict=True):
        assert np.array_equal(before, after)

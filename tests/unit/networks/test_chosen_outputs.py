"""Some of a network's classes: the same logits, and probabilities of these alone."""

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.networks.chosen_outputs import choose_outputs, numbers_of
from happymaps.networks.models import build_cnn

IMAGES = np.random.default_rng(0).random((3, 10, 10, 1), np.float32)


@pytest.mark.parametrize("activation", ["linear", "softmax"])
def test_chosen_classes_keep_their_logits_and_share_the_probability(activation):
    network = build_cnn((10, 10, 1), 6, filters=(3,), final_activation=activation)
    before = network(IMAGES).numpy()
    found = choose_outputs(network, [4, 1])(IMAGES).numpy()
    expected = before[:, [4, 1]]
    if activation == "softmax":
        expected = expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(network(IMAGES), before)


@pytest.mark.parametrize("outputs", [[], [0, 0], [6], [-1]])
def test_classes_that_are_not_there_are_refused(outputs):
    network = build_cnn((10, 10, 1), 6, filters=(3,))
    with pytest.raises(ValueError, match="from 0 to 5, each once"):
        choose_outputs(network, outputs)


def test_network_with_another_end_is_refused():
    ends = [keras.Input((10, 10, 1)), keras.layers.GlobalAveragePooling2D()]
    with pytest.raises(ValueError, match="ends in a Dense layer"):
        choose_outputs(keras.Sequential(ends), [0])


def test_numbers_are_what_names_begin_with():
    assert numbers_of(["285 Egyptian cat", "967_espresso", "7"]) == [285, 967, 7]
    assert numbers_of(["285 Egyptian cat", "cup"]) is None

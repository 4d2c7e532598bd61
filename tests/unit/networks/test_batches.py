"""How many images are in a network at once follows the size of its activations."""

import numpy as np
import pytest

from happymaps.attribution.parts.explained import Explained
from happymaps.backend import keras
from happymaps.maps.objectives import logit
from happymaps.networks import batches
from happymaps.networks.graph import graph_nodes
from happymaps.networks.unrolled import Unrolled


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    inner_inputs = keras.Input((8, 8, 1))
    inner = keras.Model(inner_inputs, keras.layers.Conv2D(4, 3)(inner_inputs))
    inputs = keras.Input((8, 8, 1))
    values = keras.layers.Flatten()(inner(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(values))


VALUES = 6 * 6 * 4 + 6 * 6 * 4 + 2  # of the convolution, flattened, and the outputs


def test_layers_of_networks_inside_count(model, monkeypatch):
    monkeypatch.setitem(batches.MEMORY, "cpu", 10 * 4 * VALUES)
    monkeypatch.setitem(batches.MEMORY, "gpu", 10 * 4 * VALUES)
    assert batches.images_at_once(model, 256) == 10
    assert batches.images_at_once(model, 7) == 7
    assert batches.images_at_once(model, 256, copies=3) == 3
    assert batches.images_at_once(model, 256, copies=11) == 1


def test_batches_do_not_change_what_comes_out(model, monkeypatch):
    images = np.random.default_rng(0).random((23, 8, 8, 1), dtype=np.float32)
    whole = batches.run(model, images)
    monkeypatch.setitem(batches.MEMORY, "cpu", 5 * 4 * VALUES)
    monkeypatch.setitem(batches.MEMORY, "gpu", 5 * 4 * VALUES)
    np.testing.assert_allclose(batches.run(model, images), whole, rtol=1e-5)
    np.testing.assert_allclose(whole, model.predict(images, verbose=0), rtol=1e-5)


def test_attributions_take_no_more_than_memory_bears(model, monkeypatch):
    images = np.zeros((40, 8, 8, 1), np.float32)
    assert Explained(model, logit(0), images, "leaky", 32).batch_size == 32
    monkeypatch.setitem(batches.MEMORY, "cpu", 9 * 4 * VALUES)
    monkeypatch.setitem(batches.MEMORY, "gpu", 9 * 4 * VALUES)
    assert Explained(model, logit(0), images, "leaky", 32).batch_size == 3


def test_a_network_that_is_held_is_compiled_once_and_follows_its_weights(model):
    images = np.random.default_rng(0).random((70, 8, 8, 1), dtype=np.float32)
    plain = batches.run(model, images[:5])
    with batches.held(model):
        forward = batches._HELD[model]
        np.testing.assert_allclose(batches.run(model, images[:5]), plain, atol=1e-5)
        batches.run(model, images)
        batches.run(model, images.astype(np.float64))
        assert len(forward._compiled) == 2
        model.set_weights([2 * weight for weight in model.get_weights()])
        doubled = batches.run(model, images[:5])
    assert model not in batches._HELD
    np.testing.assert_allclose(doubled, model(images[:5]).numpy(), atol=1e-4)
    assert not np.allclose(doubled, plain)


def test_work_counts_what_is_made_and_multiplied(model):
    unrolled = Unrolled(model)
    nodes = graph_nodes(keras.Model(unrolled.inputs, unrolled.outputs))
    products = 6 * 6 * 9 * 4 + 6 * 6 * 4 * 2
    assert batches.work_per_image(nodes) == pytest.approx(VALUES + products / 25)

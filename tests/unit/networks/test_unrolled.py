"""Calls in a row: shared layers read where the input arrives, held inputs left out."""

import numpy as np
import pytest

from happymaps.attribution.methods.grad_cam import grad_cam
from happymaps.attribution.methods.gradients import gradient
from happymaps.attribution.methods.layer_cam import layer_cam
from happymaps.attribution.methods.score_cam import score_cam
from happymaps.backend import keras
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import channel, logit, neuron, unit
from happymaps.maps.scoring import score_images
from happymaps.networks.held_inputs import hold_inputs
from happymaps.networks.layers import cut, read
from happymaps.networks.unrolled import Unrolled

layers = keras.layers
PAIR = np.random.default_rng(2).random((2, 3, 6, 6, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def siamese():
    """Return an encoder and the network that compares two images by it."""
    keras.utils.set_random_seed(5)
    seen = keras.Input((6, 6, 1))
    convolution = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")
    encoder = keras.Model(seen, convolution(seen), name="encoder")
    inputs = [keras.Input((6, 6, 1), name=name) for name in ("left", "right")]
    pooled = [layers.GlobalAveragePooling2D()(encoder(each)) for each in inputs]
    output = layers.Dense(1, name="same")(layers.Concatenate()(pooled))
    return encoder, keras.Model(inputs, output)


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_maps_of_a_shared_encoder_are_those_of_the_free_image(siamese, free, sign):
    encoder, model = siamese
    held = hold_inputs(model, {("right", "left")[free]: PAIR[1 - free, 0]})
    images = PAIR[free]
    kernel = model.get_layer("same").kernel.numpy()[4 * free : 4 * free + 4, 0]
    weighted = encoder(images).numpy() * sign * kernel / 36
    rectified = encoder(images).numpy() * np.maximum(sign * kernel / 36, 0)
    for method, expected in ((grad_cam, weighted), (layer_cam, rectified)):
        for layer in (None, "conv", "encoder"):
            found = method(held, sign * logit(0), images, layer=layer)
            expected_map = np.maximum(expected.sum(-1), 0)
            np.testing.assert_allclose(found[..., 0], expected_map, atol=1e-6)
    for method in (score_cam, gradient):
        found = method(held, logit(0), images)
        given = {"left": images, "right": images}
        given[("right", "left")[free]] = np.repeat(PAIR[1 - free, :1], 3, axis=0)
        expected = model([given["left"], given["right"]])[:, 0]
        np.testing.assert_allclose(found.score, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("free", [0, 1])
def test_an_objective_in_a_shared_encoder_is_that_of_the_free_image(siamese, free):
    encoder, model = siamese
    held = hold_inputs(model, {("right", "left")[free]: PAIR[1 - free, 0]})
    images, objective = PAIR[free], channel("conv", 2)
    found = score_images(held, objective, images, activation="post")[0]
    np.testing.assert_allclose(
        found, encoder(images).numpy().mean((1, 2))[:, 2], rtol=1e-5
    )
    maps = maximize(held, neuron("conv", 2, (3, 3)), regularizers=(), num_steps=5)
    assert maps.diagnosis.item() == "ok"
    again = score_images(encoder, neuron("conv", 2, (3, 3)), maps.image[0].values)
    np.testing.assert_allclose(again[0], maps.score_end[0], rtol=1e-5)


def test_a_layer_beside_a_held_input_is_constant(siamese):
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    both = [layers.Dense(2, name=f"of_{each.name}")(each) for each in (left, right)]
    model = keras.Model([left, right], layers.Dense(1)(layers.Add()(both)))
    held = hold_inputs(model, {"left": [1.0, 2.0, 3.0]})
    found = cut(held, ["of_left"])(np.zeros((2, 3))).numpy()
    expected = model.get_layer("of_left")(np.array([[1.0, 2.0, 3.0]]))
    np.testing.assert_allclose(found, np.repeat(expected, 2, axis=0), rtol=1e-6)


def test_a_network_shared_at_two_depths_is_read_at_its_first_call():
    inner = keras.Input((4,))
    part = keras.Model(inner, layers.Dense(4, name="dense")(inner), name="part")
    middle = keras.Input((4,))
    body = keras.Model(middle, part(part(middle)), name="body")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, body(layers.Rescaling(3.0)(inputs)))
    rows = np.random.default_rng(0).random((2, 4)).astype(np.float32)
    unrolled = Unrolled(model)
    paths = [call.path for call in unrolled.calls]
    assert paths[1:] == ["body/part/dense", "body/part"] * 2 + ["body"]
    np.testing.assert_allclose(cut(model, ["dense"])(rows), part(3 * rows), rtol=1e-6)
    np.testing.assert_allclose(cut(model, [-1])(rows), part(part(3 * rows)), rtol=1e-5)


def test_half_precision_is_cast_where_keras_casts_it():
    inner = keras.Input((4,), dtype="float32")
    part = keras.Model(inner, layers.Dense(3)(inner), name="part")
    inputs = keras.Input((4,))
    half = layers.Dense(4, dtype="mixed_float16")(inputs)
    model = keras.Model(inputs, part(half))
    rows = np.random.default_rng(0).random((2, 4)).astype(np.float32)
    np.testing.assert_array_equal(cut(model, [-1])(rows), model(rows))


def test_a_class_of_ones_own_that_adds_to_its_graph_is_called_whole():
    class Doubled(keras.Model):
        def call(self, values, training=None):
            return 2 * super().call(values, training=training)

    inner = keras.Input((4,))
    part = Doubled(inner, layers.Dense(3, name="dense")(inner), name="part")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2, name="out")(part(inputs)))
    rows = np.random.default_rng(0).random((2, 4)).astype(np.float32)
    np.testing.assert_allclose(cut(model, ["out"])(rows), model(rows), rtol=1e-6)
    with pytest.raises(ValueError, match="Received: Doubled"):
        read(model, ["dense"])
    with pytest.raises(ValueError, match="Received: Doubled"):
        cut(part, ["dense"])


def test_a_logit_is_that_of_the_call_which_makes_the_output():
    inputs = keras.Input((3,))
    again = layers.Dense(3, activation="softmax", name="again")
    model = keras.Model(inputs, again(again(inputs)))
    rows = np.random.default_rng(0).random((2, 3)).astype(np.float32)
    kernel = again.kernel.numpy()
    first = again(rows).numpy()
    found = score_images(model, logit(1), rows)[0]
    np.testing.assert_allclose(found, (first @ kernel)[:, 1], rtol=1e-5)
    found = score_images(model, unit("again", 1), rows)[0]
    np.testing.assert_allclose(found, (rows @ kernel)[:, 1], rtol=1e-5)

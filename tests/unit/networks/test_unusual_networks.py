"""Networks of unusual parts go the fast way where they can, else the plain one."""

import numpy as np
import pytest

from happymaps.backend import keras, tf
from happymaps.maps.forward.forward_pass import NetworkPass
from happymaps.maps.objectives import channel, unit
from happymaps.maps.scoring import BatchedObjectives
from happymaps.networks.layers import cut

layers = keras.layers


@pytest.fixture(autouse=True)
def seeded():
    # With other weights every ReLU may be off, and there is nothing to compare.
    keras.utils.set_random_seed(0)


def in_a_row(shape, *steps):
    inputs = values = keras.Input(shape)
    for step in steps:
        values = step(values)
    return keras.Model(inputs, values)


def check_same(model, objectives):
    """Compare scores and gradients of the fast way with those of the plain one."""
    images = np.random.default_rng(4).random((5, *model.input_shape[1:]))
    found = []
    for plain in (False, True):
        batched = BatchedObjectives(model, objectives, "leaky", plain=plain)
        rows = batched.rows(np.arange(5) % len(objectives))
        values = tf.constant(images, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(values)
            score = batched.score(values, rows, tf.ones(5))
        found.append((score.numpy(), tape.gradient(score, values).numpy()))
    assert np.abs(found[1][1]).max() > 0
    for fast, plain in zip(*found, strict=True):
        scale = np.abs(plain).max()
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-5 * scale)


def after_half_precision(shape):
    half = [
        layers.Conv2D(4, 3, activation="relu", dtype="mixed_float16"),
        layers.Flatten(dtype="mixed_float16"),
    ]
    return in_a_row(shape, *half, layers.Dense(5, activation="relu"), layers.Dense(3))


def of_whole_numbers(shape):
    model = in_a_row(shape, layers.Flatten(), layers.Dense(5), layers.Dense(3))
    for layer in model.layers[2:]:
        layer.quantize("int8")
    return model


def around_open_sizes(shape):
    inputs = keras.Input((None, None, shape[-1]))
    first = layers.Conv2D(4, 3, activation="relu")(inputs)
    body = keras.Model(inputs, layers.MaxPooling2D()(first))
    return in_a_row(shape, body, layers.GlobalAveragePooling2D(), layers.Dense(3))


def around_a_subclass(shape):
    class Body(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Conv2D(4, 3)

        def call(self, images):
            return self.inner(images)

    return in_a_row(shape, Body(), layers.Flatten(), layers.Dense(3))


def of_sizes_unknown_to_tensorflow(shape):
    def double(images):
        return tf.image.resize(images, 2 * tf.shape(images)[1:3])

    resize = layers.Lambda(double, output_shape=(18, 18, shape[-1]))
    first = layers.Conv2D(3, 3, activation="relu")
    return in_a_row(shape, resize, first, layers.MaxPooling2D(), layers.Conv2D(3, 3))


@pytest.mark.parametrize(
    "make",
    [
        after_half_precision, of_whole_numbers, around_open_sizes, around_a_subclass,
        of_sizes_unknown_to_tensorflow,
    ],
)  # fmt: skip
def test_unusual_networks_are_the_same(make):
    model = make((9, 9, 1))
    single = unit if len(model.outputs[0].shape) == 2 else channel
    check_same(model, [single(-1, 0), single(-1, 2)])


def test_a_network_called_as_in_training_is_the_same():
    inputs = keras.Input((9, 9, 1))
    body = in_a_row((9, 9, 1), layers.Conv2D(4, 3), layers.BatchNormalization())
    pooled = layers.GlobalAveragePooling2D()(body(inputs, training=True))
    check_same(keras.Model(inputs, layers.Dense(3)(pooled)), [unit(-1, 0)])


def test_numbers_of_a_nested_network_of_open_sizes_are_counted():
    # 7 x 7 x 4 of the convolution, 3 x 3 x 4 pooled, 4 averaged, 3 units.
    network = cut(around_open_sizes((9, 9, 1)), [-1], pre_activation=False)
    assert NetworkPass(network).values_per_image == 239

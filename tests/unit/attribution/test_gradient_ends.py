"""A gradient that is zero everywhere: said, with the layer where it ends."""

import warnings

import numpy as np
import pytest

from happymaps.attribution.table import all_methods
from happymaps.backend import keras, tf
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import logit
from happymaps.networks.layers import input_shape

layers = keras.layers
METHODS = all_methods()
BY_GRADIENT = (
    "gradient", "gradient_times_input", "integrated_gradients",
    "guided_backpropagation", "deconvolution",
)  # fmt: skip
IMAGES = np.random.default_rng(0).uniform(0.1, 1, (3, 6, 6, 1)).astype(np.float32)
IDS = np.random.default_rng(0).integers(1, 50, (3, 12)).astype(np.float32)


def text_network(dtype):
    inputs = keras.Input((12,), dtype=dtype)
    words = layers.Embedding(50, 8, name="words")(inputs)
    values = layers.Conv1D(6, 3, activation="relu", name="conv")(words)
    pooled = layers.GlobalMaxPooling1D()(values)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(pooled))


def image_network(*steps):
    inputs = values = keras.Input((6, 6, 1))
    for step in steps:
        values = step(values)
    return keras.Model(inputs, layers.Dense(1, name="out")(layers.Flatten()(values)))


def dead_dense():
    return layers.Dense(
        3, activation="relu", name="off",
        kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(-1.0),
    )  # fmt: skip


class Rounded(layers.Layer):
    def call(self, values):
        return keras.ops.round(4 * values)


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_an_embedding_is_named_with_what_to_look_at(name):
    with pytest.warns(UserWarning, match=r"zero everywhere in 3 of 3.*'words' \(Embed"):
        found = METHODS[name](text_network("float32"), logit(0), IDS)
    assert not found.any()


@pytest.mark.parametrize(
    ("steps", "layer"),
    [
        ([layers.Conv2D(2, 3), Rounded(name="own")], r"'own' \(Rounded\)"),
        ([layers.Conv2D(2, 3), lambda v: keras.ops.round(v)], r"\(Round\)"),
        ([lambda v: keras.ops.argmax(v, axis=1)], r"\(Argmax\)"),
        ([layers.Flatten(), dead_dense()], r"'off' \(Dense\).*off"),
        ([layers.Discretization([0.3, 0.6])], r"\(Discretization\)"),
    ],
)  # fmt: skip
def test_where_it_ends_is_named(steps, layer):
    model = image_network(*steps)
    with pytest.warns(UserWarning, match=rf"zero everywhere.*ends at .*{layer}"):
        found = METHODS["gradient"](model, logit(0), IMAGES)
    assert not found.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no gradient is asked for here
        METHODS["occlusion"](model, logit(0), IMAGES, patch=3, stride=3)


def test_only_the_images_without_a_gradient_are_counted():
    # relu(x - 1/2): off where the image is dark.
    conv = layers.Conv2D(
        1, 1, activation="relu", name="half", kernel_initializer="ones",
        bias_initializer=keras.initializers.Constant(-0.5),
    )  # fmt: skip
    images = np.full((3, 6, 6, 1), 0.2, np.float32)
    images[1] = 0.9
    with pytest.warns(UserWarning, match=r"in 2 of 3 inputs.*'half' \(Conv2D\)"):
        found = METHODS["gradient"](image_network(conv), logit(0), images)
    assert found[1].any()
    assert not found[[0, 2]].any()


@pytest.mark.parametrize("name", ["grad_cam", "layer_cam", "grad_cam_plus_plus"])
def test_maps_of_a_layer_tell_what_ends_after_it(name):
    conv = layers.Conv2D(2, 3, name="conv")
    model = image_network(conv, layers.Flatten(), dead_dense())
    with pytest.warns(UserWarning, match=r"zero everywhere.*'off' \(Dense\)"):
        METHODS[name](model, logit(0), IMAGES)


@pytest.mark.parametrize("name", ["grad_cam", "layer_cam"])
def test_maps_of_a_layer_after_the_end_are_what_they_are(name):
    # What comes before the layer has no part in its own gradient.
    step = [layers.Lambda(tf.round), layers.Conv2D(1, 1, name="conv", use_bias=False)]
    model = image_network(*step)
    found = METHODS[name](model, logit(0), IMAGES).values[..., 0]
    kernel = model.get_layer("conv").kernel.numpy().item()
    values = kernel * np.round(IMAGES[..., 0])
    slopes = model.get_layer("out").kernel.numpy().reshape(6, 6)
    weights = slopes.mean() if name == "grad_cam" else np.maximum(slopes, 0)
    np.testing.assert_allclose(found, np.maximum(weights * values, 0), atol=1e-6)


def test_what_the_message_says_works():
    model = text_network("int32")
    with pytest.raises(
        ValueError, match=r"int32, which 'words' looks up.*keras\.Model"
    ):
        input_shape(model)
    found = model.get_layer("words")
    behind = keras.Model(found.output, model.output)
    given = found(IDS).numpy()
    heat = METHODS["gradient"](behind, logit(0), given)
    with tf.GradientTape() as tape:
        values = tf.constant(given)
        tape.watch(values)
        probability = behind(values)[:, 0]
        total = tf.math.log(probability / (1 - probability))  # the logit
    np.testing.assert_allclose(heat, tape.gradient(total, values), rtol=1e-3, atol=1e-6)
    assert abs(heat).max() > 0


@pytest.mark.parametrize("kind", [layers.IntegerLookup, layers.Hashing])
def test_other_look_ups_are_named_too(kind):
    options = (
        {"vocabulary": [4, 7]} if kind is layers.IntegerLookup else {"num_bins": 3}
    )
    inputs = keras.Input((1,), dtype="int64")
    looked_up = kind(output_mode="one_hot", name="table", **options)(inputs)
    model = keras.Model(inputs, layers.Dense(1)(looked_up))
    with pytest.raises(ValueError, match="which 'table' looks up"):
        METHODS["gradient"](model, logit(0), np.array([[4], [7]]))


def test_a_map_without_a_slope_is_not_ok():
    options = {"input_range": (0, 49), "num_steps": 5}
    maps = maximize(text_network("float32"), logit(0), **options)
    assert maps.diagnosis.values.ravel().tolist() == ["no gradient"]

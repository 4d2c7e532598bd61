"""One contract for many kinds of networks: maps rise, and nothing of the user changes.

Each case builds a tiny network and names an objective on it.
"""

import numpy as np
import pytest

from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import channel, layer, neuron, unit
from happymaps.maps.regularizers import Penalty
from happymaps.maps.scoring import score_images

CASES = {}
# Of the input, where it is no image.
DIMENSIONS = {
    "table": ("feature",),
    "signal": ("x", "color"),
    "attention": ("x", "color"),
    "recurrent": ("x", "color"),
    "volume": ("z", "y", "x", "color"),
}


def case(shape, *objectives):
    """Add a function (layers, inputs) -> outputs to the table."""

    def add(build):
        name = build.__name__.removeprefix("build_")
        CASES[name] = (build, shape, objectives)
        return build

    return add


@case((6, 6, 1), channel("conv", 1), unit("out", 0))
def build_batch_normalization(layers, inputs):
    values = layers.Conv2D(2, 3, use_bias=False, name="conv")(inputs)
    values = layers.ReLU()(layers.BatchNormalization()(values))
    return layers.Dense(2, name="out")(layers.Flatten()(values))


@case((6, 6, 1), unit("out", 0))
def build_dropout(layers, inputs):
    values = layers.Dropout(0.9)(layers.GaussianNoise(0.9)(inputs))
    return layers.Dense(1, name="out")(layers.Flatten()(values))


@case((6, 6, 1), channel("leaky", 0), channel("elu", 1), channel("prelu", 0))
def build_advanced_activations(layers, inputs):
    values = layers.Conv2D(2, 3, name="conv")(inputs)
    values = layers.LeakyReLU(name="leaky")(values)
    values = layers.ELU(name="elu")(layers.Conv2D(2, 2)(values))
    return layers.PReLU(name="prelu")(layers.Conv2D(2, 2)(values))


@case((6, 6, 3), channel("depth", 4), channel("separable", 1), channel("up", 0))
def build_other_convolutions(layers, inputs):
    values = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depth")(inputs)
    values = layers.SeparableConv2D(2, 2, activation="relu", name="separable")(values)
    return layers.Conv2DTranspose(1, 3, strides=2, activation="relu", name="up")(values)


@case((12, 2), channel("conv", 1), neuron("conv", 0, (3,)), unit("out", 1))
def build_signal(layers, inputs):
    values = layers.Conv1D(3, 3, activation="relu", name="conv")(inputs)
    return layers.Dense(2, name="out")(layers.GlobalMaxPooling1D()(values))


@case((4, 5, 5, 1), channel("conv", 1), unit("out", 0))
def build_volume(layers, inputs):
    values = layers.Conv3D(2, 3, activation="relu", name="conv")(inputs)
    return layers.Dense(2, name="out")(layers.Flatten()(values))


@case((6, 6, 5), channel("conv", 0))
def build_five_channels(layers, inputs):
    return layers.Conv2D(2, 3, activation="relu", name="conv")(inputs)


@case((5,), unit("hidden", 2), unit("out", 1), layer("hidden"))
def build_table(layers, inputs):
    values = layers.Dense(4, activation="tanh", name="hidden")(inputs)
    return layers.Dense(2, activation="softmax", name="out")(values)


@case((6, 4), channel("attention", 3), channel("mix", 0))
def build_attention(layers, inputs):
    attention = layers.MultiHeadAttention(2, 3, name="attention")
    values = layers.LayerNormalization()(attention(inputs, inputs))
    return layers.Dense(3, activation="gelu", name="mix")(values)


@case((7, 2), unit("memory", 1))
def build_recurrent(layers, inputs):
    return layers.LSTM(3, name="memory")(inputs)


@case((6, 6, 1), unit("left", 0), unit("right", 1), unit("left", 1) - unit("right", 0))
def build_two_outputs(layers, inputs):
    values = layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(inputs))
    return [layers.Dense(2, name="left")(values), layers.Dense(2, name="right")(values)]


@case((6, 6, 1), channel("twice", 0), unit("out", 0))
def build_shared_layer(layers, inputs):
    twice = layers.Conv2D(1, 2, activation="relu", name="twice")
    return layers.Dense(1, name="out")(layers.Flatten()(twice(twice(inputs))))


def build(keras, name, policy="float32"):
    keras.utils.set_random_seed(4)
    builder, shape, objectives = CASES[name]
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input(shape, dtype="float32")
        model = keras.Model(inputs, builder(keras.layers, inputs))
    finally:
        keras.config.set_dtype_policy(before)
    return model, list(objectives)


def outputs_of(keras, model):
    images = np.random.default_rng(0).random((2, *model.input_shape[1:]))
    found = keras.tree.flatten(model(images, training=False))
    return [np.array(keras.ops.cast(part, "float32")) for part in found]


@pytest.mark.parametrize("name", CASES)
def test_maps_rise_and_the_network_stays(keras, network_state, name):
    model, objectives = build(keras, name)
    state, outputs = network_state(model), outputs_of(keras, model)
    options = {"activation": "post"} if name == "recurrent" else {}
    maps = maximize(model, objectives, regularizers=(), num_steps=8, **options)
    assert maps.image.dims[2:] == DIMENSIONS.get(name, ("y", "x", "color"))
    assert maps.image.shape[2:] == model.input_shape[1:]
    assert (maps.diagnosis == "ok").all()
    assert (maps.score_end > maps.score_start).all()
    for index, objective in enumerate(objectives):
        again = score_images(model, objective, maps.image[index].values, **options)
        np.testing.assert_allclose(
            again[0], maps.score_end[index], rtol=1e-4, atol=1e-5
        )
    assert network_state(model) == state
    for after, before in zip(outputs_of(keras, model), outputs, strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["batch_normalization", "attention"])
def test_half_precision_is_scored_in_single(keras, name, policy):
    model, objectives = build(keras, name, policy)
    maps = maximize(model, objectives, regularizers=(), num_steps=8)
    assert (maps.score_end > maps.score_start).all()
    assert {maps[v].dtype for v in ("image", "score_end")} == {np.dtype("float32")}


@pytest.mark.parametrize("name", ["attention", "shared_layer", "two_outputs"])
def test_a_call_that_fails_leaves_the_network(keras, network_state, name):
    def fail(images):
        raise RuntimeError("a regularizer of one's own")

    model, objectives = build(keras, name)
    state, outputs = network_state(model), outputs_of(keras, model)
    with pytest.raises(RuntimeError, match="one's own"):
        maximize(model, objectives, regularizers=[Penalty(fail)])
    assert network_state(model) == state
    for after, before in zip(outputs_of(keras, model), outputs, strict=True):
        np.testing.assert_array_equal(after, before)

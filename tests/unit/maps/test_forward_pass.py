"""The fast way through a network against the plain one, for every kind of layer."""

import numpy as np
import pytest

from happymaps.backend import keras, tf
from happymaps.maps.forward import layers as fast_layers
from happymaps.maps.forward.forward_pass import NetworkPass
from happymaps.maps.forward.weights import WeightValues
from happymaps.maps.objectives import channel, direction, layer, neuron, unit
from happymaps.maps.scoring import BatchedObjectives, layer_objectives

layers = keras.layers


def build(shape, *steps):
    """Return a network of layers in a row with weights, biases too, that matter."""
    inputs = values = keras.Input(shape)
    for step in steps:
        values = step(values)
    return planted(keras.Model(inputs, values))


def planted(model):
    rng = np.random.default_rng(3)
    for variable in model.weights:
        low = 0.5 if "variance" in variable.path else -0.5
        variable.assign(rng.uniform(low, 1.0, variable.shape))
    return model


def residual(shape):
    inputs = keras.Input(shape)
    first = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    # Used twice: the ReLU may not be moved behind the pooling here.
    summed = layers.Add()([first, layers.Conv2D(4, 1)(first)])
    pooled = layers.Concatenate()(
        [layers.MaxPooling2D()(first), layers.MaxPooling2D()(summed)]
    )
    return planted(
        keras.Model(inputs, layers.Conv2D(3, 2, activation="relu", name="last")(pooled))
    )


def nested(shape):
    body = keras.Sequential(
        [keras.Input(shape), layers.Conv2D(4, 3, activation="relu"),
         layers.MaxPooling2D(), layers.Conv2D(5, 3, activation="relu", name="deep")]
    )  # fmt: skip
    inputs = keras.Input(shape)
    return planted(
        keras.Model(inputs, layers.Dense(2, name="out")(layers.Flatten()(body(inputs))))
    )


def shared(shape):
    twice = layers.Conv2D(shape[-1], 3, padding="same", activation="relu", name="both")
    return build(shape, twice, twice, layers.Conv2D(3, 3, name="last"))


CONVOLUTIONS = {
    "one input channel": ((9, 11, 1), {}),
    "three input channels": ((9, 11, 3), {}),
    "many input channels": ((9, 11, 6), {}),
    "same padding": ((9, 11, 3), {"padding": "same"}),
    "even kernel, same padding": ((9, 11, 3), {"padding": "same", "kernel_size": 4}),
    "oblong kernel": ((9, 11, 1), {"kernel_size": (2, 5), "padding": "same"}),
    "stride": ((9, 11, 2), {"strides": 2}),
    "oblong stride, same padding": ((9, 11, 2), {"strides": (2, 3), "padding": "same"}),
    "dilation": ((9, 11, 2), {"dilation_rate": (2, 1), "padding": "same"}),
    "groups": ((9, 11, 4), {"groups": 2}),
    "no bias": ((9, 11, 1), {"use_bias": False}),
    "kernel of one": ((9, 11, 1), {"kernel_size": 1}),
    "leaky": ((9, 11, 1), {"activation": "leaky_relu"}),
    "tanh": ((9, 11, 1), {"activation": "tanh"}),
    "linear": ((9, 11, 1), {"activation": None}),
}


def convolution(name="looked_at", **options):
    merged = {"kernel_size": 3, "activation": "relu", **options}
    return layers.Conv2D(6, name=name, **merged)


def check_same(model, objectives, activation, *, count=5, signs=(1, -1, 1, -1, 1)):
    """Compare scores and gradients of the fast way with those of the plain one."""
    shape = model.input_shape[1:]
    images = np.random.default_rng(4).random((count, *shape)).astype(np.float32)
    found = []
    for plain in (False, True):
        batched = BatchedObjectives(model, objectives, activation, plain=plain)
        rows = batched.rows(np.arange(count) % len(objectives))
        values = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(values)
            score = batched.score(values, rows, tf.constant(signs, tf.float32))
        found.append((score.numpy(), tape.gradient(score, values).numpy()))
    (score, gradient), (plain_score, plain_gradient) = found
    assert np.abs(plain_gradient).max() > 0
    for fast, plain in ((score, plain_score), (gradient, plain_gradient)):
        scale = np.abs(plain).max()
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-5 * scale)


# What is read of a layer depends on its activation, and not on the form of its kernels.
READINGS = [(case, "leaky") for case in CONVOLUTIONS]
READINGS += [
    (case, activation)
    for case in ("one input channel", "stride", "leaky", "tanh", "linear")
    for activation in ("pre", "post")
]


@pytest.mark.parametrize(("case", "activation"), READINGS)
def test_a_convolution_looked_at_is_the_same(case, activation):
    shape, options = CONVOLUTIONS[case]
    model = build(shape, convolution(**options))
    check_same(model, layer_objectives(model, "looked_at"), activation)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_a_convolution_on_the_way_is_the_same(case):
    shape, options = CONVOLUTIONS[case]
    last = layers.Conv2D(3, 2, name="looked_at", activation="relu")
    # A pooling takes over what it can of bias and activation, whatever the kernel.
    has_one = {"use_bias", "activation"} & set(options) or not options
    pooling = [layers.MaxPooling2D()] if has_one else []
    model = build(shape, convolution("first", **options), *pooling, last)
    check_same(model, layer_objectives(model, "looked_at"), "leaky")


@pytest.mark.parametrize("pooling", ["valid", "same"])
def test_rectifying_after_the_pooling_is_the_same(pooling):
    model = build(
        (9, 11, 1),
        convolution("first"),
        layers.MaxPooling2D(padding=pooling, name="pool"),
    )
    check_same(model, layer_objectives(model, "pool", count=3), "post")


def test_ties_before_a_pooling_send_the_gradient_the_same_way():
    model = build((8, 8, 1), convolution("first"), layers.MaxPooling2D(name="pool"))
    flat = tf.fill((2, 8, 8, 1), 0.5)  # every window is a tie
    gradients = []
    for plain in (False, True):
        batched = BatchedObjectives(
            model, [channel("pool", i) for i in range(6)], "post", plain=plain
        )
        with tf.GradientTape() as tape:
            tape.watch(flat)
            score = batched.score(flat, batched.rows(np.array([0, 5])), tf.ones(2))
        gradients.append(tape.gradient(score, flat).numpy())
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-5, atol=1e-8)
    assert np.abs(gradients[1]).max() > 0


OTHERS = [
    layers.DepthwiseConv2D(3, activation="relu"), layers.SeparableConv2D(4, 3),
    layers.Conv2DTranspose(4, 3, strides=2), layers.BatchNormalization(),
    layers.LayerNormalization(), layers.Dropout(0.5), layers.LeakyReLU(),
    layers.PReLU(), layers.ELU(), layers.AveragePooling2D(2), layers.ZeroPadding2D(),
    layers.UpSampling2D(),
    layers.Activation("gelu"), layers.Rescaling(2.0, -1.0), layers.Dense(4),
    layers.Reshape((11, 9, 3)),
]  # fmt: skip


@pytest.mark.parametrize("step", OTHERS, ids=lambda step: type(step).__name__)
def test_other_layers_on_the_way_are_the_same(step):
    copy = type(step).from_config(step.get_config())
    model = build((9, 11, 3), copy, layers.Conv2D(3, 3, name="looked_at"))
    check_same(model, layer_objectives(model, "looked_at"), "leaky")


@pytest.mark.parametrize("activation", ["leaky", "pre", "post"])
@pytest.mark.parametrize("function", ["relu", "tanh", "softmax", None])
def test_a_dense_layer_looked_at_is_the_same(function, activation):
    model = build(
        (6, 6, 1), layers.Flatten(), layers.Dense(8, activation="relu"),
        layers.Dense(4, activation=function, name="looked_at"),
    )  # fmt: skip
    check_same(model, layer_objectives(model, "looked_at"), activation)


def test_directions_differences_and_places_are_the_same():
    model = build((9, 11, 1), convolution("a"), layers.MaxPooling2D(), convolution("b"))
    rng = np.random.default_rng(0)
    objectives = [
        direction("b", rng.normal(size=6)), 2 * channel("b", 1) - channel("b", 4),
        neuron("b", 2, (0, 1)), neuron("b", 3) + channel("b", 0), channel("b", 5),
    ]  # fmt: skip
    for activation in ("leaky", "pre", "post"):
        check_same(model, objectives, activation)


def test_a_whole_layer_is_the_same():
    model = build((9, 11, 1), convolution("a"), layers.MaxPooling2D(), convolution("b"))
    check_same(model, [layer("b")], "leaky")
    check_same(model, [layer("b") - channel("b", 0)], "leaky")


@pytest.mark.parametrize(
    ("make", "path"),
    [(residual, "last"), (nested, "deep"), (nested, "out"), (shared, "last")],
)
def test_graphs_are_the_same(make, path):
    model = make((12, 13, 2))
    check_same(model, layer_objectives(model, path), "leaky")


def test_two_layers_at_once_are_the_same():
    model = build((9, 11, 1), convolution("a"), layers.MaxPooling2D(), convolution("b"))
    check_same(model, [channel("a", i) - channel("b", i) for i in range(3)], "leaky")


def test_mixed_precision_takes_the_plain_way():
    model = build(
        (9, 11, 1), convolution("a", dtype="mixed_bfloat16"),
        convolution("b", dtype="mixed_bfloat16"),
    )  # fmt: skip
    batched = BatchedObjectives(model, [channel("b", 0)], "leaky")
    plain = BatchedObjectives(model, [channel("b", 0)], "leaky", plain=True)
    images = tf.random.stateless_uniform((2, 9, 11, 1), (1, 2))
    rows = batched.rows(np.array([0, 0])), plain.rows(np.array([0, 0]))
    np.testing.assert_array_equal(
        batched.score(images, rows[0], tf.ones(2)),
        plain.score(images, rows[1], tf.ones(2)),
    )


def test_the_looked_at_channel_alone_is_computed():
    model = build((9, 11, 1), convolution("a"))
    batched = BatchedObjectives(model, [channel("a", 0)], "leaky")
    whole = BatchedObjectives(model, [layer("a")], "leaky")
    assert [t.shape[-1] for t in batched.outputs(tf.zeros((1, 9, 11, 1)))] == [1]
    assert [t.shape[-1] for t in whole.outputs(tf.zeros((1, 9, 11, 1)))] == [6]


def test_dense_rows_do_not_depend_on_their_number():
    dense = layers.Dense(7)
    model = build((5,), dense)
    run = fast_layers.dense(model.layers[-1], WeightValues())
    rows = tf.random.stateless_normal((33, 5), (1, 2))
    whole = run(rows).numpy()
    for count in (1, 2, 15, 16, 17):
        np.testing.assert_array_equal(run(rows[:count]), whole[:count])


def test_networks_of_known_layers_run_alone_or_in_pairs():
    known = build((9, 11, 1), convolution("a"), layers.MaxPooling2D(), convolution("b"))
    assert NetworkPass(known).batch_multiple == 1
    strided = build((9, 11, 1), convolution("a", strides=2), convolution("b"))
    assert NetworkPass(strided).batch_multiple == 2
    unknown = build((9, 11, 1), convolution("a"), layers.LayerNormalization())
    assert NetworkPass(unknown).batch_multiple == 16
    curved = build((9, 11, 1), convolution("a", activation="tanh"), convolution("b"))
    assert NetworkPass(curved).batch_multiple == 16


ALIKE = [
    layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(4, 3, strides=2),
    layers.DepthwiseConv2D(3), layers.BatchNormalization(), layers.LeakyReLU(),
    layers.AveragePooling2D(2), layers.MaxPooling2D(), layers.GlobalAveragePooling2D(),
    layers.Flatten(), layers.Dense(4, activation="relu"), layers.ZeroPadding2D(),
]  # fmt: skip


@pytest.mark.parametrize("step", ALIKE, ids=lambda step: type(step).__name__)
def test_known_layers_give_the_same_beside_any_images(step):
    copy = type(step).from_config(step.get_config())
    model = build((9, 11, 3), layers.Conv2D(8, 3), copy)
    network = NetworkPass(model)
    run = tf.function(network, autograph=False)
    images = tf.random.stateless_uniform((34, 9, 11, 3), (1, 2))

    # Traced once, for any number of images, as loops are.
    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec((None, 9, 11, 3), tf.float32)]
    )
    def gradient(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            (outputs,) = run(values)
            total = tf.reduce_sum(outputs**2)
        return tape.gradient(total, values)

    whole = gradient(images).numpy()
    multiple = network.batch_multiple
    assert multiple <= 2
    for count in (multiple, 3 * multiple, 8 * multiple, 16):
        # Which bits are equal depends on the processor.
        few = gradient(images[:count])
        np.testing.assert_allclose(few, whole[:count], rtol=1e-5, atol=1e-6)


def test_a_unit_of_an_input_vector_is_the_same():
    model = build((7,), layers.Dense(5, activation="relu", name="only"))
    check_same(model, [unit("only", 0), unit("only", 3)], "leaky")

"""A copy is the network: state that is no weight, weights of its own, and the check."""

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.networks.doubles import copy_network
from happymaps.networks.models import randomize_weights
from happymaps.networks.random_controls import fresh_weights

layers = keras.layers
PIXELS = np.random.default_rng(0).uniform(20, 250, (6, 8, 8, 3)).astype(np.float32)
COLUMN = np.array([[3.0], [11], [25], [40]], np.float32)
WHOLE = np.array([[4], [9], [4], [7]])
WORDS = np.array([["one two"], ["two"], ["three three"], ["one"]])


def image_network(first, *, between=()):
    """Return a network of images that begins with a layer."""
    inputs = values = keras.Input((8, 8, 3))
    for layer in (first, *between):
        values = layer(values)
    values = layers.Conv2D(4, 3, activation="relu")(values)
    pooled = layers.GlobalAveragePooling2D()(values)
    return keras.Model(inputs, layers.Dense(2, name="out")(pooled))


def adapted_normalization():
    scale = layers.Normalization()
    scale.adapt(PIXELS)
    return image_network(scale), PIXELS


def normalization_adapted_afterwards():
    scale = layers.Normalization()
    model = image_network(scale)
    scale.adapt(PIXELS)
    return model, PIXELS


def like_efficientnet():
    """As `weights="imagenet"` leaves it: the rescaling by a list of three numbers."""
    scale = layers.Normalization(axis=-1)
    model = image_network(
        layers.Rescaling(1 / 255),
        between=[scale, layers.Rescaling([1 / np.sqrt(s) for s in (0.2, 0.3, 0.4)])],
    )
    scale.adapt_mean.assign([0.485, 0.456, 0.406])
    scale.adapt_variance.assign([0.229, 0.224, 0.225])
    scale.finalize_state()
    return model, PIXELS


def adapted_discretization():
    bins = layers.Discretization(num_bins=3, output_mode="one_hot")
    bins.adapt(COLUMN)
    inputs = keras.Input((1,))
    return keras.Model(inputs, layers.Dense(2)(bins(inputs))), COLUMN


def adapted_integer_lookup():
    lookup = layers.IntegerLookup(output_mode="one_hot")
    lookup.adapt(WHOLE)
    inputs = keras.Input((1,), dtype="int64")
    return keras.Model(inputs, layers.Dense(2)(lookup(inputs))), WHOLE


def adapted_text():
    words = layers.TextVectorization(output_mode="tf_idf")
    words.adapt(WORDS)
    inputs = keras.Input((1,), dtype="string")
    model = keras.Model(inputs, layers.Dense(2)(words(inputs)))
    return model, keras.ops.convert_to_tensor(WORDS)


def with_a_lambda():
    return image_network(layers.Lambda(lambda values: values / 100)), PIXELS


class Steep(layers.Layer):
    slope = 2.0

    def call(self, values):
        return self.slope * values


def with_an_attribute_of_ones_own():
    steep = Steep()
    steep.slope = 0.03  # which get_config() does not tell
    return image_network(steep), PIXELS


class Inside(layers.Layer):
    """Layers in lists and dicts, and a network."""

    def __init__(self):
        super().__init__()
        inputs = keras.Input((8, 8, 3))
        self.body = keras.Model(inputs, layers.Conv2D(3, 1)(inputs))
        self.several = [layers.Conv2D(3, 1), {"more": layers.BatchNormalization()}]

    def build(self, shape):
        self.several[0].build(shape)
        self.several[1]["more"].build(shape)

    def call(self, values):
        return self.several[1]["more"](self.several[0](self.body(values / 100)))


def with_layers_inside_a_layer():
    return image_network(Inside()), PIXELS


def with_a_network_called_twice():
    part = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 1)], name="part")
    return image_network(part, between=[part]), PIXELS


CASES = [
    adapted_normalization, normalization_adapted_afterwards, like_efficientnet,
    adapted_discretization, adapted_integer_lookup, adapted_text, with_a_lambda,
    with_an_attribute_of_ones_own, with_layers_inside_a_layer,
    with_a_network_called_twice,
]  # fmt: skip


@pytest.mark.parametrize("make", CASES)
def test_a_copy_does_what_the_network_does_with_weights_of_its_own(make, network_state):
    model, given = make()
    state, outputs = network_state(model), model(given, training=False).numpy()
    copy = copy_network(model)
    np.testing.assert_array_equal(copy(given, training=False), outputs)
    assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
    assert not {id(v) for v in copy.variables} & {id(v) for v in model.variables}
    copy.set_weights([np.zeros_like(weight) for weight in copy.get_weights()])
    np.testing.assert_array_equal(copy(given, training=False), 0 * outputs)
    np.testing.assert_array_equal(model(given, training=False), outputs)
    assert network_state(model) == state


@pytest.mark.parametrize("make", CASES)
@pytest.mark.parametrize("other", [randomize_weights, fresh_weights])
def test_a_network_of_other_weights_keeps_what_is_no_weight(make, other):
    model, given = make()
    null = other(model, seed=1)
    # With the weights of the network, what is left is what it holds besides them.
    for weight, own in zip(null.weights, model.weights, strict=True):
        weight.assign(own)
    expected = model(given, training=False)
    np.testing.assert_array_equal(null(given, training=False), expected)


def test_a_copy_keeps_what_is_frozen():
    inputs = keras.Input((8, 8, 3))
    body = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 1)], name="body")
    body.trainable = False
    pooled = layers.GlobalAveragePooling2D()(body(inputs))
    model = keras.Model(inputs, layers.Dense(2, name="out")(pooled))
    copy = copy_network(model)
    assert [w.path for w in copy.trainable_weights] == ["out/kernel", "out/bias"]
    copy.compile("sgd", "mse")
    copy.fit(PIXELS / 255, np.ones((6, 2)), epochs=1, verbose=0)
    for name, same in (("body", True), ("out", False)):
        weights = zip(
            copy.get_layer(name).get_weights(),
            model.get_layer(name).get_weights(),
            strict=True,
        )
        assert all(np.array_equal(*pair) == same for pair in weights)


def test_a_copy_can_be_saved_as_the_network(tmp_path):
    model, given = like_efficientnet()
    copy_network(model).save(tmp_path / "copy.keras")
    loaded = keras.models.load_model(tmp_path / "copy.keras")
    np.testing.assert_allclose(
        loaded(given, training=False), model(given, training=False), rtol=1e-6
    )


def test_a_copy_that_does_something_else_is_refused():
    shifts = {}

    class Registered(layers.Layer):
        """Adds what is noted elsewhere for it, which no copy can know."""

        def call(self, values):
            return values + shifts.get(id(self), 0.0)

    layer = Registered()
    shifts[id(layer)] = 100.0
    model = image_network(layer)
    for copy in (copy_network, randomize_weights, fresh_weights):
        with pytest.raises(ValueError, match=r"copy of the network.*something else"):
            copy(model)


def test_a_network_that_is_random_by_itself_is_copied():
    noise = layers.Lambda(lambda values: values + keras.random.normal((1,)))
    model = image_network(noise)
    copy = copy_network(model)
    for own, other in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)

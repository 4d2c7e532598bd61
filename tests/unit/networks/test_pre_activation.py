"""Pre-activations where they exist, and a refusal where the activation is inside."""

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.maps.objectives import unit
from happymaps.maps.scoring import score_images
from happymaps.networks.layers import cut

layers = keras.layers
ROWS = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


class Own(layers.Layer):
    """What a layer does with `relu` and its weights is told by `form`."""

    def __init__(self, form, activation="relu", **options):
        super().__init__(**options)
        self.form, self.activation = form, activation

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), initializer="normal")

    def call(self, values):
        activate = keras.activations.get(self.activation)
        linear = values @ self.kernel
        if self.form == "last":
            return activate(linear)
        if self.form == "scaled":
            return activate(3 * linear)
        if self.form == "first":
            return activate(values) @ self.kernel
        return linear * activate(linear) if self.form == "gated" else linear


def network(layer, shape=(6,)):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layers.Dense(2, name="out")(layer(inputs)))


def before(model, rows=ROWS):
    return cut(model, ["asked"])(rows).numpy()


@pytest.mark.parametrize("activation", ["relu", keras.activations.tanh])
@pytest.mark.parametrize(("form", "factor"), [("last", 1), ("scaled", 3)])
def test_the_activation_of_ones_own_layer_is_taken_off_where_it_is_last(
    form, factor, activation
):
    layer = Own(form, activation, name="asked")
    found = before(network(layer))
    expected = factor * ROWS @ layer.kernel.numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert (found < 0).any()
    assert layer.activation == activation


@pytest.mark.parametrize("form", ["first", "gated", "none at all"])
def test_an_activation_inside_ones_own_layer_is_refused(form):
    model = network(Own(form, name="asked"))
    with pytest.raises(ValueError, match=r"'asked' cannot be taken off.*Own.*'post'"):
        before(model)
    found = score_images(model, unit("asked", 1), ROWS, activation="post")
    expected = model.get_layer("asked")(ROWS)
    np.testing.assert_allclose(found[0], expected[:, 1], rtol=1e-6)


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_what_happens_within_a_recurrent_layer_is_refused(kind):
    layer = kind(4, name="asked")
    model = network(layer, (7, 3))
    rows = np.random.default_rng(1).normal(size=(5, 7, 3)).astype(np.float32)
    with pytest.raises(ValueError, match=r"'asked' cannot be taken off.*'post'"):
        score_images(model, unit("asked", 1), rows)
    found = score_images(model, unit("asked", 1), rows, activation="post")
    np.testing.assert_allclose(found[0], layer(rows)[:, 1], rtol=1e-6)


def test_a_subclass_that_adds_nothing_is_read_as_its_layer():
    class Mine(layers.Dense):
        pass

    layer = Mine(3, activation="softmax", name="asked")
    found = before(network(layer))
    np.testing.assert_allclose(found, ROWS @ layer.kernel.numpy(), rtol=1e-5)


def test_a_subclass_that_goes_on_after_the_activation_is_refused():
    class Squared(layers.Dense):
        def call(self, values, training=None):
            return super().call(values) ** 2

    with pytest.raises(ValueError, match=r"what a Squared does"):
        before(network(Squared(3, activation="relu", name="asked")))

"""Networks that compute not-a-number are told so first, with the layer."""

import numpy as np
import pandas as pd
import pytest

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.behavior.finiteness import check_numbers
from happymaps.diagnosis.diagnose import diagnose


def images(shape=(12, 12, 1)) -> Dataset:
    pixels = np.random.default_rng(0).random((8, *shape), np.float32)
    pixels[0] = 0
    labels = np.arange(8) % 2
    return Dataset("mine", pixels, labels, ("a", "b"), pd.DataFrame(index=range(8)))


def network(*between, last="softmax"):
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(3, 3, name="first"),
            *between,
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(2, last, name="last"),
        ]
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layer", ["first", "last"])
@pytest.mark.parametrize("weight", [0, 1])
def test_weights_that_are_no_numbers_are_told_with_their_layer(value, layer, weight):
    model = network()
    weights = model.get_layer(layer).get_weights()
    weights[weight].flat[0] = value
    model.get_layer(layer).set_weights(weights)
    with pytest.raises(ValueError, match=rf"1 of \d+ in .* of layer '{layer}'"):
        diagnose(model, images())


def test_weights_in_a_network_within_are_told():
    inner = network(last="relu")
    inner.get_layer("first").bias.assign([0, np.nan, 0])
    outer = keras.Sequential([keras.Input((12, 12, 1)), inner, keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=rf"layer '{inner.name}/first'"):
        diagnose(outer, images())


@keras.saving.register_keras_serializable("test_finiteness")
class Divided(keras.layers.Layer):
    """Divides by the largest value, which for a black image is zero."""

    def call(self, values):
        return values / keras.ops.max(values, axis=(1, 2, 3), keepdims=True)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_division_by_zero_is_told_where_it_begins(place):
    divided = Divided(name="divided")
    model = network(divided) if place == "after" else None
    if model is None:
        first = keras.Input((12, 12, 1))
        model = keras.Model(first, network()(divided(first)))
    else:
        model.get_layer("first").bias.assign([0, 0, 0])
    with pytest.raises(ValueError, match=r"for 1 of 8 images; .* layer 'divided'"):
        diagnose(model, images())


def test_values_beyond_the_number_format_are_told_where_they_begin():
    model = network(keras.layers.Rescaling(1e38, name="large"), keras.layers.ReLU())
    model.get_layer("first").set_weights(
        [np.full((3, 3, 1, 3), 1e5, np.float32), np.zeros(3, np.float32)]
    )
    with pytest.raises(ValueError, match=r"for 7 of 8 images; .* layer 'large'"):
        diagnose(model, images())


@keras.saving.register_keras_serializable("test_finiteness")
class OwnEnd(keras.layers.Layer):
    """Has a weight, and does not say what its outputs are."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, values):
        return keras.ops.log(-keras.ops.abs(values * self.scale) - 1)


def test_no_numbers_are_told_before_it_is_asked_what_they_mean():
    with pytest.raises(ValueError, match=r"8 of 8 images; it begins in layer 'own'"):
        diagnose(keras.Sequential([network(), OwnEnd(name="own")]), images())


@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
def test_infinity_inside_is_told_though_the_outputs_are_finite(last):
    saturated = keras.layers.Activation("tanh", name="saturated")
    model = network(keras.layers.Rescaling(1e38, name="large"), saturated, last=last)
    model.get_layer("first").bias.assign([10, 10, 10])
    with pytest.raises(ValueError, match=r"in layer 'large', though .* no gradient"):
        diagnose(model, images())


def test_minus_infinity_of_a_mask_is_no_fault():
    inputs = keras.Input((12, 12, 1))
    scores = keras.layers.Flatten()(inputs)
    masked = keras.ops.where(scores > 0.5, scores, -np.inf)
    shares = keras.layers.Softmax()(masked)
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax")(shares))
    given = images()
    check_numbers(model, given.images[1:])

"""Guided backpropagation and deconvolution through two ReLUs, by hand."""

import numpy as np
import pytest

from happymaps.attribution.methods.gradients import gradient
from happymaps.attribution.methods.guided_backpropagation import (
    deconvolution,
    guided_backpropagation,
)
from happymaps.backend import tf
from happymaps.keras_vis import backprop_modifiers
from happymaps.maps.objectives import unit

# At x = (1, 2) the first units are 3 and 1, the second 1 and -2. The gradient by the
# second is (2, 1), of which ReLU leaves (2, 0), by the first 2 (1, -2) = (2, -4).
FIRST = np.array([[1.0, -1.0], [1.0, 1.0]])
SECOND = np.array([[1.0, -1.0], [-2.0, 1.0]])
LAST = np.array([[2.0], [1.0]])
ROWS = np.array([[1.0, 2.0]])


def chain(keras, kind="fused"):
    layers = keras.layers
    inputs = keras.Input((2,))
    activation = {
        "fused": "relu", "leaky": "leaky_relu", "object": layers.ReLU(),
        "tensorflow": tf.nn.relu,
    }.get(kind)  # fmt: skip
    after = {"layer": layers.ReLU, "operation": lambda: keras.ops.relu}
    values = inputs
    for name in ("first", "second"):
        values = layers.Dense(2, activation=activation, name=name)(values)
        values = after.get(kind, lambda: lambda same: same)()(values)
    model = keras.Model(inputs, layers.Dense(1, name="last")(values))
    zeros = np.zeros(2)
    model.set_weights([FIRST, zeros, SECOND, zeros, LAST, np.zeros(1)])
    return model


@pytest.mark.parametrize(
    "kind", ["fused", "layer", "operation", "object", "tensorflow"]
)
def test_each_rule_passes_on_its_own_part(keras, kind):
    model, objective = chain(keras, kind), unit("last", 0)
    np.testing.assert_allclose(gradient(model, objective, ROWS), [[6, -2]])
    # Guided: of (2, -4) only the 2. Rectified: (2, 1) gives (1, -3), of which the 1.
    np.testing.assert_allclose(guided_backpropagation(model, objective, ROWS), [[2, 2]])
    found = deconvolution(model, objective, ROWS)
    np.testing.assert_allclose(found, [[1, 1]])
    assert found.attrs["not_modified"] == ""


def test_the_score_is_that_of_the_network(keras):
    found = guided_backpropagation(chain(keras), unit("last", 0), ROWS)
    np.testing.assert_allclose(found.score, [2])
    assert found.attrs["not_modified"] == ""


def test_an_objective_on_the_relu_itself_is_read_before_it(keras):
    # The score is the second unit of the second layer, -2 there; first to it: (-1, 1).
    found = guided_backpropagation(chain(keras), unit("second", 1), ROWS)
    np.testing.assert_allclose(found.score, [-2])
    np.testing.assert_allclose(found, [FIRST[:, 1]])  # of (-1, 1) only the 1


def test_activations_that_stay_are_named(keras):
    model, objective = chain(keras, "leaky"), unit("last", 0)
    found = guided_backpropagation(model, objective, ROWS)
    assert found.attrs["not_modified"] == "first, second"
    np.testing.assert_allclose(found, gradient(model, objective, ROWS))


def test_weights_of_now_are_used(keras):
    model = chain(keras)
    before = deconvolution(model, unit("last", 0), ROWS)
    model.get_layer("first").set_weights([2 * FIRST, np.zeros(2)])
    after = deconvolution(model, unit("last", 0), ROWS)
    np.testing.assert_allclose(after, 2 * before.values)


@pytest.mark.parametrize(
    ("method", "modifier"),
    [(guided_backpropagation, "guided"), (deconvolution, "rectified")],
)
def test_the_modified_network_is_that_of_keras_vis(keras, images, method, modifier):
    keras.utils.set_random_seed(8)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu", name="conv"),
            layers.Conv2D(2, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(2, name="out"),
        ]
    )
    expected = gradient(backprop_modifiers.get(modifier)(model), unit("out", 1), images)
    found = method(model, unit("out", 1), images)
    np.testing.assert_allclose(found, expected, atol=1e-7)
    assert not np.allclose(found, gradient(model, unit("out", 1), images), atol=1e-3)

"""What algebra says of a softmax, on networks whose slopes are known."""

import numpy as np
import pytest
from scipy import special

from experiments.experiment1.measures.softmax_gradients import (
    check_softmax_slopes,
    weight_drift,
)
from happymaps.maps.engine.starts import start_images


@pytest.mark.parametrize("steepness", [1.0, 40.0])
def test_saturation_is_that_of_the_start_and_slopes_are_as_by_algebra(
    softmax_network, checkerboard, steepness
):
    network = softmax_network(steepness, bias=0.5)
    start = start_images([3], (8, 8, 1))[0, ..., 0]
    margin = -2 * (steepness * np.sum(checkerboard * start) + 0.5)
    first = special.expit(margin)
    found = check_softmax_slopes(network, seed=3)
    assert found["saturation"] == pytest.approx(first * (1 - first), rel=1e-4)
    assert found["saturation_error"] < 1e-6
    assert found["slope_sum"] < 1e-6


def test_slopes_survive_where_single_precision_has_none(softmax_network):
    found = check_softmax_slopes(softmax_network(1.0, bias=30.0))
    assert 0 < found["saturation"] < 1e-24
    assert found["saturation_error"] < 1e-5


def test_slopes_of_four_classes_cancel_and_have_no_single_saturation(dense_network):
    kernel = np.random.default_rng(0).normal(size=(64, 4))
    found = check_softmax_slopes(dense_network(kernel, activation="softmax"))
    assert found["slope_sum"] < 1e-6
    assert np.isnan(found["saturation"])
    assert np.isnan(found["saturation_error"])


def test_slopes_are_those_of_the_softmax_even_where_the_output_is_linear(
    dense_network, checkerboard
):
    kernel = np.stack([checkerboard.ravel(), -checkerboard.ravel()], axis=1)
    linear, softmax = (
        check_softmax_slopes(dense_network(kernel, activation=kind))
        for kind in (None, "softmax")
    )
    assert linear == pytest.approx(softmax)


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        ([[1.0, -1.0], [2.0, -2.0]], 0.0),
        ([[1.0, 1.0], [2.0, 2.0]], 1.0),
        ([[1.0, 0.0], [0.0, 1.0]], np.sqrt(0.5)),
    ],
)
def test_drift_is_the_common_part_of_what_moves(moved, expected):
    before = np.array([[5.0, 7.0], [0.0, 1.0]])
    assert weight_drift(before, before + moved) == pytest.approx(expected)


def test_weights_that_have_not_moved_have_no_drift():
    assert np.isnan(weight_drift(np.ones((2, 3)), np.ones((2, 3))))


def learn(keras, num_classes: int, optimizer) -> tuple[float, float]:
    """Return the largest |sum_k grad W_k| met in twenty steps, and the drift."""
    from happymaps.backend import tf

    rng = np.random.default_rng(num_classes)
    features = rng.random((32, 6)).astype(np.float32)
    labels = rng.integers(num_classes, size=32)
    layer = keras.layers.Dense(
        num_classes, kernel_initializer=keras.initializers.GlorotUniform(seed=1)
    )
    layer.build((None, 6))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    before, sums = layer.kernel.numpy(), []
    for _ in range(20):
        with tf.GradientTape() as tape:
            value = loss(labels, layer(features))
        slopes = tape.gradient(value, layer.trainable_variables)
        sums.append(np.abs(slopes[0].numpy().sum(axis=1)).max())
        optimizer.apply_gradients(zip(slopes, layer.trainable_variables, strict=True))
    return max(sums), weight_drift(before, layer.kernel.numpy())


@pytest.mark.parametrize("num_classes", [2, 3, 4, 7])
def test_sum_of_last_weights_stays_under_gradient_descent(keras, num_classes):
    largest, drift = learn(keras, num_classes, keras.optimizers.SGD(0.5))
    assert largest < 1e-5
    assert drift < 1e-5


def test_sum_of_last_weights_stays_under_adam_with_two_classes(keras):
    largest, drift = learn(keras, 2, keras.optimizers.Adam(0.01))
    assert largest < 1e-5
    assert drift < 1e-4


def test_sum_of_last_weights_moves_under_adam_with_four_classes(keras):
    largest, drift = learn(keras, 4, keras.optimizers.Adam(0.01))
    assert largest < 1e-5  # the slopes cancel, the steps do not
    assert drift > 0.05

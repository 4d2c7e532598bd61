"""Maps whose smoothing is measured in each unit's own scale."""

import numpy as np
import pytest

import happymaps as hm
from happymaps.diagnosis.units.unit_maps import make_unit_maps

OPTIONS = {"seeds": (0, 1, 2), "num_steps": 40, "input_range": (0.0, 1.0)}


@pytest.fixture(scope="module")
def kernel():
    return np.random.default_rng(0).normal(size=(64, 2))


def maps_of(model, *, layer="out", tv_weight=0.1, **options):
    objectives = hm.layer_objectives(model, layer)
    return make_unit_maps(model, objectives, tv_weight=tv_weight, **OPTIONS | options)


@pytest.fixture(scope="module")
def plain(dense_network, kernel):
    """Return the maps of two linear units."""
    return maps_of(dense_network(kernel))


def test_slope_of_a_linear_unit_is_that_of_its_weights(plain, kernel):
    expected = np.sqrt((kernel**2).mean(axis=0))
    np.testing.assert_allclose(plain.slopes, expected, rtol=1e-5)
    # 64 values, a range of 1.
    np.testing.assert_allclose(plain.tv_weights, 0.1 * 64 * expected, rtol=1e-5)


def test_without_smoothing_a_linear_unit_reaches_its_bounds(dense_network, kernel):
    found = maps_of(dense_network(kernel, np.array([5.0, 0])), tv_weight=0.0)
    bias = np.array([5.0, 0])
    best = np.clip(kernel, 0, None).sum(axis=0) + bias
    worst = np.clip(kernel, None, 0).sum(axis=0) + bias
    np.testing.assert_allclose(found.happy_scores, np.repeat(best[:, None], 3, 1), 1e-3)
    np.testing.assert_allclose(found.sad_scores, -np.repeat(worst[:, None], 2, 1), 1e-3)
    starts = found.happy_scores - found.happy_gains
    np.testing.assert_allclose(starts[:, :2], found.sad_gains - found.sad_scores, 1e-3)
    assert found.happy.shape == (2, 3, 8, 8, 1)
    assert found.sad.shape == (2, 2, 8, 8, 1)


def test_scale_of_a_unit_does_not_change_its_maps(dense_network, kernel, plain):
    large = maps_of(dense_network(1000 * kernel))
    np.testing.assert_allclose(large.happy, plain.happy, atol=0.02)
    np.testing.assert_allclose(large.happy_gains, 1000 * plain.happy_gains, rtol=1e-3)


def test_range_of_the_pixels_does_not_change_the_maps(dense_network, kernel, plain):
    wide = maps_of(dense_network(kernel / 255), input_range=(0.0, 255.0))
    np.testing.assert_allclose(wide.happy / 255, plain.happy, atol=0.02)
    np.testing.assert_allclose(wide.happy_gains, plain.happy_gains, rtol=1e-2)


def test_stronger_smoothing_costs_a_pattern_and_spares_a_mean(dense_network):
    board = (0.5 - np.indices((8, 8)).sum(axis=0) % 2).ravel()
    found = maps_of(dense_network(np.stack([board, np.full(64, 0.5)], axis=1)))
    left = found.strong_gains.mean(axis=1) / found.happy_gains[:, :2].mean(axis=1)
    assert left[0] < 0.5  # at the weight that balances a unit, half is left or less
    assert left[1] == pytest.approx(1, abs=0.01)


def test_filter_that_is_off_at_the_start_has_the_slope_of_its_opposite(keras):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(2, 1, activation="relu", name="filters"),
        ]
    )
    weights = np.array([1.0, -1.0]).reshape(1, 1, 1, 2)
    model.get_layer("filters").set_weights([weights, np.zeros(2)])
    found = maps_of(model, layer="filters", num_steps=1)
    # The mean over 64 positions.
    np.testing.assert_allclose(found.slopes, [1 / 64, 1 / 64], rtol=1e-5)


def test_dead_unit_has_no_slope_and_gains_nothing(linear_network):
    found = maps_of(linear_network)
    assert found.slopes[2] == 0
    np.testing.assert_array_equal(found.happy_gains[2], 0)

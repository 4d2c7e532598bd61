"""Where the norm takes the gain: a closed form where a score is linear in images."""

import numpy as np
import pytest

import happymaps as hm
from experiments.experiment1.measures.norm_weight import (
    correlate_with_first,
    measure_norm_weights,
)

SIDE = 16
SIZE = SIDE * SIDE


@pytest.fixture(scope="module")
def found(keras, tmp_path_factory):
    """Measure linear units: Gaussian weights, all alike, and all alike below 0."""
    random = np.random.default_rng(1).normal(size=SIZE)
    random -= random.mean()  # so that black is worth as much as gray
    kernel = np.stack([random, np.full(SIZE, 0.3), np.full(SIZE, -0.3)], axis=1)
    inputs = keras.Input((SIDE, SIDE, 1))
    layer = keras.layers.Dense(3, name="out")
    model = keras.Model(inputs, layer(keras.layers.Flatten()(inputs)))
    layer.set_weights([kernel, np.zeros(3)])
    path = hm.networks.save_model(
        model, tmp_path_factory.mktemp("norm") / "linear.keras"
    )
    return measure_norm_weights(
        model=str(path), num_units=3, num_steps=80, weights_per_decade=4
    ), kernel


def test_rule_is_the_balance_of_the_slopes(found):
    result, kernel = found
    rms = np.sqrt((kernel**2).mean(axis=0))
    np.testing.assert_allclose(result.rule_weight, SIZE ** (11 / 6) * rms, rtol=1e-5)
    mean = kernel.mean(axis=0) / rms
    np.testing.assert_allclose(result.brightness, mean, atol=1e-5)
    assert result.layer.values.tolist() == ["out"] * 3
    assert result.num_pixels == SIZE


def test_gain_collapses_where_the_dual_norm_of_the_slope_says(found):
    result, kernel = found
    bright = np.maximum(kernel[:, :2], 0)
    dual = SIZE * np.sum(bright**1.2, axis=0) ** (5 / 6)  # of the order 6/5
    # Between two weights of the grid, a factor of 1.8 apart, lies the fall.
    ratio = result.half_weight.values[:2] / dual
    assert np.all((ratio > 1 / 1.8) & (ratio < 1.8))
    assert dual[1] == pytest.approx(result.rule_weight.values[1], rel=1e-4)


def test_fall_is_sudden(found):
    result, _ = found
    ratio = (result.end_weight / result.onset_weight).values[:2]
    assert np.all(ratio <= 10**0.5)


def test_unit_that_wants_darkness_never_loses(found):
    result, _ = found
    assert np.isinf(result.half_weight.values[2])
    np.testing.assert_allclose(result.relative_gain[2], 1, atol=0.02)


def test_maps_are_white_without_the_norm_and_black_under_it(found):
    result, _ = found
    assert result.mean_pixel.values[1, 0] == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(result.mean_pixel[:, -1], 0, atol=0.05)


def test_study_weight_is_on_the_grid_and_changes_nothing_of_a_contrast(found):
    result, _ = found
    assert 10.0 in result.lp_weight.values
    assert result.study_likeness.values[0] > 0.99
    assert result.first_image.dims[:2] == ("pictured", "lp_weight")


def test_correlation_with_the_first_of_a_row():
    image = np.random.default_rng(0).random((5, 4, 1))
    row = np.stack([image, -image, 2 * image + 1, np.full_like(image, 0.3)])
    found = correlate_with_first(np.stack([row, row[::-1]]))
    np.testing.assert_allclose(found, [[1, -1, 1, 0], [0, 0, 0, 0]], atol=1e-12)

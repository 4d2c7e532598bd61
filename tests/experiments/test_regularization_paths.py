"""Where curves fall below a level, and which layers are looked into."""

import math

import numpy as np
import pytest
import xarray as xr

import happymaps as hm
from experiments.experiment1.measures.regularization_paths import (
    falling_weight,
    falling_weights,
    pick_layers,
    relative_gain,
    weight_grid,
)

WEIGHTS = [1.0, 10.0, 100.0, 1000.0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 0.75, 0.25, 0.0], 10**1.5),
        ([1.0, 0.5, 0.1, 0.6], 10.0),
        ([1.0, 1.0, 1.0, 0.0], 10**2.5),
        ([0.4, 0.3, 0.2, 0.1], 0.0),
        ([1.0, 1.0, 0.9, 0.5], math.inf),
    ],
)
def test_weight_is_where_the_curve_first_crosses_the_level(values, expected):
    assert falling_weight(WEIGHTS, values, 0.5) == pytest.approx(expected)


def test_curve_of_a_unit_that_gained_nothing_has_no_weight():
    assert math.isnan(falling_weight(WEIGHTS, [np.nan] * 4, 0.5))


def test_curves_are_taken_along_the_last_axis():
    curves = np.array([[[1, 0.75, 0.25, 0.0], [1, 1, 1, 1]]])
    found = falling_weights(WEIGHTS, curves, 0.5)
    np.testing.assert_allclose(found, [[10**1.5, math.inf]])


def test_grid_is_even_in_its_logarithm_and_holds_both_ends():
    grid = weight_grid(-1, 1, 2)
    np.testing.assert_allclose(grid, [0.1, 10**-0.5, 1, 10**0.5, 10])
    assert 10.0 in weight_grid(-2, 7, 2)


@pytest.mark.parametrize("arguments", [(0, 1, 0), (1, 1, 2)])
def test_empty_grid_is_refused(arguments):
    with pytest.raises(ValueError, match=r"highest > lowest\. Received: per_decade="):
        weight_grid(*arguments)


def test_gain_is_relative_to_the_weight_0_and_the_mean_of_starts():
    start = xr.DataArray(np.ones((2, 3, 2)), dims=("objective", "tv_weight", "seed"))
    gains = [[[3.0, 5.0], [1.0, 3.0], [-1.0, -1.0]], [[0.0, 0.0]] * 3]
    end = start + gains
    found = relative_gain(
        xr.Dataset({"score_start": start, "score_end": end}), "tv_weight"
    )
    assert found.dims == ("objective", "tv_weight")
    np.testing.assert_allclose(found[0], [1, 0.5, -0.25])
    assert np.isnan(found[1]).all()


def test_layers_are_convolutions_a_dense_one_and_the_last_evenly_spread():
    network = hm.networks.build_cnn(
        (24, 24, 1), 2, filters=(2, 2, 2), dense_units=(3, 3)
    )
    every = ["conv2d_1", "conv2_2", "conv2_3", "dense_1", "dense_3"]
    assert pick_layers(network) == every
    assert pick_layers(network, 3) == ["conv2d_1", "conv2_3", "dense_3"]
    assert pick_layers(network, 2) == ["conv2d_1", "dense_3"]
    with pytest.raises(ValueError, match=r"count must be >= 2\. Received: 1"):
        pick_layers(network, 1)


def test_network_with_fewer_layers_gives_those_that_it_has(sobel_network):
    assert pick_layers(sobel_network) == ["edges", "head"]

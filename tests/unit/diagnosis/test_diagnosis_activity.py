"""What units do on data, against NumPy and against the engine's own scores."""

import numpy as np
import pytest

import happymaps as hm
from happymaps.diagnosis.units.activity import gray_scores, measure_activity


@pytest.fixture(scope="module")
def many_images():
    # More than one batch, so that batches have to be put together.
    return np.random.default_rng(8).random((70, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def planted_values(sobel_network, many_images, reference_convolution):
    kernel, bias = sobel_network.get_layer("edges").get_weights()
    return reference_convolution(many_images, kernel, bias)


def test_rates_and_ranges_are_those_of_all_positions(
    sobel_network, many_images, planted_values
):
    found = measure_activity(sobel_network, "edges", many_images)
    flat = planted_values.reshape(-1, 2)
    np.testing.assert_allclose(found.on_rate, (flat > 0).mean(axis=0))
    np.testing.assert_allclose(found.lowest, flat.min(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.highest, flat.max(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.mean_output, flat.clip(0).mean(axis=0), rtol=1e-5)
    assert found.num_axes == 3


def test_correlations_are_those_of_the_outputs_at_all_positions(
    sobel_network, many_images, planted_values
):
    found = measure_activity(sobel_network, "edges", many_images)
    expected = np.corrcoef(planted_values.clip(0).reshape(-1, 2).T)
    np.testing.assert_allclose(found.correlations, expected, atol=1e-6)


@pytest.mark.parametrize("sign", ["happy", "sad"])
@pytest.mark.parametrize("layer", ["edges", "head"])
def test_scores_are_those_of_the_engine(sobel_network, many_images, layer, sign):
    found = getattr(measure_activity(sobel_network, layer, many_images), sign)
    objectives = hm.layer_objectives(sobel_network, layer)
    expected = hm.score_images(sobel_network, objectives, many_images, sign=sign)
    np.testing.assert_allclose(found, expected.values, rtol=1e-4, atol=1e-5)


def test_unit_that_never_changes_is_still_and_correlates_with_nothing(
    linear_network, many_images
):
    found = measure_activity(linear_network, "out", many_images)
    assert found.is_still.tolist() == [False, False, True]
    assert np.isnan(found.correlations[2]).all()
    assert found.correlations[0, 0] == pytest.approx(1)
    assert found.num_axes == 1


def test_small_changes_of_a_large_output_are_seen(dense_network, many_images):
    weights = np.stack([np.full(64, 1e-3), np.full(64, 2e-3)], axis=1)
    found = measure_activity(
        dense_network(weights, np.full(2, 10.0)), "out", many_images
    )
    assert not found.is_still.any()
    assert found.correlations[0, 1] == pytest.approx(1, abs=1e-3)


def test_gray_images_have_the_scores_of_their_level(dense_network):
    model = dense_network(np.full((64, 1), 1 / 64), np.array([0.25]))
    levels = np.array([0.0, 0.5, 1.0])
    found = gray_scores(model, "out", levels, (8, 8, 1))
    np.testing.assert_allclose(found, [levels + 0.25], rtol=1e-6)


def test_sobel_is_blind_for_gray(sobel_network):
    found = gray_scores(sobel_network, "edges", np.array([0.0, 1.0]), (8, 8, 1))
    # The bias of the second is -0.5, its slope below zero a hundredth.
    np.testing.assert_allclose(found, [[0, 0], [-0.005, -0.005]], atol=1e-7)

"""Maps of two outputs, on networks whose best images are known."""

import numpy as np
import pytest

from experiments.experiment1.measures.softmax_or_linear import (
    compare_maps,
    measure_output_maps,
)


def test_maps_of_a_linear_softmax_are_opposites_whatever_is_climbed(
    softmax_network, network_state
):
    network = softmax_network(0.3)
    before = network_state(network)
    found = compare_maps(network, tv_weight=0.1, num_steps=5)
    for name in ("output_likeness", "logit_likeness"):
        dimension, values = found[name]
        assert dimension == "penalty"
        assert values[0] == pytest.approx(-1, abs=0.02)
    assert found["sad_likeness"][1][0] == pytest.approx(1, abs=1e-3)
    assert found["margin_share"][1][0] == pytest.approx(1, abs=0.02)
    assert network_state(network) == before


def test_maps_of_unrelated_logits_are_as_alike_as_their_signs(dense_network):
    kernel = np.random.default_rng(4).normal(size=(64, 2))
    network = dense_network(kernel, activation="softmax")
    found = compare_maps(network, tv_weight=1.0, num_steps=5)
    signs = np.sign(kernel)
    expected = np.corrcoef(signs.T)[0, 1]
    assert found["logit_likeness"][1][0] == pytest.approx(expected, abs=0.05)
    # Without penalties, to climb a probability is to climb the margin.
    assert found["output_likeness"][1][0] == pytest.approx(-1, abs=0.05)


def test_saturated_probability_gives_its_map_to_the_penalties(softmax_network):
    network = softmax_network(0.3, bias=4.0)  # p0 is 0.9997 at the start
    found = compare_maps(network, tv_weight=1.0, num_steps=40)
    _, images = found["image"]
    output, logit = images[:, 1, 0]
    assert output.std() < 0.1 < 0.3 < logit.std()
    assert found["margin_share"][1][1] < 0.2


def test_linear_output_is_its_own_logit_and_four_have_no_pair(dense_network):
    kernel = np.random.default_rng(4).normal(size=(64, 4))
    found = compare_maps(dense_network(kernel), tv_weight=1.0, num_steps=2)
    assert found["output_likeness"] == found["logit_likeness"]
    assert np.isnan(found["sad_likeness"][1]).all()
    assert found["image"][1].shape == (2, 2, 4, 8, 8, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "softmin"}, "softmin"),
        ({"tv_weight": 0.0}, "must be > 0. Received: 0.0 and 10.0"),
        ({"lp_weight": -1.0}, "must be > 0. Received: 10.0 and -1.0"),
    ],
)
def test_unknown_head_and_weights_of_zero_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        measure_output_maps(**options)

"""Maps with a prior and without: what is known of them beforehand."""

import numpy as np
import pytest

import happymaps as hm
from experiments.experiment1.measures.map_readers import correlate, open_digits
from experiments.experiment1.measures.visualization_with_a_prior import (
    FACTORS,
    LOOKS,
    compare_looks,
    share_found,
)


@pytest.fixture(scope="module")
def point():
    """Nothing here depends on what a network has learned."""
    data = hm.load_dataset("synthetic_faces", image_size=(24, 24), target="pose")
    learned, held_out = hm.datasets.split_dataset(data, by="image", seed=0)
    networks = [hm.networks.build_cnn((24, 24, 1), 4, seed=k) for k in (0, 1)]
    options = {"num_starts": 2, "num_steps": 3, "num_components": 5}
    return learned, compare_looks(
        networks, learned, held_out, which=1, layer="conv2_2", num_filters=3, **options
    )


def test_every_look_is_read_in_the_same_way(point):
    learned, found = point
    assert tuple(found.look.values) == LOOKS and tuple(found.factor.values) == FACTORS
    assert found.image.shape == (5, 4, 2, 24, 24, 1)
    assert found.filter_image.shape == (2, 3, 2, 24, 24, 1)
    means = found.sel(look="class mean")
    for k in range(4):
        mean = learned.images[learned.labels == k].mean(axis=0)
        np.testing.assert_allclose(means.image.values[k, 1], mean, rtol=1e-6)
    assert float(means.own) == pytest.approx(1)
    assert float(means.nearest) == 1  # a class's mean is nearest to itself
    assert int(found.components) == 5 and (found.weight > 0).all()
    again = hm.networks.build_cnn((24, 24, 1), 4, seed=1)
    scores = hm.score_images(again, hm.logit(2), found.image.values[2, 2])
    np.testing.assert_allclose(found.score.values[2, 2], scores.values[0], rtol=1e-4)


def test_maps_are_found_by_what_their_filter_sees():
    seen = np.random.default_rng(0).normal(size=(3, 6, 6, 1))
    maps = np.repeat(seen[:, None], 2, axis=1) + 5
    assert share_found(maps, seen) == 1
    assert share_found(maps[[0, 2, 1]], seen) == pytest.approx(1 / 3)
    assert correlate(seen[0], 3 - seen[0]) == pytest.approx(-1)
    assert correlate(seen[0], np.ones((6, 6, 1))) == 0


def test_digits_are_those_of_scikit_learn():
    networks, learned, held_out = open_digits(0)
    assert networks == [] and len(learned) + len(held_out) == 1797
    assert learned.images.shape[1:] == (8, 8, 1)
    assert learned.images.min() == 0 and learned.images.max() == 1

"""Maps of one objective that are told to differ."""

import numpy as np
import pytest

from happymaps.backend import tf
from happymaps.maps.diversity import dissimilarity
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import channel, diversity
from happymaps.maps.scoring import score_images


def reference(values, families):
    flat = values.reshape(len(values), -1, values.shape[-1]).astype(np.float64)
    grams = np.einsum("npc,npd->ncd", flat, flat).reshape(len(values), -1)
    grams /= np.linalg.norm(grams, axis=1, keepdims=True)
    found = []
    for one, family in enumerate(families):
        others = [i for i, f in enumerate(families) if f == family and i != one]
        found.append(-np.mean(grams[others] @ grams[one]) if others else 0)
    return found


@pytest.mark.parametrize("shape", [(6, 3, 4, 5), (6, 7, 2), (6, 4)])
def test_dissimilarity_is_minus_the_mean_cosine_within_a_family(shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    families = np.array([0, 0, 1, 0, 1, 7])
    found = dissimilarity(tf.constant(values), tf.constant(families))
    np.testing.assert_allclose(found, reference(values, families), rtol=1e-4)


def test_equal_images_are_alike_and_crossed_channels_are_not():
    values = np.zeros((4, 2, 2), np.float32)
    values[:2, :, 0], values[2, :, 0], values[3, :, 1] = 3, 1, 5
    found = dissimilarity(tf.constant(values), tf.constant([0, 0, 1, 1]))
    np.testing.assert_allclose(found, [-1, -1, 0, 0], atol=1e-6)


def test_seeds_grow_unlike_each_other(sobel_network):
    options = {"regularizers": (), "seeds": 3, "num_steps": 30}
    term = channel("edges", 0)
    alike = maximize(sobel_network, term, **options)
    varied = maximize(sobel_network, term + 20 * diversity("edges"), **options)

    def likeness(maps):
        kernel = tf.constant(sobel_network.get_layer("edges").get_weights()[0])
        values = tf.nn.conv2d(maps.image[0].values, kernel, 1, "VALID").numpy()
        values += [0, -0.5]
        return -np.mean(reference(values, [0, 0, 0]))

    assert likeness(varied) < likeness(alike) - 0.1


def test_fillers_and_other_objectives_do_not_count(sobel_network):
    options = {"regularizers": (), "num_steps": 3}
    first = channel("edges", 0) + diversity("edges")
    second = channel("edges", 1) + diversity("edges")
    alone = maximize(sobel_network, first, seeds=3, **options)
    both = maximize(sobel_network, [first, second], seeds=3, **options)
    np.testing.assert_allclose(both.image[0], alone.image[0], atol=1e-5)
    one = maximize(sobel_network, first, seeds=[2], **options)
    plain = maximize(sobel_network, channel("edges", 0), seeds=[2], **options)
    np.testing.assert_allclose(one.image, plain.image, atol=1e-5)
    small = maximize(sobel_network, first, seeds=20, batch_size=2, **options)
    large = maximize(sobel_network, first, seeds=20, batch_size=64, **options)
    np.testing.assert_array_equal(small.image, large.image)


def test_an_image_alone_is_not_compared(sobel_network, images):
    scores = score_images(sobel_network, diversity("edges"), images)
    np.testing.assert_array_equal(scores, np.zeros((1, 4)))

"""Steps of the optimizers, in closed form and against NumPy."""

import numpy as np
import pytest

from happymaps.backend import tf
from happymaps.maps.optimizers import Adam, NormalizedGradient, RmsProp

OPTIMIZERS = [RmsProp(), Adam(), NormalizedGradient(), NormalizedGradient("l2")]


def changes(optimizer, gradients, size=1.0):
    """Return the changes that a sequence of gradients (steps, images, ...) makes."""
    state = optimizer.start(tf.zeros(gradients[0].shape))
    found = []
    for count, gradient in enumerate(gradients):
        change, state = optimizer.step(
            tf.constant(gradient, tf.float32), state, size, tf.constant(count)
        )
        found.append(change.numpy())
    return np.array(found)


@pytest.fixture
def gradients():
    return np.random.default_rng(0).normal(size=(6, 3, 4, 5, 1))


def test_rms_prop_of_a_steady_gradient_starts_at_root_20_and_tends_to_1():
    steady = np.tile([[7.0, -7.0]], (200, 1, 1))
    found = changes(RmsProp(), steady, size=0.5)
    steps = np.arange(1, 201)
    expected = 0.5 / np.sqrt(1 - 0.95**steps + 1e-7)
    np.testing.assert_allclose(found[:, 0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(found[:, 0, 1], -expected, rtol=1e-5)


def test_rms_prop_is_the_formula(gradients):
    cache, expected = 0.0, []
    for gradient in gradients:
        size = np.sqrt((gradient**2).mean(axis=(1, 2, 3), keepdims=True))
        gradient = gradient / size
        cache = 0.8 * cache + 0.2 * gradient**2
        expected.append(0.3 * gradient / np.sqrt(cache + 1e-3))
    found = changes(RmsProp(decay=0.8, epsilon=1e-3), gradients, size=0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_adam_of_a_steady_gradient_moves_by_its_size_whatever_the_gradient():
    steady = np.tile([[3e-4, -2e3]], (50, 1, 1))
    found = changes(Adam(epsilon=1e-12), steady, size=0.25)
    np.testing.assert_allclose(found[:, 0], [[0.25, -0.25]] * 50, rtol=1e-3)


def test_adam_is_the_formula(gradients):
    mean = square = 0.0
    expected = []
    for step, gradient in enumerate(gradients, start=1):
        mean = 0.7 * mean + 0.3 * gradient
        square = 0.9 * square + 0.1 * gradient**2
        root = np.sqrt(square / (1 - 0.9**step))
        expected.append(2 * mean / (1 - 0.7**step) / (root + 1e-3))
    found = changes(Adam(0.7, 0.9, 1e-3), gradients, size=2.0)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_normalized_gradient_has_the_length_of_its_norm():
    gradient = np.array([[[3.0, 4.0]]])
    (of_l2,) = changes(NormalizedGradient("l2"), gradient, size=10)
    np.testing.assert_allclose(of_l2, [[6, 8]], rtol=1e-6)
    (of_rms,) = changes(NormalizedGradient(), gradient, size=10)
    np.testing.assert_allclose(of_rms, gradient[0] * 10 / np.sqrt(12.5), rtol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_no_gradient_makes_no_change(optimizer):
    assert not changes(optimizer, np.zeros((2, 3, 4))).any()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_step_does_not_depend_on_the_other_images(optimizer, gradients):
    # Whole multiples of 16, as in the engine: fewer values are rounded by other code.
    together = changes(optimizer, np.tile(gradients, (1, 16, 1, 1, 1)))
    alone = changes(optimizer, np.tile(gradients[:, 1:2], (1, 16, 1, 1, 1)))
    np.testing.assert_array_equal(together[:, 1:2], alone[:, :1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RmsProp(decay=1.0), r"RmsProp needs decay in \[0, 1\)\. .*: 1\.0"),
        (lambda: RmsProp(epsilon=0), r"RmsProp needs a finite epsilon > 0\. .*: 0"),
        (lambda: Adam(mean_decay=-1), r"Adam needs mean_decay in \[0, 1\)"),
        (lambda: Adam(square_decay="x"), r"Adam needs square_decay.*: 'x'"),
        (lambda: Adam(epsilon=np.inf), r"Adam needs a finite epsilon > 0"),
        (lambda: NormalizedGradient("l1"), r"norm='rms' or 'l2'\. Received: 'l1'"),
    ],
)
def test_an_option_out_of_its_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

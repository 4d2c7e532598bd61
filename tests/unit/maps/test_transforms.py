"""Transforms against NumPy and SciPy, their adjoints, and their random numbers."""

import numpy as np
import pytest
from scipy import ndimage

from happymaps.backend import tf
from happymaps.maps.blurring import gaussian_blur
from happymaps.maps.engine.starts import make_starts, start_images
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import channel, unit
from happymaps.maps.scoring import score_images
from happymaps.maps.settings import AscentSettings
from happymaps.maps.transforms import (
    Blur,
    Jitter,
    Pad,
    Rotate,
    Scale,
    apply_transforms,
    count_draws,
)

IMAGES = np.random.default_rng(0).normal(size=(3, 7, 6, 2)).astype(np.float32)
ALL = [Pad(2, 0.0), Jitter(2), Scale((0.8, 1.0, 1.3)), Rotate(20), Blur(0.7)]


def transformed(transform, images, random):
    random = np.broadcast_to(random, (len(images), transform.draws(images.shape[1:])))
    return transform(tf.constant(images), tf.constant(random, tf.float32)).numpy()


@pytest.mark.parametrize(
    ("random", "shift"), [(0.0, (-2, -2)), (0.5, (0, 0)), (0.99, (2, 2)),
                          ([0.3, 0.7], (-1, 1))]
)  # fmt: skip
def test_jitter_is_a_roll(random, shift):
    # Five shifts from -2 to 2, each for a fifth of the random numbers.
    found = transformed(Jitter(2), IMAGES, random)
    np.testing.assert_array_equal(found, np.roll(IMAGES, shift, axis=(1, 2)))


def test_each_image_has_its_own_shift():
    random = np.array([[0.1, 0.5], [0.5, 0.5], [0.5, 0.9]])
    found = transformed(Jitter(1), IMAGES, random)
    expected = [np.roll(i, s, axis=(0, 1)) for i, s in
                zip(IMAGES, [(-1, 0), (0, 0), (0, 1)], strict=True)]  # fmt: skip
    np.testing.assert_array_equal(found, expected)


def test_jitter_takes_signals_and_volumes():
    signals = IMAGES[:, :, 0]
    np.testing.assert_array_equal(
        transformed(Jitter(1), signals, 0.9), np.roll(signals, 1, axis=1)
    )
    volumes = np.random.default_rng(1).random((2, 3, 4, 5, 1)).astype(np.float32)
    np.testing.assert_array_equal(
        transformed(Jitter(1), volumes, [0.9, 0.5, 0.1]),
        np.roll(volumes, (1, 0, -1), axis=(1, 2, 3)),
    )


def test_a_quarter_turn_is_counterclockwise():
    squares = IMAGES[:, :6]
    found = transformed(Rotate(90), squares, 1.0)
    np.testing.assert_allclose(found, np.rot90(squares, axes=(1, 2)), atol=1e-5)
    back = transformed(Rotate(90), squares, 0.0)
    np.testing.assert_allclose(back, np.rot90(squares, -1, axes=(1, 2)), atol=1e-5)


def test_a_turn_of_a_plane_is_the_plane_turned():
    y, x = np.indices((9, 9)) - 4.0
    plane = (2 * x + y)[None, :, :, None].astype(np.float32)
    angle = np.radians(30)
    # Counterclockwise on the screen, where y points down.
    expected = 2 * (np.cos(angle) * x - np.sin(angle) * y) + (
        np.sin(angle) * x + np.cos(angle) * y
    )
    found = transformed(Rotate(30), plane, 1.0)[0, ..., 0]
    inside = np.hypot(y, x) <= 4
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)


@pytest.mark.parametrize("factor", [0.5, 1.5, 2.0])
def test_a_ramp_is_scaled_about_its_center(factor):
    ramp = np.arange(7, dtype=np.float32)[None, :, None]
    expected = np.clip((np.arange(7) - 3) / factor + 3, 0, 6)
    found = transformed(Scale([factor]), ramp, 0.3)[0, :, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_scale_is_chosen_with_equal_chances():
    ramp = np.tile(np.arange(7, dtype=np.float32)[None, :, None], (3, 1, 1))
    random = np.array([[0.1], [0.4], [0.9]])
    found = transformed(Scale((0.5, 1, 2)), ramp, random)[:, 4, 0]
    np.testing.assert_allclose(found, [5, 4, 3.5], atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 9, 1), (2, 7, 8, 3), (2, 4, 5, 6, 1)])
@pytest.mark.parametrize("sigma", [0.4, 1.0, 3.0])
def test_blur_is_that_of_scipy(shape, sigma):
    values = np.random.default_rng(0).normal(size=shape)
    sigmas = [0, *[sigma] * (len(shape) - 2), 0]
    reaches = [min(int(np.ceil(3 * sigma)), length) for length in shape]
    expected = ndimage.gaussian_filter(values, sigmas, mode="reflect", radius=reaches)
    found = gaussian_blur(tf.constant(values, tf.float32), sigma)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("transform", "random"),
    [
        (Jitter(0), 0.7),
        (Jitter(3), 0.5),
        (Rotate(0), 0.9),
        (Rotate(40), 0.5),
        (Scale([1.0]), 0.2),
        (Pad(0), 0.5),
        (Blur(0), 0.5),
    ],
    ids=repr,
)
def test_a_transform_without_effect_is_the_identity(transform, random):
    np.testing.assert_array_equal(transformed(transform, IMAGES, random), IMAGES)


def test_a_pad_is_cut_off_at_the_end():
    padded = transformed(Pad(2, 0.25), IMAGES, 0.0)
    widths = [(0, 0), (2, 2), (2, 2), (0, 0)]
    np.testing.assert_array_equal(padded, np.pad(IMAGES, widths, constant_values=0.25))
    images = tf.constant(IMAGES)
    back = apply_transforms([Pad(2), Pad(1)], images, tf.zeros([3, 0]))
    np.testing.assert_array_equal(back, IMAGES)


def test_what_a_padded_image_leaves_behind_is_the_padding():
    random = tf.constant([[0.999, 0.5]] * 3)
    moved = apply_transforms([Pad(3, -1.0), Jitter(3)], tf.constant(IMAGES), random)
    np.testing.assert_array_equal(moved[:, 3:], IMAGES[:, :-3])
    assert (moved.numpy()[:, :3] == -1).all()


@pytest.mark.parametrize("transform", ALL, ids=repr)
def test_the_gradient_is_the_adjoint(transform):
    # All are linear, so <T x, y> = <x, T'y> with T'y the gradient, for any x and y.
    rng = np.random.default_rng(2)
    random = rng.random((3, transform.draws((7, 6, 2))), dtype=np.float32)
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        values = transform(images, tf.constant(random))
        other = rng.normal(size=values.shape).astype(np.float32)
        product = tf.reduce_sum(values * other)
    gradient = tape.gradient(product, images).numpy()
    assert (np.abs(gradient) > 0).any(axis=(1, 2, 3)).all()
    assert product.numpy() == pytest.approx((gradient * IMAGES).sum(), rel=1e-4)


def test_random_numbers_depend_on_seed_and_step_alone(sobel_network):
    def numbers(seeds, num_steps):
        settings = AscentSettings((8, 8, 1), num_steps=num_steps, transforms=ALL)
        return make_starts(sobel_network, settings, seeds=seeds).random

    many = numbers([5, 3, 9], 12)
    assert many.shape == (3, 13, count_draws(ALL, (8, 8, 1)))
    np.testing.assert_array_equal(numbers([3], 4)[0], many[1, :5])
    assert len(np.unique(many)) == many.size
    assert 0 <= many.min() < many.max() < 1


def test_the_loss_is_of_transformed_images_and_the_scores_of_the_images(linear_network):
    result = maximize(
        linear_network,
        unit("out", 0),
        regularizers=(),
        seeds=[4],
        num_steps=3,
        transforms=[Jitter(2)],
    )
    settings = AscentSettings((8, 8, 1), num_steps=3, transforms=[Jitter(2)])
    random = make_starts(linear_network, settings, seeds=[4]).random[0]
    start = start_images([4], (8, 8, 1))
    shift = np.floor(random[0] * 5).astype(int) - 2
    shown = np.stack([start[0], np.roll(start[0], shift, axis=(0, 1)),
                      result.image[0, 0].values])  # fmt: skip
    first, moved, last = score_images(linear_network, unit("out", 0), shown)[0]
    assert result.score_start.item() == pytest.approx(first.item(), rel=1e-5)
    assert result.score_history[0, 0, 0].item() == pytest.approx(moved.item(), rel=1e-5)
    assert result.score_end.item() == pytest.approx(last.item(), rel=1e-5)
    best = result.loss_history[0, 0].values.argmin()
    assert result.best_step.item() == best


@pytest.mark.parametrize("transform", [*ALL, None], ids=repr)
def test_a_transformed_map_is_the_same_in_any_batch(sobel_network, transform):
    options = {"transforms": [transform] if transform else ALL, "num_steps": 4}
    options |= {"regularizers": ()}
    many = maximize(sobel_network, channel("edges", 0), seeds=20, **options)
    alone = maximize(sobel_network, channel("edges", 0), seeds=[17], **options)
    np.testing.assert_allclose(alone.image[0, 0], many.image[0, 17], atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Jitter(0.5), r"Jitter needs pixels, a whole number >= 0\. .*: 0\.5"),
        (lambda: Pad(-1), r"Pad needs pixels, a whole number >= 0\. Received: -1"),
        (lambda: Pad(1, np.nan), r"Pad needs a finite value\. Received: nan"),
        (lambda: Rotate(-1), r"Rotate needs finite degrees >= 0\. Received: -1"),
        (lambda: Blur(np.inf), r"Blur needs finite sigma >= 0\. Received: inf"),
        (lambda: Scale(()), r"sequence of finite factors > 0\. Received: \(\)"),
        (lambda: Scale(1.1), r"Received: 1\.1\. Use Scale\(\("),
        (lambda: Scale((1, 0)), r"sequence of finite factors > 0"),
        (lambda: count_draws([Jitter], (8, 8, 1)), r"sequence of transforms.*<class"),
        (lambda: count_draws(["jitter"], (8, 8, 1)), r"Received in it: 'jitter'"),
        (lambda: count_draws([Jitter(1)], (5,)), r"\(5,\).*no neighbors\. Use transf"),
        (lambda: count_draws([Rotate(1)], (8, 2)), r"Rotate needs images.*\(8, 2\)"),
    ],
)
def test_an_option_out_of_its_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

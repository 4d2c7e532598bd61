"""Penalties and their gradients against keras-vis's definitions, in NumPy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from happymaps.backend import tf
from happymaps.maps.regularizers import LpNorm, Penalty, Sharpness, TotalVariation

FIXTURE = np.array([[0, 0, 0], [0, 2, 0], [0, 0, 1]], np.float32)[None, :, :, None]
IMAGES = hnp.arrays(
    np.float32,
    st.tuples(*(st.integers(1, 5) for _ in range(3)), st.sampled_from([1, 3])),
    elements=st.floats(-4, 4, width=16),
)
PENALTIES = [
    LpNorm(p=1),
    LpNorm(p=2),
    LpNorm(),
    TotalVariation(),
    TotalVariation(beta=1),
]


def lp_norm(images, p):
    sums = (np.abs(images.astype(np.float64)) ** p).sum(axis=(1, 2, 3))
    return sums ** (1 / p) / images[0].size


def total_variation(images, beta):
    images = images.astype(np.float64)
    down = images[:, 1:, :-1] - images[:, :-1, :-1]
    right = images[:, :-1, 1:] - images[:, :-1, :-1]
    return ((down**2 + right**2) ** (beta / 2)).sum(axis=(1, 2, 3)) / images[0].size


def gradient(regularizer, images):
    images = tf.constant(images, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(regularizer(images))
    return tape.gradient(total, images).numpy()


def slopes(function, images, step=1e-5):
    """Return the gradient of a NumPy function by central differences."""
    images = images.astype(np.float64)
    found = np.zeros_like(images)
    for place in np.ndindex(images.shape):
        moved = images.copy()
        moved[place] += step
        up = function(moved).sum()
        moved[place] -= 2 * step
        found[place] = (up - function(moved).sum()) / (2 * step)
    return found


def test_total_variation_of_the_fixture_is_16_ninths():
    # Crop [[0, 0], [0, 2]]: squares 0 + 2^2 + 2^2 + (2^2 + 2^2).
    assert TotalVariation()(FIXTURE).numpy() == pytest.approx([16 / 9])


def test_total_variation_of_the_fixture_at_beta_1_is_a_sum_of_lengths():
    expected = (2 + 2 + math.sqrt(8)) / 9
    assert TotalVariation(beta=1)(FIXTURE).numpy() == pytest.approx(
        [expected], rel=1e-6
    )


def test_lp_norm_of_the_fixture_is_divided_by_the_number_of_values():
    assert LpNorm(p=1)(FIXTURE).numpy() == pytest.approx([3 / 9])
    assert LpNorm(p=2)(FIXTURE).numpy() == pytest.approx([math.sqrt(5) / 9])
    assert LpNorm(p=6)(FIXTURE).numpy() == pytest.approx([65 ** (1 / 6) / 9])


def test_keras_vis_default_weight_has_its_known_strength():
    grey = np.full((1, 28, 28, 1), 127.5, np.float32)
    penalty = LpNorm()
    assert penalty.weight * penalty(grey).numpy()[0] == pytest.approx(4.94, abs=5e-3)
    grey = np.full((1, 224, 224, 3), 127.5, np.float32)
    assert penalty.weight * penalty(grey).numpy()[0] == pytest.approx(0.062, abs=1e-3)


def test_color_channels_do_not_mix_in_total_variation():
    color = np.concatenate([FIXTURE, 0 * FIXTURE, 0 * FIXTURE], axis=-1)
    assert TotalVariation()(color).numpy() == pytest.approx([16 / 27])


@settings(deadline=None, max_examples=60)
@given(IMAGES, st.sampled_from([1.0, 1.5, 2.0, 6.0, 20.0]))
def test_lp_norm_is_the_formula(images, p):
    np.testing.assert_allclose(
        LpNorm(p=p)(images), lp_norm(images, p), rtol=2e-5, atol=1e-7
    )


@settings(deadline=None, max_examples=60)
@given(IMAGES, st.sampled_from([1.0, 1.5, 2.0, 3.0]))
def test_total_variation_is_the_formula(images, beta):
    np.testing.assert_allclose(
        TotalVariation(beta=beta)(images),
        total_variation(images, beta),
        rtol=2e-5,
        atol=2e-6,  # the square root is rounded off at zero, by 1e-6
    )


@settings(deadline=None, max_examples=40)
@given(IMAGES, st.sampled_from(PENALTIES))
def test_penalties_are_one_per_image_finite_and_never_negative(images, regularizer):
    values = regularizer(images).numpy()
    assert values.shape == (len(images),)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert np.isfinite(gradient(regularizer, images)).all()


@settings(deadline=None, max_examples=30)
@given(IMAGES, st.sampled_from(PENALTIES))
def test_a_penalty_does_not_depend_on_the_other_images(images, regularizer):
    doubled = np.concatenate([images, images + 1])
    np.testing.assert_allclose(
        regularizer(doubled)[: len(images)], regularizer(images), rtol=1e-6
    )


@settings(deadline=None, max_examples=30)
@given(IMAGES, st.floats(-3, 3, width=16))
def test_total_variation_ignores_brightness_and_swaps_with_the_axes(images, shift):
    values = TotalVariation()(images)
    np.testing.assert_allclose(
        TotalVariation()(images + shift), values, rtol=1e-4, atol=1e-4
    )
    swapped = TotalVariation()(images.transpose(0, 2, 1, 3))
    np.testing.assert_allclose(swapped, values, rtol=1e-5, atol=1e-7)


@settings(deadline=None, max_examples=30)
@given(IMAGES, st.sampled_from([-255.0, -0.5, 0.25, 255.0]))
def test_lp_norm_scales_with_the_image_and_total_variation_with_its_square(
    images, factor
):
    np.testing.assert_allclose(
        LpNorm()(factor * images), abs(factor) * LpNorm()(images), rtol=1e-5, atol=1e-9
    )
    np.testing.assert_allclose(
        TotalVariation()(factor * images),
        factor**2 * TotalVariation()(images),
        rtol=1e-5,
    )


@pytest.mark.parametrize("p", [1.5, 2, 6])
def test_lp_norm_has_the_slopes_of_the_formula(p):
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 1))
    expected = slopes(lambda moved: lp_norm(moved, p), images)
    np.testing.assert_allclose(gradient(LpNorm(p=p), images), expected, atol=1e-5)


@pytest.mark.parametrize("beta", [1, 1.5, 2, 3])
def test_total_variation_has_the_slopes_of_the_formula(beta):
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 1))
    expected = slopes(lambda moved: total_variation(moved, beta), images)
    np.testing.assert_allclose(
        gradient(TotalVariation(beta=beta), images), expected, atol=1e-5
    )


@pytest.mark.parametrize("p", [1, 1.5, 2, 6, 60])
def test_a_black_image_costs_nothing_and_has_no_slope(p):
    black = np.zeros((2, 4, 4, 3), np.float32)
    np.testing.assert_allclose(LpNorm(p=p)(black), [0, 0], atol=1e-9)
    np.testing.assert_array_equal(gradient(LpNorm(p=p), black), black)


@pytest.mark.parametrize("beta", [0.5, 1, 1.5, 2, 3])
def test_a_flat_image_has_no_slope_in_total_variation(beta):
    flat = np.full((2, 4, 4, 3), 0.7, np.float32)
    np.testing.assert_array_equal(gradient(TotalVariation(beta=beta), flat), 0 * flat)


@pytest.mark.parametrize("beta", [1, 2])
def test_a_flat_image_costs_nothing_in_total_variation(beta):
    flat = np.full((2, 4, 4, 3), 0.7, np.float32)
    np.testing.assert_allclose(TotalVariation(beta=beta)(flat), [0, 0], atol=1e-6)


def test_an_order_of_60_neither_overflows_nor_underflows():
    for level in (1e-3, 255.0):
        flat = np.full((1, 8, 8, 1), level, np.float32)
        expected = level * 64 ** (1 / 60) / 64
        assert LpNorm(p=60)(flat).numpy() == pytest.approx([expected], rel=1e-5)


@pytest.mark.parametrize("weight", [-1, math.inf, math.nan, "1", None])
@pytest.mark.parametrize("kind", [LpNorm, TotalVariation])
def test_a_weight_is_a_finite_number_from_0(kind, weight):
    with pytest.raises(ValueError, match=rf"{kind.__name__} needs a finite.*Use 0 to"):
        kind(weight=weight)


@pytest.mark.parametrize("weight", [0, np.float32(0.5), np.int64(10)])
def test_a_weight_may_come_from_numpy(weight):
    assert TotalVariation(weight=weight).weight == weight


@pytest.mark.parametrize("p", [0.5, math.inf, math.nan])
def test_an_order_below_1_or_infinite_is_refused(p):
    with pytest.raises(ValueError, match=rf"p in \[1, inf\)\. Received: p={p}"):
        LpNorm(p=p)


@pytest.mark.parametrize("beta", [0, -1, math.inf, math.nan])
def test_an_exponent_that_is_not_positive_is_refused(beta):
    with pytest.raises(ValueError, match=rf"beta > 0\. Received: {beta}"):
        TotalVariation(beta=beta)


@pytest.mark.parametrize("shape", [(2, 6, 3), (2, 3, 4, 5, 1)])
def test_total_variation_of_signals_and_volumes_is_over_their_axes(shape):
    values = np.random.default_rng(0).normal(size=shape)
    axes, squares = range(1, len(shape) - 1), 0.0
    for axis in axes:
        crop = [slice(-1) if a in axes and a != axis else slice(None) for a in range(9)]
        squares = squares + np.diff(values, axis=axis)[tuple(crop[: len(shape)])] ** 2
    size = math.prod(shape[1:])
    for beta in (2, 1):
        expected = (squares ** (beta / 2)).reshape(2, -1).sum(axis=1) / size
        found = TotalVariation(beta=beta)(tf.constant(values, tf.float32))
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_rows_of_a_table_have_a_norm_and_no_variation():
    rows = np.array([[3.0, 4.0], [0.0, 2.0]], np.float32)
    np.testing.assert_allclose(LpNorm(p=2)(tf.constant(rows)), [2.5, 1], rtol=1e-6)
    np.testing.assert_array_equal(TotalVariation(0)(tf.constant(rows)), [0, 0])


def test_sharpness_is_the_distance_to_the_blurred_image():
    values = np.random.default_rng(0).normal(size=(2, 7, 6, 1))
    blurred = ndimage.gaussian_filter(values, (0, 1, 1, 0), mode="reflect", radius=3)
    expected = ((values - blurred) ** 2).mean(axis=(1, 2, 3))
    found = Sharpness(sigma=1.0)(tf.constant(values, tf.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    flat = Sharpness()(np.full((1, 5, 5, 3), 0.3, np.float32))
    np.testing.assert_allclose(flat, [0], atol=1e-12)


def test_a_function_of_images_is_a_penalty():
    penalty = Penalty(lambda images: images[:, 0], 2.0, "first")
    assert (penalty.weight, penalty.name) == (2.0, "first")
    np.testing.assert_array_equal(penalty(np.array([[1.0, 2.0]])), [1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Penalty(3), r"function of images\. Received: 3"),
        (lambda: Penalty(abs, -1), r"Penalty needs a finite weight >= 0"),
        (lambda: Penalty(abs, 1, "a-b"), r"letters, digits and '_'\. .*'a-b'"),
        (lambda: Sharpness(sigma=0), r"Sharpness needs a finite sigma > 0\. .*: 0"),
        (lambda: Sharpness(-1), r"Sharpness needs a finite weight >= 0"),
    ],
)
def test_a_penalty_out_of_its_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

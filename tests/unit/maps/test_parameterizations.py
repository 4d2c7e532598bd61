"""Images as pixels and as waves: round trips, units, spectra, colors."""

import numpy as np
import pytest

from happymaps.backend import tf
from happymaps.maps.engine.starts import start_images
from happymaps.maps.maximization import maximize
from happymaps.maps.measures import color_factors
from happymaps.maps.objectives import unit
from happymaps.maps.parameterizations import Fourier, Pixels
from happymaps.maps.scoring import score_images

SHAPES = [(8, 8, 1), (7, 5, 3), (6, 9, 2), (9, 2), (4, 3), (3, 4, 5, 1)]
GRAY = (0.0, 1.0)


def decoded(parameterization, parameters, shape, bounds=GRAY):
    parameters = tf.constant(parameters, tf.float32)
    return parameterization.decode(parameters, *bounds, shape).numpy()


def encoded(parameterization, image, bounds=GRAY, *, is_noise=False):
    return parameterization.encode(image, *bounds, is_noise=is_noise)[None]


def test_pixels_are_the_image_clipped_to_the_range():
    image = np.random.default_rng(0).random((3, 3, 1))
    assert encoded(Pixels(), image)[0] is not None
    np.testing.assert_array_equal(encoded(Pixels(), image)[0], image)
    np.testing.assert_array_equal(decoded(Pixels(), image[None], (3, 3, 1))[0],
                                  image.astype(np.float32))  # fmt: skip
    clipped = Pixels().constrain(tf.constant([-1.0, 0.5, 7.0]), 0.0, 2.0)
    np.testing.assert_array_equal(clipped, [0, 0.5, 2])
    assert Pixels().unit(-1, 3) == 4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("decay_power", [0, 1, 1.5])
def test_an_image_comes_back_from_its_waves(shape, decay_power):
    image = np.random.default_rng(1).uniform(-3, 5, shape)
    fourier = Fourier(decay_power)
    back = decoded(fourier, encoded(fourier, image, (-4, 6)), shape, (-4, 6))
    np.testing.assert_allclose(back[0], image, atol=2e-4)


def test_black_and_white_come_back_to_half_a_gray_level():
    image = np.random.default_rng(0).integers(0, 2, (6, 6, 1)).astype(float)
    back = decoded(Fourier(), encoded(Fourier(), image), (6, 6, 1))[0]
    np.testing.assert_allclose(np.abs(back - image), 1 / 512, rtol=1e-3)


def test_a_range_for_each_value_comes_back_too():
    rng = np.random.default_rng(2)
    low, high = -rng.random((5, 4, 1)), 1 + 9 * rng.random((5, 4, 1))
    image = low + (high - low) * rng.uniform(0.1, 0.9, (5, 4, 1))
    bounds = low.astype(np.float32), high.astype(np.float32)
    back = decoded(Fourier(), encoded(Fourier(), image, bounds), (5, 4, 1), bounds)
    np.testing.assert_allclose(back[0], image, atol=1e-4)


def test_one_coefficient_is_one_wave():
    fourier, (height, width) = Fourier(0), (6, 8)
    coefficients = np.zeros((1, 1, height, width // 2 + 1, 2))
    coefficients[0, 0, 0, 2, 0] = 0.3  # two waves along x, none along y
    phase = 2 * np.pi * 2 * np.arange(width) / width
    wave = 2 * 0.3 / np.sqrt(2) / np.sqrt(height * width) * np.cos(phase)
    expected = np.tile(1 / (1 + np.exp(-4 * wave)), (height, 1))
    found = decoded(fourier, coefficients, (height, width, 1))[0, ..., 0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("decay_power", [0.5, 1, 2])
def test_waves_of_twice_the_frequency_are_weaker_by_the_power(decay_power):
    amplitudes = []
    for waves in (2, 4):
        coefficients = np.zeros((1, 1, 16, 9, 2))
        coefficients[0, 0, 0, waves, 0] = 0.01
        image = decoded(Fourier(decay_power), coefficients, (16, 16, 1))
        amplitudes.append(np.ptp(image))
    assert amplitudes[0] / amplitudes[1] == pytest.approx(2**decay_power, rel=1e-3)


@pytest.mark.parametrize("decay_power", [0, 1])
def test_a_step_of_every_parameter_changes_a_gray_image_as_much(decay_power):
    signs = np.random.default_rng(0).choice([-1, 1], (20, 1, 33, 17, 2))
    images = decoded(Fourier(decay_power), 1e-3 * signs, (33, 33, 1), (0, 10))
    change = np.sqrt(np.mean((images - 5) ** 2))
    assert change == pytest.approx(1e-3 * 10, rel=0.1)
    assert Fourier().unit(0, 10) == 1


def test_noise_is_its_own_coefficients():
    noise = start_images([3], (8, 8, 1), (-1, 1))[0]
    white = decoded(Fourier(0), encoded(Fourier(0), noise, (-1, 1), is_noise=True),
                    (8, 8, 1), (-1, 1))[0]  # fmt: skip
    np.testing.assert_allclose(white, 2 / (1 + np.exp(-2 * noise)) - 1, atol=1e-6)
    smooth = decoded(Fourier(2), encoded(Fourier(2), noise, (-1, 1), is_noise=True),
                     (8, 8, 1), (-1, 1))[0]  # fmt: skip
    rough, fine = (np.abs(np.diff(image, axis=0)).mean() for image in (white, smooth))
    assert fine < rough / 2


def test_the_range_holds_whatever_the_parameters():
    huge = np.random.default_rng(0).normal(scale=1e4, size=(2, 1, 8, 5, 2))
    images = decoded(Fourier(), huge, (8, 8, 1), (-2, 3))
    assert images.min() == -2
    assert images.max() == 3


@pytest.mark.parametrize("shape", [(6, 5, 3), (7, 2), (2, 3, 4, 1)])
def test_the_gradient_is_the_slope(shape):
    fourier = Fourier(1.0, "imagenet" if shape[-1] == 3 else None)
    rng = np.random.default_rng(0)
    start = encoded(fourier, rng.uniform(0.2, 0.8, shape))
    weights = rng.normal(size=shape)
    parameters = tf.constant(start)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        value = tf.reduce_sum(weights * fourier.decode(parameters, 0.0, 1.0, shape))
    gradient = tape.gradient(value, parameters).numpy()
    for place in map(tuple, rng.integers(0, start.shape, (8, start.ndim))):
        moved = np.repeat(start, 2, axis=0)
        moved[(0, *place[1:])] += 0.01
        moved[(1, *place[1:])] -= 0.01
        up, down = (decoded(fourier, moved, shape) * weights).reshape(2, -1).sum(axis=1)
        assert gradient[place] == pytest.approx((up - down) / 0.02, abs=2e-3)


def test_color_factors_are_the_root_of_the_covariance():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(5, 4, 4, 3)) @ rng.normal(size=(3, 3))
    factors = np.array(color_factors(images))
    covariance = np.cov(images.reshape(-1, 3), rowvar=False)
    np.testing.assert_allclose(factors @ factors, covariance, rtol=1e-10)
    np.testing.assert_allclose(factors, factors.T, atol=1e-12)


@pytest.mark.parametrize("colors", ["imagenet", "own"])
def test_an_image_comes_back_from_decorrelated_colors(colors):
    rng = np.random.default_rng(3)
    image = rng.uniform(0.1, 0.9, (6, 4, 3))
    fourier = Fourier(1.0, color_factors(rng.random((2, 5, 5, 3))))
    fourier = Fourier(1.0, "imagenet") if colors == "imagenet" else fourier
    back = decoded(fourier, encoded(fourier, image), (6, 4, 3))[0]
    np.testing.assert_allclose(back, image, atol=1e-4)


def test_the_first_color_of_photographs_is_brightness():
    coefficients = np.zeros((1, 3, 4, 3, 2))
    coefficients[0, 0, 0, 0, 0] = 0.1  # the mean, along the first direction
    image = decoded(Fourier(0, "imagenet"), coefficients, (4, 4, 3))[0] - 0.5
    assert (image > 0).all()
    red, green, blue = image[0, 0]
    assert green / red == pytest.approx(0.27 / 0.26, rel=1e-2)
    assert blue / green == pytest.approx(1, rel=1e-3)


def test_colors_as_they_are_change_nothing():
    white = Fourier(1.0, tuple(map(tuple, np.eye(3))))
    coefficients = np.random.default_rng(0).normal(size=(2, 3, 4, 3, 2))
    np.testing.assert_allclose(
        decoded(white, coefficients, (4, 4, 3)),
        decoded(Fourier(), coefficients, (4, 4, 3)),
        rtol=1e-5,
    )


def test_maximize_climbs_in_waves_and_stays_in_the_range(linear_network, images):
    result = maximize(
        linear_network,
        unit("out", 0),
        regularizers=(),
        seed_input=images,
        parameterization=Fourier(),
        num_steps=150,
        learning_rate=0.1,
    )
    weights = linear_network.get_layer("out").get_weights()[0][:, 0]
    best = np.maximum(weights, 0).sum() + 0.25
    assert (result.score_end > 0.94 * best).all()
    assert result.image.min() >= 0
    assert result.image.max() <= 1
    given = score_images(linear_network, unit("out", 0), images)[0]
    np.testing.assert_allclose(result.score_start[0], given, atol=0.05)
    again = score_images(linear_network, unit("out", 0), result.image[0].values)[0]
    np.testing.assert_allclose(result.score_end[0], again, rtol=1e-5)


def test_waves_are_the_same_in_any_batch(nested_network):
    options = {"parameterization": Fourier(1.0, "imagenet"), "num_steps": 4}
    options |= {"regularizers": ()}
    many = maximize(nested_network, unit("logits", 0), seeds=20, **options)
    alone = maximize(nested_network, unit("logits", 0), seeds=[17], **options)
    np.testing.assert_allclose(alone.image[0, 0], many.image[0, 17], atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fourier(-1), r"decay_power >= 0\. Received: -1"),
        (lambda: Fourier(1, "cifar"), r"'imagenet', or an inv.*Received: 'cifar'"),
        (lambda: Fourier(1, ((1.0, 1.0), (1.0, 1.0))), "an invertible matrix"),
        (lambda: Fourier().check((5,)), r"shape \(5,\).*no neighbors\. Use Pixels\(\)"),
        (lambda: Fourier(1, "imagenet").check((8, 8, 1)), r"for 3 channels.*\(8, 8, 1"),
        (lambda: color_factors(np.ones((2, 4, 4, 1))), "several channels"),
        (lambda: color_factors(np.tile(np.random.default_rng(0).random((2, 4, 4, 1)),
                                       3)), "may be gray"),
    ],
)  # fmt: skip
def test_what_has_no_waves_or_colors_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

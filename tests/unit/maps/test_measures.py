"""What is said of maps, on images whose answer is known by construction."""

import numpy as np
import pytest

from happymaps.maps.measures import (
    PATTERNS,
    classify_patterns,
    concentration,
    high_frequency_share,
    orientation_coherence,
)


def checkerboard(size: int = 16, low: float = 0, high: float = 1) -> np.ndarray:
    board = np.indices((size, size)).sum(axis=0) % 2
    return (low + (high - low) * board)[..., None]


def uniform_noise(num_images: int, size: int = 64, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).random((num_images, size, size, channels))


# ---------------------------------------------------------------- high_frequency_share


def test_high_frequency_share_of_a_checkerboard_is_two():
    images = np.stack([checkerboard(), checkerboard(low=0.4, high=0.6)])
    np.testing.assert_allclose(high_frequency_share(images), 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_high_frequency_share_of_white_noise_is_one(channels):
    found = high_frequency_share(uniform_noise(8, channels=channels))
    np.testing.assert_allclose(found, 1, atol=0.05)


def test_high_frequency_share_of_flat_images_is_zero():
    images = np.stack([np.full((8, 8, 1), level) for level in (0, 0.3, 1)])
    assert high_frequency_share(images).tolist() == [0, 0, 0]


def test_high_frequency_share_of_stripes_is_that_of_one_direction():
    stripes = np.tile([0.0, 1.0], (16, 8))[None, ..., None]
    # dx^2 = 1, dy^2 = 0, variance 1/4: (1 + 0) / 2 / (2 / 4) = 1.
    assert high_frequency_share(stripes).tolist() == [1]
    assert high_frequency_share(np.swapaxes(stripes, 1, 2)).tolist() == [1]


def test_high_frequency_share_of_a_ramp_is_worked_out_by_hand():
    # 0, 1, 2, 3 along x: dx^2 = 1, dy^2 = 0, variance 5/4: (1/2) / (5/2) = 1/5.
    ramp = np.tile(np.arange(4.0), (4, 1))[..., None]
    assert high_frequency_share(ramp) == pytest.approx(1 / 5)


def test_high_frequency_share_does_not_depend_on_range_or_leading_axes():
    images = uniform_noise(6, size=16)
    found = high_frequency_share(images.reshape(2, 3, 16, 16, 1))
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found.ravel(), high_frequency_share(images * 255 - 7))


# ------------------------------------------------------------------- classify_patterns


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.full((16, 16, 1), 0.9), "bright"),
        (np.full((16, 16, 1), 0.66), "bright"),
        (np.full((16, 16, 1), 0.64), "gray"),
        (np.full((16, 16, 1), 0.36), "gray"),
        (np.full((16, 16, 1), 0.34), "dark"),
        (np.zeros((16, 16, 3)), "dark"),
        (uniform_noise(1)[0], "static"),
        (checkerboard(), "static"),
        # A contrast of 9 % and of 11 % of the range.
        (checkerboard(low=0.455, high=0.545), "gray"),
        (checkerboard(low=0.445, high=0.555), "static"),
        # A ramp is smooth but not flat; one black column of sixteen is a rim.
        (np.tile(np.linspace(0, 1, 16), (16, 1))[..., None], "edges"),
        (np.tile(np.arange(16) > 0, (16, 1))[..., None], "bright"),
        # Stripes 4 wide: a quarter of the neighbors across differ by 1.
        (np.tile(np.repeat([0.0, 1.0], 4), (32, 4))[..., None], "edges"),
    ],
)
def test_pattern_is_what_the_image_was_made_to_show(image, expected):
    assert expected in PATTERNS
    assert classify_patterns(image[None]).tolist() == [expected]
    assert classify_patterns(image[None].astype(np.float32)).tolist() == [expected]


def test_plaid_of_two_directions_is_a_texture():
    stripes = np.repeat(np.tile([0.0, 1.0], 4), 4)
    plaid = (stripes[:, None] + stripes[None, :]) / 2
    assert classify_patterns(plaid[None, ..., None]).tolist() == ["texture"]


@pytest.mark.parametrize("period", [2, 4, 8])
def test_stripes_have_one_orientation_whatever_their_width(period):
    stripes = np.tile((np.arange(32) % period < period / 2) * 1.0, (32, 1))
    found = orientation_coherence(np.stack([stripes, stripes.T])[..., None])
    np.testing.assert_allclose(found, 1)


def test_checkerboard_and_flat_image_have_no_orientation():
    images = np.stack([checkerboard(8), np.ones((8, 8, 1))])
    assert orientation_coherence(images).tolist() == [0, 0]


def test_noise_has_hardly_an_orientation():
    assert (orientation_coherence(uniform_noise(8)) < 0.1).all()


def test_patterns_keep_the_leading_axes():
    images = np.stack([np.ones((8, 8, 1)), np.zeros((8, 8, 1)), checkerboard(8)])
    found = classify_patterns(np.stack([images, images[::-1]]))
    assert found.tolist() == [
        ["bright", "dark", "static"],
        ["static", "dark", "bright"],
    ]


# ----------------------------------------------------------------------- concentration


def test_concentration_of_a_point_is_one():
    image = np.full((1, 32, 32, 1), 0.5)
    image[0, 10, 20] = 1
    np.testing.assert_allclose(concentration(image), [1])
    # Its 5x5 neighborhood, 25 of 1024 pixels, holds all of it.
    np.testing.assert_allclose(concentration(image, share=25 / 1024), [1])
    np.testing.assert_allclose(concentration(image, share=5 / 1024), [0.2])


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 1])
def test_concentration_of_an_even_pattern_is_the_share(share):
    found = concentration(checkerboard(20)[None], share=share)
    np.testing.assert_allclose(found, share, atol=1 / 400)


def test_concentration_of_noise_in_a_quarter_is_near_one_and_of_noise_all_over_low():
    local = np.full((1, 40, 40, 1), 0.5)
    local[:, :20, :20] = uniform_noise(1, 20)
    # What the 5x5 neighborhoods carry over the two inner edges is the rest.
    assert 0.85 < concentration(local)[0] < 1
    assert 0.25 < concentration(uniform_noise(1, 40))[0] < 0.45


def test_concentration_does_not_depend_on_sign_contrast_or_brightness():
    images = uniform_noise(3, 16, channels=3)
    found = concentration(images)
    assert found.shape == (3,)
    np.testing.assert_allclose(concentration(1 - images), found)
    np.testing.assert_allclose(concentration(0.1 * images + 0.3), found)


def test_concentration_of_a_flat_image_is_nan():
    images = np.stack([np.full((8, 8, 1), 0.5), checkerboard(8)])
    assert np.isnan(concentration(images)).tolist() == [True, False]

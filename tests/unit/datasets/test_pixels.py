import numpy as np
import pytest

from happymaps.datasets.pixels import (
    check_channels,
    check_image_size,
    resize,
    set_channels,
)


def test_resize_halves_by_averaging_in_the_middle_of_a_ramp():
    ramp = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))[..., np.newaxis]
    halved = resize(ramp, (8, 8))
    # A linear ramp stays linear: each new pixel is the mean of the two it covers.
    expected = ramp[0, :, 0].reshape(8, 2).mean(axis=1)
    np.testing.assert_allclose(halved[3, 2:6, 0], expected[2:6], atol=1e-6)


def test_resize_keeps_a_constant_and_never_overshoots():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 2, (20, 30, 3)).astype(np.float32)
    for image_size in [(7, 9), (40, 31)]:
        result = resize(image, image_size)
        assert result.shape == (*image_size, 3) and result.dtype == np.float32
        assert result.min() >= 0 and result.max() <= 1
        flat = resize(np.full((20, 30, 1), 0.3, np.float32), image_size)
        np.testing.assert_allclose(flat, 0.3, atol=1e-6)


def test_resize_to_the_same_size_returns_the_image_itself():
    image = np.zeros((4, 6, 1), np.float32)
    assert resize(image, (4, 6)) is image


def test_set_channels_repeats_gray_and_weighs_color():
    gray = np.full((2, 2, 1), 0.25, np.float32)
    np.testing.assert_array_equal(set_channels(gray, 3), np.full((2, 2, 3), 0.25))
    red_green_blue = np.eye(3, dtype=np.float32)[np.newaxis]
    np.testing.assert_allclose(
        set_channels(red_green_blue, 1)[0, :, 0], [0.299, 0.587, 0.114], rtol=1e-6
    )
    assert set_channels(gray, 1) is gray


@pytest.mark.parametrize(
    "image_size", [(0, 4), (4,), (4, 5, 1), (4.0, 5), (True, 4), 60, "60", (-1, 2)]
)
def test_check_image_size_wants_two_positive_whole_numbers(image_size):
    with pytest.raises(ValueError, match=r"two positive whole numbers.*\(60, 64\)"):
        check_image_size(image_size)


def test_check_image_size_returns_plain_ints():
    assert check_image_size([np.int64(3), 4]) == (3, 4)
    assert check_image_size(None) is None


@pytest.mark.parametrize("channels", [0, 2, 4, True, "rgb"])
def test_check_channels_wants_one_or_three(channels):
    with pytest.raises(ValueError, match=f"Received: {channels!r}"):
        check_channels(channels)

"""Similarities of maps against closed forms, numpy.corrcoef and brute force."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from happymaps.evidence.similarity import (
    MEASURES,
    grouped_similarity,
    likeness_table,
    mean_similarity,
    pairwise_similarity,
)

SHAPE = (12, 10, 1)


def noise(num_images: int, shape=SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((num_images, *shape))


def gratings(*phases: float) -> np.ndarray:
    """Return sine gratings of two periods across, shifted by phases in radians."""
    x = 2 * np.pi * 2 * np.arange(16) / 16
    waves = [np.sin(x + phase) for phase in phases]
    return np.stack([np.tile(wave, (16, 1))[..., None] for wave in waves])


def one_pair(left: np.ndarray, right: np.ndarray, measure: str) -> float:
    return float(pairwise_similarity(np.stack([left, right]), measure)[0, 1])


def brute_force(images: np.ndarray) -> np.ndarray:
    """Return the largest correlation over all circular shifts, shift by shift."""
    planes = images.mean(axis=-1)
    found = np.empty((len(planes), len(planes)))
    for one, other in np.ndindex(found.shape):
        shifts = itertools.product(*map(range, planes.shape[1:]))
        found[one, other] = max(
            np.corrcoef(planes[one].ravel(),
                        np.roll(planes[other], shift, (0, 1)).ravel())[0, 1]
            for shift in shifts
        )  # fmt: skip
    return found


def spectral_reference(images: np.ndarray) -> np.ndarray:
    """Return the correlation of smoothed log power spectra, with other functions."""
    planes = images.mean(axis=-1)
    planes = (planes - planes.mean((1, 2), keepdims=True)) / planes.std(
        (1, 2), keepdims=True
    )
    power = np.abs(np.fft.fft2(planes)) ** 2 / planes[0].size
    smooth = [ndimage.uniform_filter(p, 3, mode="wrap") for p in power]
    return np.corrcoef([np.log(p + 1e-6).ravel() for p in smooth])


REFERENCES = {
    "raw": lambda images: np.corrcoef(images.mean(-1).reshape(len(images), -1)),
    "shift_tolerant": brute_force,
    "spectral": spectral_reference,
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("channels", [1, 3])
def test_similarity_agrees_with_an_independent_computation(measure, channels):
    images = noise(4, (9, 8, channels), seed=channels)
    images[1] += 2 * images[0]  # so that one pair is alike
    found = pairwise_similarity(images, measure)
    assert found.shape == (4, 4)
    np.testing.assert_allclose(found, REFERENCES[measure](images), atol=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
def test_image_is_like_itself_in_another_brightness_and_contrast(measure):
    image = noise(1)[0]
    found = pairwise_similarity(np.stack([image, image, 0.1 * image + 0.4]), measure)
    np.testing.assert_allclose(found, 1, atol=1e-6)


def test_negative_is_the_opposite_by_pixels_and_the_same_by_spectrum():
    image = noise(1)[0]
    assert one_pair(image, 1 - image, "raw") == pytest.approx(-1)
    assert one_pair(image, 1 - image, "spectral") == pytest.approx(1)
    # White noise has no shift at which it meets its negative.
    assert abs(one_pair(image, 1 - image, "shift_tolerant")) < 0.5


def test_shifted_noise_is_found_by_shift_and_spectrum_alone():
    image = noise(1, (32, 32, 1))[0]
    shifted = np.roll(image, (5, 11), axis=(0, 1))
    assert abs(one_pair(image, shifted, "raw")) < 0.1
    assert one_pair(image, shifted, "shift_tolerant") == pytest.approx(1)
    assert one_pair(image, shifted, "spectral") == pytest.approx(1)


@pytest.mark.parametrize("phase", [0, np.pi / 4, np.pi / 2, np.pi])
def test_raw_similarity_of_gratings_is_the_cosine_of_their_phase(phase):
    left, right = gratings(0, phase)
    assert one_pair(left, right, "raw") == pytest.approx(np.cos(phase))
    # Each of these phases is a whole number of pixels.
    assert one_pair(left, right, "shift_tolerant") == pytest.approx(1)


def test_unrelated_noise_is_alike_in_nothing_but_the_best_of_all_shifts():
    images = noise(12, (24, 24, 1))
    assert abs(mean_similarity(images, "raw")) < 0.02
    assert abs(mean_similarity(images, "spectral")) < 0.05
    # The largest of 576 correlations of 576 pixels each: about sqrt(2 ln 576 / 576).
    expected = np.sqrt(2 * np.log(576) / 576)
    assert mean_similarity(images, "shift_tolerant") == pytest.approx(expected, rel=0.2)


def test_one_texture_in_two_samples_is_alike_by_spectrum_alone():
    rough = noise(2, (32, 32, 1))
    smooth = ndimage.gaussian_filter(rough, (0, 2, 2, 0), mode="wrap")
    assert abs(one_pair(*smooth, "raw")) < 0.4
    assert one_pair(*smooth, "spectral") > 0.9
    assert one_pair(smooth[0], rough[0], "spectral") < 0.6


@pytest.mark.parametrize("measure", MEASURES)
def test_flat_image_is_like_nothing_and_disturbs_no_other(measure):
    images = noise(4)
    expected = pairwise_similarity(images[:3], measure)
    images[3] = 0.5
    found = pairwise_similarity(images, measure)
    np.testing.assert_allclose(found[:3, :3], expected, atol=1e-12)
    assert np.isnan(found[3]).all()
    assert np.isnan(found[:, 3]).all()
    three = mean_similarity(images[:3], measure)
    assert mean_similarity(images, measure) == pytest.approx(three)


def test_mean_similarity_takes_each_pair_once():
    left, right = gratings(0, np.pi / 2)
    # Pairs: 1 with itself, and twice 0.
    assert mean_similarity(np.stack([left, left, right]), "raw") == pytest.approx(1 / 3)


@pytest.mark.parametrize("images", [noise(1), np.zeros((3, *SHAPE))])
def test_mean_similarity_without_a_pair_to_compare_is_nan(images):
    assert np.isnan(mean_similarity(images, "raw"))


@pytest.mark.parametrize("measure", MEASURES)
def test_mean_similarity_of_groups_is_that_of_each(measure):
    groups = noise(12).reshape(2, 2, 3, *SHAPE)
    groups[0, 1] = 0.5
    found = mean_similarity(groups, measure)
    assert found.shape == (2, 2)
    assert np.isnan(found[0, 1])
    for place in ((0, 0), (1, 0), (1, 1)):
        assert found[place] == mean_similarity(groups[place], measure)


def test_groups_are_compared_image_by_image_but_not_at_the_same_place():
    left, right = gratings(0, np.pi / 3)
    groups = np.stack([[left, right], [left, -left]])
    found = grouped_similarity(groups, "raw")
    # left to -left and right to left; within a group, each pair both ways.
    np.testing.assert_allclose(found[0, 1], [-1, 0.5], atol=1e-12)
    np.testing.assert_allclose(found[0, 0], [0.5, 0.5], atol=1e-12)
    np.testing.assert_allclose(found[1, 1], [-1, -1], atol=1e-12)


def test_opposite_neurons_are_unlike_and_a_steady_one_is_like_itself():
    pattern = np.random.default_rng(1).random((6, 6, 1))
    maps = np.stack([[pattern, 2 * pattern, pattern + 3], [-pattern] * 3])
    found = likeness_table(maps, "raw")
    np.testing.assert_allclose(found, [[1, -1], [-1, 1]], atol=1e-12)


def test_the_noise_of_a_shared_start_does_not_count():
    noise = np.random.default_rng(2).normal(size=(2, 40, 40, 1))
    noise -= noise.mean(axis=(1, 2, 3), keepdims=True)
    noise[1] -= noise[0] * (noise[0] * noise[1]).sum() / (noise[0] ** 2).sum()
    # Both neurons show their start alone: alike from the same start, else not at all.
    found = likeness_table(np.stack([noise, noise]), "raw")
    np.testing.assert_allclose(found, 0, atol=1e-12)


def test_a_pattern_that_moves_is_alike_up_to_a_shift_only():
    pattern = np.random.default_rng(3).random((8, 8, 1))
    maps = np.stack([[pattern, np.roll(pattern, 3, axis=1)]])
    assert likeness_table(maps, "shift_tolerant")[0, 0] == pytest.approx(1)
    assert likeness_table(maps, "raw")[0, 0] < 0.6


def test_one_start_tells_nothing_of_repeats():
    with pytest.raises(ValueError, match="from 2 starts"):
        likeness_table(np.zeros((3, 1, 4, 4, 1)), "raw")


def test_similarity_changes_no_image():
    images = noise(3)
    before = images.copy()
    for measure in MEASURES:
        pairwise_similarity(images, measure)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(
    ("images", "measure"), [(noise(2), "cosine"), (noise(2)[..., 0], "raw")]
)
def test_unknown_measure_and_missing_axis_are_refused(images, measure):
    with pytest.raises(ValueError, match="4 axes and a measure of"):
        pairwise_similarity(images, measure)

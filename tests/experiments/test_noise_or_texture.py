"""Repeats of maps: surrogates, kinds, and what is known before any step."""

import numpy as np
import pytest

import happymaps as hm
from experiments.experiment1.measures.noise_or_texture import (
    judge_kind,
    measure_repeats,
    random_phases,
)
from happymaps.maps.engine.starts import start_images
from happymaps.networks.random_controls import fresh_weights, make_twin
from happymaps.networks.study import Study


@pytest.fixture(scope="module")
def network():
    return hm.networks.build_cnn(
        (16, 16, 1), 2, filters=(4, 3), dense_units=(5,), seed=1
    )


@pytest.fixture(scope="module")
def measured(network):
    """Return what is measured where no step was taken: the maps are their starts."""
    opened = Study(network, None, None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("happymaps.networks.study.open_study", lambda *_, **__: opened)
        return measure_repeats(
            layers=["conv2d_1"],
            twins=["shuffled"],
            num_starts=3,
            num_steps=0,
            shift=2,
            lowest_pixel=0.0,
            highest_pixel=2.0,
        )


# ------------------------------------------------------------------- surrogates


def test_surrogates_keep_power_and_mean_and_lose_the_phases():
    images = np.random.default_rng(0).random((3, 9, 8))
    found = random_phases(images, np.random.default_rng(1))
    power, expected = (np.abs(np.fft.fft2(each)) for each in (found, images))
    np.testing.assert_allclose(power, expected, atol=1e-9)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), images.mean(axis=(1, 2)))
    alike = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in zip(found, images, strict=True)
    ]
    assert np.abs(alike).max() < 0.5


def test_a_flat_image_is_its_own_surrogate():
    flat = np.full((1, 4, 4), 0.7)
    np.testing.assert_allclose(random_phases(flat, np.random.default_rng(0)), flat)


# ------------------------------------------------------------------------ kinds


@pytest.mark.parametrize(
    ("raw", "spectral", "of_filter", "of_dense"),
    [
        (0.50, 0.9, "stable", "stable"),
        (0.25, 0.9, "texture", "noise"),  # above chance, and below 0.3
        (0.25, 0.7, "noise", "noise"),
        (np.nan, np.nan, "flat", "flat"),
    ],
)
def test_kind_is_told_by_pixels_first_and_spectra_next(
    raw, spectral, of_filter, of_dense
):
    for is_filter, expected in ((True, of_filter), (False, of_dense)):
        found = judge_kind(
            np.array([raw]), 0.2, np.array([spectral]), 0.8, is_filter=is_filter
        )
        assert found.tolist() == [expected]


def test_pixels_have_to_exceed_chance_where_chance_is_high():
    kinds = judge_kind(np.array([0.5]), 0.6, np.array([0.9]), 0.8, is_filter=True)
    assert kinds.tolist() == ["texture"]


# ------------------------------------------------- what is known before any step


def test_likeness_of_starts_is_that_of_their_noise(measured):
    starts = start_images(range(3), (16, 16, 1))
    table = np.corrcoef(starts.reshape(3, -1))
    expected = table[np.triu_indices(3, k=1)].mean()
    np.testing.assert_allclose(measured.raw, expected, atol=1e-6)
    # All units start alike, so that a unit is no more like itself than like another.
    np.testing.assert_allclose(measured.raw_limit, expected, atol=1e-6)
    assert (measured.kind == "noise").all()
    assert measured.filter_stable_share == measured.filter_texture_share == 0


def test_a_map_that_is_its_start_follows_it_when_it_is_moved(measured):
    np.testing.assert_allclose(measured.followed, 1, atol=1e-6)
    assert np.abs(measured.stayed).max() < 0.5


def test_noise_lines_up_as_well_as_noise_of_random_phases(measured):
    noise = measured.isel(network=0, layer=0)
    assert (noise.aligned_chance < noise.aligned_limit).all()
    np.testing.assert_allclose(noise.shift_tolerant, noise.aligned_chance, atol=0.05)


def test_result_tells_networks_layers_and_units_and_shows_pixels_from_0_to_1(measured):
    assert dict(measured.sizes) == {
        "network": 2, "layer": 1, "unit": 4, "start": 3, "y": 16, "x": 16, "color": 1
    }  # fmt: skip
    assert measured.network.values.tolist() == ["trained", "shuffled"]
    assert measured.is_filter.item() is True
    expected = start_images(range(3), (16, 16, 1))
    np.testing.assert_allclose(measured.image[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("name", ["num_units", "num_starts"])
def test_one_unit_or_one_start_makes_no_pair(name):
    with pytest.raises(ValueError, match="must be >= 2"):
        measure_repeats(**{name: 1})


# ------------------------------------------------------------------------ twins


def test_fresh_weights_are_glorot_uniform_and_biases_zero(network):
    before = [weight.copy() for weight in network.get_weights()]
    twin = fresh_weights(network, seed=3)
    kernel, bias = twin.get_layer("conv2_2").get_weights()
    limit = np.sqrt(6 / (9 * (4 + 3)))
    assert limit * 0.9 < np.abs(kernel).max() <= limit
    assert np.abs(kernel).mean() == pytest.approx(limit / 2, rel=0.2)
    assert not bias.any()
    for weight, known in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, known)


def test_a_seed_names_a_twin(network):
    first, same, other = (
        make_twin(network, "fresh", seed=seed).get_weights()[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_shuffled_twin_has_the_same_values(network):
    own, twin = (
        network.get_weights()[0],
        make_twin(network, "shuffled").get_weights()[0],
    )
    np.testing.assert_array_equal(np.sort(own.ravel()), np.sort(twin.ravel()))
    assert not np.array_equal(own, twin)


def test_an_unknown_twin_is_named(network):
    with pytest.raises(ValueError, match="'pruned'"):
        make_twin(network, "pruned")

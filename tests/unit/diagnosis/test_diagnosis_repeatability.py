"""Maps that repeat, that are shifted, and that have nothing in common."""

import numpy as np
import pytest

from happymaps.diagnosis.units.repeatability import measure_repeatability


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=(6, 4, 16, 16, 1))


def test_the_same_map_from_every_start_repeats_by_every_measure(noise):
    found = measure_repeatability(np.repeat(noise[:, :1], 4, axis=1))
    for measure, values in found.likeness.items():
        np.testing.assert_allclose(values, 1)
        assert found.limits[measure] < 0.6


def test_a_shifted_map_repeats_but_for_its_pixels(noise):
    moved = np.stack(
        [np.roll(noise[:, 0], (3 * step, 5 * step), (1, 2)) for step in range(4)], 1
    )
    found = measure_repeatability(moved)
    np.testing.assert_allclose(found.likeness["shift_tolerant"], 1)
    np.testing.assert_allclose(found.likeness["spectral"], 1)
    assert (np.abs(found.likeness["raw"]) < 0.25).all()


def test_unrelated_maps_stay_at_the_limit_of_chance(noise):
    found = measure_repeatability(noise)
    assert (np.abs(found.likeness["raw"]) < 0.1).all()
    assert abs(found.limits["raw"]) < 0.1


def test_units_that_all_look_for_the_same_raise_the_limit_to_their_likeness(noise):
    one = np.broadcast_to(noise[:1, :1], noise.shape)
    found = measure_repeatability(one)
    assert found.limits["raw"] == pytest.approx(1)


def test_limit_of_two_units_is_the_mean_over_different_starts():
    a = np.random.default_rng(1).normal(size=(2, 16))
    maps = np.stack([a, a[::-1]]).reshape(2, 2, 4, 4, 1)
    # Starts 0 and 1 of the second unit are starts 1 and 0 of the first, so a pair of
    # different starts is a pair of the same maps.
    assert measure_repeatability(maps).limits["raw"] == pytest.approx(1)


def test_flat_maps_and_a_single_unit_cannot_be_compared():
    found = measure_repeatability(np.full((1, 3, 4, 4, 1), 0.5))
    assert np.isnan(found.likeness["raw"]).all()
    assert np.isnan(found.limits["raw"])

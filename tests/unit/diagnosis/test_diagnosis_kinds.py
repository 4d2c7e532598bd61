"""One word for a unit: which rule speaks first, and what it says."""

import numpy as np
import pytest

import happymaps as hm
from happymaps.diagnosis.units.kinds import (
    KINDS,
    decide,
    find_duplicates,
    is_brightness,
)
from happymaps.diagnosis.units.map_classes import classify_maps, measure_patches

LIMITS = hm.Thresholds()
# A filter that nothing can be said of, but that its maps do not repeat.
PLAIN = {
    "on_rate": 0.4, "is_still": False, "is_gated": True, "is_dense": False,
    "duplicate_of": "", "duplicate_correlation": 0.5, "happy_gain": 1.0,
    "brightness_response": 0.1, "tv_sensitivity": 0.3, "kernel_class": "",
    "mean_share": 0.1, "edge_share": 0.7, "line_share": 0.2, "map_class": "mixed",
    "coherence": 0.1, "repeatability_raw": 0.1, "null_raw": 0.05,
    "repeatability_spectral": 0.4, "null_spectral": 0.6,
}  # fmt: skip


def kind(**changes):
    return decide(PLAIN | changes, LIMITS)[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "noise"),
        ({"repeatability_spectral": 0.7}, "texture"),
        ({"repeatability_spectral": 0.7, "is_dense": True}, "noise"),
        ({"repeatability_raw": 0.31}, "stable pattern"),
        ({"repeatability_raw": 0.31, "null_raw": 0.5}, "noise"),
        ({"repeatability_raw": 0.29, "null_raw": -0.2}, "noise"),
        ({"repeatability_raw": np.nan}, "cannot tell"),
        ({"null_raw": np.nan, "repeatability_raw": 0.4}, "stable pattern"),
        ({"null_spectral": np.nan}, "cannot tell"),
        ({"map_class": "edge", "coherence": 0.5}, "edge"),
        ({"map_class": "line", "coherence": 0.9}, "line"),
        ({"map_class": "edge", "coherence": 0.49}, "noise"),
        ({"map_class": "edge", "coherence": 0.9, "is_dense": True}, "noise"),
        ({"brightness_response": 0.6, "tv_sensitivity": 0.9}, "brightness"),
        ({"brightness_response": 0.6, "tv_sensitivity": 0.4}, "noise"),
        ({"brightness_response": 0.6, "tv_sensitivity": np.nan}, "brightness"),
        ({"kernel_class": "edge", "brightness_response": 0.9}, "edge"),
        ({"kernel_class": "line"}, "line"),
        ({"kernel_class": "mean"}, "brightness"),
        ({"kernel_class": "mixed", "map_class": "edge", "coherence": 0.9}, "noise"),
        ({"happy_gain": 0.0}, "cannot tell"),
        ({"happy_gain": np.nan}, "cannot tell"),
        ({"duplicate_of": "conv[0]", "kernel_class": "edge"}, "duplicate"),
        ({"on_rate": 0.0005}, "dead"),
        ({"on_rate": 0.002}, "noise"),
        ({"on_rate": 0.9995, "duplicate_of": "conv[0]"}, "duplicate"),
        ({"on_rate": 0.9995}, "always-on"),
        ({"on_rate": 1.0, "is_gated": False}, "noise"),
        ({"on_rate": 0.0, "is_gated": False}, "noise"),
        ({"is_still": True, "on_rate": 1.0}, "dead"),
    ],
)
def test_first_rule_that_holds_names_the_kind(changes, expected):
    assert kind(**changes) == expected
    assert expected in KINDS


def test_reason_states_the_numbers_and_the_limit():
    _, reason = decide(PLAIN | {"on_rate": 0.0005}, LIMITS)
    assert reason == "on at 0.05% of positions (limit 0.1%)"
    _, reason = decide(PLAIN | {"repeatability_raw": 0.52}, LIMITS)
    assert reason == "pixels repeat: 0.52 (limit 0.30)"
    _, reason = decide(PLAIN | {"kernel_class": "edge"}, LIMITS)
    assert reason == (
        "70% of the kernel's energy is edge; gray alone gives 10% of the map's gain"
    )


def test_limits_can_be_set():
    lenient = hm.Thresholds(dead=0.5)
    assert decide(PLAIN, lenient)[0] == "dead"
    assert is_brightness(0.3, 0.9, hm.Thresholds(brightness=0.2))
    assert not is_brightness(0.3, 0.9, LIMITS)


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan, "much"])
def test_limit_outside_its_range_is_refused(value):
    with pytest.raises(ValueError, match=r"in \[0, 1\]. Received: dead="):
        hm.Thresholds(dead=value)


def test_duplicates_refer_to_the_earliest_unit_and_never_to_a_duplicate():
    # 1 repeats 0; 2 repeats 1 more than 0, but 1 is a duplicate; 3 is alone; 4 is dead.
    table = np.array(
        [
            [1, 0.995, 0.991, 0.2, np.nan],
            [0.995, 1, 0.999, 0.1, np.nan],
            [0.991, 0.999, 1, -1, np.nan],
            [0.2, 0.1, -1, 1, np.nan],
            [np.nan] * 5,
        ]
    )
    originals, highest = find_duplicates(table, 0.99)
    assert originals.tolist() == [-1, 0, 0, -1, -1]
    np.testing.assert_allclose(highest, [0.995, 0.999, 0.999, 0.2, np.nan])


def test_opposite_units_are_no_duplicates():
    originals, _ = find_duplicates(np.array([[1, -1.0], [-1.0, 1]]), 0.99)
    assert originals.tolist() == [-1, -1]


def test_map_class_takes_light_first_then_what_the_patches_show():
    edge = np.array([0.9, 0.9, 0.2, 0.5, np.nan])
    lights = np.array([True, False, False, False, False])
    found = classify_maps(edge, 1 - edge, lights, LIMITS)
    assert found.tolist() == ["mean", "edge", "line", "mixed", "flat"]


def test_patches_are_averaged_over_the_starts_that_have_a_pattern():
    ramp = np.tile(np.arange(8.0), (8, 1))[..., None]
    stripes = np.tile([0.0, 1.0], (8, 4))[..., None]
    flat = np.zeros((8, 8, 1))
    maps = np.array([[ramp, stripes, flat], [flat, flat, flat]])
    found = measure_patches(maps)
    np.testing.assert_allclose(found["edge"], [0.5, np.nan])
    tiny = measure_patches(np.zeros((2, 3, 2, 2, 1)))
    assert np.isnan(tiny["line"]).all()

"""Dead starts and hidden brightness, on filters whose purpose is planted."""

from types import SimpleNamespace

import numpy as np
import pytest

from experiments.experiment1.measures.dead_starts import (
    mean_outputs,
    measure_dead_starts,
)
from experiments.experiment1.measures.hidden_brightness import (
    mean_energy_share,
    measure_control,
)
from happymaps.networks.study import Study

BOX = np.full((3, 3), 1 / 9)
LEVELS = (0.1, 0.5, 0.9)  # of the flat images that stand for real ones


@pytest.fixture(scope="module")
def network():
    """Return filters that are on, dark (awake at 0.1 only), dead and always on."""
    from happymaps.backend import keras

    inputs = keras.Input((8, 8, 1))
    values = keras.layers.Conv2D(4, 3, activation="relu", name="filters")(inputs)
    values = keras.layers.Flatten()(values)
    values = keras.layers.Dense(2, activation="relu", name="hidden")(values)
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(values))
    kernel = np.stack([BOX, -BOX, 0 * BOX, 0 * BOX], axis=-1)[:, :, None]
    model.get_layer("filters").set_weights([kernel, np.array([0, 0.3, -1, 1])])
    hidden = np.zeros((144, 2))
    hidden[0] = 1, -1  # the first neuron of the first filter, on and off
    model.get_layer("hidden").set_weights([hidden, np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def images():
    return np.stack([np.full((8, 8, 1), v, np.float32) for v in LEVELS])


@pytest.fixture(scope="module")
def measured(network, images):
    data = SimpleNamespace(images=images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "happymaps.networks.study.open_study",
            lambda *_, **__: Study(network, data, data, data),
        )
        return measure_dead_starts(
            climbed=["filters"], num_units=4, num_steps=20, filter_tv_weight=0.0
        )


def test_outputs_are_averaged_over_positions(network, images):
    found = mean_outputs(network, ["filters", "hidden"], images)
    expected = np.array([[0.1, 0.2, 0, 1], [0.5, 0, 0, 1], [0.9, 0, 0, 1]])
    np.testing.assert_allclose(found["filters"], expected, atol=1e-6)
    np.testing.assert_allclose(found["hidden"], [[v, 0] for v in LEVELS], atol=1e-6)


def test_units_off_at_the_start_are_told_from_dead_ones(measured):
    filters, hidden = (measured.sel(layer=name) for name in ("filters", "hidden"))
    assert filters.num_units == 4
    assert filters.off_share == 0.5  # the dark one and the dead one
    assert filters.dead_share == 0.25
    assert filters.off_but_awake_share == 0.5
    assert hidden.off_share == hidden.dead_share == 0.5
    assert hidden.off_but_awake_share == 0
    assert measured.hidden_off_share == 0.5


def test_after_the_relu_a_unit_that_is_off_does_not_move(measured):
    dark = measured.sel(climbed="filters").isel(unit=1)
    assert dark.best_real_output == pytest.approx(0.2)
    assert (dark.output_start == 0).all()
    assert (dark.output_end.sel(objective="post") == 0).all()
    # Steps of a sixtieth: after twenty the dark filter is on, at 0.3 less brightness.
    for objective in ("pre", "leaky"):
        assert (dark.output_end.sel(objective=objective) > 0.05).all()


def test_a_unit_that_is_on_climbs_alike_under_all_objectives(measured):
    bright = measured.sel(climbed="filters").isel(unit=0).output_end
    np.testing.assert_allclose(bright, bright[0].broadcast_like(bright), rtol=1e-5)
    assert (bright > 0.8).all()


def test_a_dead_unit_has_a_map_that_is_its_start(measured):
    dead = measured.sel(climbed="filters").isel(unit=2)
    assert (dead.best_real_output == 0).all()
    np.testing.assert_allclose(dead.image, dead.image[0].broadcast_like(dead.image))
    assert dead.image.std() == pytest.approx(0.05, rel=1e-3)


# --------------------------------------------------------------- hidden brightness


def test_share_of_the_mean_is_one_for_a_box_and_none_for_an_edge():
    single = np.zeros((3, 3))
    single[0, 0] = 5
    edge = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = np.stack([BOX, -BOX, edge, single, 0 * BOX], axis=-1)[:, :, None]
    np.testing.assert_allclose(
        mean_energy_share(kernels), [1, 1, 0, 1 / 9, np.nan], atol=1e-12
    )


@pytest.fixture(scope="module")
def control():
    return measure_control(height=20, width=20, num_steps=60)


def test_stretching_draws_a_brightness_detector_as_static(control):
    assert control.channel.values.tolist() == ["bright", "dark", "edge", "line"]
    assert control.pattern_raw.values[:2].tolist() == ["bright", "dark"]
    assert control.pattern_stretched.values[:2].tolist() == ["static", "static"]
    assert (control.high_frequency_raw[:2] < 0.1).all()
    assert (control.high_frequency_stretched[:2] > 0.8).all()


def test_stretching_leaves_edges_edges(control):
    for pattern in (control.pattern_raw, control.pattern_stretched):
        assert pattern.values[2:].tolist() == ["edges", "edges"]


def test_brightness_moves_the_mean_beyond_the_range_of_pixels(control):
    # Steps of a sixtieth of the range of pixels, 60 of them and a longer first one.
    assert control.moved[0] > 1
    assert control.moved[1] < -1
    assert abs(control.moved[2]) < 0.2


def test_stretched_pictures_have_mean_one_half_and_deviation_one_tenth(control):
    stretched = control.image_stretched.values[0]
    assert stretched.mean() == pytest.approx(0.5, abs=1e-3)
    assert stretched.std() == pytest.approx(0.1, rel=1e-2)

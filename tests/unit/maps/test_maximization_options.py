"""Options of the engine: plateau, mask, ranges, callback, real images beside."""

import numpy as np
import pytest
import xarray as xr

from happymaps.maps.engine.starts import start_images
from happymaps.maps.maximization import maximize, sweep
from happymaps.maps.objectives import unit
from happymaps.maps.optimizers import Adam, NormalizedGradient, RmsProp
from happymaps.maps.parameterizations import Fourier
from happymaps.maps.regularizers import Penalty, Sharpness, TotalVariation


@pytest.fixture(scope="module")
def table_network(keras):
    """Return `out` of four features: weights 2, -1, 0.5, -3."""
    inputs = keras.Input((4,))
    out = keras.layers.Dense(1, name="out")
    model = keras.Model(inputs, out(inputs))
    out.set_weights([np.array([[2.0], [-1], [0.5], [-3]]), np.array([0.25])])
    return model


@pytest.mark.parametrize("optimizer", [RmsProp(), Adam(), NormalizedGradient()])
def test_each_feature_reaches_its_own_corner(table_network, optimizer):
    low, high = np.array([-1, 0, 5, -2]), np.array([1, 10, 7, 2])
    maps = maximize(
        table_network,
        unit("out", 0),
        sign=("happy", "sad"),
        input_range=(low, high),
        optimizer=optimizer,
        num_steps=60,
        learning_rate=0.1,
    )
    happy, sad = maps.image.squeeze()
    np.testing.assert_array_equal(happy, [1, 0, 7, -2])
    np.testing.assert_array_equal(sad, [-1, 10, 5, 2])
    assert maps.score_end[0].item() == 2 + 3.5 + 6 + 0.25
    np.testing.assert_array_equal(maps.lowest, low)
    np.testing.assert_array_equal(maps.highest, high)
    assert maps.attrs["input_range"] == [-2, 10]
    assert "penalty_tv" not in maps


def test_one_bound_may_be_a_number(table_network):
    maps = maximize(
        table_network,
        unit("out", 0),
        input_range=(0, [1, 2, 3, 4]),
        num_steps=40,
        learning_rate=0.2,
    )
    np.testing.assert_array_equal(maps.image.squeeze(), [1, 0, 3, 0])


@pytest.mark.parametrize("parameterization", [None, Fourier()])
def test_what_a_mask_freezes_stays_to_the_bit(linear_network, images, parameterization):
    mask = np.zeros((8, 8, 1))
    mask[:4] = 1
    options = {} if parameterization is None else {"parameterization": parameterization}
    maps = maximize(
        linear_network,
        unit("out", 0),
        regularizers=(),
        seed_input=images,
        mask=mask,
        num_steps=40,
        learning_rate=0.1,
        **options,
    )
    np.testing.assert_array_equal(maps.image[0, :, 4:], images[:, 4:])
    weights = linear_network.get_layer("out").get_weights()[0][:32, 0].reshape(4, 8, 1)
    if parameterization is None:
        np.testing.assert_array_equal(maps.image[0, :, :4], [weights > 0] * 4)
    assert (maps.score_end > maps.score_start).all()


def test_a_mask_is_broadcast_over_rows_and_colors(table_network):
    rows = np.array([[0.5, 0.5, 0.5, 0.5], [0.1, 0.2, 0.3, 0.4]])
    maps = maximize(
        table_network,
        unit("out", 0),
        seed_input=rows,
        mask=[1, 0, 0, 1],
        num_steps=30,
        learning_rate=0.1,
    )
    expected = [[1, 0.5, 0.5, 0], [1, 0.2, 0.3, 0]]
    np.testing.assert_array_equal(maps.image[0], np.float32(expected))


def test_a_map_stops_20_steps_after_it_has_reached_its_corner(linear_network):
    options = {"regularizers": (), "num_steps": 300, "learning_rate": 0.1}
    free = maximize(linear_network, unit("out", 0), **options)
    seen = []
    stopped = maximize(
        linear_network,
        unit("out", 0),
        tolerance=0.0,
        callback=lambda step, images, scores: seen.append(step),
        **options,
    )
    # The optimum under a box is a corner, from which nothing improves.
    best = free.best_step.item()
    assert stopped.stop_reason.item() == "plateau"
    assert free.stop_reason.item() == "all steps"
    np.testing.assert_array_equal(stopped.image, free.image)
    np.testing.assert_array_equal(stopped.loss_history, free.loss_history)
    assert best + 20 <= max(seen) < best + 50


def test_a_map_that_stops_is_frozen_and_the_others_go_on(linear_network, checkerboard):
    # One start is the optimum; the other has a way to go.
    optimum = (checkerboard > 0).astype(np.float32)[..., None]
    starts = np.stack([optimum, 1 - optimum])
    options = {"regularizers": (), "num_steps": 60, "learning_rate": 0.005}
    free = maximize(linear_network, unit("out", 1), seed_input=starts, **options)
    both = maximize(
        linear_network, unit("out", 1), seed_input=starts, tolerance=0.01, **options
    )
    assert both.stop_reason[0].values.tolist() == ["plateau", "all steps"]
    np.testing.assert_array_equal(both.image[0, 0], optimum)
    assert (both.loss_history[0, 0] == both.loss_history[0, 0, 0]).all()
    np.testing.assert_array_equal(both.image[0, 1], free.image[0, 1])
    np.testing.assert_array_equal(both.loss_history[0, 1], free.loss_history[0, 1])


def test_a_plateau_is_less_than_the_tolerance_in_20_steps(linear_network):
    # Steps of one length on a linear unit improve the loss by the same amount each.
    options = {"optimizer": NormalizedGradient(), "regularizers": (), "num_steps": 50}
    options |= {"learning_rate": 1e-3, "seeds": [2]}
    free = maximize(linear_network, unit("out", 0), **options)
    loss = free.loss_history.squeeze().values
    gain = (loss[0] - loss[20]) / abs(loss[0])
    for tolerance, reason in ((gain * 0.9, "all steps"), (gain * 1.1, "plateau")):
        maps = maximize(linear_network, unit("out", 0), tolerance=tolerance, **options)
        assert maps.stop_reason.item() == reason
    assert maps.best_step.item() == 20
    assert (maps.loss_history.squeeze()[20:] == loss[20]).all()


def test_a_callback_sees_every_map_and_changes_none(sobel_network):
    seen = []
    options = {"seeds": [5, 3], "sign": ("happy", "sad"), "num_steps": 7}
    objectives = [unit("head", 1), unit("head", 0)]
    maps = maximize(
        sobel_network,
        objectives,
        callback=lambda *told: seen.append(told),
        callback_every=3,
        **options,
    )
    assert [step for step, _, _ in seen] == [0, 3, 6]
    starts = start_images([5, 3], (8, 8, 1))
    for step, images, scores in seen:
        assert images.dims == ("map", "y", "x", "color")
        for position in range(8):
            one = maps.sel(
                {name: images[name].values[position] for name in
                 ("sign", "objective", "seed")}
            )  # fmt: skip
            assert scores[position] == one.score_history[step]
            if step == 0:
                start = starts[[5, 3].index(one.seed.item())]
                np.testing.assert_array_equal(images[position], start)
    xr.testing.assert_identical(maps, maximize(sobel_network, objectives, **options))


def test_a_sweep_takes_the_options_of_maximize(table_network):
    grid = sweep(
        table_network,
        unit("out", 0),
        tv_weight=[0],
        lp_weight=[0, 1],
        seed_input=np.full((1, 4), 0.5),
        mask=[1, 1, 1, 0],
        optimizer=Adam(),
        num_steps=80,
        learning_rate=0.05,
    )
    np.testing.assert_allclose(
        grid.image.sel(lp_weight=0).squeeze(), [1, 0, 1, 0.5], atol=1e-6
    )
    with pytest.raises(TypeError, match="lerning_rate"):
        sweep(table_network, unit("out", 0), lerning_rate=1)


def test_a_unit_that_no_reference_image_wakes_is_dead_on_the_data(
    dense_network, checkerboard, images
):
    board = checkerboard.ravel()
    kernel = np.stack([board, board, 0 * board], axis=1)
    model = dense_network(kernel, np.array([-15.0, 0.0, 1.0]), activation="relu")
    units = [unit("out", index) for index in range(3)]
    # The first unit fires above 15 of the 16 that a chessboard gives it.
    options = {"regularizers": (), "num_steps": 40, "learning_rate": 0.1}
    maps = maximize(model, units, reference_images=images, seeds=2, **options)
    expected = [["dead on the data"] * 2, ["ok"] * 2, ["dead unit"] * 2]
    assert maps.diagnosis.values.tolist() == expected
    assert (maps.score_end[0] > 0).all()
    plain = maximize(model, units, seeds=2, **options)
    assert (plain.diagnosis[0] == "ok").all()
    xr.testing.assert_identical(
        maps.drop_vars("diagnosis"), plain.drop_vars("diagnosis")
    )


def test_penalties_of_ones_own_and_sharpness_are_charged(linear_network, checkerboard):
    maps = maximize(
        linear_network,
        unit("out", 1),
        regularizers=[
            Sharpness(5.0),
            Penalty(lambda images: images[:, 0, 0, 0] ** 2, 3.0, "corner"),
        ],
        seed_input=0.5 + 0.5 * checkerboard[None, ..., None],
        num_steps=0,
    )
    loss = maps.loss_history.item() + maps.score_start.item()
    assert maps.penalty_corner.item() == 0.75**2
    expected = 5 * maps.penalty_sharpness.item() + 3 * 0.75**2
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"regularizers": [TotalVariation()]},
            r"TotalVariation compares.*\(4,\).*=\(\)",
        ),
        ({"regularizers": [Sharpness()]}, r"Sharpness compares neighboring values"),
        ({"input_range": ([0, 0], [1, 1])}, r"lowest, highest\).*input's shape \(4,\)"),
        ({"input_range": (0, [1, 1, 0, 1])}, r"lowest, highest\).*\[1, 1, 0, 1\]"),
        ({"mask": [1, 0]}, r"mask must hold 1 .*\(4,\)\. Received: shape \(2,\)"),
        ({"mask": [1, 0, 0.5, 1]}, r"mask must hold 1 \(free\) and 0 \(frozen\)"),
        ({"tolerance": 1}, r"tolerance is a share.*\[0, 1\).*Received: 1"),
        ({"callback": 3}, r"callback must be a function.*Received: 3"),
        ({"callback_every": 0}, r"callback_every must be a whole number >= 1"),
        ({"optimizer": RmsProp}, r"optimizer such as RmsProp\(\)\. Received: <class"),
        ({"parameterization": "fft"}, r"parameterization such as Pixels\(\).*'fft'"),
        ({"parameterization": Fourier()}, r"Fourier needs.*Use Pixels\(\)"),
        ({"transforms": Adam()}, r"sequence of transforms. Received: Adam"),
        ({"reference_images": np.zeros((1, 4))}, r"at least two reference.*: 1"),
        ({"reference_images": np.zeros((3, 5))}, r"\(count, 4\)\. Received: \(3, 5\)"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(table_network, options, message):
    with pytest.raises(ValueError, match=message):
        maximize(table_network, unit("out", 0), num_steps=1, **options)


def test_a_sweep_over_total_variation_needs_neighbors(table_network):
    with pytest.raises(ValueError, match=r"in a sweep tv_weight=\[0\]"):
        sweep(table_network, unit("out", 0))

"""The engine against closed forms, and against the same loop written in NumPy."""

import numpy as np
import pytest
import xarray as xr

from happymaps.maps.engine import batch_sizes
from happymaps.maps.engine.starts import start_images
from happymaps.maps.maximization import maximize, sweep
from happymaps.maps.objectives import channel, direction, layer, neuron, unit
from happymaps.maps.regularizers import LpNorm, TotalVariation
from happymaps.maps.scoring import score_images

NONE = ()
FREE = {"regularizers": NONE, "num_steps": 3}


def total_variation(x):
    corner = x[:-1, :-1]
    down, right = x[1:, :-1] - corner, x[:-1, 1:] - corner
    slope = np.zeros_like(x)
    slope[1:, :-1] += 2 * down
    slope[:-1, 1:] += 2 * right
    slope[:-1, :-1] -= 2 * (down + right)
    return (down**2 + right**2).sum() / x.size, slope / x.size


def lp_norm(x, p=6):
    norm = (np.abs(x) ** p).sum() ** (1 / p)
    return norm / x.size, np.sign(x) * (np.abs(x) / norm) ** (p - 1) / x.size


def climb(score, x, weights, *, num_steps, learning_rate=1 / 60, low=0.0, high=1.0):
    """Return images, losses and scores of each step: `maximize` for one map.

    `score` and the penalties give a value and its slope; float64 throughout.
    """
    x, cache, history = x.astype(np.float64), 0.0, []
    for _ in range(num_steps + 1):
        value, slope = score(x)
        parts = [
            (w, f(x)) for w, f in zip(weights, (lp_norm, total_variation), strict=True)
        ]
        loss = -value + sum(weight * part[0] for weight, part in parts)
        slope = -slope + sum(weight * part[1] for weight, part in parts)
        history.append((x, loss, value))
        slope = slope / np.sqrt((slope**2).mean())
        cache = 0.95 * cache + 0.05 * slope**2
        step = learning_rate * (high - low) * slope / np.sqrt(cache + 1e-7)
        x = np.clip(x - step, low, high)
    return [np.array(column) for column in zip(*history, strict=True)]


def linear_score(kernel, bias, sign):
    def score(x):
        return sign * (x.ravel() @ kernel + bias), sign * kernel.reshape(x.shape)

    return score


def quadratic_score(kernel, bias, sign):
    def score(x):
        values = x.ravel() @ kernel + bias
        slope = 2 * kernel @ values / len(values)
        return sign * (values**2).mean(), sign * slope.reshape(x.shape)

    return score


def moves(num_steps):
    """Return how far a pixel of steady slope has come, in learning rates x range."""
    steps = np.arange(1, num_steps + 1)
    return (1 / np.sqrt(1 - 0.95**steps + 1e-7)).sum()


@pytest.mark.parametrize("num_steps", [1, 3])
def test_the_first_steps_of_a_linear_unit_are_in_closed_form(
    linear_network, checkerboard, num_steps
):
    # |w| is the same everywhere, so the gradient over its root mean square is +-1 and
    # the running mean of its square is 1 - 0.95^k: 1/sqrt(0.05 + 1e-7) at first.
    assert moves(1) == pytest.approx(1 / np.sqrt(0.05 + 1e-7))
    result = maximize(
        linear_network,
        unit("out", 1),
        regularizers=NONE,
        sign=("happy", "sad"),
        input_range=(-2, 3),
        num_steps=num_steps,
        learning_rate=0.01,
    )
    start = start_images([0], (8, 8, 1), (-2, 3))[0, ..., 0]
    way = 0.01 * 5 * moves(num_steps) * np.sign(checkerboard)
    happy, sad = result.image.squeeze()
    np.testing.assert_allclose(happy, start + way, atol=1e-5)
    np.testing.assert_allclose(sad, start - way, atol=1e-5)
    assert (result.best_step == num_steps).all()


def test_the_loop_is_that_of_keras_vis_with_a_step_size_and_a_box(linear_network):
    kernel, bias = (
        weight.astype(np.float64)
        for weight in linear_network.get_layer("out").get_weights()
    )
    num_steps, lp_weights, tv_weights = 12, (0.0, 300.0), (0.0, 2.0)
    found = sweep(
        linear_network,
        [unit("out", 0), layer("out").named("quadratic")],
        tv_weight=tv_weights,
        lp_weight=lp_weights,
        sign=("happy", "sad"),
        seeds=[4],
        num_steps=num_steps,
    ).squeeze("seed")
    start = start_images([4], (8, 8, 1))[0]
    for sign, factor in (("happy", 1), ("sad", -1)):
        for name, score in (
            ("out[0]", linear_score(kernel[:, 0], bias[0], factor)),
            ("quadratic", quadratic_score(kernel, bias, factor)),
        ):
            for lp_weight in lp_weights:
                for tv_weight in tv_weights:
                    images, losses, scores = climb(
                        score, start, (lp_weight, tv_weight), num_steps=num_steps
                    )
                    one = found.sel(
                        sign=sign,
                        objective=name,
                        lp_weight=lp_weight,
                        tv_weight=tv_weight,
                    )
                    np.testing.assert_allclose(
                        one.loss_history, losses, rtol=1e-3, atol=1e-3
                    )
                    np.testing.assert_allclose(
                        one.score_history, scores, rtol=1e-3, atol=1e-3
                    )
                    best = one.best_step.item()
                    assert losses[best] == pytest.approx(losses.min(), abs=1e-3)
                    np.testing.assert_allclose(one.image, images[best], atol=2e-4)
                    for name_of, penalty in (("lp", lp_norm), ("tv", total_variation)):
                        assert one[f"penalty_{name_of}"].item() == pytest.approx(
                            penalty(images[best])[0], rel=1e-3
                        )


def test_the_optimum_of_a_linear_unit_is_the_sign_of_its_weights(linear_network):
    weights = linear_network.get_layer("out").get_weights()[0][:, 0].reshape(8, 8)
    result = maximize(
        linear_network,
        unit("out", 0),
        regularizers=NONE,
        sign=("happy", "sad"),
        input_range=(-1, 1),
        num_steps=40,
        learning_rate=0.1,
    )
    happy, sad = result.image.squeeze()
    np.testing.assert_array_equal(happy, np.sign(weights))
    np.testing.assert_array_equal(sad, -np.sign(weights))
    reached = np.abs(weights).sum()
    np.testing.assert_allclose(
        result.score_end.squeeze(), [reached + 0.25, reached - 0.25], rtol=1e-5
    )


def test_the_optimum_of_a_filter_is_the_edge_it_looks_for(sobel_network):
    result = maximize(
        sobel_network,
        [neuron("edges", 0, (2, 3)), direction("edges", [1, 0])],
        regularizers=NONE,
        num_steps=60,
        learning_rate=0.1,
    )
    # Under a 3x3 window dark on the left and bright on the right scores 1 + 2 + 1.
    window = result.image[0, 0, 2:5, 3:6, 0].values
    np.testing.assert_array_equal(window[:, [0, 2]], [[0, 1]] * 3)
    assert result.score_end[0, 0].item() == 4
    assert result.score_end[1, 0] > 0.5


def test_images_stay_in_the_box(linear_network):
    result = maximize(
        linear_network, unit("out", 0), input_range=(0.25, 0.5), learning_rate=0.5,
        num_steps=5, seeds=3,
    )  # fmt: skip
    assert result.image.min() == 0.25
    assert result.image.max() == 0.5


def test_a_huge_total_variation_weight_makes_the_map_flat(linear_network, checkerboard):
    board = 0.5 + 0.1 * checkerboard[None, :, :, None]
    result = maximize(
        linear_network,
        unit("out", 1),
        regularizers=[TotalVariation(1e6)],
        seed_input=board,
        num_steps=120,
        learning_rate=1e-3,
    )
    flat = result.image.values.ravel()[:-1]  # no difference reaches the last corner
    assert flat.std() < 0.05 * board.std()
    assert result.diagnosis.item() == "regularizer dominates"


@pytest.fixture(scope="module")
def various(nested_network):
    """Return objectives on four layers, a network, and their maps."""
    objectives = [
        unit("logits", 1),
        channel("conv", 2),
        unit("logits", 0),
        neuron("relu", 0, (1, 2)),
        2 * channel("conv", 0) - channel("conv", 1),
        layer("pool"),
    ]
    maps = maximize(nested_network, objectives, seeds=[3, 1], num_steps=6)
    return nested_network, objectives, maps


def test_the_image_returned_is_the_one_that_scored(various):
    model, objectives, maps = various
    for position, objective in enumerate(objectives):
        one = maps.isel(objective=position)
        again = score_images(model, objective, one.image.values)
        np.testing.assert_allclose(again[0], one.score_end, rtol=1e-5, atol=1e-5)
        start = score_images(model, objective, start_images([3, 1], (8, 8, 3)))
        np.testing.assert_allclose(start[0], one.score_start, rtol=1e-5, atol=1e-5)
    best = maps.best_step
    xr.testing.assert_equal(
        maps.loss_history.isel(step=best), maps.loss_history.min("step")
    )
    xr.testing.assert_equal(maps.score_history.isel(step=best), maps.score_end)


def test_the_least_loss_counts_and_not_the_last_or_the_highest_score(linear_network):
    # Steps of a tenth of the range overshoot, so the loss goes up and down.
    result = maximize(
        linear_network,
        unit("out", 0),
        regularizers=[TotalVariation(50.0)],
        seeds=3,
        num_steps=60,
        learning_rate=0.1,
    )
    best = result.best_step
    assert (result.score_history.argmax("step") != best).any()
    assert (best < 60).any()
    xr.testing.assert_equal(result.loss_history.argmin("step").astype("int32"), best)
    again = score_images(linear_network, unit("out", 0), result.image[0].values)
    np.testing.assert_allclose(again, result.score_end, rtol=1e-5, atol=1e-5)


def test_steps_are_counted_on_past_the_first_look_at_the_progress(linear_network):
    result = maximize(
        linear_network,
        unit("out", 0),
        regularizers=NONE,
        num_steps=30,
        learning_rate=1e-3,
    )
    assert result.best_step.item() == 30
    assert (np.diff(result.loss_history.squeeze()) < 0).all()


def test_the_loss_is_the_weighted_penalties_less_the_score(various):
    best = various[2].isel(step=various[2].best_step)
    expected = 10 * best.penalty_lp + 0.01 * best.penalty_tv - best.score_end
    np.testing.assert_allclose(best.loss_history, expected, rtol=1e-5, atol=1e-6)


def test_objectives_of_different_layers_keep_their_order(various):
    model, objectives, maps = various
    assert list(maps.objective.values) == [objective.name for objective in objectives]
    for position in (1, 2):
        alone = maximize(model, objectives[position], seeds=[1], num_steps=6)
        np.testing.assert_allclose(
            alone.image[0, 0], maps.image[position, 1], atol=1e-4
        )


def test_a_map_does_not_depend_on_the_rest_of_the_batch(sobel_network):
    options = {"num_steps": 4, "learning_rate": 0.01}
    objectives = [channel("edges", index) for index in (0, 1)]
    many = maximize(sobel_network, objectives, seeds=20, batch_size=1, **options)
    again = maximize(sobel_network, objectives, seeds=20, batch_size=64, **options)
    np.testing.assert_allclose(again.image, many.image, atol=1e-6)
    alone = maximize(sobel_network, objectives[1], seeds=[17], **options)
    np.testing.assert_allclose(alone.image[0, 0], many.image[1, 17], atol=1e-6)
    np.testing.assert_allclose(
        alone.loss_history[0, 0], many.loss_history[1, 17], atol=1e-6
    )


def test_the_same_call_gives_the_same_bits_whatever_numpy_drew(sobel_network):
    first = maximize(sobel_network, channel("edges", 0), seeds=2, num_steps=4)
    np.random.seed(0)  # noqa: NPY002 - the global generator is what must not matter
    second = maximize(sobel_network, channel("edges", 0), seeds=2, num_steps=4)
    xr.testing.assert_identical(first, second)


def test_a_network_for_bytes_has_the_same_map_in_its_own_range(keras, linear_network):
    inputs = keras.Input((8, 8, 1))
    scaled = keras.layers.Rescaling(1 / 255)(inputs)
    scaled_network = keras.Model(inputs, linear_network(scaled))
    of_units = sweep(
        linear_network,
        unit("out", 0),
        lp_weight=(0.0, 300.0),
        tv_weight=(0.0, 2.0),
        num_steps=5,
    )
    of_bytes = sweep(
        scaled_network,
        unit("out", 0),
        lp_weight=(0.0, 300.0 / 255),
        tv_weight=(0.0, 2.0 / 255**2),
        num_steps=5,
        input_range=(0, 255),
    )
    for name, factor in (("image", 255), ("score_end", 1), ("loss_history", 1)):
        np.testing.assert_allclose(
            of_bytes[name], factor * of_units[name], rtol=1e-4, atol=2e-4 * factor
        )


def test_two_signs_are_a_dimension_and_one_is_none(linear_network):
    both = maximize(linear_network, unit("out", 0), sign=("sad", "happy"), num_steps=2)
    assert both.image.dims == ("sign", "objective", "seed", "y", "x", "color")
    assert list(both.sign.values) == ["sad", "happy"]
    alone = maximize(linear_network, unit("out", 0), sign="happy", num_steps=2)
    assert alone.image.dims == both.image.dims[1:]
    assert alone.sign.item() == "happy"
    xr.testing.assert_allclose(alone, both.sel(sign="happy"), atol=1e-6)


def test_a_sweep_is_a_call_of_maximize_at_each_point(sobel_network):
    options = {"seeds": [5, 2], "num_steps": 4, "sign": "sad"}
    objectives = [channel("edges", 1), neuron("edges", 0)]
    grid = sweep(
        sobel_network, objectives, tv_weight=(0.0, 3.0), lp_weight=(1, 40), **options
    )
    assert grid.image.dims[:4] == ("objective", "tv_weight", "lp_weight", "seed")
    for tv_weight, lp_weight in ((0.0, 40), (3.0, 1)):
        alone = maximize(
            sobel_network,
            objectives,
            regularizers=[LpNorm(lp_weight), TotalVariation(tv_weight)],
            **options,
        )
        point = grid.sel(tv_weight=tv_weight, lp_weight=lp_weight)
        xr.testing.assert_allclose(
            point.drop_vars(["tv_weight", "lp_weight"]), alone, atol=1e-6
        )


def test_a_sum_of_objectives_climbs_its_own_score(linear_network):
    a, b = unit("out", 0), unit("out", 1)
    result = maximize(linear_network, 2 * a - b, **FREE)
    parts = score_images(linear_network, [a, b], result.image[0].values)
    assert result.score_end.item() == pytest.approx(
        2 * parts[0, 0].item() - parts[1, 0].item(), rel=1e-6
    )


def test_no_steps_score_the_start(linear_network):
    result = maximize(linear_network, unit("out", 0), num_steps=0, seeds=2)
    np.testing.assert_array_equal(result.image[0], start_images([0, 1], (8, 8, 1)))
    np.testing.assert_array_equal(result.score_end, result.score_start)
    assert result.sizes["step"] == 1
    assert (result.best_step == 0).all()
    assert (result.diagnosis == "ok").all()


def test_starts_have_the_middle_and_a_twentieth_of_the_range():
    starts = start_images([0, 9], (8, 8, 3), (-100, 300)).astype(np.float64)
    np.testing.assert_allclose(starts.mean(axis=(1, 2, 3)), 100, rtol=1e-5)
    np.testing.assert_allclose(starts.std(axis=(1, 2, 3)), 20, rtol=1e-5)
    noise = np.random.default_rng(9).random((8, 8, 3))
    expected = 100 + 20 * (noise - noise.mean()) / noise.std()
    np.testing.assert_allclose(starts[1], expected, rtol=1e-5)


def test_the_starts_of_rows_and_signals_are_in_their_own_ranges():
    low, high = np.array([0.0, -10, 5], np.float32), np.array([1.0, 10, 9], np.float32)
    noise = np.random.default_rng(4).random(3)
    shares = 0.5 + 0.05 * (noise - noise.mean()) / noise.std()
    (start,) = start_images([4], (3,), (low, high))
    np.testing.assert_allclose(start, low + (high - low) * shares, rtol=1e-5)
    np.testing.assert_array_equal(start_images([4], (1,), (2, 4)), [[3]])


def test_starts_may_be_images_of_bytes(linear_network):
    bytes_given = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    before = bytes_given.copy()
    result = maximize(
        linear_network,
        unit("out", 0),
        seed_input=bytes_given,
        input_range=(0, 255),
        num_steps=0,
    )
    np.testing.assert_array_equal(result.image[0], bytes_given)
    np.testing.assert_array_equal(bytes_given, before)
    assert list(result.seed.values) == [0, 1]


def test_starts_outside_the_range_are_brought_into_it(linear_network):
    given = np.full((1, 8, 8, 1), 7.0)
    result = maximize(linear_network, unit("out", 0), seed_input=given, num_steps=0)
    np.testing.assert_array_equal(result.image, np.ones((1, 1, 8, 8, 1)))


def test_options_may_come_from_numpy(linear_network):
    plain = maximize(
        linear_network,
        unit("out", 0),
        seeds=2,
        input_range=(0, 255),
        num_steps=30,
        learning_rate=0.25,
    )
    numpys = maximize(
        linear_network,
        unit("out", 0),
        seeds=np.int64(2),
        input_range=np.array([0, 255]),
        num_steps=np.int64(30),
        learning_rate=np.float32(0.25),
        batch_size=np.uint8(32),
    )
    xr.testing.assert_identical(plain, numpys)


def test_an_image_that_is_not_a_number_does_not_touch_the_others(sobel_network):
    starts = start_images([0, 1, 2], (8, 8, 1))
    clean = maximize(sobel_network, channel("edges", 0), seed_input=starts, num_steps=4)
    starts[1, 2, 2] = np.nan
    spoiled = maximize(
        sobel_network, channel("edges", 0), seed_input=starts, num_steps=4
    )
    assert list(spoiled.diagnosis[0].values) == ["ok", "not finite", "ok"]
    xr.testing.assert_identical(
        spoiled.isel(seed=[0, 2]).drop_vars("diagnosis"),
        clean.isel(seed=[0, 2]).drop_vars("diagnosis"),
    )


def test_a_network_in_half_precision_is_climbed(keras, checkerboard):
    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(inputs)
    out = keras.layers.Dense(1, activation="relu", dtype="mixed_float16", name="out")
    model = keras.Model(inputs, out(flat))
    out.set_weights([checkerboard.reshape(64, 1), np.zeros(1)])
    result = maximize(
        model, unit("out", 0), regularizers=NONE, num_steps=30, learning_rate=0.1
    )
    assert result.image.dtype == np.float32
    np.testing.assert_array_equal(result.image.squeeze(), checkerboard > 0)
    assert result.score_end.item() == 16  # 32 bright pixels of weight 0.5


def test_regularizers_of_ones_own_are_charged(linear_network):
    class Smooth(TotalVariation):
        name = "smooth"

    twice = maximize(
        linear_network,
        unit("out", 0),
        regularizers=[TotalVariation(1.0), Smooth(1.0)],
        num_steps=3,
    )
    once = maximize(
        linear_network, unit("out", 0), regularizers=[TotalVariation(2.0)], num_steps=3
    )
    np.testing.assert_allclose(twice.loss_history, once.loss_history, rtol=1e-5)
    np.testing.assert_array_equal(twice.penalty_smooth, twice.penalty_tv)


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("sobel_network", channel("edges", 0)),
        ("nested_network", channel("conv", 0) + unit(-1, 0)),
    ],
)
def test_the_network_is_left_as_it_was(
    request, network_state, name, objective, tmp_path
):
    model = request.getfixturevalue(name)
    images = np.random.default_rng(0).random((2, *model.input_shape[1:]))
    before, outputs = network_state(model), np.asarray(model(images, training=False))
    maximize(model, objective, num_steps=1)
    assert network_state(model) == before
    np.testing.assert_array_equal(model(images, training=False), outputs)
    model.save(tmp_path / "network.keras")
    loaded = type(model).from_config(model.get_config())
    loaded.load_weights(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded(images, training=False), outputs)


class Interrupted(TotalVariation):
    """A regularizer during which something goes wrong."""

    reason = RuntimeError

    def __call__(self, images):
        raise self.reason


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_the_network_is_left_as_it_was_by_a_call_that_fails(
    sobel_network, network_state, monkeypatch, reason
):
    monkeypatch.setattr(Interrupted, "reason", reason)
    before = network_state(sobel_network)
    with pytest.raises(reason):
        maximize(sobel_network, channel("edges", 0), regularizers=[Interrupted()])
    assert network_state(sobel_network) == before
    again = maximize(sobel_network, channel("edges", 0), num_steps=1)
    assert again.diagnosis.item() == "ok"


@pytest.fixture
def bars(monkeypatch):
    """Return the progress bars made: total, description, and the updates."""
    made = []

    class Bar:
        def __init__(self, total, description, unit):
            self.total, self.description, self.updates = total, description, []
            made.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.updates.append("closed")

        def update(self, count):
            self.updates.append(count)

    monkeypatch.setattr("happymaps.maps.engine.grid.progress_bar", Bar)
    return made


def test_progress_counts_each_step_of_each_map_once(sobel_network, bars, monkeypatch):
    monkeypatch.setattr(batch_sizes, "num_threads", lambda: 1)
    maximize(
        sobel_network,
        [channel("edges", 0), unit("head", 0), channel("edges", 1)],
        seeds=9,
        num_steps=30,
        batch_size=16,
    )
    (bar,) = bars
    assert bar.description == "27 maps"
    assert bar.total == 27 * 31
    assert bar.updates[-1] == "closed"
    assert sum(bar.updates[:-1]) == bar.total
    assert len(bar.updates[:-1]) == (2 + 1) * 2  # batches, each 25 steps and 6


def test_a_batch_run_is_silent(linear_network, capfd):
    maximize(linear_network, unit("out", 0), num_steps=1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, r"seeds must be a count >= 1 or different.*Received: 0\."),
        ({"seeds": -2}, r"seeds must be .*Received: -2\."),
        ({"seeds": []}, r"seeds must be .*Received: \[\]"),
        ({"seeds": [1, 1]}, r"seeds must be .*Received: \[1, 1\]"),
        ({"seeds": [1, -1]}, r"seeds must be .*Received: \[1, -1\]"),
        ({"seeds": [0.5]}, r"seeds must be .*Received: \[0\.5\]"),
        ({"seed_input": np.zeros((8, 8, 1))}, r"\(count, 8, 8, 1\)\. Received: \(8, "),
        ({"seed_input": np.zeros((1, 8, 8, 3))}, r"8, 1\)\. Received: \(1, 8, 8, 3\)"),
        ({"seed_input": np.zeros((0, 8, 8, 1))}, r"at least one image.*Leave it out"),
        ({"sign": "glad"}, r"sign must be one of 'happy', 'sad'. Received: 'glad'"),
        ({"sign": ()}, r"at least one sign, each once\. Received: \[\]\. Use 'happy'"),
        ({"sign": ["sad", "sad"]}, r"each once\. Received: \['sad', 'sad'\]"),
        ({"activation": "relu"}, r"activation must be one of 'leaky', 'pre', 'post'"),
        ({"input_range": (1, 0)}, r"\(lowest, highest\), finite\. Received: \(1, 0\)"),
        ({"input_range": (0, np.inf)}, r"\(lowest, highest\).*\(0, inf\)\. Give"),
        ({"input_range": (0,)}, r"\(lowest, highest\).*Received: \(0,\)"),
        ({"input_range": 255}, r"\(lowest, highest\).*Received: 255\. .*\(0, 255\)"),
        ({"num_steps": -1}, r"num_steps must be a whole number >= 0\. Received: -1"),
        ({"num_steps": 2.0}, r"num_steps must be a whole number >= 0\. Received: 2\.0"),
        ({"batch_size": 0}, r"batch_size must be a whole number >= 1\. Received: 0"),
        ({"learning_rate": 0}, r"learning_rate is a share.* > 0\. Received: 0"),
        ({"learning_rate": np.nan}, r"learning_rate is a share.* > 0\. Received: nan"),
        ({"regularizers": TotalVariation()}, r"sequence of regularizers.*or \(\) for"),
        ({"regularizers": [TotalVariation]}, r"sequence of regularizers.*<class"),
        ({"regularizers": ["tv"]}, r"sequence of regularizers.*\['tv'\]"),
        ({"regularizers": [LpNorm(), LpNorm(p=2)]}, r"name once.*\['lp', 'lp'\]"),
    ],
)
def test_an_option_out_of_its_range_is_refused(linear_network, options, message):
    with pytest.raises(ValueError, match=message):
        maximize(linear_network, unit("out", 0), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tv_weight": ()}, r"at least one weight of TotalVariation.*Received: \[\]"),
        ({"tv_weight": (1, 1.0)}, r"each once\. Received: \[1, 1\.0\]"),
        ({"lp_weight": (0, -1)}, r"LpNorm needs a finite weight >= 0\. Received: -1"),
        ({"sign": ("happy", "happy")}, "at least one sign, each once"),
        ({"num_steps": -1}, "num_steps must be a whole number"),
    ],
)
def test_a_sweep_refuses_what_maximize_does_and_bad_grids(
    linear_network, options, message
):
    with pytest.raises(ValueError, match=message):
        sweep(linear_network, unit("out", 0), **options)


def test_a_sweep_takes_arrays_of_weights(linear_network):
    grid = sweep(
        linear_network, unit("out", 0), tv_weight=np.array([0, 5]), num_steps=0
    )
    assert list(grid.tv_weight.values) == [0, 5]


def test_a_layer_that_the_network_lacks_is_answered_with_the_list(nested_network):
    with pytest.raises(ValueError) as error:
        maximize(nested_network, channel("convolution", 0))
    assert str(error.value) == (
        "Unknown layer 'convolution'. Expected one of: trunk, trunk/scale, "
        "trunk/backbone, trunk/backbone/conv, trunk/backbone/norm, "
        "trunk/backbone/relu, drop, pool, logits, probabilities."
    )


def test_two_objectives_of_one_name_are_refused(linear_network):
    with pytest.raises(
        ValueError, match=r"several named \['out\[0\]'\]\. Give them na"
    ):
        maximize(linear_network, [unit("out", 0), unit("out", 0)])

"""Compiled loops are kept for the next call, and never for another network."""

import gc
import weakref

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.maps.engine import compile_cache, compiling
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import channel, unit
from happymaps.maps.regularizers import LpNorm, Penalty, TotalVariation
from happymaps.maps.transforms import Jitter
from happymaps.networks.models import build_cnn


@pytest.fixture(autouse=True)
def _nothing_kept():
    compile_cache._KEPT.clear()


@pytest.fixture
def model():
    return build_cnn((12, 13, 1), 2, filters=(4,), dense_units=(3,))


def images(model, objective, **options):
    options = {"regularizers": (), "num_steps": 3} | options
    return maximize(model, objective, **options)["image"].values


def kept() -> int:
    return len(compile_cache._KEPT)


def test_one_loop_serves_all_channels_of_a_layer(model):
    for index in range(3):
        images(model, channel("conv2d_1", index))
    assert kept() == 1
    images(model, unit("dense_1", 0))
    assert kept() == 2


def test_a_kept_loop_gives_what_a_new_one_gives(model):
    images(model, channel("conv2d_1", 0), regularizers=[TotalVariation(1.0)])
    again = images(model, channel("conv2d_1", 1), regularizers=[TotalVariation(5.0)])
    assert kept() == 1
    compile_cache._KEPT.clear()
    fresh = images(model, channel("conv2d_1", 1), regularizers=[TotalVariation(5.0)])
    np.testing.assert_array_equal(again, fresh)


def test_weights_of_regularizers_share_a_loop(model):
    rough = images(model, channel("conv2d_1", 0), regularizers=[TotalVariation(0.0)])
    smooth = images(model, channel("conv2d_1", 0), regularizers=[TotalVariation(1e4)])
    assert kept() == 1
    assert np.abs(smooth - rough).max() > 0.01


@pytest.mark.parametrize("transforms", [(), (Jitter(2),)])
def test_one_loop_serves_any_number_of_steps(model, transforms):
    options = {"transforms": transforms, "seeds": 2}
    for steps in (30, 0, 5):
        found = images(model, channel("conv2d_1", 0), num_steps=steps, **options)
    assert kept() == 1
    compile_cache._KEPT.clear()
    fresh = images(model, channel("conv2d_1", 0), num_steps=5, **options)
    np.testing.assert_array_equal(found, fresh)


@pytest.mark.parametrize(
    "objective", [channel("conv2d_1", 0), channel("pool_1", 1), unit("dense_2", 1)]
)
def test_networks_of_one_form_share_a_loop_and_nothing_else(model, objective):
    first = images(model, objective)
    other = build_cnn((12, 13, 1), 2, filters=(4,), dense_units=(3,), seed=9)
    second = images(other, objective)
    assert kept() == 1
    assert np.abs(second - first).max() > 0.01
    compile_cache._KEPT.clear()
    np.testing.assert_array_equal(images(other, objective), second)
    model.set_weights(other.get_weights())
    np.testing.assert_array_equal(images(model, objective), second)
    assert kept() == 1


def test_networks_of_another_form_do_not_share_a_loop(model):
    def change_convolutions(**options):
        config = model.get_config()
        for layer in config["layers"]:
            if layer["class_name"] == "Conv2D":
                layer["config"] |= options
        return keras.Model.from_config(config)

    networks = [
        model,
        build_cnn((12, 13, 1), 2, filters=(5,), dense_units=(3,)),
        build_cnn((12, 13, 1), 2, filters=(4,), dense_units=(4,)),
        change_convolutions(activation="elu"),
        change_convolutions(use_bias=False),
    ]
    for count, network in enumerate(networks, start=1):
        images(network, unit("dense_2", 0))
        assert kept() == count


def test_what_layers_have_seen_is_not_taken_for_that_of_others():
    def network(values):
        seen = keras.layers.Normalization()
        seen.adapt(np.array(values)[:, None])
        return keras.Sequential(
            [keras.Input((5, 5, 1)), seen, keras.layers.Conv2D(1, 3, name="looked_at",
             kernel_initializer="ones")]
        )  # fmt: skip

    scores = [
        maximize(
            network(values), channel("looked_at", 0), num_steps=0, activation="pre"
        )
        for values in ([0.0, 2.0], [4.0, 6.0])
    ]
    apart = scores[0].score_start.item() - scores[1].score_start.item()
    assert apart == pytest.approx(9 * 4, rel=1e-4)


def test_a_layer_called_twice_is_not_two_layers():
    def network(*, same: bool):
        first = keras.layers.Conv2D(1, 3, padding="same", kernel_initializer="ones")
        other = first if same else keras.layers.Conv2D(1, 3, padding="same", name="b")
        inputs = keras.Input((5, 5, 1))
        values = keras.layers.Conv2D(1, 3, name="looked_at")(other(first(inputs)))
        return keras.Model(inputs, values)

    for same in (True, False):
        images(network(same=same), channel("looked_at", 0))
    assert kept() == 2


def test_options_that_change_the_loop_take_a_new_one(model):
    objective = channel("conv2d_1", 0)
    fast = images(model, objective, learning_rate=0.1)
    slow = images(model, objective, learning_rate=0.01)
    wide = images(model, objective, input_range=(0, 255))
    assert kept() == 3
    assert np.abs(fast - slow).max() > 0.1
    assert wide.max() > 100


def test_functions_of_the_user_are_never_kept(model):
    factor = 1.0
    regularizer = Penalty(lambda values: factor * values[:, 0, 0, 0], weight=1e4)
    up = images(model, channel("conv2d_1", 0), regularizers=[regularizer])
    factor = -1.0
    down = images(model, channel("conv2d_1", 0), regularizers=[regularizer])
    assert kept() == 0
    assert up[0, 0, 0, 0] < down[0, 0, 0, 0]


@pytest.mark.parametrize("is_small", [True, False])
def test_a_kept_loop_holds_no_network(monkeypatch, is_small):
    monkeypatch.setattr(compiling.single_thread, "pays", lambda _: is_small)
    model = build_cnn((12, 13, 1), 2, filters=(4,), dense_units=(3,))
    images(model, unit("dense_2", 0))
    gone = weakref.ref(model)
    del model
    keras.utils.clear_session()
    gc.collect()
    assert gone() is None


def test_only_so_many_loops_are_kept(model, monkeypatch):
    monkeypatch.setattr(compile_cache, "_MOST", 2)
    for rate, expected in ((0.1, 1), (0.2, 2), (0.3, 2)):
        images(model, channel("conv2d_1", 0), learning_rate=rate)
        assert kept() == expected


def test_the_loop_can_be_compiled_as_a_whole(model, monkeypatch):
    charged = {"regularizers": [LpNorm(), TotalVariation()]}
    plain = images(model, unit("dense_2", 0), **charged)
    monkeypatch.setattr(compiling, "has_gpu", lambda: True)
    compile_cache._KEPT.clear()
    compiled = images(model, unit("dense_2", 0), **charged)
    compile_cache._KEPT.clear()
    np.testing.assert_allclose(compiled, plain, atol=1e-4)


class Times(keras.layers.Layer):
    """A layer whose config does not follow its factor."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, values):
        return values * self.factor


def ends_after(change, layer):
    """Return the scores of a start before and after a change of a layer."""
    inputs = keras.Input((5,))
    units = keras.layers.Dense(2, name="units", kernel_initializer="ones")
    model = keras.Model(inputs, units(layer(inputs)))
    options = {"num_steps": 0, "activation": "pre"}
    before = maximize(model, unit("units", 0), **options).score_start.item()
    change()
    return before, maximize(model, unit("units", 0), **options).score_start.item()


def test_a_changed_layer_of_the_user_is_seen():
    layer = Times(1.0)
    before, after = ends_after(lambda: setattr(layer, "factor", 3.0), layer)
    assert (before, after) == pytest.approx((2.5, 7.5))


def test_a_changed_surrounding_of_a_function_is_seen():
    factors = [1.0]
    layer = keras.layers.Lambda(lambda values: values * factors[0])
    before, after = ends_after(lambda: factors.append(factors.pop() * 3), layer)
    assert (before, after) == pytest.approx((2.5, 7.5))


def test_a_callback_is_let_go_with_what_it_holds():
    model = build_cnn((12, 13, 1), 2, filters=(4,), dense_units=(3,))
    images(model, channel("conv2d_1", 0), callback=lambda *_, held=model: None)
    gone = weakref.ref(model)
    del model
    keras.utils.clear_session()
    gc.collect()
    assert gone() is None

"""Where total variation halves the gain: an independent optimizer on linear units."""

import numpy as np
import pytest
from scipy import optimize

import happymaps as hm
from experiments.experiment1.measures.tv_weight_rule import measure_tv_weights

SIDE = 16
SIZE = SIDE * SIDE


@pytest.fixture(scope="module")
def kernel():
    columns = np.random.default_rng(1).normal(size=(SIZE, 2))
    return columns - columns.mean(axis=0)


@pytest.fixture(scope="module")
def linear(keras, kernel, tmp_path_factory):
    """Return the path of a linear layer of two units, and of the same behind /255."""
    paths = []
    for scale in (1.0, 1 / 255):
        inputs = keras.Input((SIDE, SIDE, 1))
        layer = keras.layers.Dense(2, name="out")
        values = keras.layers.Rescaling(scale)(inputs)
        model = keras.Model(inputs, layer(keras.layers.Flatten()(values)))
        layer.set_weights([kernel, np.zeros(2)])
        path = tmp_path_factory.mktemp("tv") / "linear.keras"
        paths.append(str(hm.networks.save_model(model, path)))
    return paths


@pytest.fixture(scope="module")
def found(linear):
    return measure_tv_weights(model=linear[0], num_units=2, num_steps=80)


def best_gain(slope: np.ndarray, weight: float) -> float:
    """Return the gain over gray of the best image, by another optimizer."""

    def loss(values):
        image = values.reshape(SIDE, SIDE)
        down = image[1:, :-1] - image[:-1, :-1]
        across = image[:-1, 1:] - image[:-1, :-1]
        steep = np.zeros_like(image)
        steep[1:, :-1] += down
        steep[:-1, 1:] += across
        steep[:-1, :-1] -= down + across
        charged = weight / SIZE * ((down**2).sum() + (across**2).sum())
        return charged - slope @ values, 2 * weight / SIZE * steep.ravel() - slope

    done = optimize.minimize(
        loss, np.full(SIZE, 0.5), jac=True, bounds=[(0, 1)] * SIZE, method="L-BFGS-B"
    )
    return float(slope @ (done.x - 0.5))


def test_rule_is_the_balance_of_the_slopes(found, kernel):
    rms = np.sqrt((kernel**2).mean(axis=0))
    for kind in ("leaky", "pre"):
        rule = found.rule_weight.sel(activation=kind)
        np.testing.assert_allclose(rule, SIZE * rms, rtol=1e-5)
    np.testing.assert_allclose(found.brightness, 0, atol=1e-5)


@pytest.mark.parametrize("unit", [0, 1])
def test_half_weight_is_that_of_an_independent_optimizer(found, kernel, unit):
    slope = kernel[:, unit]
    free = best_gain(slope, 0.0)
    half = optimize.brentq(
        lambda power: best_gain(slope, 10**power) / free - 0.5, 0, 5, xtol=0.02
    )
    measured = np.log10(found.half_weight.sel(activation="leaky").values[unit])
    assert measured == pytest.approx(half, abs=0.12)


def test_quality_lies_between_nothing_and_the_gain(found):
    assert found.quality.dims == ("activation", "unit", "tv_weight")
    assert float(found.quality.min()) >= 0
    assert bool((found.quality <= np.maximum(found.relative_gain, 0) + 1e-6).all())


def test_rule_and_measure_scale_with_one_over_the_range_squared(found, linear):
    scaled = measure_tv_weights(
        model=linear[1], num_units=2, num_steps=80, highest_pixel=255.0
    )
    for name in ("rule_weight", "half_weight"):
        np.testing.assert_allclose(scaled[name] * 255**2, found[name], rtol=0.05)


def test_one_start_is_refused():
    with pytest.raises(ValueError, match=r"num_starts must be >= 2\. Received: 1"):
        measure_tv_weights(num_starts=1)


def test_unit_that_wants_brightness_halves_far_beyond_the_rule(keras, tmp_path):
    inputs = keras.Input((SIDE, SIDE, 1))
    mean = keras.layers.GlobalAveragePooling2D(name="out")
    layer = keras.layers.Dense(1, name="last")
    model = keras.Model(inputs, layer(mean(inputs)))
    layer.set_weights([np.ones((1, 1)), np.zeros(1)])
    found = measure_tv_weights(
        model=str(hm.networks.save_model(model, tmp_path / "mean.keras")), num_steps=60
    )
    assert found.brightness.values == pytest.approx(1, abs=1e-4)
    # Smoothing cannot oppose a shift: only the steps that it takes are lost.
    assert (found.half_weight > 10 * found.rule_weight).all()

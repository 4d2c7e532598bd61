"""Maps of a fixed amplitude spectrum, and what becomes transparent in them."""

import numpy as np
import pytest

import happymaps as hm
from happymaps.backend import keras, tf
from happymaps.maps.maco import fade, fit_maco


@pytest.mark.parametrize("shape", [(6, 8, 3), (7, 9, 1), (7, 8, 2), (9, 2), (8, 1)])
def test_whatever_the_phases_the_amplitudes_are_the_mean_ones(shape):
    rng = np.random.default_rng(0)
    images = rng.random((5, *shape))
    maco, axes = fit_maco(images), tuple(range(1, len(shape)))
    phases = np.stack([maco.encode(each, 0, 1, is_noise=True) for each in images[:2]])
    phases += rng.uniform(-9, 9, phases.shape).astype(np.float32)
    made = maco.decode(tf.constant(phases), -99.0, 99.0, shape).numpy() @ maco.colors
    found = np.abs(np.fft.rfftn(made, axes=axes))
    np.testing.assert_allclose(found, np.abs(maco.amplitudes)[None].repeat(2, 0),
                               atol=1e-5)  # fmt: skip
    average = (images @ maco.colors).mean(axis=(0, *axes))
    for each in made.mean(axis=axes):
        np.testing.assert_allclose(each, average, atol=1e-6)
    mean = np.abs(np.fft.rfftn(images @ maco.colors, axes=axes)).mean(axis=0)
    np.testing.assert_allclose(maco.amplitudes[..., 1:, :], mean[..., 1:, :], rtol=1e-9)


def test_gradients_add_up_to_where_a_linear_network_looks():
    inputs = keras.Input((5, 6, 2))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))
    kernel = np.random.default_rng(1).normal(size=(60, 1)).astype(np.float32)
    model.set_weights([kernel, np.zeros(1)])
    maco = fit_maco(np.random.default_rng(2).random((6, 5, 6, 2)))
    maps = hm.maximize(model, hm.logit(0), parameterization=maco, regularizers=(),
                       seeds=2, num_steps=7)  # fmt: skip
    assert (maps.score_end > maps.score_start).all()
    expected = np.abs(kernel).reshape(5, 6, 2).sum(axis=-1)
    for found in maps.accumulated_gradient.values[0]:
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert "accumulated_gradient" not in hm.maximize(model, hm.logit(0), num_steps=1)


def test_what_was_not_looked_at_is_the_background():
    gradients = np.arange(100.0).reshape(10, 10)
    faded = fade(np.zeros((10, 10, 1)), gradients, background=0.7)
    assert faded[0, :9] == pytest.approx(0.7)
    assert faded[8:] == pytest.approx(0)
    assert fade(np.zeros((4, 4, 1)), np.zeros((4, 4))) == pytest.approx(1)


def test_a_spectrum_is_that_of_one_shape():
    maco = fit_maco(np.random.default_rng(0).random((3, 6, 6, 1)))
    with pytest.raises(ValueError, match="spectrum is that of images of shape"):
        maco.check((6, 7, 1))
    with pytest.raises(ValueError, match="Expected images"):
        fit_maco(np.zeros((3, 6)))
    with pytest.raises(ValueError, match="finite"):
        fit_maco(np.full((3, 6, 6, 1), np.inf))

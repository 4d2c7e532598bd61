"""A diagnosis of a network trained behind a preprocessing, and of an ensemble."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from happymaps.backend import keras
from happymaps.datasets import Dataset, make_preprocessing
from happymaps.diagnosis.diagnose import diagnose

QUICK = {"seeds": 2, "maps_per_layer": 1, "num_steps": 2}


def by_red(mode: str) -> tuple[keras.Model, Dataset]:
    """Return a network that asks whether red is above the mean that is taken off."""
    red = make_preprocessing(mode)
    inputs = keras.Input((16, 16, 3))
    conv = keras.layers.Conv2D(2, 1, activation="relu", name="conv")
    values = keras.layers.GlobalAveragePooling2D()(conv(inputs))
    head = keras.layers.Dense(2, activation="softmax", name="head")
    model = keras.Model(inputs, head(values))
    kernel = np.zeros((1, 1, 3, 2))
    place = 2 if red.channel_order == "bgr" else 0
    kernel[0, 0, place] = [-1, 1]
    conv.set_weights([kernel, np.zeros(2)])
    head.set_weights([np.eye(2), np.zeros(2)])
    labels = np.arange(40) % 2
    images = np.random.default_rng(0).uniform(0.3, 0.7, (40, 16, 16, 3))
    middle = red.mean[-1] / 255 if mode == "caffe" else red.mean[0]
    images[..., 0] = middle + 0.01 * (2 * labels[:, None, None] - 1)
    metadata = pd.DataFrame({"file": range(40)})
    return model, Dataset(
        "x", images.astype(np.float32), labels, ("cool", "warm"), metadata
    )


# Fed wrongly, its units are off, and that is told too.
@pytest.mark.filterwarnings("ignore:The gradient of")
@pytest.mark.parametrize("mode", ["caffe", "torch"])
def test_a_network_is_diagnosed_as_it_was_trained(mode):
    model, data = by_red(mode)
    wrong = diagnose(model, data, layers=["conv"], command="so", **QUICK)
    assert wrong.findings["performance"]["accuracy"] < 0.8
    assert wrong.findings["findings"][0]["command"] == f"so --preprocessing {mode}"
    found = diagnose(model, data, preprocessing=mode, layers=["conv"], **QUICK)
    own = model.predict(make_preprocessing(mode).apply(data.images), verbose=0)
    right = float(np.mean(own.argmax(1) == data.labels))
    assert found.findings["performance"]["accuracy"] == right == 1
    assert found.findings["model"]["name"] == model.name
    np.testing.assert_allclose(
        found.pictures["mean_image"], data.images.mean(axis=0), atol=1e-6
    )
    maps = found.units.happy_image.values
    assert np.nanmin(maps) >= 0 and np.nanmax(maps) <= 1


@pytest.mark.filterwarnings("ignore:The gradient of")  # of those with shuffled weights
def test_a_sure_ensemble_is_not_told_that_it_guesses():
    model, data = by_red("torch")
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Average()([model(inputs), model(inputs)])
    fed = make_preprocessing("torch").apply(data.images)
    model.get_layer("head").set_weights([150 * np.eye(2), np.zeros(2)])
    ensemble = keras.Model(inputs, outputs)
    own = ensemble.predict(fed, verbose=0).max(axis=1).mean()
    found = diagnose(
        ensemble, data, preprocessing="torch", layers=["conv"], **QUICK
    ).findings
    sure = found["calibration"]["mean_confidence"]
    assert sure == pytest.approx(own, abs=1e-4) and sure > 0.99


@pytest.mark.filterwarnings("ignore:The gradient of")
def test_dropout_that_is_always_on_is_told_once_and_is_off():
    model, data = by_red("torch")
    inputs = keras.Input((16, 16, 3))
    often = keras.layers.Dropout(0.9, name="often")
    outputs = model.get_layer("head")(
        often(keras.layers.GlobalAveragePooling2D()(model.get_layer("conv")(inputs)),
              training=True)
    )  # fmt: skip
    fed = make_preprocessing("torch").apply(data.images)
    data = dataclasses.replace(data, images=fed)
    with pytest.warns(UserWarning, match="Monte Carlo") as told:
        found = diagnose(
            keras.Model(inputs, outputs), data, pixel_range=(-3, 3), layers=["conv"],
            **QUICK,
        ).findings  # fmt: skip
    assert sum("Monte Carlo" in str(each.message) for each in told) == 1
    assert found["performance"]["accuracy"] == 1
    assert "'often' with training=True" in found["model"]["randomness"][0]

"""Whether one number is a logit or a measurement, by the loss and by its signs."""

import numpy as np
import pytest

from happymaps.backend import keras
from happymaps.networks.outputs import find_meaning, stated
from happymaps.networks.reading import load_model

IMAGES = np.linspace(0, 1, 40, dtype=np.float32).reshape(10, 2, 2, 1)


def one_number(bias: float, activation: str | None = None) -> keras.Model:
    """Return a network whose output is `bias` and the image's mean."""
    inputs = keras.Input((2, 2, 1))
    values = keras.layers.GlobalAveragePooling2D()(inputs)
    head = keras.layers.Dense(1, activation=activation, kernel_initializer="ones")
    model = keras.Model(inputs, head(values))
    head.bias.assign([bias])
    return model


@pytest.mark.parametrize(
    "loss",
    [
        "binary_crossentropy",
        keras.losses.BinaryCrossentropy(from_logits=True),
        keras.losses.BinaryFocalCrossentropy(from_logits=True),
        keras.losses.Hinge(),
        {"head": "binary_crossentropy"},
    ],
)
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_loss_of_classes_makes_the_number_a_logit(tmp_path, loss, ending):
    model = one_number(-5.0)
    model.layers[-1].name = "head"
    model.compile(loss=loss)
    assert find_meaning(model, IMAGES) == "logits"
    model.save(tmp_path / f"network.{ending}")
    again = load_model(tmp_path / f"network.{ending}")
    assert find_meaning(again, IMAGES) == "logits"


@pytest.mark.parametrize(
    "loss", ["mse", "mean_absolute_error", keras.losses.Huber(), keras.losses.LogCosh()]
)
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_loss_of_a_regression_is_asked_about(tmp_path, loss, ending):
    model = one_number(-0.5)
    model.compile(loss=loss)
    model.save(tmp_path / f"network.{ending}")
    for each in (model, load_model(tmp_path / f"network.{ending}")):
        with pytest.raises(ValueError, match=r"with the loss .*--outputs logits"):
            find_meaning(each, IMAGES)


def test_without_a_loss_the_signs_tell():
    assert find_meaning(one_number(-0.5), IMAGES) == "logits"
    for model in (one_number(-5.0), one_number(20.0)):
        with pytest.raises(ValueError, match="all of one sign"):
            find_meaning(model, IMAGES)
        with stated(model, "logits"):
            assert find_meaning(model, IMAGES) == "logits"


def test_a_probability_is_one_whatever_the_loss():
    model = one_number(-5.0, "sigmoid")
    model.compile(loss="mse")
    assert find_meaning(model, IMAGES) == "probabilities"

"""Networks that are random outside of training: what is silenced, and what is told."""

import warnings

import numpy as np
import pandas as pd
import pytest

from happymaps.attribution.methods.gradients import gradient
from happymaps.attribution.methods.occlusion import occlusion
from happymaps.attribution.predictions import predicted_objectives
from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import logit
from happymaps.maps.scoring import score_images
from happymaps.networks.randomness import Randomness, find_randomness
from happymaps.networks.training import evaluate

layers = keras.layers
IMAGES = np.random.default_rng(0).random((4, 8, 8, 1)).astype(np.float32)


def network(*steps, called=None):
    inputs = values = keras.Input((8, 8, 1))
    for step in steps:
        values = step(values, **(called or {}))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(values)))


class Always(layers.Dropout):
    def call(self, values, training=None):
        return super().call(values, training=True)


class Around(layers.Layer):
    """Augments with a layer inside it, without a word of training."""

    def __init__(self):
        super().__init__()
        self.flip = layers.RandomFlip()

    def call(self, values):
        return self.flip(values)


def test_a_layer_called_as_in_training_runs_as_in_predict_and_is_told():
    model = network(layers.Dropout(0.5, name="mc"), called={"training": True})
    assert find_randomness(model, IMAGES[0]) == Randomness(["mc"], [])
    with pytest.warns(UserWarning, match=r"'mc' with training=True.*model\.predict"):
        scores = score_images(model, [logit(0), logit(1)], IMAGES)
    expected = model.predict(IMAGES, verbose=0).T
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # told once
        gradient(model, logit(0), IMAGES)


def test_a_layer_that_is_random_by_itself_is_told():
    for step in (Always(0.5, name="always"), layers.Lambda(
        lambda values: values + keras.random.normal((1,)), name="always"
    )):  # fmt: skip
        model = network(step)
        assert find_randomness(model, IMAGES[0]) == Randomness([], ["always"])
        with pytest.warns(UserWarning, match=r"random outside.*'always'.*one draw"):
            occlusion(model, logit(0), IMAGES, patch=4, stride=4)


def test_the_engine_tells_too():
    model = network(Always(0.5, name="always"))
    with pytest.warns(UserWarning, match=r"random outside.*'always'"):
        maximize(model, logit(0), num_steps=1)


def test_accuracy_is_measured_as_in_predict_with_a_word_of_it():
    model = network(layers.GaussianNoise(0.9, name="noise"), called={"training": True})
    labels = model.predict(IMAGES, verbose=0).argmax(axis=1)
    table = pd.DataFrame(index=range(4))
    dataset = Dataset("own", IMAGES, labels, ("a", "b"), table)
    with pytest.warns(UserWarning, match="'noise' with training=True"):
        assert evaluate(model, dataset)["accuracy"] == 1


def test_nothing_of_the_users_network_moves_on():
    model = network(Always(0.5), layers.BatchNormalization(), called={"training": True})
    before = [np.array(variable) for variable in model.variables]
    with pytest.warns(UserWarning):
        gradient(model, logit(0), IMAGES)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "make",
    [
        Around, lambda: layers.Dropout(0.5), layers.BatchNormalization,
        lambda: keras.Sequential([keras.Input((8, 8, 1)), layers.RandomRotation(0.3)]),
        lambda: keras.Sequential([keras.Input((8, 8, 1)), Around()]),
    ],
)  # fmt: skip
def test_what_is_off_outside_of_training_is_off_and_no_word_is_said(make):
    model = network(make())
    assert find_randomness(model, IMAGES[0]) == Randomness([], [])
    expected = model.predict(IMAGES, verbose=0)[:, 1]
    found = score_images(model, logit(1), IMAGES)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def every_augmentation():
    """Return a layer of each kind that Keras has, as strong as it may be."""
    strong = {"factor": 1.0, "value_range": (0, 1)}
    jitter = {"value_range": (0, 1), "brightness_factor": 1.0}
    options = {
        layers.RandAugment: {"value_range": (0, 1)},
        layers.AugMix: {"value_range": (0, 1)},
        layers.RandomBrightness: strong,
        layers.RandomColorDegeneration: strong,
        layers.RandomColorJitter: jitter,
        layers.RandomContrast: strong,
        layers.RandomCrop: {"height": 8, "width": 8},
        layers.RandomElasticTransform: {"factor": 1.0, "scale": 1.0},
        layers.RandomErasing: {"factor": 1.0, "scale": 0.5},
        layers.RandomFlip: {},
        layers.RandomGaussianBlur: {"factor": 1.0},
        layers.RandomGrayscale: {"factor": 1.0},
        layers.RandomHue: strong,
        layers.RandomInvert: strong,
        layers.RandomPerspective: {"factor": 1.0},
        layers.RandomPosterization: {"factor": 2, "value_range": (0, 1)},
        layers.RandomRotation: {"factor": 0.5},
        layers.RandomSaturation: strong,
        layers.RandomSharpness: strong,
        layers.RandomShear: {"x_factor": 0.9, "y_factor": 0.9},
        layers.RandomTranslation: {"height_factor": 0.5, "width_factor": 0.5},
        layers.RandomZoom: {"height_factor": 0.5},
        layers.AlphaDropout: {"rate": 0.5},
        layers.GaussianDropout: {"rate": 0.5},
        layers.SpatialDropout2D: {"rate": 0.5},
    }
    return list(options.items())


@pytest.mark.parametrize(("kind", "options"), every_augmentation())
def test_augmentation_is_off_at_any_depth(kind, options):
    images = np.random.default_rng(1).random((4, 8, 8, 3)).astype(np.float32)
    inside = keras.Sequential([keras.Input((8, 8, 3)), kind(**options)])
    inputs = keras.Input((8, 8, 3))
    values = layers.Conv2D(3, 3, padding="same")(inside(kind(**options)(inputs)))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(values)))
    expected = model.predict(images, verbose=0)
    found = score_images(model, [logit(0), logit(1)], images)
    np.testing.assert_allclose(found, expected.T, rtol=1e-4, atol=1e-5)
    heat = gradient(model, logit(1), images)
    np.testing.assert_allclose(heat.score, expected[:, 1], rtol=1e-4, atol=1e-5)
    assert [each.name for each in predicted_objectives(model, images)] == [
        f"logit[{each}]" for each in expected.argmax(axis=1)
    ]

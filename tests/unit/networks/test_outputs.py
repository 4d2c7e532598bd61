"""What outputs mean, however they are written; compared with Keras's own predict."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from happymaps.attribution.evaluation.scores import watch
from happymaps.attribution.predictions import predicted_objectives
from happymaps.backend import keras, tf
from happymaps.datasets import Dataset
from happymaps.diagnosis.units.ablation import ablate
from happymaps.maps.objectives import logit
from happymaps.maps.scoring import score_images
from happymaps.networks.outputs import (
    is_softmax,
    kind_by_steps,
    output_kind,
    state_outputs,
    stated,
)
from happymaps.networks.training import evaluate, probabilities, train

L, OPS = keras.layers, keras.ops
IMAGES = np.random.default_rng(0).uniform(-3, 3, (20, 6, 6, 1)).astype(np.float32)


class OwnSoftmax(keras.layers.Layer):
    def call(self, values):
        return OPS.softmax(values)


class OwnHead(keras.layers.Layer):
    """A layer with weights whose outputs are made in a way that nothing tells."""

    def __init__(self, count, function):
        super().__init__()
        self.dense, self.function = L.Dense(count), function

    def call(self, values):
        return self.function(self.dense(values))


def dense(values, count=2, activation=None):
    return L.Dense(count, activation=activation)(L.GlobalAveragePooling2D()(values))


def inside(values, count, activation):
    inputs = keras.Input((6, 6, 1))
    return keras.Model(inputs, dense(inputs, count, activation))(values)


def several(values, count, activation, how=inside):
    return [how(values, count, activation) for _ in range(3)]


def yes_and_no(values):
    yes = dense(values, 1, "sigmoid")
    return L.Concatenate()([1 - yes, yes])


ENDS = {
    "softmax": ("softmax", lambda x: dense(x, 3, "softmax")),
    "softmax, an object": ("softmax", lambda x: dense(x, 2, L.Softmax())),
    "tf.nn.softmax": ("softmax", lambda x: dense(x, 2, tf.nn.softmax)),
    "a layer": ("softmax", lambda x: L.Softmax()(dense(x))),
    "an activation layer": ("softmax", lambda x: L.Activation(tf.nn.softmax)(dense(x))),
    "keras.ops.softmax": ("softmax", lambda x: OPS.softmax(dense(x))),
    "a layer of one's own": ("softmax", lambda x: OwnSoftmax()(dense(x))),
    "written out": (
        "softmax",
        lambda x: (lambda e: e / OPS.sum(e, axis=-1, keepdims=True))(OPS.exp(dense(x))),
    ),
    "softmax of a temperature": ("softmax", lambda x: OPS.softmax(dense(x) / 3.0)),
    "dropout behind": ("softmax", lambda x: L.Dropout(0.5)(dense(x, 2, "softmax"))),
    "average of softmaxes": (
        "softmax", lambda x: L.Average()(several(x, 2, "softmax")),
    ),
    "flattened map": (
        "softmax", lambda x: L.Flatten()(L.Conv2D(2, 6, activation="softmax")(x)),
    ),
    "mean of a softmax by pixel": (
        "softmax",
        lambda x: L.GlobalAveragePooling2D()(L.Conv2D(2, 3, activation="softmax")(x)),
    ),
    "yes and no": ("softmax", yes_and_no),
    "network inside, flattened": (
        "softmax", lambda x: L.Flatten()(inside(x, 2, "softmax")),
    ),
    "sigmoid": ("sigmoid", lambda x: dense(x, 1, "sigmoid")),
    "a function of one's own": (
        "sigmoid", lambda x: dense(x, 1, lambda z: 1 / (1 + OPS.exp(-z))),
    ),
    "keras.ops.sigmoid": ("sigmoid", lambda x: OPS.sigmoid(dense(x, 1))),
    "sigmoid, reshaped": ("sigmoid", lambda x: L.Reshape((1,))(dense(x, 1, "sigmoid"))),
    "average of sigmoids": (
        "sigmoid", lambda x: L.Average()(several(x, 1, "sigmoid")),
    ),
    "half of a sum": (
        "sigmoid", lambda x: sum(several(x, 1, "sigmoid")) / 3.0,
    ),
    "one minus": ("sigmoid", lambda x: 1 - dense(x, 1, "sigmoid")),
    "sigmoid of a mean": (
        "sigmoid",
        lambda x: OPS.sigmoid(L.GlobalAveragePooling2D()(L.Conv2D(1, 3)(x))),
    ),
    "several sigmoids": (
        "sigmoid", lambda x: L.Concatenate()(several(x, 1, "sigmoid")),
    ),
    "logits": ("linear", lambda x: dense(x)),
    "one logit": ("linear", lambda x: dense(x, 1)),
    "average of logits": ("linear", lambda x: L.Average()(several(x, 2, None))),
    "normalized logits": ("linear", lambda x: L.BatchNormalization()(dense(x))),
    "relu": ("linear", lambda x: dense(x, 2, "relu")),
    "tanh": ("linear", lambda x: dense(x, 1, "tanh")),
    "per cent": (None, lambda x: 100 * dense(x, 2, "softmax")),
    "own head": (None, lambda x: OwnHead(2, OPS.softmax)(L.Flatten()(x))),
}  # fmt: skip

NOT_OF_TWO = ("softmax", "several sigmoids", "per cent")


def build(end) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 1))
    return keras.Model(inputs, end(inputs))


def labeled(images=IMAGES, classes=("a", "b")) -> Dataset:
    metadata = pd.DataFrame({"file": range(len(images))})
    labels = np.arange(len(images)) % len(classes)
    return Dataset("toy", images, labels, tuple(classes), metadata)


@pytest.mark.parametrize("name", ENDS)
def test_the_last_steps_tell_what_outputs_are(name):
    kind, end = ENDS[name]
    assert kind_by_steps(build(end)) == kind


@pytest.mark.parametrize("name", [n for n, (kind, _) in ENDS.items() if kind])
def test_logits_make_the_probabilities_that_the_network_gives(name):
    kind, end = ENDS[name]
    model = build(end)
    own = model.predict(IMAGES, verbose=0).astype(np.float64)
    scores = score_images(model, [logit(k) for k in range(own.shape[1])], IMAGES)
    found = scores.values.T.astype(np.float64)
    made = {"softmax": lambda z: special.softmax(z, axis=1), "sigmoid": special.expit}
    if name not in ("relu", "tanh"):  # logits are read before these, as ever
        np.testing.assert_allclose(made.get(kind, np.array)(found), own, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [n for n, (kind, end) in ENDS.items() if kind != "linear" and n != "per cent"],
)
def test_probabilities_are_those_of_the_network(name):
    model = build(ENDS[name][1])
    own = model.predict(IMAGES, verbose=0).astype(np.float64)
    if own.shape[1] == 1:
        own = np.concatenate([1 - own, own], axis=1)
    own /= own.sum(axis=1, keepdims=True)
    data = labeled(classes="abc"[: own.shape[1]])
    np.testing.assert_allclose(probabilities(model, data), own, atol=1e-6)
    assert evaluate(model, data)["accuracy"] == np.mean(own.argmax(1) == data.labels)
    found = predicted_objectives(model, IMAGES)
    np.testing.assert_allclose(watch(model, found, IMAGES), own.max(1), atol=1e-6)


def test_ablation_takes_an_ensemble_as_it_is():
    model = build(ENDS["average of softmaxes"][1])
    data = labeled()
    own = model.predict(IMAGES, verbose=0)[np.arange(20), data.labels]
    found = ablate(model, data, model.layers[1].layers[-1].name, [[0]])
    assert found.loss == pytest.approx(-np.log(own).mean(), rel=1e-5)


def test_training_takes_the_loss_of_what_outputs_are():
    model = build(ENDS["keras.ops.softmax"][1])
    data = labeled()
    history = train(model, data, epochs=1, batch_size=20, validation_fraction=0).history
    own = model.predict(IMAGES, verbose=0)[np.arange(20), data.labels]
    assert history["loss"][0] == pytest.approx(-np.log(own).mean(), rel=1e-4)


def test_outputs_tell_where_the_steps_do_not():
    whole = build(ENDS["own head"][1])
    assert output_kind(whole, whole.predict(IMAGES, verbose=0)) == "softmax"
    logits = build(lambda x: OwnHead(2, lambda z: z)(L.Flatten()(x)))
    assert output_kind(logits, logits.predict(IMAGES, verbose=0)) == "linear"


def test_what_cannot_be_told_is_asked_for():
    model = build(lambda x: OwnHead(1, OPS.sigmoid)(L.Flatten()(x)))
    data = labeled()
    with pytest.raises(ValueError, match="--outputs probabilities"):
        probabilities(model, data)
    own = model.predict(IMAGES, verbose=0)[:, 0]
    with stated(model, "probabilities"):
        np.testing.assert_allclose(probabilities(model, data)[:, 1], own, atol=1e-6)
        found = predicted_objectives(model, IMAGES)
    assert found == [logit(0) if p > 0.5 else -logit(0) for p in own]
    state_outputs(model, "logits")
    expected = special.expit(own)
    np.testing.assert_allclose(probabilities(model, data)[:, 1], expected, atol=1e-6)
    state_outputs(model, "")
    with pytest.raises(ValueError, match="from 0"):
        probabilities(model, data)
    with pytest.raises(ValueError, match="'chances'"):
        state_outputs(model, "chances")


def test_an_activation_taken_off_counts():
    model = build(ENDS["softmax"][1])
    assert is_softmax(model.layers[-1])
    model.layers[-1].activation = keras.activations.linear
    assert kind_by_steps(model) == "linear" and not is_softmax(model.layers[-1])

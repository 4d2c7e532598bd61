"""Training is repeatable and changes no argument; measures are worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from happymaps.backend import keras, tf
from happymaps.datasets import Dataset
from happymaps.networks.models import build_cnn, fingerprint
from happymaps.networks.training import (
    evaluate,
    has_class_outputs,
    predict,
    probabilities,
    train,
)


def make_dataset(images, labels, names=("left", "right")) -> Dataset:
    images, labels = np.asarray(images, np.float32), np.asarray(labels, np.int64)
    metadata = pd.DataFrame({"file": [f"{i}.png" for i in range(len(labels))]})
    return Dataset("toy", images, labels, names, metadata)


def bright_halves(sides, size: int = 16) -> np.ndarray:
    """Return images whose left (0) or right (1) half is bright."""
    images = np.full((len(sides), size, size, 1), 0.2, np.float32)
    for image, side in zip(images, sides, strict=True):
        half = slice(0, size // 2) if side == 0 else slice(size // 2, size)
        image[:, half] = 0.8
    return images


def noisy_halves(num_images: int = 48, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    labels = np.arange(num_images) % 2
    noise = rng.normal(0, 0.1, (num_images, 16, 16, 1))
    return make_dataset(np.clip(bright_halves(labels) + noise, 0, 1), labels)


def tiny(outputs: int = 2, activation: str | None = "softmax") -> keras.Model:
    layers = [
        keras.Input((16, 16, 1)),
        keras.layers.AveragePooling2D(4),
        keras.layers.Flatten(),
        keras.layers.Dense(
            outputs, activation, kernel_initializer=keras.initializers.GlorotUniform(1)
        ),
    ]
    return keras.Sequential(layers)


def constant(logits, activation: str | None = None) -> keras.Model:
    """Return a network that answers every image with the same logits."""
    model = keras.Sequential(
        [keras.Input((16, 16, 1)), keras.layers.Flatten(),
         keras.layers.Dense(len(logits), activation)]
    )  # fmt: skip
    model.layers[-1].set_weights([np.zeros((256, len(logits))), np.array(logits)])
    return model


def planted() -> keras.Model:
    """Return a network that says which half of an image is brighter."""
    model = constant([0, 0])
    right = np.tile(np.repeat([0.0, 1.0], 8), 16)
    kernel = np.stack([1 - right, right], axis=1)
    model.layers[-1].set_weights([kernel, np.zeros(2)])
    return model


def weights(model: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for weight in model.get_weights()]


def same_weights(left: keras.Model, right: keras.Model) -> bool:
    pairs = zip(weights(left), weights(right), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


# ----------------------------------------------------------------------------- training


def test_training_learns_what_is_planted():
    trained, history = train(tiny(), noisy_halves(), epochs=20, learning_rate=0.05)
    new = noisy_halves(40, seed=1)
    assert evaluate(trained, new) == {
        "accuracy": 1.0, "balanced_accuracy": 1.0, "num_images": 40,
    }  # fmt: skip
    assert history["loss"].iloc[-1] < history["loss"].iloc[0] / 2
    assert history.index.name == "epoch"
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]


def test_training_gives_the_same_weights_for_the_same_seed():
    model = build_cnn((16, 16, 1), 2, filters=(3,), dense_units=(4,))
    options = {"epochs": 3, "batch_size": 8}
    first = train(model, noisy_halves(), seed=1, **options)
    np.random.default_rng().random(5)
    tf.random.uniform(())
    again = train(model, noisy_halves(), seed=1, **options)
    other = train(model, noisy_halves(), seed=2, **options)
    assert same_weights(first.model, again.model)
    pd.testing.assert_frame_equal(first.history, again.history)
    assert not same_weights(first.model, other.model)


def test_training_leaves_network_and_images_as_they_were():
    model, dataset = tiny(), noisy_halves()
    before, images = fingerprint(model), dataset.fingerprint()
    trained = train(model, dataset, epochs=2).model
    assert fingerprint(model) == before != fingerprint(trained)
    assert not model.compiled
    assert dataset.fingerprint() == images


def test_training_stops_early_with_the_weights_of_the_best_epoch():
    rng = np.random.default_rng(0)
    dataset = noisy_halves()
    # Nothing to learn: what is learned by heart makes the held-out loss rise.
    unlearnable = make_dataset(dataset.images, rng.integers(0, 2, len(dataset)))
    options = {"learning_rate": 0.2, "patience": 3, "validation_fraction": 0.25}
    stopped = train(tiny(), unlearnable, epochs=50, **options)
    best = int(stopped.history["val_loss"].argmin())
    assert len(stopped.history) == best + 1 + 3 < 50
    until_best = train(tiny(), unlearnable, epochs=best + 1, **options)
    assert same_weights(stopped.model, until_best.model)


def test_training_without_validation_runs_all_epochs_on_all_images():
    trained, history = train(
        tiny(), noisy_halves(), epochs=4, validation_fraction=0, patience=1
    )
    assert list(history) == ["accuracy", "loss"]
    assert len(history) == 4
    assert trained.count_params() == 16 * 2 + 2


@pytest.mark.parametrize("labels", [[0] * 11 + [1], [0, 1, 2], [0, 0, 1, 1, 2, 2]])
def test_training_accepts_classes_too_small_to_be_held_out_alike(labels):
    names = ("a", "b", "c")[: max(labels) + 1]
    dataset = make_dataset(bright_halves([0] * len(labels)), labels, names)
    history = train(tiny(len(names)), dataset, epochs=1).history
    assert history.notna().all(axis=None)


@pytest.mark.parametrize(
    ("outputs", "activation"),
    [(2, None), (2, "sigmoid"), (1, None), (1, "sigmoid")],
)
def test_training_fits_its_loss_to_the_output(outputs, activation):
    trained, history = train(
        tiny(outputs, activation), noisy_halves(), epochs=25, learning_rate=0.05
    )
    assert evaluate(trained, noisy_halves(40, seed=1))["accuracy"] == 1
    assert history["loss"].iloc[-1] < history["loss"].iloc[0] / 2


def test_first_loss_of_equal_logits_is_the_logarithm_of_the_classes():
    dataset = make_dataset(np.zeros((6, 16, 16, 1)), [0, 1, 2] * 2, ("a", "b", "c"))
    options = {"epochs": 1, "validation_fraction": 0, "batch_size": 6}
    for activation in (None, "softmax"):
        history = train(constant([0, 0, 0], activation), dataset, **options).history
        assert history["loss"].iloc[0] == pytest.approx(np.log(3), abs=1e-6)


# ------------------------------------------------------------------------ probabilities

THREE = float(np.log(3))  # its softmax against 0 is 3/4, and so is its sigmoid


@pytest.mark.parametrize(
    ("logits", "activation", "expected"),
    [
        ([THREE, 0], "softmax", [0.75, 0.25]),
        ([THREE, 0], None, [0.75, 0.25]),
        ([0, THREE], "sigmoid", [0.4, 0.6]),  # 0.5 and 0.75, brought to a sum of 1
        ([THREE], "sigmoid", [0.25, 0.75]),
        ([THREE], None, [0.25, 0.75]),
    ],
)
def test_probabilities_follow_from_the_output(logits, activation, expected):
    dataset = make_dataset(bright_halves([0, 1, 0]), [0, 1, 0])
    found = probabilities(constant(logits, activation), dataset)
    np.testing.assert_allclose(found, [expected] * 3, atol=1e-6)


@pytest.mark.parametrize(
    "last", [keras.layers.Softmax(), keras.layers.Activation("softmax")], ids=type
)
def test_softmax_of_a_layer_of_its_own_is_not_taken_twice(last):
    model = constant([THREE, 0])
    model.add(last)
    dataset = make_dataset(bright_halves([0]), [0])
    np.testing.assert_allclose(probabilities(model, dataset), [[0.75, 0.25]], atol=1e-6)


@pytest.mark.parametrize(
    ("logits", "activation", "expected"),
    [([THREE, 0], "softmax", [0.75, 0.25]), ([-THREE], "sigmoid", [0.75, 0.25])],
)
def test_softmax_within_a_wrapped_network_is_not_taken_twice(
    logits, activation, expected
):
    inputs = keras.Input((16, 16, 1))
    model = keras.Model(inputs, constant(logits, activation)(inputs))
    dataset = make_dataset(bright_halves([0]), [0])
    np.testing.assert_allclose(probabilities(model, dataset), [expected], atol=1e-6)


def test_probabilities_of_many_images_keep_their_order():
    brightness = np.linspace(0, 1, 300, dtype=np.float32)
    images = np.broadcast_to(brightness[:, None, None, None], (300, 16, 16, 1))
    model = constant([0])
    model.layers[-1].set_weights([np.full((256, 1), 1 / 256), np.array([0.0])])
    found = probabilities(model, make_dataset(images, [0, 1] * 150))
    np.testing.assert_allclose(found[:, 1], special.expit(brightness), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


# ----------------------------------------------------------------------------- measures


def test_prediction_is_the_most_probable_class():
    sides = [0, 1, 1, 0, 1]
    found = predict(planted(), make_dataset(bright_halves(sides), [0] * 5))
    assert found.tolist() == sides


def test_accuracies_are_those_worked_out_by_hand():
    predicted = [0, 0, 0, 0, 0, 1, 1, 0]
    labels = [0, 0, 0, 0, 0, 0, 1, 1]
    # 6 of 8 are right: 5 of 6 in the one class, 1 of 2 in the other.
    found = evaluate(planted(), make_dataset(bright_halves(predicted), labels))
    assert found == {
        "accuracy": 6 / 8,
        "balanced_accuracy": pytest.approx((5 / 6 + 1 / 2) / 2),
        "num_images": 8,
    }


def test_constant_guess_has_a_balanced_accuracy_of_one_half():
    dataset = make_dataset(bright_halves([0] * 10), [0] * 9 + [1])
    found = evaluate(planted(), dataset)
    assert (found["accuracy"], found["balanced_accuracy"]) == (0.9, 0.5)


def test_class_without_images_does_not_count():
    dataset = make_dataset(bright_halves([0, 0]), [0, 0])
    assert evaluate(planted(), dataset)["balanced_accuracy"] == 1


# ------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("do", [train, probabilities, predict, evaluate])
def test_another_number_of_classes_is_refused(do):
    dataset = make_dataset(bright_halves([0, 1]), [0, 1])
    with pytest.raises(ValueError, match=r"'toy' has 2 classes \(left, right\)") as bad:
        do(tiny(5), dataset)
    assert "output shape (None, 5)" in str(bad.value)


@pytest.mark.parametrize("do", [train, probabilities, predict, evaluate])
def test_images_of_another_size_are_refused_with_the_option(do):
    dataset = make_dataset(bright_halves([0, 1], size=12), [0, 1])
    with pytest.raises(ValueError, match="image_size=16x16") as bad:
        do(tiny(), dataset)
    assert "16, 16, 1). Received" in str(bad.value)
    assert "12, 12, 1)" in str(bad.value)


@pytest.mark.parametrize(
    ("outputs", "num_classes", "expected"),
    [(2, 2, True), (1, 2, True), (1, 3, False), (3, 2, False), (3, 3, True)],
)
def test_outputs_are_compared_with_the_classes(outputs, num_classes, expected):
    names = tuple("abc"[:num_classes])
    dataset = make_dataset(bright_halves([0]), [0], names)
    assert has_class_outputs(tiny(outputs), dataset) is expected


def test_a_picture_and_several_outputs_are_no_class_outputs():
    dataset = make_dataset(bright_halves([0]), [0])
    inputs = keras.Input((16, 16, 1))
    picture = keras.layers.Conv2D(2, 3)(inputs)
    flat = keras.layers.Flatten()(inputs)
    two = [keras.layers.Dense(2)(flat), keras.layers.Dense(2)(flat)]
    assert not has_class_outputs(keras.Model(inputs, picture), dataset)
    assert not has_class_outputs(keras.Model(inputs, two), dataset)


@pytest.mark.parametrize("train_it", [True, False])
def test_what_was_given_is_trained(train_it):
    # It begins with what it has seen of other images, and a layer of it is frozen.
    dataset = noisy_halves()
    scale, frozen = keras.layers.Normalization(), keras.layers.Dense(5, "relu")
    frozen.trainable = False
    model = keras.Sequential(
        [keras.Input((16, 16, 1)), scale, keras.layers.Flatten(), frozen,
         keras.layers.Dense(2, "softmax")]
    )  # fmt: skip
    scale.adapt(100 * dataset.images + 7)
    before = model(dataset.images).numpy()
    options = {"learning_rate": 1e-3 if train_it else 0.0, "epochs": 1}
    trained = train(model, dataset, **options).model
    after = trained(dataset.images).numpy()
    assert np.allclose(after, before, rtol=1e-6) != train_it
    np.testing.assert_array_equal(model(dataset.images), before)
    np.testing.assert_array_equal(
        trained.layers[2].get_weights()[0], frozen.get_weights()[0]
    )
    np.testing.assert_array_equal(trained.layers[0].mean, scale.mean)

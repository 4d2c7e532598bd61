"""Training a network, and measuring how well it does."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import sklearn.metrics
import sklearn.model_selection

from happymaps.backend import keras, tf
from happymaps.base.progress import progress_bar
from happymaps.datasets.dataset import Dataset
from happymaps.networks.batches import run
from happymaps.networks.checks import check_images
from happymaps.networks.doubles import copy_network
from happymaps.networks.outputs import (
    LINEAR,
    SIGMOID,
    output_kind,
    state_alike,
    to_probabilities,
)
from happymaps.networks.randomness import tell_of_randomness


class Trained(NamedTuple):
    """A trained network and its course: a row per epoch, losses and accuracies."""

    model: keras.Model
    history: pd.DataFrame


def train(
    model: keras.Model,
    dataset: Dataset,
    *,
    seed: int = 0,
    epochs: int = 30,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    validation_fraction: float = 0.1,
    patience: int = 6,
) -> Trained:
    """Return a trained copy of a network; the network given stays as it was.

    Adam on the cross-entropy. Training stops early once the loss on the part that is
    held out for validation has not fallen for `patience` epochs, and the weights of
    the best epoch are kept.

    Args:
        model: A classifier for `dataset`.
        dataset: Images to learn from.
        seed: Of the order of the images and the choice of the validation part.
        epochs: At most so many passes, >= 1.
        batch_size: Images per step, >= 1.
        learning_rate: Of Adam.
        validation_fraction: Share held out for early stopping, in [0, 1); with 0 all
            epochs are run.
        patience: Epochs without progress before it stops.

    Raises:
        ValueError: Images of another size, or labels that the network has no output
            for.
    """
    _check_classifier(model, dataset)
    copy = copy_network(model, dataset.images[:2])
    state_alike(copy, model)
    optimizer = keras.optimizers.Adam(learning_rate)
    copy.compile(optimizer, loss=_loss(copy), metrics=["accuracy"])
    learned, held_out = _validation_split(dataset, validation_fraction, seed)
    callbacks = [_EpochBar(epochs)]
    if held_out is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss", patience=patience, restore_best_weights=True
            )
        )
    history = copy.fit(
        _batches(copy, learned, batch_size, seed),
        validation_data=held_out and _batches(copy, held_out, 256),
        epochs=epochs,
        callbacks=callbacks,
        shuffle=False,  # the batches come shuffled
        verbose=0,
    )
    return Trained(copy, pd.DataFrame(history.history).rename_axis("epoch"))


def probabilities(model: keras.Model, dataset: Dataset) -> np.ndarray:
    """Return the probability that a network gives each class of each image.

    Logits are passed through a softmax, or a sigmoid where there is one output for two
    classes; see `happymaps.networks.outputs` for how they are told from probabilities.
    Shape `(images, classes)`, rows sum to 1.

    Raises:
        ValueError: As in `train`; outputs that could be either.
    """
    _check_classifier(model, dataset)
    tell_of_randomness(model, dataset.images)
    outputs = run(model, dataset.images)
    return to_probabilities(outputs, output_kind(model, outputs))


def predict(model: keras.Model, dataset: Dataset) -> np.ndarray:
    """Return the most probable class index of each image, shape (images,)."""
    return probabilities(model, dataset).argmax(axis=1)


def evaluate(model: keras.Model, dataset: Dataset) -> dict[str, float]:
    """Return how well a network does on a data set.

    Returns:
        `accuracy` and `balanced_accuracy` (the mean over classes of the share that is
        recognized), both in [0, 1], and `num_images`. Always guessing the larger of
        two classes has a balanced accuracy of 0.5, whatever its share.
    """
    predicted = predict(model, dataset)
    recalls = sklearn.metrics.recall_score(
        dataset.labels, predicted, average=None, labels=np.unique(dataset.labels),
        zero_division=0,
    )  # fmt: skip
    return {
        "accuracy": float(np.mean(predicted == dataset.labels)),
        "balanced_accuracy": float(np.mean(recalls)),
        "num_images": len(dataset),
    }


def has_class_outputs(model: keras.Model, dataset: Dataset) -> bool:
    """Return whether a network has an output per class, or one for two classes."""
    shape, classes = model.output_shape, len(dataset.class_names)
    if not isinstance(shape, tuple) or len(shape) != 2:
        return False
    return shape[-1] == classes or (shape[-1], classes) == (1, 2)


class _EpochBar(keras.callbacks.Callback):
    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._bar = progress_bar(epochs, "training", "epoch")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._bar.set_postfix({k: f"{v:.3f}" for k, v in (logs or {}).items()})
        self._bar.update()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._bar.close()


def _batches(model, dataset: Dataset, batch_size: int, seed: int | None = None):
    labels = dataset.labels
    if model.output_shape[-1] == 1:
        labels = labels[:, None].astype(np.float32)
    elif output_kind(model) == SIGMOID:
        labels = np.eye(model.output_shape[-1], dtype=np.float32)[labels]
    batches = tf.data.Dataset.from_tensor_slices((dataset.images, labels))
    if seed is not None:
        batches = batches.shuffle(len(dataset), seed=seed)
    return batches.batch(batch_size)


def _validation_split(dataset: Dataset, fraction: float, seed: int):
    if fraction == 0:
        return dataset, None
    rarest = np.bincount(dataset.labels)[np.unique(dataset.labels)].min()
    num_held_out = round(fraction * len(dataset))
    stratify = dataset.labels
    if rarest < 2 or num_held_out < len(dataset.class_names):
        stratify = None  # too few of some class to have it on both sides
    learned, held_out = sklearn.model_selection.train_test_split(
        np.arange(len(dataset)), test_size=fraction, random_state=seed,
        stratify=stratify,
    )  # fmt: skip
    return dataset.take(learned), dataset.take(held_out)


def _loss(model: keras.Model):
    kind = output_kind(model)
    logits = kind == LINEAR
    if model.output_shape[-1] == 1 or kind == SIGMOID:
        return keras.losses.BinaryCrossentropy(from_logits=logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)


def _check_classifier(model: keras.Model, dataset: Dataset) -> None:
    check_images(model, dataset.images)
    if not has_class_outputs(model, dataset):
        raise ValueError(
            f"The data set {dataset.name!r} has {len(dataset.class_names)} classes "
            f"({', '.join(dataset.class_names)}), so the network needs an output of "
            f"that many numbers. Received: output shape {model.output_shape}. Choose a "
            "data set or a target with as many classes as the network has."
        )

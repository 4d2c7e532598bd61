"""Whether a classifier would do better with its images or classes read another way.

Many a network that seems to have learned nothing is only fed wrongly: the division by
255 is missing or done twice, colors come in another order, classes are counted in
another one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from happymaps.datasets.preprocessing import MODES, Preprocessing
from happymaps.diagnosis.behavior.performance import balanced_accuracy

Predict = Callable[[np.ndarray], np.ndarray]


class Reading(NamedTuple):
    """A way to feed a network.

    Attributes:
        preprocessing: Of images in [0, 1]; None where each image is scaled by itself.
        options: Of `happymaps diagnose`, which say so.
    """

    preprocessing: Preprocessing | None
    options: str

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Return images in [0, 1] so, float32."""
        if self.preprocessing:
            return self.preprocessing.apply(images)
        each = tuple(range(1, images.ndim))
        spread = np.maximum(images.std(axis=each, keepdims=True), 1e-6)
        centered = images - images.mean(axis=each, keepdims=True)
        return (centered / spread).astype(np.float32)


# The most usual ones first.
READINGS = {
    "0 to 1": Reading(Preprocessing(), "--lowest-pixel 0 --highest-pixel 1"),
    "0 to 255": Reading(MODES["raw"], "--preprocessing raw"),
    "-1 to 1": Reading(MODES["tf"], "--preprocessing tf"),
    "mean and deviation of ImageNet": Reading(
        MODES["torch"], "--preprocessing torch"
    ),
    "0 to 255, blue first, less the mean of ImageNet": Reading(
        MODES["caffe"], "--preprocessing caffe"
    ),
    "0 to 1/255 (divided twice)": Reading(
        Preprocessing(deviation=(255.0,)), "--deviation 255"
    ),
    "1 to 0 (black and white exchanged)": Reading(
        Preprocessing(mean=(1.0,), deviation=(-1.0,)), "--mean 1 --deviation -1"
    ),
    "255 to 0 (black and white exchanged)": Reading(
        Preprocessing((0.0, 255.0), (255.0,), (-1.0,)),
        "--highest-pixel 255 --mean 255 --deviation -1",
    ),
    "each image to mean 0 and deviation 1": Reading(None, ""),
    "0 to 1, blue first": Reading(
        Preprocessing(channel_order="bgr"), "--channel-order bgr"
    ),
    "0 to 255, blue first": Reading(
        Preprocessing((0.0, 255.0), channel_order="bgr"),
        "--highest-pixel 255 --channel-order bgr",
    ),
}  # fmt: skip


def readings_for(channels: int) -> dict[str, Reading]:
    """Return the ways in which images of so many channels are commonly fed."""
    return {
        name: reading
        for name, reading in READINGS.items()
        if channels == 3 or not (reading.preprocessing or Preprocessing()).needs_colors
    }


def compare_readings(
    predict: Predict,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    preprocessing: Preprocessing = Preprocessing(),  # noqa: B008 - frozen
) -> dict:
    """Return how well a network does when its pixels are read in other ways.

    Args:
        predict: Images as the network takes them to class indices, shape `(images,)`.
        images: In [0, 1], shape `(images, height, width, colors)`.
        labels: Class index of each image.
        preprocessing: How the network is fed now.

    Returns:
        `accuracy` and `balanced_accuracy` as it is fed now, `num_tried`, and
        `readings`, the best first: `name`, `options` (of `happymaps diagnose`, to feed
        it so), `accuracy`, `balanced_accuracy`, `gain` in balanced accuracy, and the
        `probability` that chance alone would make as many images right that were wrong
        (McNemar's exact test, times the readings tried).
    """
    fed = preprocessing.apply(images)
    now = predict(fed)
    balanced, _ = balanced_accuracy(labels, now)
    found = []
    for name, reading in readings_for(images.shape[-1]).items():
        values = reading.apply(images)
        if not np.allclose(values, fed, atol=1e-4 * np.ptp(fed)):
            then = predict(values)
            better, _ = balanced_accuracy(labels, then)
            found.append(
                {
                    "name": name,
                    "options": reading.options,
                    "accuracy": float(np.mean(then == labels)),
                    "balanced_accuracy": better,
                    "gain": better - balanced,
                    "probability": _exact_gain(now == labels, then == labels),
                }
            )
    for each in found:
        each["probability"] = min(1.0, each["probability"] * len(found))
    return {
        "accuracy": float(np.mean(now == labels)),
        "balanced_accuracy": balanced,
        "num_tried": len(found),
        "readings": sorted(found, key=lambda each: -each["balanced_accuracy"]),
    }


def compare_class_orders(predicted: np.ndarray, labels: np.ndarray) -> dict:
    """Return the order of the classes that agrees best with the predictions.

    It is found on every other image (the assignment that names the most images right)
    and measured on those between.

    Args:
        predicted: Class index that the network names for each image.
        labels: Class index of each image.

    Returns:
        `order` (`order[k]` is the class that output k seems to mean), `is_given`
        (whether it is the given order), `accuracy`, `accuracy_reordered` and
        `probability` as in `compare_readings`, both accuracies on the images between.
    """
    num_classes = int(max(predicted.max(), labels.max())) + 1
    # By label in turn, so that either half holds each class.
    shuffled = np.argsort(labels, kind="stable")
    chosen, measured = shuffled[0::2], shuffled[1::2]
    together = np.zeros((num_classes, num_classes))
    np.add.at(together, (predicted[chosen], labels[chosen]), 1)
    together += 0.5 * np.eye(num_classes)  # a tie is for the given order
    _, order = optimize.linear_sum_assignment(together, maximize=True)
    now = predicted[measured] == labels[measured]
    then = order[predicted[measured]] == labels[measured]
    return {
        "order": order.tolist(),
        "is_given": bool(np.all(order == np.arange(num_classes))),
        "accuracy": float(now.mean()) if len(now) else 0.0,
        "accuracy_reordered": float(then.mean()) if len(then) else 0.0,
        "probability": _exact_gain(now, then),
    }


def _exact_gain(before: np.ndarray, after: np.ndarray) -> float:
    """Return the probability that chance makes so many more right than wrong."""
    gained, lost = int(np.sum(after & ~before)), int(np.sum(before & ~after))
    if gained + lost == 0:
        return 1.0
    return float(stats.binomtest(gained, gained + lost, alternative="greater").pvalue)

"""How often a classifier is right, beside what guessing would do."""

import math
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

from happymaps.evidence.claims import proportion_interval

_NORMAL = 1.959964  # 97.5th percentile


def measure_performance(
    probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> dict:
    """Return accuracies with what guessing would reach, and what is mistaken for what.

    Args:
        probabilities: Shape `(images, classes)`, rows sum to 1.
        labels: Class index of each image, shape `(images,)`.
        class_names: One name per class.

    Returns:
        `num_images`, `accuracy` with its Wilson `interval`, `majority_guess` (always
        naming `majority_class`), `balanced_accuracy` (mean recall over the classes that
        occur) with `balanced_interval`, its `chance` (1 over the number of these
        classes), `confusion` (rows true, columns predicted) and `classes`: `name`,
        `images`, `recall` and its `interval`, `predicted` (images that were given this
        name), `mistaken_for` and `mistaken_count`.
    """
    predicted = probabilities.argmax(axis=1)
    num_classes = len(class_names)
    confusion = confusion_matrix(labels, predicted, labels=range(num_classes))
    counts = confusion.sum(axis=1)
    right = int(np.trace(confusion))
    majority = int(counts.argmax())
    classes = [_describe_class(confusion, k, class_names) for k in range(num_classes)]
    balanced, interval = balanced_accuracy(labels, predicted)
    return {
        "num_images": len(labels),
        "num_right": right,
        "accuracy": right / len(labels),
        "interval": list(proportion_interval(right, len(labels))),
        "majority_guess": float(counts[majority] / len(labels)),
        "majority_class": class_names[majority],
        "balanced_accuracy": balanced,
        "balanced_interval": list(interval),
        "chance": float(1 / np.count_nonzero(counts)),
        "confusion": confusion.tolist(),
        "classes": classes,
    }


def balanced_accuracy(
    labels: np.ndarray, predicted: np.ndarray
) -> tuple[float, tuple[float, float]]:
    """Return the mean recall over the classes that occur, and its 95 % interval.

    The interval adds two successes and two failures to each class before it takes the
    normal approximation, so that a class without mistakes is not held for certain.

    Source: Agresti and Coull 1998, doi:10.1080/00031305.1998.10480550.
    """
    present, counts = np.unique(labels, return_counts=True)
    right = np.array([np.sum(predicted[labels == k] == k) for k in present])
    value = float(np.mean(right / counts))
    center = (right + 2) / (counts + 4)
    variance = np.sum(center * (1 - center) / (counts + 4)) / len(present) ** 2
    half = _NORMAL * math.sqrt(variance)
    low, high = np.mean(center) - half, np.mean(center) + half
    return value, (max(0.0, min(low, value)), min(1.0, max(high, value)))


def _describe_class(confusion: np.ndarray, k: int, names: Sequence[str]) -> dict:
    row = confusion[k]
    count, right = int(row.sum()), int(row[k])
    wrong = np.where(np.arange(len(row)) == k, -1, row)
    other = int(wrong.argmax())
    return {
        "name": names[k],
        "images": count,
        "recall": right / count if count else None,
        "interval": list(proportion_interval(right, count)) if count else None,
        "predicted": int(confusion[:, k].sum()),
        "mistaken_for": names[other] if wrong[other] > 0 else None,
        "mistaken_count": max(int(wrong[other]), 0),
    }

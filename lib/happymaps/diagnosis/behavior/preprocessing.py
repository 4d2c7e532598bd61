"""Whether a classifier would do better with its images or classes read another way.

Many a network that seems to have learned nothing is only fed wrongly: the division by
255 is missing or done twice, colors come in another order, classes are counted in
another one.
"""

from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from happymaps.diagnosis.behavior.performance import balanced_accuracy

Predict = Callable[[np.ndarray], np.ndarray]
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def other_readings(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return images in the other ways that networks are commonly fed.

    Args:
        images: In [0, 1], shape `(images, height, width, colors)`, 1 or 3 colors.

    Returns:
        The name of a reading to float32 images of the same shape.
    """
    each = (1, 2, 3)
    spread = np.maximum(images.std(axis=each, keepdims=True), 1e-6)
    found = {
        "0 to 1": images,
        "0 to 255": 255 * images,
        "-1 to 1": 2 * images - 1,
        "0 to 1/255 (divided twice)": images / 255,
        "1 to 0 (black and white exchanged)": 1 - images,
        "255 to 0 (black and white exchanged)": 255 - 255 * images,
        "each image to mean 0 and deviation 1": (
            (images - images.mean(axis=each, keepdims=True)) / spread
        ),
    }
    if images.shape[-1] == 3:
        mean, deviation = (np.array(values, np.float32) for values in _IMAGENET)
        found |= {
            "0 to 1, blue first": images[..., ::-1],
            "0 to 255, blue first": 255 * images[..., ::-1],
            "mean and deviation of ImageNet": (images - mean) / deviation,
        }
    return {name: values.astype(np.float32) for name, values in found.items()}


def compare_readings(
    predict: Predict,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    pixel_range: tuple[float, float] = (0.0, 1.0),
) -> dict:
    """Return how well a network does when its pixels are read in other ways.

    Args:
        predict: Images as the network takes them to class indices, shape `(images,)`.
        images: In `pixel_range`, shape `(images, height, width, colors)`.
        labels: Class index of each image.
        pixel_range: What black and white are as the network is fed now.

    Returns:
        `accuracy` and `balanced_accuracy` as it is fed now, `num_tried`, and
        `readings`, the best first: `name`, `accuracy`, `balanced_accuracy`, `gain` in
        balanced accuracy, and the `probability` that chance alone would make as many
        images right that were wrong (McNemar's exact test, times the readings tried).
    """
    low, high = pixel_range
    now = predict(images)
    balanced, _ = balanced_accuracy(labels, now)
    found = []
    for name, values in other_readings((images - low) / (high - low)).items():
        if not np.allclose(values, images, atol=1e-4 * (high - low)):
            then = predict(values)
            better, _ = balanced_accuracy(labels, then)
            found.append(
                {
                    "name": name,
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

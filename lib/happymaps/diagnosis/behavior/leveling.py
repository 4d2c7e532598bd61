"""Whether decisions rest on light, contrast or color of the whole image.

A class whose images are brighter than the others' can be told by that alone. Where each
image is brought to the same brightness, a network that goes by it changes its answers,
and one that does not keeps them, however much the light differs from image to image.
"""

from collections.abc import Callable, Mapping

import numpy as np

from happymaps.evidence.claims import proportion_interval

_LEAST_IMAGES = 16
_MOST_IMAGES = 200
PASSES = 6  # of these images, at most
_AT_ONCE = 50
_MOST_GAIN = 4.0  # of contrast: flat images would become noise
_AXES = (1, 2, 3)


def measure_leveling(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    pixel_range: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
) -> list[dict]:
    """Return what changes when all images get the same light, contrast or color.

    Beside it stands a control: each image is changed as another one was, at random,
    which changes images as much and levels nothing.

    Args:
        predict: Images as the network takes them to class indices, shape `(images,)`.
        images: In `pixel_range`, shape `(images, height, width, colors)`.
        labels: Class index of each image.
        pixel_range: What black and white are for the network.
        seed: Of the control, and of the choice where there are more than 200 images.

    Returns:
        For `"brightness"` (the mean of an image), `"contrast"` (its deviation) and, of
        three colors, `"color"` (what each is above their mean): `property`, `changed`
        (share of predictions that are not as before) with its 95 % `interval`,
        `changed_at_random` (the control), `accuracy` and `accuracy_leveled`,
        `num_images`. Nothing for fewer than 16 images.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(images))[:_MOST_IMAGES])
    if len(chosen) < _LEAST_IMAGES:
        return []
    low, high = pixel_range
    images, labels = images[chosen], labels[chosen]

    def to_pixels(part: slice) -> np.ndarray:
        return (images[part] - low) / (high - low)

    def ask(change: Callable, amounts: np.ndarray) -> np.ndarray:
        answers = []
        for part in _parts(len(images)):
            pixels = np.clip(change(to_pixels(part), amounts[part]), 0, 1)
            answers.append(predict((low + (high - low) * pixels).astype(np.float32)))
        return np.concatenate(answers)

    now, found = predict(images), []
    for name, (measure, lack, change) in _PROPERTIES.items():
        if name == "color" and images.shape[-1] != 3:
            continue
        own = [measure(to_pixels(part)) for part in _parts(len(images))]
        amounts = lack(np.concatenate(own))
        leveled = ask(change, amounts)
        dealt = ask(change, rng.permutation(amounts))
        count = int(np.sum(leveled != now))
        found.append(
            {
                "property": name,
                "changed": count / len(now),
                "interval": [*proportion_interval(count, len(now))],
                "changed_at_random": float(np.mean(dealt != now)),
                "accuracy": float(np.mean(now == labels)),
                "accuracy_leveled": float(np.mean(leveled == labels)),
                "num_images": len(now),
            }
        )
    return found


def _parts(count: int) -> list[slice]:
    """Return slices of a few images: large ones are not all copied at once."""
    return [slice(first, first + _AT_ONCE) for first in range(0, count, _AT_ONCE)]


def _mean(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(axis=_AXES, keepdims=True)


def _deviation(pixels: np.ndarray) -> np.ndarray:
    return pixels.std(axis=_AXES, keepdims=True)


def _cast(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(axis=_AXES[:2], keepdims=True) - _mean(pixels)


def _difference(own: np.ndarray) -> np.ndarray:
    return own.mean(axis=0, keepdims=True) - own


def _ratio(own: np.ndarray) -> np.ndarray:
    return np.minimum(own.mean() / np.maximum(own, 1e-6), _MOST_GAIN)


def _shift(pixels: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    return pixels + amounts


def _stretch(pixels: np.ndarray, gains: np.ndarray) -> np.ndarray:
    middle = _mean(pixels)
    return middle + (pixels - middle) * gains


# What is measured of an image, what that lacks of the mean of all, what gives it.
_PROPERTIES: Mapping[str, tuple[Callable, Callable, Callable]] = {
    "brightness": (_mean, _difference, _shift),
    "contrast": (_deviation, _ratio, _stretch),
    "color": (_cast, _difference, _shift),
}

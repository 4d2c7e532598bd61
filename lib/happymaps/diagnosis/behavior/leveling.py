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

    Beside it stands a control: each image gets the value of another one, dealt at
    random, which changes images as much and leaves the classes mixed.

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
    pixels, labels = (images[chosen] - low) / (high - low), labels[chosen]

    def ask(changed: np.ndarray) -> np.ndarray:
        inside = low + (high - low) * np.clip(changed, 0, 1)
        return predict(inside.astype(np.float32))

    now, found = predict(images[chosen]), []
    for name, (measure, change) in _PROPERTIES.items():
        if name == "color" and pixels.shape[-1] != 3:
            continue
        own = measure(pixels)
        leveled = ask(change(pixels, own, own.mean(axis=0, keepdims=True)))
        dealt = ask(change(pixels, own, rng.permutation(own)))
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


def _brightness(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(axis=_AXES, keepdims=True)


def _contrast(pixels: np.ndarray) -> np.ndarray:
    return pixels.std(axis=_AXES, keepdims=True)


def _color(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(axis=_AXES[:2], keepdims=True) - _brightness(pixels)


def _shift(pixels: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return pixels + (wanted - own)


def _stretch(pixels: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    middle = _brightness(pixels)
    gain = np.minimum(wanted / np.maximum(own, 1e-6), _MOST_GAIN)
    return middle + (pixels - middle) * gain


# What is measured, and what gives an image another value of it.
_PROPERTIES: Mapping[str, tuple[Callable, Callable]] = {
    "brightness": (_brightness, _shift),
    "contrast": (_contrast, _stretch),
    "color": (_color, _shift),
}

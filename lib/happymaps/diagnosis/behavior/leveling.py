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
    pixels, labels = (images[chosen] - low) / (high - low), labels[chosen]

    def ask(changed: np.ndarray) -> np.ndarray:
        inside = low + (high - low) * np.clip(changed, 0, 1)
        return predict(inside.astype(np.float32))

    now, found = predict(images[chosen]), []
    for name, (measure, change) in _PROPERTIES.items():
        if name == "color" and pixels.shape[-1] != 3:
            continue
        amounts = measure(pixels)
        leveled = ask(change(pixels, amounts))
        dealt = ask(change(pixels, rng.permutation(amounts)))
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


def _mean(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(axis=_AXES, keepdims=True)


def _to_same(values: np.ndarray) -> np.ndarray:
    """Return what each value lacks of their mean."""
    return values.mean(axis=0, keepdims=True) - values


def _lacking_light(pixels: np.ndarray) -> np.ndarray:
    return _to_same(_mean(pixels))


def _lacking_color(pixels: np.ndarray) -> np.ndarray:
    return _to_same(pixels.mean(axis=_AXES[:2], keepdims=True) - _mean(pixels))


def _lacking_contrast(pixels: np.ndarray) -> np.ndarray:
    """Return by what to multiply what lies around the mean of each image."""
    spread = pixels.std(axis=_AXES, keepdims=True)
    return np.minimum(spread.mean() / np.maximum(spread, 1e-6), _MOST_GAIN)


def _shift(pixels: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    return pixels + amounts


def _stretch(pixels: np.ndarray, gains: np.ndarray) -> np.ndarray:
    middle = _mean(pixels)
    return middle + (pixels - middle) * gains


# What each image lacks of the mean of all, and what gives it to an image.
_PROPERTIES: Mapping[str, tuple[Callable, Callable]] = {
    "brightness": (_lacking_light, _shift),
    "contrast": (_lacking_contrast, _stretch),
    "color": (_lacking_color, _shift),
}

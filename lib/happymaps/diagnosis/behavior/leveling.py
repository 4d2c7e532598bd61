"""Whether decisions rest on light, contrast or color of the whole image.

A class whose images are brighter than the others' can be told by that alone. Where each
image is brought to the same brightness, a network that goes by it is right less often,
and one that does not keeps its answers, however much the light differs.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import stats

from happymaps.evidence.claims import proportion_interval

_LEAST_IMAGES = 16
PASSES = 7  # of the images, at most
_AT_ONCE = 50
_MOST_GAIN = 4.0  # of contrast: flat images would become noise
_AXES = (1, 2, 3)


def measure_leveling(
    predict: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    pixel_range: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Return what changes when all images get the same light, contrast or color.

    Beside it stands a control, which changes images and leaves what tells the classes:
    each image gets the value of another one of its class.

    Args:
        predict: Images as the network takes them to class indices, shape `(images,)`.
        images: In `pixel_range`, shape `(images, height, width, colors)`.
        labels: Class index of each image.
        class_names: One name per class.
        pixel_range: What black and white are for the network.
        seed: Of the control.

    Returns:
        For `"brightness"` (the mean of an image), `"contrast"` (its deviation) and, of
        three colors, `"color"` (what each is above their mean): `property`; `changed`,
        the share of predictions that are not as before, with its 95 % `interval`;
        `accuracy`, `accuracy_leveled` and `accuracy_in_class` (the control);
        `probability` that chance alone would cost as many right answers (McNemar's
        exact test, one-sided); `differs`, the probability that chance alone would make
        the classes differ so in it (Kruskal and Wallis; of colors three times the
        smallest of three); `num_images`; and `shown`: `before` and `after`, the names
        of an image that was right and is no longer, None without one. Nothing for fewer
        than 16 images. And pictures: `leveled_<property>`, shape `(2, y, x, color)` in
        [0, 1], that image as it is and leveled.
    """
    if len(images) < _LEAST_IMAGES:
        return [], {}
    low, high = pixel_range

    def to_pixels(part: slice) -> np.ndarray:
        return (images[part] - low) / (high - low)

    def ask(give: Callable, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        answers = []
        for part in _parts(len(images)):
            pixels = np.clip(give(to_pixels(part), own[part], wanted[part]), 0, 1)
            answers.append(predict((low + (high - low) * pixels).astype(np.float32)))
        return np.concatenate(answers)

    now, order = predict(images), _within_classes(labels, seed)
    found, pictures = [], {}
    for name, (measure, give) in _PROPERTIES.items():
        if name == "color" and images.shape[-1] != 3:
            continue
        own = np.concatenate([measure(to_pixels(part)) for part in _parts(len(images))])
        same = np.broadcast_to(own.mean(axis=0, keepdims=True), own.shape)
        leveled, control = ask(give, own, same), ask(give, own, own[order])
        count = int(np.sum(leveled != now))
        lost = np.flatnonzero((now == labels) & (leveled != labels))
        won = np.flatnonzero((now != labels) & (leveled == labels))
        shown = None
        if len(lost):
            one = slice(lost[0], lost[0] + 1)
            pixels = to_pixels(one)
            there = np.clip(give(pixels, own[one], same[one]), 0, 1)
            pictures[f"leveled_{name}"] = np.concatenate([pixels, there])
            named = now[one][0], leveled[one][0]
            before, after = (class_names[k] for k in named)
            shown = {"before": before, "after": after}
        found.append(
            {
                "property": name,
                "changed": count / len(now),
                "interval": [*proportion_interval(count, len(now))],
                "accuracy": float(np.mean(now == labels)),
                "accuracy_leveled": float(np.mean(leveled == labels)),
                "accuracy_in_class": float(np.mean(control == labels)),
                "probability": float(
                    stats.binom.sf(len(lost) - 1, len(lost) + len(won), 0.5)
                ),
                "differs": _differs(own, labels),
                "num_images": len(now),
                "shown": shown,
            }
        )
    return found, pictures


def _within_classes(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return another image of the same class for each, as far as there are several."""
    rng, order = np.random.default_rng(seed), np.arange(len(labels))
    for label in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == label))
        order[mine] = np.roll(mine, 1)
    return order


def _differs(own: np.ndarray, labels: np.ndarray) -> float:
    columns = own.reshape(len(own), -1).T
    known = [column for column in columns if np.ptp(column) > 0]
    groups = [labels == label for label in np.unique(labels)]
    if len(groups) < 2 or not known:
        return 1.0
    each = [stats.kruskal(*(column[g] for g in groups)).pvalue for column in known]
    return float(min(1.0, len(each) * min(each)))


def _parts(count: int) -> list[slice]:
    """Return slices of a few images: large ones are not all copied at once."""
    return [slice(first, first + _AT_ONCE) for first in range(0, count, _AT_ONCE)]


def _mean(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(axis=_AXES, keepdims=True)


def _deviation(pixels: np.ndarray) -> np.ndarray:
    return pixels.std(axis=_AXES, keepdims=True)


def _cast(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean(axis=_AXES[:2], keepdims=True) - _mean(pixels)


def _shift(pixels: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return pixels + (wanted - own)


def _stretch(pixels: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    middle = _mean(pixels)
    gain = np.minimum(wanted / np.maximum(own, 1e-6), _MOST_GAIN)
    return middle + (pixels - middle) * gain


# What is measured of an image, and what gives it another value of that.
_PROPERTIES: Mapping[str, tuple[Callable, Callable]] = {
    "brightness": (_mean, _shift),
    "contrast": (_deviation, _stretch),
    "color": (_cast, _shift),
}

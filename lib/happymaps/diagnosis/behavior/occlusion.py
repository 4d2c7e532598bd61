"""Which part of the image decides: predictions while a window is covered.

The window is filled with the mean of all images at that place, so that what is common
to them stays. It is chosen on every other image, and all that is told of it is measured
on those between: the largest of many numbers is too large otherwise.

Source: occlusion, Zeiler and Fergus 2014, doi:10.1007/978-3-319-10590-1_53.
"""

from collections.abc import Callable, Sequence

import numpy as np

from happymaps.attribution.parts.positions import window_mask
from happymaps.diagnosis.behavior.performance import balanced_accuracy
from happymaps.evidence.claims import proportion_interval

Predict = Callable[[np.ndarray], np.ndarray]
Window = tuple[int, int, int, int]  # top, left, height, width

_WINDOWS_PER_SIDE = 5
_COVERED_VALUES = 60_000_000  # pixels that go through the network while covering
_MOST_COVERED = 128  # images
_LARGE = 128 * 128  # pixels from which windows no longer overlap


def make_windows(height: int, width: int) -> list[Window]:
    """Return windows of about a fifth of each side, half a window apart.

    In large images they lie side by side, which takes a third of the time.
    """
    tall = max(1, round(height / _WINDOWS_PER_SIDE))
    wide = max(1, round(width / _WINDOWS_PER_SIDE))
    steps = 1 if height * width >= _LARGE else 2
    rows = _starts(height, tall, steps)
    columns = _starts(width, wide, steps)
    return [(top, left, tall, wide) for top in rows for left in columns]


def num_covered(shape: tuple[int, ...]) -> int:
    """Return how many covered images are looked at, for images of such a shape."""
    return covered_images(shape) * len(make_windows(*shape[1:3]))


def covered_images(shape: tuple[int, ...]) -> int:
    """Return how many images are covered at most, `shape` being that of all images."""
    each = len(make_windows(*shape[1:3])) * int(np.prod(shape[1:]))
    return min(shape[0], int(np.clip(_COVERED_VALUES // each, 32, _MOST_COVERED)))


def measure_covering(predict: Predict, images: np.ndarray, labels: np.ndarray) -> dict:
    """Return what covering windows does to the predictions.

    Args:
        predict: Images as the network takes them to class indices, shape `(images,)`.
        images: Shape `(images, height, width, colors)`, four at least.
        labels: Class index of each image.

    Returns:
        Of the window that changes the most predictions: `window` (top, left, height,
        width in pixels), `area` (its share of the image), `changed` (share of the
        predictions) with its Wilson `interval`, `median_changed` (of all windows),
        `accuracy` and `accuracy_covered`, `balanced_alone` (balanced accuracy where all
        but the window is covered) with its `balanced_interval` and `chance` (one over
        the classes), `touches_edge`, `corner` (such as `"top left"`, or `""`),
        `num_images` and `num_windows`. And `changes`: of each of the `windows` the
        share of all predictions that changed.
    """
    windows = make_windows(*images.shape[1:3])
    fill = images.mean(axis=0)
    now = predict(images)
    masks = window_masks(windows, images.shape[1:3])[..., None]
    then = np.array([predict(np.where(mask, fill, images)) for mask in masks])
    changed = then != now
    best = int(changed[:, 0::2].mean(axis=1).argmax())
    measured = slice(1, None, 2)
    alone = predict(np.where(masks[best], images, fill))
    kept, interval = balanced_accuracy(labels[measured], alone[measured])
    shares = changed[:, measured].mean(axis=1)
    count = len(labels[measured])
    return {
        "window": list(windows[best]),
        "area": windows[best][2] * windows[best][3] / float(fill[..., 0].size),
        "changed": float(shares[best]),
        "interval": list(proportion_interval(changed[best, measured].sum(), count)),
        "median_changed": float(np.median(shares)),
        "accuracy": float(np.mean(now[measured] == labels[measured])),
        "accuracy_covered": float(np.mean(then[best, measured] == labels[measured])),
        "balanced_alone": kept,
        "balanced_interval": list(interval),
        "chance": 1 / len(np.unique(labels[measured])),
        **_place(windows[best], images.shape[1:3]),
        "num_images": count,
        "num_windows": len(windows),
        "windows": [list(each) for each in windows],
        "changes": changed.mean(axis=1).tolist(),
    }


def window_masks(windows: Sequence[Window], shape: tuple[int, int]) -> np.ndarray:
    """Return masks that are true in a window each, shape (windows, *shape)."""
    return np.array([window_mask(shape, each[:2], each[2:]) for each in windows])


def spread_windows(covering: dict, shape: tuple[int, int]) -> np.ndarray:
    """Return for each pixel the mean change of the windows that hold it."""
    masks = window_masks(covering["windows"], shape)
    changes = np.array(covering["changes"])[:, None, None]
    return (changes * masks).sum(axis=0) / masks.sum(axis=0)


def _starts(length: int, size: int, steps: int) -> list[int]:
    count = steps * (-(-length // size) - 1) + 1
    starts = np.linspace(0, length - size, max(count, 1))
    return sorted(set(starts.round().astype(int).tolist()))


def _place(window: Window, shape: tuple[int, int]) -> dict:
    top, left, height, width = window
    ends = (top + height == shape[0], left + width == shape[1])
    vertical = "top" if top == 0 else "bottom" if ends[0] else ""
    horizontal = "left" if left == 0 else "right" if ends[1] else ""
    return {
        "touches_edge": bool(vertical or horizontal),
        "corner": f"{vertical} {horizontal}" if vertical and horizontal else "",
    }

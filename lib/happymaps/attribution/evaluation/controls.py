"""Heat maps that know nothing of the network: what every measure is held against."""

import numpy as np
from scipy import ndimage


def random_heatmap(images: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return a heat map of independent uniform noise for each image.

    Args:
        images: Shape `(images, height, width, colors)`; only their size counts.
        seed: Of the noise.

    Returns:
        float64 of shape `(images, height, width)`, in [0, 1).
    """
    return np.random.default_rng(seed).random(np.shape(images)[:3])


def edge_heatmap(images: np.ndarray) -> np.ndarray:
    """Return the strength of the edges of each image, by Sobel's operator.

    `sqrt(gx^2 + gy^2)` of the colors' mean, the rim repeated. It looks like many an
    attribution and depends on the image alone.

    Args:
        images: Shape `(images, height, width, colors)`.

    Returns:
        float64 of shape `(images, height, width)`, >= 0.
    """
    planes = np.asarray(images, np.float64).mean(axis=-1)
    # scipy's own would smooth over the axis of the images too.
    return np.hypot(
        _slope(planes, along=1, across=2), _slope(planes, along=2, across=1)
    )


def _slope(planes: np.ndarray, *, along: int, across: int) -> np.ndarray:
    slope = ndimage.correlate1d(planes, [-1, 0, 1], axis=along, mode="nearest")
    return ndimage.correlate1d(slope, [1, 2, 1], axis=across, mode="nearest")

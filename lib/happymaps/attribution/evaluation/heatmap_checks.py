"""What the measures take: heat maps, and an order of their pixels."""

import numpy as np


def check_heatmaps(heatmaps: np.ndarray, *, count: int | None = None) -> np.ndarray:
    """Return heat maps as a float64 array of shape `(images, height, width)`.

    Raises:
        ValueError: Another number of axes, another count, or values that are not
            finite.
    """
    heatmaps = np.asarray(heatmaps, np.float64)
    if heatmaps.ndim != 3 or (count is not None and len(heatmaps) != count):
        raise ValueError(
            f"Expected heat maps of shape ({count or 'images'}, height, width). "
            f"Received: {heatmaps.shape}. Reduce the colors of attributions with "
            "heatmap()."
        )
    if not np.isfinite(heatmaps).all():
        raise ValueError(
            "Expected heat maps of finite numbers. Received: NaN or infinity in "
            f"{int((~np.isfinite(heatmaps)).any(axis=(1, 2)).sum())} of "
            f"{len(heatmaps)}. Leave these images out."
        )
    return heatmaps


def check_same_pixels(heatmaps: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return heat maps that fit images of shape `(images, height, width, colors)`.

    Raises:
        ValueError: As in `check_heatmaps`, or of another size than the images.
    """
    heatmaps = check_heatmaps(heatmaps, count=len(images))
    if np.ndim(images) != 4 or heatmaps.shape != np.shape(images)[:3]:
        raise ValueError(
            "Expected images of shape (images, height, width, colors) and a heat map "
            f"of the same height and width for each. Received: {np.shape(images)} and "
            f"{heatmaps.shape}. Compute the heat maps of these images."
        )
    return heatmaps


def rank_pixels(heatmaps: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the rank of each pixel in its heat map: 0 is the most relevant.

    Equal pixels come in an order drawn by the seed: those of a flat map in a random
    one. The draw of an image depends on its place and the seed alone.

    Args:
        heatmaps: Shape `(images, height, width)`.
        seed: Of the order among equals.

    Returns:
        int64 of the same shape; each image holds 0 to height * width - 1 once.
    """
    heatmaps = check_heatmaps(heatmaps)
    ranks = np.empty(heatmaps.shape, np.int64)
    for index, plane in enumerate(heatmaps):
        tie_breaks = np.random.default_rng([seed, index]).random(plane.size)
        order = np.lexsort((tie_breaks, -plane.ravel()))
        ranks[index].flat[order] = np.arange(plane.size)
    return ranks

"""Positions of an input, and values on a coarse grid enlarged to them."""

import numpy as np


def position_sizes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes of the axes of positions of an input: all but the channels.

    The features of a table are its positions.
    """
    return shape if len(shape) == 1 else shape[:-1]


def window_mask(sizes: tuple, corner: tuple, lengths: tuple) -> np.ndarray:
    """Return a mask that is true in one window.

    Args:
        sizes: Of the axes of positions.
        corner: The first position of the window on each axis.
        lengths: How long it is on each.
    """
    mask = np.zeros(sizes, bool)
    pairs = zip(corner, lengths, strict=True)
    mask[tuple(slice(first, first + length) for first, length in pairs)] = True
    return mask


def enlarge(values: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Return values on another grid of positions, interpolated linearly.

    The outer edges of the two grids coincide (half-pixel centers, as OpenCV and
    TensorFlow resize), and beyond the outer centers the outer values go on.

    Args:
        values: Shape (images, *positions, ...).
        sizes: Of the new axes of positions.

    Returns:
        Shape (images, *sizes, ...).
    """
    for axis, size in enumerate(sizes, start=1):
        weights = _interpolation(values.shape[axis], size)
        values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
    return values


def _interpolation(old: int, new: int) -> np.ndarray:
    """Return the share of each old value in each new one, shape (new, old)."""
    centers = (np.arange(new) + 0.5) * old / new - 0.5
    centers = np.clip(centers, 0, old - 1)[:, None]
    return np.maximum(0, 1 - np.abs(centers - np.arange(old))).astype(np.float32)

"""Smoothing along the spatial axes of images, signals and volumes."""

import math

from happymaps.backend import keras

ops = keras.ops


def gaussian_blur(images, sigma: float):
    """Return images (images, ..., channels) smoothed by a Gaussian.

    The kernel `exp(-k^2 / 2 sigma^2)` reaches 3 sigma far, at most the length of an
    axis, and sums to 1; what is beyond an edge mirrors what is before it, so that a
    constant stays the constant and every axis keeps its length.

    Args:
        images: Any number of spatial axes between the first axis and the last.
        sigma: Standard deviation in pixels, >= 0; at 0 nothing changes.
    """
    if sigma == 0:
        return images
    for axis in range(1, len(images.shape) - 1):
        images = _blur_axis(images, axis, sigma)
    return images


def _blur_axis(images, axis: int, sigma: float):
    # Sums of shifted copies, and not a convolution or a matrix product, which round
    # otherwise in batches of another size.
    length = images.shape[axis]
    reach = min(math.ceil(3 * sigma), length)
    weights = [math.exp(-((k / sigma) ** 2) / 2) for k in range(-reach, reach + 1)]
    padding = [(0, 0)] * len(images.shape)
    padding[axis] = (reach, reach)
    padded = ops.pad(images, padding, mode="symmetric")
    before = (slice(None),) * axis
    total = 0.0
    for start, weight in enumerate(weights):
        part = padded[(*before, slice(start, start + length))]
        total = total + (weight / sum(weights)) * part
    return total

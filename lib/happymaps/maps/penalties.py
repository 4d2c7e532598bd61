"""Norm and total variation of images, with gradients written out.

An image is small and a step makes many passes over it, so that the passes count: the
gradients that TensorFlow derives for slices and powers take ten times as long.
"""

import functools
import math

import numpy as np

from happymaps.backend import tf

_SMALL_ORDER = 12  # up to here the Euclidean norm, found sooner, is a safe divisor
_ROWS = 16  # functions of fewer values are computed by other code, with other rounding


def is_made_of_products(p: float) -> bool:
    """Return whether the norm of this order takes no power value by value."""
    return p % 2 == 0 and p <= _SMALL_ORDER


def lp_norm(images, p: float):
    """Return `||x||_p / N` of each image, shape (images,), of (images, ...)."""
    size = math.prod(images.shape[1:])

    @tf.custom_gradient
    def norm(values):
        length = _length(values, p)
        values = values / length
        steep = _slope(values, p)
        total = tf.reduce_sum(steep * values, axis=1, keepdims=True) + 1e-30

        def gradient(upstream):
            return (upstream / size * _root(total, 1 / p - 1)) * steep

        return length * _root(total, 1 / p) / size, gradient

    return norm(tf.reshape(images, (-1, size)))[:, 0]


def squared_variation(images):
    """Return `sum(d^2) / N` over all differences d of neighbors, shape (images,).

    Differences along every axis of (images, ..., channels) but the last, on the common
    crop that leaves out the last of each.
    """
    shape = tuple(images.shape[1:])
    size = math.prod(shape)

    @tf.custom_gradient
    def variation(values):
        differences = [
            (stride, (values[:, stride:] - values[:, :-stride]) * kept)
            for stride, kept in _neighbors(shape)
        ]
        squares = [tf.reduce_sum(d * d, axis=1, keepdims=True) for _, d in differences]

        def gradient(upstream):
            ahead = [tf.pad(d, ((0, 0), (s, 0))) for s, d in differences]
            behind = [tf.pad(d, ((0, 0), (0, s))) for s, d in differences]
            return (2 / size * upstream) * (tf.add_n(ahead) - tf.add_n(behind))

        return tf.add_n(squares) / size, gradient

    return variation(tf.reshape(images, (-1, size)))[:, 0]


def unlikeliness(images, mean, rows, deviations, noise):
    """Return the squared distance of images from a mean, in standard deviations.

    Args:
        images: Shape (images, ...), of d values.
        mean: Shape (d,).
        rows: Orthonormal directions, shape (directions, d).
        deviations: Along them, shape (directions,).
        noise: The variance in all others, shape (1,).
    """

    @tf.custom_gradient
    def distance(values):
        along = tf.matmul(values, rows, transpose_b=True)
        rest = (values - tf.matmul(along, rows)) / noise
        scaled = along / deviations
        inside = tf.reduce_sum(scaled * scaled, axis=1)
        outside = tf.reduce_sum(rest * rest, axis=1) * noise

        def gradient(upstream):
            slope = tf.matmul(scaled / deviations, rows) + rest
            return 2 * upstream[:, None] * slope

        return inside + outside, gradient

    return distance(tf.reshape(images, (-1, mean.shape[0])) - mean)


@functools.lru_cache
def _neighbors(shape: tuple[int, ...]) -> list[tuple[int, np.ndarray]]:
    """Return for each axis how far the neighbor is in memory, and which pairs count."""
    inside = np.zeros(shape, np.float32)
    inside[tuple(slice(-1) for _ in shape[:-1])] = 1
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape) - 1)]
    return [(stride, inside.ravel()[:-stride]) for stride in strides]


def _length(values, p: float):
    """Return what to divide each image by, lest its powers overflow or vanish."""
    if p > _SMALL_ORDER:
        return tf.reduce_max(tf.abs(values), axis=1, keepdims=True) + 1e-12
    return tf.sqrt(tf.reduce_sum(values * values, axis=1, keepdims=True)) + 1e-12


def _slope(values, p: float):
    """Return `sign(x) |x|^(p - 1)`, by products where the order is even and small."""
    if not is_made_of_products(p):
        return tf.sign(values) * tf.abs(values) ** (p - 1)
    result, square, rest = values, values * values, int(p - 1) // 2
    while rest:
        if rest % 2:
            result = result * square
        square, rest = square * square if rest > 1 else square, rest // 2
    return result


def _root(column, exponent: float):
    """Return powers of a column (images, 1) that do not depend on its length."""
    count = tf.shape(column)[0]
    return (tf.pad(column, ((0, -count % _ROWS), (0, 0))) ** exponent)[:count]

"""A convolution of few input channels, its bias, ReLU and max pooling in one pass.

The first layer of a network makes by far the most numbers of an image, and pooling
keeps a quarter of them. XLA makes a loop of it all that holds the others in registers:
neither way are they written to memory. On the way back they are computed once more,
which takes less time than to read them.

The gradient is a matrix product. What a pooled value depends on is a patch of the
image, one row and column larger than the kernel for windows of two: the kernel, laid at
each place of the window, is a matrix from patches to windows.
"""

import functools
import itertools
from collections.abc import Callable

import numpy as np

from happymaps.backend import keras, tf
from happymaps.maps.forward.pooling import largest
from happymaps.maps.forward.weights import WeightValues
from happymaps.maps.fusion import fused

_MOST_PRODUCTS = 128  # of a window and channel: they are written out one by one


def is_thin(layer: keras.layers.Conv2D, pool: keras.layers.MaxPooling2D) -> bool:
    """Return whether a convolution and its pooling are better done in one pass.

    Args:
        layer: One that `is_plain_convolution`, with a ReLU.
        pool: What follows it, and `is_plain_pooling`.
    """
    unit_steps = (*layer.strides, *layer.dilation_rate) == (1, 1, 1, 1)
    products = np.prod(layer.kernel.shape[:3]) * np.prod(pool.pool_size)
    return unit_steps and products <= _MOST_PRODUCTS


def pooled_convolution(
    layer: keras.layers.Conv2D, pool: keras.layers.MaxPooling2D, weights: WeightValues
) -> Callable:
    """Return a function of images that does what both layers do.

    Args:
        layer: One that `is_thin` before `pool`.
        pool: The pooling.
        weights: Where the function is to read the layer's kernel and bias.
    """
    size = tuple(pool.pool_size)
    kernel = weights.add(layer.kernel)
    taps = tuple(layer.kernel.shape[:2])
    # Of windows that a patch touches, down and across.
    blocks = tuple(-(-(s + t - 1) // s) for s, t in zip(size, taps, strict=True))
    patches = weights.add(_patch_kernel(kernel(), size, blocks))
    bias = layer.bias if layer.use_bias else tf.zeros(layer.filters)
    bias = weights.add(bias)
    margins = [_margins(tap, layer.padding) for tap in taps]

    @tf.custom_gradient
    def run(images):
        framed = images
        if any(map(sum, margins)):
            framed = tf.pad(images, ((0, 0), *margins, (0, 0)))
        fixed = (kernel(), bias())

        def gradient(upstream):
            chosen = fused(functools.partial(_choose, size), (framed,), fixed)
            routed = fused(functools.partial(_route, size), (chosen, upstream))
            back = tf.matmul(routed, patches()[None])
            shape = (size, blocks, tuple(upstream.shape[1:3]), tuple(framed.shape[1:]))
            total = fused(functools.partial(_lay_down, *shape), (back,))
            (top, _), (left, _) = margins
            height, width = images.shape[1:3]
            return total[:, top : top + height, left : left + width]

        return fused(functools.partial(_together, size), (framed,), fixed), gradient

    return run


def _margins(tap: int, padding: str) -> tuple[int, int]:
    span = tap - 1 if padding == "same" else 0
    return span // 2, span - span // 2


def _patch_kernel(kernel, size: tuple[int, int], blocks: tuple[int, int]):
    """Return the matrix from windows to patches, (places x channels, patch)."""
    spare = [s * b - tap for s, b, tap in zip(size, blocks, kernel.shape, strict=False)]
    laid = [
        tf.pad(kernel, ((i, spare[0] - i), (j, spare[1] - j), (0, 0), (0, 0)))
        for i, j in itertools.product(*map(range, size))
    ]
    turned = tf.transpose(tf.stack(laid), (0, 4, 1, 2, 3))
    return tf.reshape(turned, (len(laid) * kernel.shape[3], -1))


def _windows(size: tuple[int, int], framed, kernel) -> list:
    """Return the convolution at each place of the windows, row by row."""
    high, wide, inputs, _ = kernel.shape
    rows, columns = (
        (length - tap + 1) // step
        for length, tap, step in zip(framed.shape[1:3], (high, wide), size, strict=True)
    )

    @functools.cache
    def plane(row: int, column: int, channel: int):
        return framed[
            :,
            row : row + size[0] * (rows - 1) + 1 : size[0],
            column : column + size[1] * (columns - 1) + 1 : size[1],
            channel,
            None,
        ]

    every = list(itertools.product(range(high), range(wide), range(inputs)))
    return [
        functools.reduce(
            tf.add,
            (plane(i + a, j + b, c) * kernel[a, b, c] for a, b, c in every),
        )
        for i, j in itertools.product(*map(range, size))
    ]


def _together(size: tuple[int, int], framed, kernel, bias):
    return tf.nn.relu(largest(_windows(size, framed, kernel)) + bias)


def _choose(size: tuple[int, int], framed, kernel, bias):
    """Return which place of its window is the largest, one too many for none."""
    windows = _windows(size, framed, kernel)
    highest = largest(windows)
    # Of equal values the first gets it all, as in TensorFlow.
    last = len(windows) - 1
    chosen = tf.fill(tf.shape(highest), float(last))
    for place in reversed(range(last)):
        chosen = tf.where(windows[place] >= highest, float(place), chosen)
    return tf.where(highest + bias > 0, chosen, float(last + 1))


def _route(size: tuple[int, int], chosen, upstream):
    """Return the gradient at each place, (images, windows, places x channels)."""
    rows, columns, channels = upstream.shape[1:]
    count = size[0] * size[1]
    places = np.arange(count, dtype=np.float32).reshape(1, 1, 1, count, 1)
    here = tf.equal(chosen[:, :, :, None], places)
    routed = tf.where(here, upstream[:, :, :, None], 0.0)
    return tf.reshape(routed, (-1, rows * columns, count * channels))


def _lay_down(size, blocks, counts, shape, patches):
    """Return the sum of patches, each laid where its window looks, as an image."""
    height, width, channels = shape
    split = (-1, *counts, blocks[0], size[0], blocks[1], size[1], channels)
    patches, total = tf.reshape(patches, split), 0.0
    for down, right in itertools.product(*map(range, blocks)):
        margins = ((down, blocks[0] - 1 - down), (right, blocks[1] - 1 - right))
        part = patches[:, :, :, down, :, right]
        total += tf.pad(part, ((0, 0), *margins, *[(0, 0)] * 3))
    high, wide = ((n + b - 1) * s for n, b, s in zip(counts, blocks, size, strict=True))
    whole = tf.reshape(
        tf.transpose(total, (0, 1, 3, 2, 4, 5)), (-1, high, wide, channels)
    )
    whole = whole[:, :height, :width]
    rest = ((0, max(0, height - high)), (0, max(0, width - wide)))
    return tf.pad(whole, ((0, 0), *rest, (0, 0)))

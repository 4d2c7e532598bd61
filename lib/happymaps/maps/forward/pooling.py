"""Max pooling, alone or with the bias and ReLU before it, each way in one go.

TensorFlow's gradient of max pooling is, depending on how its graph optimizer happens to
walk the graph, five times slower than it could be. It is selection without arithmetic:
compiled by XLA it takes one pass, and no rounding is involved.
"""

import functools
from collections.abc import Callable

import numpy as np

from happymaps.backend import keras, tf
from happymaps.maps.forward.weights import WeightValues


def is_plain_pooling(layer) -> bool:
    """Return whether a layer is max pooling over windows side by side."""
    return (
        type(layer) is keras.layers.MaxPooling2D
        and tuple(layer.pool_size) == tuple(layer.strides)
        and layer.padding == "valid"
        and layer.data_format == "channels_last"
        and layer.compute_dtype == "float32"
    )


def max_pooling(pool: keras.layers.MaxPooling2D) -> Callable:
    """Return a function that does what a max pooling layer does."""
    return _pooling(tuple(pool.pool_size), None)


def pooled_relu(
    layer: keras.layers.Conv2D,
    pool: keras.layers.MaxPooling2D,
    weights: WeightValues,
) -> Callable:
    """Return what a convolution's bias, its ReLU and max pooling make of its values.

    The largest of the rectified values is the rectified largest, and the slope goes the
    same way back, so that most of the rectifying can be left out.
    """
    bias = layer.bias if layer.use_bias else tf.zeros(layer.filters)
    return _pooling(tuple(pool.pool_size), weights.add(bias))


def _pooling(size: tuple[int, int], bias: Callable | None) -> Callable:
    @tf.custom_gradient
    def run(values):
        added = () if bias is None else (bias(),)

        def gradient(upstream):
            return _compiled(_backward, size, (values, upstream), added)

        return _compiled(_forward, size, (values,), added), gradient

    return run


def _compiled(function: Callable, size: tuple[int, int], values: tuple, added: tuple):
    # A concrete function, because TensorFlow takes those of several layers for one that
    # is traced again and again, and warns.
    specs = [tf.TensorSpec([None, *v.shape[1:]], v.dtype) for v in values]
    specs += [tf.TensorSpec(bias.shape, bias.dtype) for bias in added]
    compiled = tf.function(
        functools.partial(function, size), jit_compile=True, autograph=False
    )
    return compiled.get_concrete_function(*specs)(*values, *added)


def _windows(values, size: tuple[int, int]) -> list:
    """Return the values at each place of the windows, row by row."""
    height, width = size
    rows, columns, channels = values.shape[1:]
    high, wide = rows // height, columns // width
    inside = values[:, : high * height, : wide * width]
    split = tf.reshape(inside, (-1, high, height, wide, width, channels))
    return [split[:, :, i, :, j] for i in range(height) for j in range(width)]


def _forward(size: tuple[int, int], values, bias=None):
    largest = _largest(_windows(values, size))
    return largest if bias is None else tf.nn.relu(largest + bias)


def _backward(size: tuple[int, int], values, upstream, bias=None):
    windows = _windows(values, size)
    largest = _largest(windows)
    if bias is not None:
        upstream = tf.where(largest + bias > 0, upstream, 0.0)
    # Of equal values the first gets it all, as in TensorFlow.
    last = len(windows) - 1
    chosen = tf.fill(tf.shape(largest), float(last))
    for place in reversed(range(last)):
        chosen = tf.where(windows[place] >= largest, float(place), chosen)
    places = np.arange(len(windows), dtype=np.float32).reshape(1, 1, size[0], 1, -1, 1)
    routed = tf.where(
        tf.equal(chosen[:, :, None, :, None], places),
        upstream[:, :, None, :, None],
        0.0,
    )
    rows, columns, channels = values.shape[1:]
    high, wide = rows // size[0] * size[0], columns // size[1] * size[1]
    inside = tf.reshape(routed, (-1, high, wide, channels))
    return tf.pad(inside, ((0, 0), (0, rows - high), (0, columns - wide), (0, 0)))


def _largest(windows: list):
    largest = windows[0]
    for values in windows[1:]:
        largest = tf.maximum(largest, values)
    return largest

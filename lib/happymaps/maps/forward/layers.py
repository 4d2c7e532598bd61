"""Layers of a network computed another way: the same numbers to rounding, sooner.

Three things are slow where a network runs backward to a small input on a CPU: the input
gradient of a convolution with few input channels, which the library's convolution
computes at a twentieth of its usual rate; max pooling and the ReLU before it (see
`pooling`); and the whole last layer, where one channel of it is looked at (see
`channel_readout`). And dense layers of few rows round as other code does, so that an
image's numbers would depend on how many stand beside it.
"""

from collections.abc import Callable

from happymaps.backend import keras, tf
from happymaps.maps.forward.weights import WeightValues

_FEW_CHANNELS = 4  # from here on the library's own input gradient is as fast
_LARGE = 2**23  # numbers of a kernel of which memory should hold no copy
_ROWS = 16  # matrix products of fewer rows take another path, with other rounding


def is_in_single(layer) -> bool:
    """Return whether a layer computes in single precision, its weights as they are."""
    float32 = getattr(layer, "compute_dtype", None) == "float32"
    return float32 and getattr(layer, "quantization_mode", None) is None


def is_plain_convolution(layer) -> bool:
    """Return whether a layer is a 2-D convolution that `convolve` can take over."""
    return (
        type(layer) is keras.layers.Conv2D
        and layer.data_format == "channels_last"
        and layer.groups == 1
        and is_in_single(layer)
    )


def is_plain_dense(layer) -> bool:
    """Return whether a layer is one that `multiply` can take over."""
    return type(layer) is keras.layers.Dense and is_in_single(layer)


def convolution(layer: keras.layers.Conv2D, weights: WeightValues) -> Callable:
    """Return a function of images that does what a convolution layer does.

    Args:
        layer: The layer.
        weights: Where the function is to read the layer's kernel and bias.
    """
    linear, add = linear_convolution(layer, weights), _bias(layer, weights)
    return lambda images: layer.activation(add(linear(images)))


def linear_convolution(layer: keras.layers.Conv2D, weights: WeightValues) -> Callable:
    """Return a function of images: the layer without its bias and activation."""
    kernel = weights.add(layer.kernel)
    padding = layer.padding.upper()

    def run(images):
        return tf.nn.conv2d(
            images, kernel(), layer.strides, padding, dilations=layer.dilation_rate
        )

    unit_steps = (*layer.strides, *layer.dilation_rate) == (1, 1, 1, 1)
    if layer.kernel.shape[2] > _FEW_CHANNELS or not unit_steps:
        return run

    @tf.custom_gradient
    def run_with_own_gradient(images):
        size = images.shape[1:3]
        values = tf.cond(
            tf.shape(images)[0] == 1,  # rounds unlike more of them
            lambda: run(tf.concat([images, images], 0))[:1],
            lambda: run(images),
        )
        return values, lambda upstream: _input_gradient(upstream, kernel(), size)

    return run_with_own_gradient


def _bias(layer, weights: WeightValues) -> Callable:
    """Return a function that adds the bias of a layer, if it has one."""
    if not layer.use_bias:
        return lambda values: values
    bias = weights.add(layer.bias)
    return lambda values: tf.nn.bias_add(values, bias())


def dense(layer: keras.layers.Dense, weights: WeightValues) -> Callable:
    """Return a function that does what a dense layer does, alike for any row count."""
    kernel, add = weights.add(layer.kernel), _bias(layer, weights)
    features, units = layer.kernel.shape
    # Turned round once: for few rows the product is then four times as fast.
    is_small = features * units < _LARGE
    turned = weights.add(tf.transpose(kernel())) if is_small else None

    @tf.custom_gradient
    def multiply(rows):
        def gradient(upstream):
            if turned is None:
                return _multiply(upstream, kernel(), transpose_b=True)
            return _multiply(upstream, turned())

        return _multiply(rows, kernel()), gradient

    def run(values):
        rows = tf.reshape(values, (-1, features))
        shape = (-1, *values.shape[1:-1], units)
        return layer.activation(add(tf.reshape(multiply(rows), shape)))

    return run


def _multiply(rows, kernel, *, transpose_b: bool = False):
    count = tf.shape(rows)[0]
    padded = tf.pad(rows, ((0, -count % _ROWS), (0, 0)))
    return tf.matmul(padded, kernel, transpose_b=transpose_b)[:count]


def _input_gradient(upstream, kernel, size: tuple[int, int]):
    """Return the gradient with respect to the input of a convolution of stride 1.

    As a matrix product that gives, for each tap of the kernel, the plane that goes back
    through it; and the sum of these planes, each moved by its tap.
    """
    height, width, inputs, outputs = kernel.shape
    _, rows, columns, _ = upstream.shape
    taps = tf.reshape(kernel, (1, height * width * inputs, outputs))
    flat = tf.reshape(upstream, (-1, rows * columns, outputs))
    planes = tf.matmul(taps, flat, transpose_b=True)
    shape = (-1, height, width, inputs, rows, columns)
    planes = tf.unstack(tf.reshape(planes, shape), axis=1)
    planes = [plane for row in planes for plane in tf.unstack(row, axis=1)]
    moved = []
    for tap, plane in enumerate(planes):
        down, right = divmod(tap, width)
        margins = ((down, height - 1 - down), (right, width - 1 - right))
        moved.append(tf.pad(plane, ((0, 0), (0, 0), *margins)))
    total = tf.add_n(moved)
    top, left = ((t - s) // 2 for t, s in zip(total.shape[2:], size, strict=True))
    cropped = total[:, :, top : top + size[0], left : left + size[1]]
    if inputs == 1:
        return tf.reshape(cropped, (-1, *size, 1))
    return tf.transpose(cropped, (0, 2, 3, 1))

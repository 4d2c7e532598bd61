"""What an objective reads of a layer: the dot product of its values with a vector.

Where a convolution or dense layer is looked at along one vector v per image, its other
channels need not be computed: z.v is the product of the layer's input with the kernel
times v. For one channel of a layer of 64 that is a 64th of the work.
"""

from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras, tf
from happymaps.maps.forward.layers import is_plain_convolution, is_plain_dense

# Functions of single values: the channel looked at needs none of its neighbors.
_ELEMENTWISE = {"linear", "relu", "leaky_relu", "relu6", "elu", "sigmoid", "tanh"}
_ELEMENTWISE |= {"softplus", "silu", "gelu", "selu", "softsign"}


class WholeLayer:
    """Reads from the values of a layer, shape `(images, ..., channels)`."""

    def rows(self, vectors: np.ndarray) -> tuple:
        """Return the tensors that `along` wants for these vectors, one per image."""
        return (tf.constant(vectors),)

    def along(self, values, rows: tuple):
        """Return the dot products, shape `(images, ...)`."""
        (vectors,) = rows
        if len(values.shape) == 2:
            return tf.reduce_sum(values * vectors, axis=-1)
        positions = "zyx"[-(len(values.shape) - 2) :]
        return tf.einsum(f"b{positions}c,bc->b{positions}", values, vectors)


class DenseColumns:
    """Reads from the input of a dense layer, shape `(images, features)`."""

    def __init__(self, layer: keras.layers.Dense) -> None:
        self._layer = layer

    def rows(self, vectors: np.ndarray) -> tuple:
        """Return the columns of the kernel and the biases, one per image."""
        return _contract(self._layer, vectors)

    def along(self, values, rows: tuple):
        """Return the dot products, shape `(images,)`."""
        columns, bias = rows
        return self._layer.activation(tf.reduce_sum(values * columns, axis=-1) + bias)


class ConvolutionChannels:
    """Reads from the input of a convolution, shape `(images, h, w, channels)`."""

    def __init__(self, layer: keras.layers.Conv2D) -> None:
        self._layer = layer

    def rows(self, vectors: np.ndarray) -> tuple:
        """Return the kernels, shape `(images, taps, channels)`, and the biases."""
        kernels, bias = _contract(self._layer, vectors)
        return tf.reshape(kernels, (len(vectors), -1, kernels.shape[3])), bias

    def along(self, values, rows: tuple):
        """Return the dot products, shape `(images, rows, columns)`."""
        kernels, bias = rows
        height, width, channels = values.shape[1:]
        flat = tf.reshape(values, (-1, height * width, channels))
        planes = tf.matmul(kernels, flat, transpose_b=True)
        shape = (-1, kernels.shape[1], height, width)
        planes = tf.unstack(tf.reshape(planes, shape), axis=1)
        total = tf.add_n(self._moved(planes, height, width))
        return self._layer.activation(total + bias[:, None, None])

    def _moved(self, planes: list, height: int, width: int) -> list:
        """Return what each tap of the kernel contributes at each output position."""
        (top, bottom, rows), (left, right, columns) = (
            self._extent(axis, size) for axis, size in enumerate((height, width))
        )
        margins = ((0, 0), (top, bottom), (left, right))
        (down, across), (step, stride) = self._layer.dilation_rate, self._layer.strides
        moved = []
        for tap, plane in enumerate(planes):
            i, j = divmod(tap, self._layer.kernel_size[1])
            framed = tf.pad(plane, margins) if np.any(margins) else plane
            if step == stride == 1:  # far sooner on the way back than strided slices
                begin, size = (0, i * down, j * across), (-1, rows, columns)
                moved.append(tf.slice(framed, begin, size))
                continue
            last, end = i * down + rows * step, j * across + columns * stride
            moved.append(framed[:, i * down : last : step, j * across : end : stride])
        return moved

    def _extent(self, axis: int, size: int) -> tuple[int, int, int]:
        """Return the padding before and after, and the number of outputs."""
        stride, span = self._layer.strides[axis], self._layer.kernel_size[axis] - 1
        span *= self._layer.dilation_rate[axis]
        if self._layer.padding == "valid":
            return 0, 0, (size - span - 1) // stride + 1
        count = -(-size // stride)
        missing = max((count - 1) * stride + span + 1 - size, 0)
        return missing // 2, missing - missing // 2, count


def reader_of_input(layer, rank: int, vectors: np.ndarray):
    """Return what reads from the input of `layer`, or None where nothing can.

    Args:
        layer: The last layer before what is looked at.
        rank: Number of axes of its values, without the batch axis.
        vectors: What is looked for in channel space, shape `(objectives, channels)`.
    """
    single = bool(np.all(np.isin(vectors, (0, 1))) and np.all(vectors.sum(1) <= 1))
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    if name not in _ELEMENTWISE or not (single or name == "linear"):
        return None
    if is_plain_dense(layer) and rank == 1:
        return DenseColumns(layer)
    return ConvolutionChannels(layer) if is_plain_convolution(layer) else None


def _contract(layer, vectors: Sequence) -> tuple:
    """Return the kernel and the bias of a layer times each vector."""
    kernel = layer.kernel.numpy()
    bias = layer.bias.numpy() if layer.use_bias else np.zeros(kernel.shape[-1])
    chosen, which = np.unique(vectors, axis=0, return_inverse=True)
    kernels = np.tensordot(chosen, kernel, ((1,), (kernel.ndim - 1,)))[which.ravel()]
    return (
        tf.constant(kernels, tf.float32),
        tf.constant((chosen @ bias)[which.ravel()], tf.float32),
    )

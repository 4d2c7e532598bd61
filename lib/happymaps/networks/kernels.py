"""Views of a convolution's kernels: templates, components, and what layers compose to.

Kernels have the shape (height, width, inputs, outputs), as Keras keeps them.
"""

import itertools
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras, tf
from happymaps.networks.layers import cut, find_layer, layer_path, layer_paths

__all__ = [
    "center_gradients",
    "effective_kernels",
    "kernel_components",
    "singular_templates",
]

_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)
_ELEMENTWISE = (
    keras.layers.Activation,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.InputLayer,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.SpatialDropout2D,
)
_IMAGES_AT_ONCE = 64


class SingularTemplates(NamedTuple):
    """The one pattern in space that says most of each filter.

    Attributes:
        templates: Norm 1, shape (outputs, height, width).
        input_weights: How much of it is looked for in each input, norm 1, with a sum
            that is not negative; shape (outputs, inputs).
        energy_shares: Part of the kernel's energy that template times weights hold,
            in [1 / min(height width, inputs), 1]; NaN for a kernel of zeros.
    """

    templates: np.ndarray
    input_weights: np.ndarray
    energy_shares: np.ndarray


class KernelComponents(NamedTuple):
    """Principal components of all single kernels of a layer.

    Attributes:
        components: Norm 1, shape (components, height, width).
        variance_shares: Of all variance, falling, shape (components,).
    """

    components: np.ndarray
    variance_shares: np.ndarray


class EffectiveKernels(NamedTuple):
    """What the linear parts of a chain of layers add up to.

    Attributes:
        kernels: Shape (height, width, inputs, outputs).
        stride: Pixels (down, right) between neighbors in the layer's grid.
    """

    kernels: np.ndarray
    stride: tuple[int, int]


def singular_templates(kernels: np.ndarray) -> SingularTemplates:
    """Return the leading template of each filter.

    The weights of an output, height width x inputs, are `U S V^T`; the template is the
    first column of U, its energy share `s1^2 / sum s^2`. The inputs of deeper layers
    are never negative after a ReLU, so the sign is chosen that adds the template more
    than it takes it away: the sum of the input weights is not negative.

    Args:
        kernels: Shape (height, width, inputs, outputs).

    Raises:
        ValueError: Kernels of another number of axes.
    """
    height, width, inputs, outputs = _check_kernels(kernels).shape
    flat = np.moveaxis(np.asarray(kernels, np.float64), 3, 0)
    flat = flat.reshape(outputs, height * width, inputs)
    left, values, right = np.linalg.svd(flat, full_matrices=False)
    template, weight = left[:, :, 0], right[:, 0]
    # A sum of zero says nothing, then the template's own decides.
    sums = np.where(np.abs(weight.sum(1)) > 1e-9, weight.sum(1), template.sum(1))
    sign = np.where(sums < 0, -1.0, 1.0)[:, None]
    energy = np.sum(values**2, axis=1)
    share = np.full(outputs, np.nan)
    np.divide(values[:, 0] ** 2, energy, out=share, where=energy > 0)
    templates = (sign * template).reshape(outputs, height, width)
    return SingularTemplates(templates, sign * weight, share)


def kernel_components(
    kernels: np.ndarray, *, num_components: int = 3
) -> KernelComponents:
    """Return the principal components of a layer's inputs x outputs single kernels.

    Args:
        kernels: Shape (height, width, inputs, outputs).
        num_components: How many, at most height x width.

    Raises:
        ValueError: Kernels of another number of axes, or more components than weights.
    """
    height, width = _check_kernels(kernels).shape[:2]
    if not 1 <= num_components <= height * width:
        raise ValueError(
            f"num_components must lie between 1 and {height * width}, the weights of a "
            f"kernel. Received: {num_components}."
        )
    flat = np.asarray(kernels, np.float64).reshape(height * width, -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    variances, vectors = np.linalg.eigh(flat @ flat.T)
    variances = np.clip(variances[::-1], 0, None)
    total = variances.sum()
    shares = variances / total if total > 0 else np.full_like(variances, np.nan)
    components = vectors[:, ::-1].T[:num_components]
    components = components * np.where(components.sum(1) < 0, -1, 1)[:, None]
    shaped = components.reshape(-1, height, width)
    return KernelComponents(shaped, shares[:num_components])


def effective_kernels(model: keras.Model, layer: str | int) -> EffectiveKernels:
    """Return what a convolution looks for in the image, without the nonlinearities.

    Kernels are composed from the image to the layer: `K(p + s q) += A(p) B(q)` for the
    kernels A so far, at stride s, and the next layer's B. A pooling layer, of means or
    of maxima, is taken as a box; biases and activation functions are left out.

    Args:
        model: A network that is a plain chain of convolutions, pooling layers and
            elementwise layers up to the layer.
        layer: A Conv2D layer.

    Raises:
        ValueError: No such chain.
    """
    chain = _chain_to(model, layer)
    channels = model.inputs[0].shape[-1]
    found, stride = np.eye(channels)[None, None], np.array([1, 1])
    for each in chain:
        kernel, dilation, step = _linear_part(each, found.shape[-1])
        found = _compose(found, kernel, stride * dilation)
        stride = stride * step
    return EffectiveKernels(found, (int(stride[0]), int(stride[1])))


def center_gradients(
    model: keras.Model, layer: str | int, images: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Return the mean gradient of a layer's central neurons, where they look.

    The gradient of the pre-activation at the middle of the grid with respect to the
    image, averaged over images; of the whole image, the window of `size` is returned
    that a chain of layers without padding looks at.

    Args:
        model: The network; it is not changed.
        layer: A Conv2D layer.
        images: Shape (images, height, width, channels).
        size: (height, width) of `effective_kernels`.

    Returns:
        float64 of shape (height, width, inputs, outputs).

    Raises:
        ValueError: As `effective_kernels`, or layers that pad.
    """
    padding = [each for each in _chain_to(model, layer) if _pads(each)]
    if padding:
        raise ValueError(_no_chain(f"{padding[0].name!r} pads its input"))
    part = cut(model, [layer], pre_activation=True)
    stride = effective_kernels(model, layer).stride
    grid = part.outputs[0].shape[1:3]
    row, column = (length // 2 for length in grid)
    top, left = row * stride[0], column * stride[1]
    total = 0.0
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        batch = tf.constant(images[start : start + _IMAGES_AT_ONCE], tf.float32)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(batch)
            values = keras.tree.flatten(part(batch))[0][:, row, column]
            sums = tf.unstack(tf.reduce_sum(values, axis=0))
        slopes = [tf.reduce_sum(tape.gradient(one, batch), axis=0) for one in sums]
        total = total + np.stack(slopes, axis=-1).astype(np.float64)
    window = total[top : top + size[0], left : left + size[1]]
    return window / len(images)


def _check_kernels(kernels: np.ndarray) -> np.ndarray:
    if np.ndim(kernels) != 4:
        raise ValueError(
            "Expected kernels of shape (height, width, inputs, outputs), such as "
            f"layer_kernels(model, layer) gives. Received: {np.ndim(kernels)} axes."
        )
    return np.asarray(kernels)


def _chain_to(model: keras.Model, layer: str | int) -> list:
    """Return the layers from the image to a layer, where each feeds the next alone."""
    target = layer_path(model, layer)
    paths = layer_paths(model)
    chain = [find_layer(model, path) for path in paths[: paths.index(target) + 1]]
    if chain[0].input is not model.inputs[0]:
        raise ValueError(_no_chain(f"{chain[0].name!r} does not take the image"))
    for former, each in itertools.pairwise(chain):
        if each.input is not former.output:
            raise ValueError(_no_chain(f"{each.name!r} does not take {former.name!r}"))
    if not isinstance(chain[-1], keras.layers.Conv2D):
        raise ValueError(_no_chain(f"{target!r} is a {type(chain[-1]).__name__}"))
    return chain


def _pads(layer) -> bool:
    return getattr(layer, "padding", "valid") != "valid"


def _linear_part(layer, channels: int) -> tuple[np.ndarray, int, np.ndarray]:
    """Return a layer's kernel, its dilation and its stride."""
    if isinstance(layer, _ELEMENTWISE):
        return np.eye(channels)[None, None], np.array([1, 1]), np.array([1, 1])
    if isinstance(layer, _POOLS):
        height, width = layer.pool_size
        box = np.eye(channels)[None, None] / (height * width)
        box = np.broadcast_to(box, (height, width, channels, channels))
        return box, np.array([1, 1]), np.array(layer.strides)
    is_plain = type(layer) is keras.layers.Conv2D and layer.groups == 1
    if not is_plain:
        raise ValueError(_no_chain(f"{layer.name!r} is a {type(layer).__name__}"))
    kernel = layer.kernel.numpy().astype(np.float64)
    return kernel, np.array(layer.dilation_rate), np.array(layer.strides)


def _compose(first: np.ndarray, second: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Return the kernels of `first`, then `second` on a grid of that spacing."""
    (tall, wide), (height, width) = first.shape[:2], second.shape[:2]
    down, right = spacing
    shape = (tall + (height - 1) * down, wide + (width - 1) * right)
    found = np.zeros((*shape, first.shape[2], second.shape[3]))
    for row, column in np.ndindex(height, width):
        top, left = row * down, column * right
        found[top : top + tall, left : left + wide] += first @ second[row, column]
    return found


def _no_chain(reason: str) -> str:
    return (
        "Expected a Conv2D layer at the end of a plain chain of Conv2D, pooling and "
        f"elementwise layers. Received: {reason}. Choose a layer before it."
    )

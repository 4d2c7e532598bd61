"""What a network consists of: its convolutions, dense layers, output and kernels."""

import numpy as np

from happymaps.backend import keras
from happymaps.networks.layers import find_layer, layer_paths


def convolution_layers(model: keras.Model) -> list[str]:
    """Return the paths of the two-dimensional convolution layers, in call order."""
    kinds = (
        keras.layers.Conv2D,
        keras.layers.DepthwiseConv2D,
        keras.layers.SeparableConv2D,
    )
    return _of_kind(model, kinds)


def dense_layers(model: keras.Model) -> list[str]:
    """Return the paths of the dense layers, in call order; the last decides."""
    return _of_kind(model, keras.layers.Dense)


def output_layer(model: keras.Model) -> str:
    """Return the path of the last layer, the innermost where networks are nested."""
    return layer_paths(model)[-1]


def activation_name(model: keras.Model, layer: str | int) -> str:
    """Return the name of a layer's own activation function, `"linear"` without one."""
    activation = getattr(find_layer(model, layer), "activation", None)
    return getattr(activation, "__name__", "linear")


def layer_kernels(model: keras.Model, layer: str | int) -> np.ndarray:
    """Return the kernels of a convolution, shape `(height, width, inputs, outputs)`.

    Raises:
        ValueError: The layer has no such kernels.
    """
    kernel = getattr(find_layer(model, layer), "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        raise ValueError(
            f"Expected a Conv2D layer. Received: {layer!r}. The convolutions are: "
            f"{', '.join(convolution_layers(model))}."
        )
    return kernel.numpy()


def _of_kind(model: keras.Model, kinds) -> list[str]:
    paths = layer_paths(model)
    return [path for path in paths if isinstance(find_layer(model, path), kinds)]

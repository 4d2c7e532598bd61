"""Activation maximization, saliency maps and class activation maps."""

import numpy as np

from happymaps.backend import keras
from happymaps.keras_vis.tensors import output_of
from happymaps.keras_vis.visualization.activation_maximization import (
    visualize_activation,
    visualize_activation_with_losses,
)
from happymaps.keras_vis.visualization.saliency import (
    visualize_cam,
    visualize_cam_with_losses,
    visualize_saliency,
    visualize_saliency_with_losses,
)

__all__ = [
    "get_num_filters",
    "overlay",
    "visualize_activation",
    "visualize_activation_with_losses",
    "visualize_cam",
    "visualize_cam_with_losses",
    "visualize_saliency",
    "visualize_saliency_with_losses",
]


def get_num_filters(layer):
    """Return the number of channels of a layer, or of units of a dense one."""
    shape = output_of(layer).shape
    first = keras.config.image_data_format() == "channels_first"
    return shape[1 if first and len(shape) != 2 else -1]


def overlay(array1, array2, alpha=0.5):
    """Return `alpha array1 + (1 - alpha) array2`, in the dtype of `array1`.

    Args:
        array1: Any array.
        array2: An array of that shape.
        alpha: Share of `array1`, in [0, 1].

    Raises:
        ValueError: Another share, or shapes that differ.
    """
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must be in [0, 1]. Received: {alpha}.")
    if np.shape(array1) != np.shape(array2):
        raise ValueError(
            f"Expected arrays of one shape. Received: {np.shape(array1)} and "
            f"{np.shape(array2)}. Bring the smaller one to the size of the other."
        )
    return (array1 * alpha + array2 * (1.0 - alpha)).astype(array1.dtype)

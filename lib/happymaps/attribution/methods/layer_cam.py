"""Layer-CAM."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.class_activation import activation_map
from happymaps.attribution.parts.explained import Explained
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def layer_cam(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    layer: str | int | None = None,
) -> xr.DataArray:
    """Return the channels of a layer, weighted at each position by its own gradient.

    `relu(sum_k relu(dS/dA_k) A_k)`, enlarged linearly to the size of the image. Each
    position has a weight of its own, so that early layers give usable maps too.

    Source: Jiang et al. 2021, doi:10.1109/TIP.2021.3089943.

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.
        layer: As in `grad_cam`.

    Returns:
        As in `grad_cam`.

    Raises:
        ValueError: As in `grad_cam`.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    return activation_map(explained, "layer_cam", layer, _combine)


def _combine(values: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    return np.maximum((np.maximum(gradients, 0) * values).sum(axis=-1), 0)

"""Grad-CAM."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.class_activation import activation_map
from happymaps.attribution.parts.explained import Explained
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def grad_cam(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    layer: str | int | None = None,
) -> xr.DataArray:
    """Return the channels of a layer, weighted by their mean gradients and rectified.

    `relu(sum_k w_k A_k)` with `w_k = mean over positions of dS/dA_k`, A the values of
    the layer after its own activation, enlarged linearly to the size of the image.

    Source: Selvaraju et al. 2017, arXiv:1610.02391.

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.
        layer: A name, path or index; None for the last map with positions that the
            whole score passes, before the layers that the objective reads: what pools,
            pads or drops makes no map of its own. One that is called several times is
            taken at its first call on the way from the image to the score.

    Returns:
        As in `gradient`, but one value per position, never negative: the last
        dimension, `color`, has the length 1. The attribute `layer` names the layer, or
        the layers where the objectives read different ones.

    Raises:
        ValueError: As in `gradient`; a layer without the positions of the input, or one
            that does not lead to the objective; no layer that the whole score passes.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    return activation_map(explained, "grad_cam", layer, _combine)


def _combine(values: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    positions = tuple(range(1, values.ndim - 1))
    weights = gradients.mean(axis=positions, keepdims=True)
    return np.maximum((weights * values).sum(axis=-1), 0)

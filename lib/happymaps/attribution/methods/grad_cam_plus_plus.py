"""Grad-CAM++."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.class_activation import activation_map
from happymaps.attribution.parts.explained import Explained
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def grad_cam_plus_plus(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    layer: str | int | None = None,
) -> xr.DataArray:
    """Return the channels of a layer, weighted by their weighted positive gradients.

    `relu(sum_k w_k A_k)` with `w_k = sum over positions of a_k relu(g_k)`, `g = dS/dA`
    and `a = g^2 / (2 g^2 + g^3 sum over positions of A)`, 0 where the divisor is. The
    paper's factor exp(S), one for the whole image, is left out: it overflows, and does
    not change the map's form.

    Source: Chattopadhyay et al. 2018, arXiv:1710.11063.

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
    return activation_map(explained, "grad_cam_plus_plus", layer, _combine)


def _combine(values: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    positions = tuple(range(1, values.ndim - 1))
    divisor = 2 * gradients**2
    divisor += gradients**3 * values.sum(axis=positions, keepdims=True)
    shares = np.divide(
        gradients**2, divisor, out=np.zeros_like(divisor), where=divisor != 0
    )
    weights = (shares * np.maximum(gradients, 0)).sum(axis=positions, keepdims=True)
    return np.maximum((weights * values).sum(axis=-1), 0)

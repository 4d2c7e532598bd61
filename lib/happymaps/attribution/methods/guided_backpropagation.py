"""Guided backpropagation and deconvolution: gradients through modified ReLUs."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.explained import Explained
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.modified_relus import other_activations
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def guided_backpropagation(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
) -> xr.DataArray:
    """Return the gradient with ReLUs that pass on `g (z > 0) (g > 0)`.

    z is a ReLU's input, g the gradient that arrives at it. Plain ReLUs alone are
    modified; without any, the result is the gradient.

    Source: Springenberg et al. 2015, arXiv:1412.6806.

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.

    Returns:
        As in `gradient`. The attribute `not_modified` names the layers with an
        activation that is neither a plain ReLU nor linear, softmax or sigmoid: with
        any, the result is not what the paper describes.

    Raises:
        ValueError: As in `gradient`.
        TypeError: As in `gradient`.
    """
    return _modified_gradient(
        model, objective, images, activation, batch_size,
        method="guided_backpropagation", relu="guided",
    )  # fmt: skip


def deconvolution(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
) -> xr.DataArray:
    """Return the gradient with ReLUs that pass on `g (g > 0)`, a deconvolution network.

    Source: Zeiler & Fergus 2014, arXiv:1311.2901.

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.

    Returns:
        As in `guided_backpropagation`.

    Raises:
        ValueError: As in `guided_backpropagation`.
        TypeError: As in `gradient`.
    """
    return _modified_gradient(
        model, objective, images, activation, batch_size,
        method="deconvolution", relu="rectified",
    )  # fmt: skip


def _modified_gradient(
    model, objective, images, activation, batch_size, *, method: str, relu: str
) -> xr.DataArray:
    explained = Explained(model, objective, images, activation, batch_size, relu=relu)
    with explained.progress(method, len(images)):
        scores, values = explained.gradients(explained.images, explained.everyone())
    others = ", ".join(other_activations(model))
    return label_attributions(explained, values, scores, method, not_modified=others)

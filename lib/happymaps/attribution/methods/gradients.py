"""The gradient, and the gradient times the input."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.explained import Explained
from happymaps.attribution.parts.labels import label_attributions
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def gradient(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
) -> xr.DataArray:
    """Return how much each value of an image changes the score, `dS/dx`.

    Source: Simonyan, Vedaldi & Zisserman 2014, arXiv:1312.6034 (they show its
    absolute value).

    Args:
        model: A Functional or Sequential network with one input; it is not changed.
        objective: What is scored, one for all images or one per image.
        images: Shape `(images, *input shape)`, in the network's own range.
        activation: `"leaky"`, `"pre"` or `"post"`, as in `maximize`.
        batch_size: How many inputs are in the network at once, >= 1.

    Returns:
        float32 "attributions" of the shape of the images, dimensions
        `("image", "y", "x", "color")` or those of another input, with the coordinates
        `objective` and `score` per image and the options as attributes.

    Raises:
        ValueError: Images that do not fit the network, another number of objectives,
            or an objective that the network does not have.
        TypeError: Something else than objectives.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    scores, gradients = _gradients(explained, "gradient")
    return label_attributions(explained, gradients, scores, "gradient")


def gradient_times_input(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
) -> xr.DataArray:
    """Return the gradient times the image, `x dS/dx`: black takes no part.

    Source: Shrikumar, Greenside & Kundaje 2017, arXiv:1704.02685 (section 2).

    Args:
        model: As in `gradient`, like all that follow.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.

    Returns:
        As in `gradient`.

    Raises:
        ValueError: As in `gradient`.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    scores, gradients = _gradients(explained, "gradient_times_input")
    values = gradients * explained.images
    return label_attributions(explained, values, scores, "gradient_times_input")


def _gradients(explained: Explained, method: str) -> list[np.ndarray]:
    with explained.progress(method, len(explained.images)):
        return explained.gradients(explained.images, explained.everyone())

"""Score-CAM."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy import special

from happymaps.attribution.parts.baselines import baseline_for
from happymaps.attribution.parts.class_activation import activities, heat, layers_for
from happymaps.attribution.parts.explained import Explained
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.positions import enlarge
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def score_cam(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    layer: str | int | None = None,
    baseline: float | np.ndarray | None = 0.0,
) -> xr.DataArray:
    """Return the channels of a layer, weighted by what they let through of the score.

    `relu(sum_k w_k A_k)` with `w = softmax_k S(b + H_k (x - b))`, H_k the channel A_k
    enlarged to the image and scaled to [0, 1]. A channel that is the same everywhere
    makes no mask and has no weight.

    Source: Wang et al. 2020, arXiv:1910.01279 (algorithm 1; there b = 0).

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.
        layer: As in `grad_cam`.
        baseline: b, as in `integrated_gradients`.

    Returns:
        As in `grad_cam`.

    Raises:
        ValueError: As in `grad_cam`, or a baseline of another shape.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    base = baseline_for(baseline, explained.images)
    places = layers_for(explained, layer)
    scores = np.empty(len(explained.images), np.float32)
    result = np.empty((*explained.images.shape[:-1], 1), np.float32)
    with explained.progress("score_cam", 0):  # channels differ among layers
        for owners, found in activities(explained, places):
            scores[owners] = found.scores
            for owner, values in zip(owners, found.values, strict=True):
                weights = _weights(explained, owner, values, base.values[owner])
                coarse = np.maximum(values @ weights, 0)
                result[owner] = heat(explained, coarse[None])[0]
    layers = ", ".join(dict.fromkeys(place.path for place in places))
    return label_attributions(
        explained, result, scores, "score_cam", baseline=base, layer=layers
    )


def _weights(
    explained: Explained, owner: int, values: np.ndarray, base: np.ndarray
) -> np.ndarray:
    """Return the weight of each channel of an image's values (*positions, channels)."""
    image, count = explained.images[owner], values.shape[-1]
    scores = np.full(count, -np.inf)
    for start in range(0, count, explained.batch_size):
        part = np.moveaxis(values[..., start : start + explained.batch_size], -1, 0)
        masks, varied = _masks(enlarge(part, image.shape[:-1]))
        inputs = base + masks[..., None] * (image - base)
        found = explained.scores(inputs, np.full(len(inputs), owner))
        scores[start : start + len(part)] = np.where(varied, found, -np.inf)
    if not np.isfinite(scores).any():
        return np.zeros(count, np.float32)
    return special.softmax(scores).astype(np.float32)


def _masks(channels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return channels scaled to [0, 1], and which of them vary."""
    axes = tuple(range(1, channels.ndim))
    low = channels.min(axis=axes, keepdims=True)
    spread = channels.max(axis=axes, keepdims=True) - low
    varied = spread > 0
    masks = np.divide(channels - low, spread, out=np.zeros_like(channels), where=varied)
    return masks, varied.reshape(-1)

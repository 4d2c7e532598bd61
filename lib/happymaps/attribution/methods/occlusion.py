"""Occlusion by a patch."""

import itertools
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.baselines import baseline_for
from happymaps.attribution.parts.explained import Explained
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.option_checks import sizes_of
from happymaps.attribution.parts.positions import position_sizes, window_mask
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def occlusion(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    patch: int | tuple[int, ...] = 4,
    stride: int | tuple[int, ...] | None = None,
    baseline: float | np.ndarray | None = 0.0,
) -> xr.DataArray:
    """Return how far the score falls when a patch that covers a pixel is blotted out.

    `mean over patches P that hold the pixel of S(x) - S(x with b in P)`, all channels
    of a pixel alike. The last patch of a row or column ends at the border, so that
    every pixel is covered.

    Source: Zeiler & Fergus 2014, arXiv:1311.2901.

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.
        patch: Size in pixels (features of a table), one number or one for each axis.
        stride: From patch to patch, at most `patch`; None for half a patch.
        baseline: b, as in `integrated_gradients`.

    Returns:
        As in `gradient`.

    Raises:
        ValueError: As in `gradient`; a patch larger than the image, a stride larger
            than the patch, or a baseline of another shape.
        TypeError: As in `gradient`.
    """
    explained = Explained(model, objective, images, activation, batch_size)
    base = baseline_for(baseline, explained.images)
    sizes = position_sizes(explained.images.shape[1:])
    patch = sizes_of("patch", patch, sizes)
    half = tuple(max(1, size // 2) for size in patch)
    stride = half if stride is None else sizes_of("stride", stride, patch)
    masks = _masks(sizes, patch, stride)
    scores = explained.scores(explained.images, explained.everyone())
    channels = (1,) * (explained.images.ndim - 1 - len(sizes))
    holes = masks.reshape(*masks.shape, *channels)
    falls = np.zeros((len(scores), len(masks)))
    with explained.progress("occlusion", falls.size):
        for owners, chosen in explained.repeated(len(masks)):
            inputs = np.where(
                holes[chosen], base.values[owners], explained.images[owners]
            )
            found = explained.scores(inputs, owners)
            falls[owners, chosen] = scores[owners] - found
    heat = np.tensordot(falls, masks, 1) / masks.sum(axis=0)
    values = np.broadcast_to(
        heat.reshape(*heat.shape, *channels), explained.images.shape
    )
    return label_attributions(
        explained, values, scores, "occlusion", baseline=base, patch=list(patch),
        stride=list(stride),
    )  # fmt: skip


def _masks(sizes: tuple, patch: tuple, stride: tuple) -> np.ndarray:
    """Return the masks of the patches, shape (patches, *sizes)."""
    starts = [
        sorted({*range(0, size - length + 1, step), size - length})
        for size, length, step in zip(sizes, patch, stride, strict=True)
    ]
    corners = itertools.product(*starts)
    return np.array([window_mask(sizes, corner, patch) for corner in corners])

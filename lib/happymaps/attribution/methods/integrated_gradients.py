"""Integrated gradients."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.parts.baselines import baseline_for
from happymaps.attribution.parts.explained import Explained
from happymaps.attribution.parts.labels import label_attributions
from happymaps.attribution.parts.option_checks import check_count
from happymaps.backend import keras
from happymaps.maps.objectives import Objective


def integrated_gradients(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    activation: str = "leaky",
    batch_size: int = 32,
    baseline: float | np.ndarray | None = 0.0,
    num_steps: int = 50,
) -> xr.DataArray:
    """Return the gradient averaged from a baseline b to the image, times their gap.

    `(x - b) mean_k dS/dx(b + (k + 1/2) / K (x - b))`, k = 0 .. K - 1 (midpoint rule).
    Complete for K without end: the attributions of an image sum to S(x) - S(b).

    Source: Sundararajan, Taly & Yan 2017, arXiv:1703.01365.

    Args:
        model: As in `gradient`.
        objective: One for all images, or one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`.
        batch_size: >= 1.
        baseline: A number (0 is black in the range [0, 1]), an array of the shape of
            one image or of all images, or None for the lowest value of each image.
        num_steps: K, >= 1.

    Returns:
        As in `gradient`, with the coordinates per image `completeness_gap`, the sum of
        the attributions less S(x) - S(b), and `relative_completeness_gap`, divided by
        |S(x) - S(b)|: NaN where that is 0.

    Raises:
        ValueError: As in `gradient`; a baseline of another shape, `num_steps` < 1.
        TypeError: As in `gradient`.
    """
    check_count("num_steps", num_steps)
    explained = Explained(model, objective, images, activation, batch_size)
    base = baseline_for(baseline, explained.images)
    total = np.zeros(explained.images.shape)
    difference = explained.images - base.values
    with explained.progress("integrated_gradients", num_steps * len(images)):
        for owners, steps in explained.repeated(num_steps):
            shares = _along(((steps + 0.5) / num_steps), total.ndim)
            inputs = base.values[owners] + shares * difference[owners]
            _, gradients = explained.gradients(inputs, owners)
            np.add.at(total, owners, gradients)
    values = difference * total / num_steps
    scores = explained.scores(explained.images, explained.everyone())
    expected = scores - explained.scores(base.values, explained.everyone())
    result = label_attributions(
        explained, values, scores, "integrated_gradients", baseline=base,
        num_steps=num_steps,
    )  # fmt: skip
    return result.assign_coords(_gaps(values, expected))


def _along(values: np.ndarray, rank: int) -> np.ndarray:
    return values.astype(np.float32).reshape(-1, *(1,) * (rank - 1))


def _gaps(values: np.ndarray, expected: np.ndarray) -> dict:
    gaps = values.sum(axis=tuple(range(1, values.ndim))) - expected
    relative = np.divide(
        gaps, np.abs(expected), out=np.full(len(gaps), np.nan), where=expected != 0
    )
    return {
        "completeness_gap": ("image", gaps),
        "relative_completeness_gap": ("image", relative),
    }

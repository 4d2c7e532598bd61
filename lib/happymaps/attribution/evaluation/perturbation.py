"""Deletion and insertion: what the score does as the relevant pixels go, or come.

Both order the pixels of an image by its heat map, the most relevant first, and replace
them step by step: deletion by the baseline, insertion the baseline by them. A heat map
that names what the network uses has a small area under the deletion curve and a large
one under the insertion curve. What a score does on half-deleted images is no property
of the data; the null is a random order, whose curves say what deleting any pixels does.

Source: Petsiuk et al. 2018, arXiv:1806.07421.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy import ndimage

from happymaps.attribution.evaluation.heatmap_checks import (
    check_same_pixels,
    rank_pixels,
)
from happymaps.attribution.evaluation.scores import match_objectives, watch
from happymaps.backend import keras
from happymaps.maps.objectives import Objective

BLUR = 5.0  # standard deviation in pixels, as in RISE's own insertion


def deletion_curve(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    heatmaps: np.ndarray,
    *,
    baseline: float | np.ndarray | str,
    num_steps: int = 20,
    of: str = "probability",
    activation: str = "leaky",
    seed: int = 0,
) -> xr.DataArray:
    """Return the score as the most relevant pixels are replaced by the baseline.

    Args:
        model: The network.
        objective: One, or one per image; `logit(k)` for a probability.
        images: Shape `(images, height, width, colors)`.
        heatmaps: Shape `(images, height, width)`; high is relevant.
        baseline: What stands for "not there": a number, an array that broadcasts to the
            images, or `"blur"` for the image itself, blurred with a Gaussian of 5
            pixels. The curve depends on it.
        num_steps: Steps from the whole image to the baseline, >= 1; each replaces as
            many pixels.
        of: `"probability"` or `"score"`.
        activation: Of scores, as in `maximize`.
        seed: Of the order among equally relevant pixels.

    Returns:
        float64 with dimensions `(image, share)`; `share` of the pixels replaced, from
        0 to 1.

    Raises:
        ValueError: Shapes that do not fit each other, or fewer steps than 1.
    """
    images = np.asarray(images, np.float32)
    start, end = images, _baseline_images(images, baseline)
    settings = {"num_steps": num_steps, "seed": seed}
    altered, shares = _replace_stepwise(start, end, heatmaps, **settings)
    return _curve(model, objective, altered, shares, of=of, activation=activation)


def insertion_curve(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    heatmaps: np.ndarray,
    *,
    baseline: float | np.ndarray | str,
    num_steps: int = 20,
    of: str = "probability",
    activation: str = "leaky",
    seed: int = 0,
) -> xr.DataArray:
    """Return the score as the most relevant pixels are put into the baseline.

    Arguments, result and errors as in `deletion_curve`; `share` counts the pixels that
    have been put in.
    """
    images = np.asarray(images, np.float32)
    start, end = _baseline_images(images, baseline), images
    settings = {"num_steps": num_steps, "seed": seed}
    altered, shares = _replace_stepwise(start, end, heatmaps, **settings)
    return _curve(model, objective, altered, shares, of=of, activation=activation)


def curve_area(curve: xr.DataArray) -> np.ndarray:
    """Return the area under each curve by the trapezoidal rule, shape (images,).

    In [0, 1] for probabilities: the mean of the curve over the share of pixels.
    """
    shares = curve["share"].values
    return np.trapezoid(curve.transpose("image", "share").values, shares, axis=1)


def remove_pixels(
    images: np.ndarray,
    heatmaps: np.ndarray,
    *,
    share: float,
    baseline: float | np.ndarray | str,
    seed: int = 0,
) -> np.ndarray:
    """Return images whose most relevant pixels are replaced by the baseline.

    Args:
        images: Shape `(images, height, width, colors)`; they stay as they are.
        heatmaps: Shape `(images, height, width)`; high is relevant.
        share: Of the pixels, in [0, 1].
        baseline: As in `deletion_curve`.
        seed: Of the order among equally relevant pixels.

    Raises:
        ValueError: Shapes that do not fit each other, or a share out of its range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be in [0, 1]. Received: {share!r}.")
    images = np.asarray(images, np.float32)
    ranks = rank_pixels(check_same_pixels(heatmaps, images), seed=seed)
    removed = ranks < round(share * ranks[0].size)
    return np.where(removed[..., None], _baseline_images(images, baseline), images)


def _baseline_images(images: np.ndarray, baseline: float | np.ndarray | str):
    if isinstance(baseline, str):
        if baseline != "blur":
            raise ValueError(
                "baseline must be a number, an array or 'blur'. Received: "
                f"{baseline!r}."
            )
        return ndimage.gaussian_filter(images, (0, BLUR, BLUR, 0), mode="nearest")
    baseline = np.asarray(baseline, np.float32)
    try:
        return np.broadcast_to(baseline, images.shape)
    except ValueError:
        raise ValueError(
            f"baseline must be a number or broadcast to images of {images.shape}. "
            f"Received: an array of {baseline.shape}. Give the mean pixel, for example."
        ) from None


def _replace_stepwise(start, end, heatmaps, *, num_steps: int, seed: int):
    """Return altered images `(images, steps + 1, ...)` and the shares replaced."""
    if num_steps < 1:
        raise ValueError(
            f"num_steps must be a whole number >= 1. Received: {num_steps}."
        )
    ranks = rank_pixels(check_same_pixels(heatmaps, start), seed=seed)
    counts = np.round(np.linspace(0, ranks[0].size, num_steps + 1)).astype(int)
    replaced = ranks[:, None] < counts[:, None, None]
    altered = np.where(replaced[..., None], end[:, None], start[:, None])
    return altered, counts / ranks[0].size


def _curve(model, objective, altered, shares, *, of: str, activation: str):
    count, steps, *shape = altered.shape
    objectives = match_objectives(objective, count)
    flat = altered.reshape(-1, *shape)
    each = [one for one in objectives for _ in range(steps)]
    scores = watch(model, each, flat, of=of, activation=activation)
    values = scores.reshape(count, steps)
    return xr.DataArray(values, {"share": shares}, ("image", "share"), of)

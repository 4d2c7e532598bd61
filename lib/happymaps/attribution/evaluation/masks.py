"""Heat maps against masks: how much of the relevance lies where it should.

Every measure has the mask's share of the image as its chance level: that is what a
heat map reaches on average that knows nothing of the mask, see `mask_area`.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from happymaps.attribution.evaluation.heatmap_checks import check_heatmaps, rank_pixels


def mask_area(masks: np.ndarray) -> np.ndarray:
    """Return the share of each image that its mask covers, shape (images,), in [0, 1].

    Args:
        masks: bool, shape `(images, height, width)`.
    """
    return np.asarray(masks, bool).mean(axis=(1, 2))


def pointing_game(heatmaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return whether the most relevant pixel lies in the mask, per image.

    Where several pixels are equally and most relevant, their share in the mask: so a
    flat map gets the chance level, the mask's share of the image.

    Source: Zhang et al. 2018, doi:10.1007/s11263-017-1059-x; without its tolerance of
    15 pixels around the mask.

    Args:
        heatmaps: Shape `(images, height, width)`; high is relevant.
        masks: bool of the same shape.

    Returns:
        float64 of shape (images,), in [0, 1]; NaN where the mask is empty.

    Raises:
        ValueError: Shapes that differ.
    """
    heatmaps, masks = _check(heatmaps, masks)
    best = heatmaps == heatmaps.max(axis=(1, 2), keepdims=True)
    hits = (best & masks).sum(axis=(1, 2)) / best.sum(axis=(1, 2))
    return np.where(masks.any(axis=(1, 2)), hits, np.nan)


def relevance_mass(heatmaps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the share of the absolute relevance that lies in the mask, per image.

    `sum in mask |r| / sum |r|`, called relevance mass accuracy by its source.

    Source: Arras et al. 2022, doi:10.1016/j.inffus.2021.11.008, arXiv:2003.07258.

    Args:
        heatmaps: Shape `(images, height, width)`.
        masks: bool of the same shape.

    Returns:
        float64 of shape (images,), in [0, 1]; NaN where the mask is empty or the heat
        map is 0 everywhere.

    Raises:
        ValueError: Shapes that differ.
    """
    heatmaps, masks = _check(heatmaps, masks)
    relevance = np.abs(heatmaps)
    within = np.where(masks, relevance, 0).sum(axis=(1, 2))
    total = relevance.sum(axis=(1, 2))
    known = masks.any(axis=(1, 2)) & (total > 0)
    return np.divide(within, total, out=np.full(len(total), np.nan), where=known)


def relevance_rank(
    heatmaps: np.ndarray, masks: np.ndarray, *, seed: int = 0
) -> np.ndarray:
    """Return the share of the most relevant pixels that lie in the mask, per image.

    Of the K pixels ranked highest, K being the size of the mask, those within it:
    `|top K and mask| / K`, called relevance rank accuracy by its source.

    Source: Arras et al. 2022, doi:10.1016/j.inffus.2021.11.008, arXiv:2003.07258.

    Args:
        heatmaps: Shape `(images, height, width)`; high is relevant.
        masks: bool of the same shape.
        seed: Of the order among equally relevant pixels.

    Returns:
        float64 of shape (images,), in [0, 1]; NaN where the mask is empty.

    Raises:
        ValueError: Shapes that differ.
    """
    heatmaps, masks = _check(heatmaps, masks)
    sizes = masks.sum(axis=(1, 2))
    top = rank_pixels(heatmaps, seed=seed) < sizes[:, None, None]
    hits = (top & masks).sum(axis=(1, 2)).astype(float)
    return np.divide(hits, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)


def mask_shares(heatmaps: np.ndarray, masks: Mapping[str, np.ndarray]) -> xr.Dataset:
    """Return which share of the absolute relevance falls on each region.

    Args:
        heatmaps: Shape `(images, height, width)`.
        masks: Region name to bool of the same shape, as `Dataset.masks`.

    Returns:
        float64 variables with dimensions `(region, image)`: `share` of the absolute
        relevance and `area`, the share of the pixels, both in [0, 1]; `density`, their
        ratio: 1 is what a map has that knows nothing of the region. NaN where a region
        is not in an image, or a map is 0 everywhere.

    Raises:
        ValueError: No mask, or shapes that differ.
    """
    if not masks:
        raise ValueError(
            "Expected at least one region with its mask. Received: none. Only drawn "
            "faces have exact masks; give masks of your own for other images."
        )
    shares = np.array([relevance_mass(heatmaps, mask) for mask in masks.values()])
    areas = np.array([mask_area(mask) for mask in masks.values()])
    density = np.divide(shares, areas, out=np.full(shares.shape, np.nan),
                        where=areas > 0)  # fmt: skip
    dims = ("region", "image")
    variables = {"share": shares, "area": areas, "density": density}
    return xr.Dataset(
        {name: (dims, values) for name, values in variables.items()},
        {"region": list(masks)},
    )


def _check(heatmaps: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    heatmaps, masks = check_heatmaps(heatmaps), np.asarray(masks)
    if masks.dtype != bool or masks.shape != heatmaps.shape:
        raise ValueError(
            f"Expected a mask of bool for each heat map, shape {heatmaps.shape}. "
            f"Received: {masks.dtype} of {masks.shape}. Compare with > 0 to get bool."
        )
    return heatmaps, masks

"""Regions of an input: a grid, an array of labels or named masks."""

import numbers
from collections.abc import Mapping

import numpy as np

from happymaps.attribution.parts.option_checks import sizes_of


def regions_of(regions, sizes: tuple[int, ...]) -> tuple[list[str], np.ndarray]:
    """Return the names of regions and their masks, shape (regions, *sizes).

    Args:
        regions: A number of cells along each axis, or a tuple of one for each; an array
            of labels of shape `sizes`, each distinct value a region; or a dict from
            names to masks of that shape, which may overlap.
        sizes: Of the axes of positions.

    Raises:
        ValueError: Regions that do not fit, or an empty one.
    """
    if isinstance(regions, Mapping):
        masks = {str(name): np.asarray(mask) for name, mask in regions.items()}
    elif isinstance(regions, numbers.Integral | tuple):
        masks = _cells(sizes_of("regions", regions, sizes), sizes)
    else:
        labels = np.asarray(regions)
        masks = {str(label): labels == label for label in np.unique(labels)}
    if not masks:
        raise ValueError("Expected at least one region. Received: none.")
    for name, mask in masks.items():
        if mask.shape != sizes:
            raise ValueError(
                f"Regions must have the shape {sizes}, one value per position. "
                f"Received: shape {mask.shape}."
            )
        if not mask.any():
            raise ValueError(
                f"A region must hold at least one position. Received: {name!r}, which "
                "is empty. Leave it out."
            )
    return list(masks), np.stack([mask.astype(bool) for mask in masks.values()])


def _cells(counts: tuple[int, ...], sizes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the masks of a grid, by the place of the cell: `"0,0"`, `"0,1"`, ..."""
    places = [
        np.arange(size) * count // size
        for count, size in zip(counts, sizes, strict=True)
    ]
    grid = np.meshgrid(*places, indexing="ij")
    return {
        ",".join(map(str, cell)): np.all(
            [axis == at for axis, at in zip(grid, cell, strict=True)], axis=0
        )
        for cell in np.ndindex(counts)
    }

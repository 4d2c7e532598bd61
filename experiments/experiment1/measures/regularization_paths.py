"""How the gain of maps falls as a penalty grows, and where it has fallen by so much."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from happymaps.backend import keras


def pick_layers(model: "keras.Model", count: int = 5) -> list[str]:
    """Return layers to look into: up to three convolutions, a dense one, the last.

    Args:
        model: The network; it is not changed.
        count: Only so many of these, evenly spread from the first to the last, >= 2.

    Raises:
        ValueError: A count below 2.
    """
    from happymaps.networks.inspection import (
        convolution_layers,
        dense_layers,
        output_layer,
    )

    if count < 2:
        raise ValueError(f"count must be >= 2. Received: {count}.")
    last = output_layer(model)
    dense = [layer for layer in dense_layers(model) if layer != last]
    layers = [*convolution_layers(model)[:3], *dense[:1], last]
    chosen = np.linspace(0, len(layers) - 1, min(count, len(layers))).round()
    return [layers[int(position)] for position in chosen]


def weight_grid(lowest: int, highest: int, per_decade: int) -> list[float]:
    """Return weights that are evenly spaced by their logarithm.

    Args:
        lowest: Exponent of the first, `10**lowest`.
        highest: Exponent of the last, above `lowest`.
        per_decade: How many from one power of ten to below the next, >= 1.

    Raises:
        ValueError: An empty grid.
    """
    if per_decade < 1 or highest <= lowest:
        raise ValueError(
            "A grid needs per_decade >= 1 and highest > lowest. Received: "
            f"per_decade={per_decade}, exponents from {lowest} to {highest}."
        )
    steps = range((highest - lowest) * per_decade + 1)
    return [10.0 ** (lowest + step / per_decade) for step in steps]


def relative_gain(maps: xr.Dataset, weight: str) -> xr.DataArray:
    """Return gains as a share of that at the weight 0, the mean over starts of each.

    Args:
        maps: What `sweep` returned, with the weight 0 first.
        weight: The dimension of the weights.

    Returns:
        The dimensions of the maps but `seed`; below 0 where a map scores less than its
        start, NaN where nothing was gained at the weight 0.
    """
    gain = (maps.score_end - maps.score_start).mean("seed")
    free = gain.isel({weight: 0}, drop=True)
    return gain / free.where(free > 1e-9)


def falling_weight(
    weights: Sequence[float], values: Sequence[float], level: float
) -> float:
    """Return the weight at which values first fall below a level.

    Between two weights the values are taken to be linear in the weight's logarithm.

    Args:
        weights: Above 0, rising.
        values: One for each weight.
        level: What they fall below.

    Returns:
        0 if the first value lies below the level already, infinity if none does, NaN if
        the values are not numbers.
    """
    values = np.asarray(values, float)
    if np.isnan(values).any():
        return math.nan
    below = np.flatnonzero(values < level)
    if not len(below):
        return math.inf
    if below[0] == 0:
        return 0.0
    at = slice(below[0] - 1, below[0] + 1)
    place = np.interp(-level, -values[at], np.log10(np.asarray(weights, float)[at]))
    return float(10**place)


def falling_weights(
    weights: Sequence[float], curves: np.ndarray, level: float
) -> np.ndarray:
    """Return `falling_weight` of each curve.

    Args:
        weights: Above 0, rising, shape (weights,).
        curves: Shape `(..., weights)`.
        level: What they fall below.
    """
    return np.apply_along_axis(
        lambda curve: falling_weight(weights, curve, level), -1, curves
    )

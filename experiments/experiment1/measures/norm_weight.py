"""Where the norm of an image begins to matter to its map.

Nothing here needs TensorFlow before maps are computed.
"""

import numpy as np
import xarray as xr

from happymaps.base.sweepable import Source, sweepable
from happymaps.base.variable_labels import label_variables

STUDY_WEIGHT = 10.0  # the default of keras-vis
ORDER = 6.0  # of its norm
_EXPONENTS = (-2, 7)  # of the weights, for pixels from 0 to 1
_LEVELS = {"onset_weight": 0.9, "half_weight": 0.5, "end_weight": 0.1}
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "layer": ("layer", ""),
    "index": ("channel or unit of the layer", "1"),
    "onset_weight": ("weight at which a tenth of the gain is lost", "1"),
    "half_weight": ("weight at which half of the gain is lost", "1"),
    "end_weight": ("weight at which nine tenths of the gain are lost", "1"),
    "rule_weight": ("weight at which penalty and score balance", "1"),
    "brightness": ("mean over rms of the gradient at the start", "1"),
    "relative_gain": ("gain, share of that without the norm", "1"),
    "likeness": ("correlation with the map without the norm", "1"),
    "mean_pixel": ("mean pixel of the map, 0 black and 1 white", "1"),
    "study_likeness": ("correlation at the study's weight", "1"),
    "num_pixels": ("values of an image", "1"),
    "first_image": ("map of the first unit of a layer", "pixel range of the network"),
}


@sweepable
def measure_norm_weights(
    *,
    source: Source,
    num_layers: int = 5,
    num_units: int = 4,
    num_steps: int = 100,
    tv_weight: float = 0.0,
    weights_per_decade: int = 2,
) -> xr.Dataset:
    """Find the weights of the norm that take a tenth, half, and all of a map's gain.

    The rule: `||x||_6 / N` pulls at a pixel of a gray image with `N^(-5/6) / N`, which
    balances the score at `w = N^(5/6) N rms(da/dx)`, taken at the start.

    Args:
        source: The network.
        num_layers: How many of three convolutions, a dense layer and the last.
        num_units: Channels or units of each layer, evenly spread, >= 1.
        num_steps: Steps of each optimization.
        tv_weight: Weight of total variation, >= 0, the same for all maps.
        weights_per_decade: How fine the grid of weights is; it runs from 1e-2 to 1e7
            for pixels from 0 to 1, and over the pixel range for others.

    Returns:
        By `unit` (of all layers): `layer`, `index`, `onset_weight`, `half_weight` and
        `end_weight` (0 or infinity where it lies outside the grid, NaN where nothing
        was gained), `rule_weight`, `brightness` (mean over rms of the gradient, in
        [-1, 1]), `study_likeness` (correlation of the maps at the weights 10 and 0); by
        unit and `lp_weight`: `relative_gain`, `likeness` (0 for flat maps) and
        `mean_pixel`, in [0, 1]; by `pictured` (layer) and `lp_weight`, y, x and color:
        `first_image`, the map of the layer's first unit. Without dimensions:
        `num_pixels` N.

    Raises:
        ValueError: As in `open_study`; an empty grid, or a weight below 0.
    """
    from experiments.experiment1.measures.regularization_paths import weight_grid
    from happymaps.networks.study import open_study

    grid = np.array(weight_grid(*_EXPONENTS, weights_per_decade))
    grid = np.unique(
        [*grid / (source.highest_pixel - source.lowest_pixel), STUDY_WEIGHT]
    )
    network = open_study(**source.arguments(), split="person").model
    options = {
        "lp_weight": [0.0, *grid],
        "tv_weight": [tv_weight],
        "seeds": [source.seed],
        "num_steps": num_steps,
        "input_range": source.pixel_range,
    }
    return _measure_network(network, num_layers, num_units, options)


def _measure_network(
    network, num_layers: int, num_units: int, options: dict
) -> xr.Dataset:
    from experiments.experiment1.measures.regularization_paths import (
        falling_weights,
        pick_layers,
    )

    layers = pick_layers(network, num_layers)
    parts = [_measure_layer(network, layer, num_units, options) for layer in layers]
    pictures = xr.concat([part.first_image for part in parts], "pictured")
    found = xr.concat([part.drop_vars("first_image") for part in parts], "unit")
    grid, curves = options["lp_weight"][1:], found.relative_gain.values[:, 1:]
    reached = {
        name: ("unit", falling_weights(grid, curves, level))
        for name, level in _LEVELS.items()
    }
    size = float(np.prod(network.input_shape[1:]))
    found = found.drop_vars("gradient").assign(
        **reached,
        rule_weight=size ** (1 - 1 / ORDER) * size * found.gradient,
        study_likeness=found.likeness.sel(lp_weight=STUDY_WEIGHT, drop=True),
        num_pixels=size,
        first_image=pictures.assign_coords(pictured=layers),
    )
    return label_variables(found, _MEANINGS)


def _measure_layer(network, layer: str, num_units: int, options: dict) -> xr.Dataset:
    from experiments.experiment1.measures.regularization_paths import relative_gain
    from happymaps.maps.maximization import sweep
    from happymaps.maps.scoring import layer_objectives

    objectives = layer_objectives(network, layer, count=num_units)
    maps = sweep(network, objectives, **options).squeeze("tv_weight", drop=True)
    maps = maps.transpose("objective", "lp_weight", "seed", ...)
    images = maps.image.isel(seed=0).values
    start = maps.isel(lp_weight=0, seed=0)
    low, high = options["input_range"]
    index = [objective.terms[0][1].index for objective in objectives]
    by_weight = {
        "relative_gain": relative_gain(maps, "lp_weight").values,
        "likeness": correlate_with_first(images),
        "mean_pixel": (images.mean(axis=(2, 3, 4)) - low) / (high - low),
    }
    rms = start.gradient_rms
    return xr.Dataset(
        {
            **{name: (("unit", "lp_weight"), v) for name, v in by_weight.items()},
            "layer": ("unit", [layer] * len(index)),
            "index": ("unit", index),
            "gradient": ("unit", rms.values),
            "brightness": ("unit", (start.gradient_mean / rms.where(rms > 0)).values),
            "first_image": (("lp_weight", "y", "x", "color"), images[0]),
        },
        {"lp_weight": maps.lp_weight.values},
    )


def correlate_with_first(images: np.ndarray) -> np.ndarray:
    """Return the correlation of each image of a row with the first of the row.

    Args:
        images: Shape `(rows, images, height, width, channels)`.

    Returns:
        Shape (rows, images), in [-1, 1]; 0 where either is flat.
    """
    flat = np.asarray(images, np.float64).reshape(*images.shape[:2], -1)
    flat = flat - flat.mean(axis=-1, keepdims=True)
    lengths = np.sqrt((flat**2).sum(axis=-1))
    products = (flat * flat[:, :1]).sum(axis=-1)
    scale = lengths * lengths[:, :1]
    found = np.zeros_like(products)
    return np.divide(products, scale, out=found, where=scale > 1e-9)

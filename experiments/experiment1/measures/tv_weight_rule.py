"""Where total variation takes half of a map's gain, and whether one gradient tells.

Nothing here needs TensorFlow before maps are computed.
"""

import numpy as np
import xarray as xr

from happymaps.base.sweepable import Source, sweepable
from happymaps.base.variable_labels import label_variables

OBJECTIVES = ("leaky", "pre")
_EXPONENTS = (-2, 5)  # of the weights, for pixels from 0 to 1
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "layer": ("layer", ""),
    "index": ("channel or unit of the layer", "1"),
    "is_filter": ("whether it is a channel of a convolution", "1"),
    "half_weight": ("weight at which the gain has halved", "1"),
    "rule_weight": ("weight by the rule", "1"),
    "brightness": ("mean over rms of the gradient at the start", "1"),
    "relative_gain": ("gain, share of that without total variation", "1"),
    "quality": ("relative gain x likeness of starts x smoothness", "1"),
    "num_pixels": ("values of an image", "1"),
}


@sweepable
def measure_tv_weights(
    *,
    source: Source,
    num_layers: int = 5,
    num_units: int = 4,
    num_starts: int = 2,
    num_steps: int = 100,
    weights_per_decade: int = 2,
) -> xr.Dataset:
    """Find the weight of total variation that halves the gain of each unit's map.

    The rule: with R the pixel range and N the number of values of an image, the forces
    of score and penalty balance at `w = N rms(da/dx) / R`, taken at the start.

    Args:
        source: The network.
        num_layers: How many of three convolutions, a dense layer and the last.
        num_units: Channels or units of each layer, evenly spread, >= 1.
        num_starts: Random starts of each map, >= 2.
        num_steps: Steps of each optimization.
        weights_per_decade: How fine the grid of weights is; it runs from 1e-2 to 1e5
            for pixels from 0 to 1, and over R squared for others.

    Returns:
        By `unit` (of all layers): `layer`, `index`, `is_filter`. By `activation`
        (`"leaky"`, `"pre"`) and `unit`: `half_weight` (0 or infinity where the gain
        halves outside the grid, NaN where there is none), `rule_weight`, `brightness`
        (mean over rms of the gradient, in [-1, 1]); these and `tv_weight`:
        `relative_gain` and `quality` S, the relative gain (not below 0) times the
        likeness of the maps of two starts (spectral for filters, raw for units) times 1
        less the share of high frequencies. Without dimensions: `num_pixels` N.

    Raises:
        ValueError: As in `open_study`; fewer than two starts, or an empty grid.
    """
    from experiments.experiment1.measures.regularization_paths import weight_grid
    from happymaps.maps.regularizers import LpNorm
    from happymaps.networks.study import open_study

    if num_starts < 2:
        raise ValueError(
            f"num_starts must be >= 2. Received: {num_starts}. One start has no other "
            "to be like."
        )
    grid = np.array(weight_grid(*_EXPONENTS, weights_per_decade))
    network = open_study(**source.arguments(), split="person").model
    scale = source.highest_pixel - source.lowest_pixel
    options = {
        "tv_weight": [0.0, *grid / scale**2],
        # The norm's pull does not depend on the range, the score's slope does.
        "lp_weight": [LpNorm().weight / scale],
        "seeds": [source.seed * num_starts + start for start in range(num_starts)],
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
    found = xr.concat(parts, "unit")
    curves = found.relative_gain.transpose("activation", "unit", "tv_weight").values
    half = falling_weights(options["tv_weight"][1:], curves[..., 1:], 0.5)
    low, high = options["input_range"]
    size = float(np.prod(network.input_shape[1:]))
    rule = found.gradient * size / (high - low)
    found = found.drop_vars("gradient").assign(
        half_weight=(("activation", "unit"), half), rule_weight=rule, num_pixels=size
    )
    return label_variables(found, _MEANINGS)


def _measure_layer(network, layer: str, num_units: int, options: dict) -> xr.Dataset:
    """Return the curves of a layer's units under both objectives."""
    from happymaps.maps.scoring import layer_objectives
    from happymaps.networks.inspection import convolution_layers

    objectives = layer_objectives(network, layer, count=num_units)
    is_filter = layer in convolution_layers(network)
    # For a dense unit both objectives are the same.
    kinds = OBJECTIVES if is_filter else OBJECTIVES[:1]
    curves = [
        _measure_units(network, objectives, is_filter, {**options, "activation": kind})
        for kind in kinds
    ]
    found = xr.concat(curves * (3 - len(kinds)), "activation")
    index = [objective.terms[0][1].index for objective in objectives]
    return found.assign_coords(activation=list(OBJECTIVES)).assign(
        layer=("unit", [layer] * len(index)),
        index=("unit", index),
        is_filter=("unit", [is_filter] * len(index)),
    )


def _measure_units(network, objectives, is_filter: bool, options: dict) -> xr.Dataset:
    from experiments.experiment1.measures.regularization_paths import relative_gain
    from happymaps.maps.maximization import sweep

    maps = sweep(network, objectives, **options).squeeze("lp_weight", drop=True)
    maps = maps.transpose("objective", "tv_weight", "seed", ...)
    gain = relative_gain(maps, "tv_weight").values
    start = maps.isel(tv_weight=0)
    mean, rms = start.gradient_mean.mean("seed"), start.gradient_rms.mean("seed")
    low, high = options["input_range"]
    quality = np.clip(gain, 0, None) * _virtues(
        (maps.image.values - low) / (high - low), "spectral" if is_filter else "raw"
    )
    return xr.Dataset(
        {
            "relative_gain": (("unit", "tv_weight"), gain),
            "quality": (("unit", "tv_weight"), quality),
            "gradient": ("unit", rms.values),
            "brightness": ("unit", (mean / rms.where(rms > 0)).values),
        },
        {"tv_weight": maps.tv_weight.values},
    )


def _virtues(images: np.ndarray, measure: str) -> np.ndarray:
    """Return likeness of starts times smoothness, shape (units, weights)."""
    from happymaps.evidence.similarity import mean_similarity
    from happymaps.maps.measures import high_frequency_share

    alike = mean_similarity(images, measure)
    smooth = 1 - high_frequency_share(images).mean(axis=2)
    return np.clip(np.nan_to_num(alike), 0, None) * np.clip(smooth, 0, None)

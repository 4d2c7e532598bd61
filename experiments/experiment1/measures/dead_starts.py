"""Units that are off at the gray start, and what three objectives make of them.

keras-vis climbs the output after the ReLU (`post`). Where that is zero all over, it has
no slope, and the map stays as it started: a dead start. Whether any real image wakes
the unit is another question.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from experiments.experiment1.measures.hidden_brightness import draw_filters
from happymaps.base.sweepable import Source, sweepable
from happymaps.base.variable_labels import label_variables

if TYPE_CHECKING:
    from happymaps.backend import keras

OBJECTIVES = ("post", "pre", "leaky")
_IMAGES_AT_ONCE = 64
# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "num_units": ("units of the layer", "1"),
    "off_share": ("share of units off at the start", "1"),
    "dead_share": ("share of units that no real image wakes", "1"),
    "off_but_awake_share": ("of the units off at the start, awake on real images", "1"),
    "output_start": ("output after the ReLU, at the start", "activation"),
    "output_end": ("output after the ReLU, of the map", "activation"),
    "best_real_output": ("output after the ReLU, best real image", "activation"),
    "pattern": ("what the map looks like", ""),
    "image": ("map of the first start, 0 black and 1 white", "1"),
}


class _Climb(NamedTuple):
    """How maps are made; `weights` by layer."""

    weights: dict[str, float]
    num_units: int
    num_steps: int
    pixels: tuple[float, float]
    starts: np.ndarray


@sweepable
def measure_dead_starts(
    *,
    source: Source,
    climbed: list[str] = [],  # noqa: B006 - never changed
    num_units: int = 8,
    num_filters: int = 32,
    num_starts: int = 2,
    num_steps: int = 60,
    filter_tv_weight: float = 0.01,
    dense_tv_weight: float = 10.0,
) -> xr.Dataset:
    """Return how many units of a network are off at the start, and how far maps climb.

    Args:
        source: The network.
        climbed: Layers whose maps are made; empty for all convolutions and hidden dense
            layers, which are counted in any case.
        num_units: Units of each layer whose maps are made, evenly spread; of all layers
            as many as the smallest one has, if it has fewer.
        num_filters: Of the first convolution, drawn raw and stretched.
        num_starts: Random starts, >= 1.
        num_steps: Steps of each optimization.
        filter_tv_weight: Weight of `TotalVariation` for filters.
        dense_tv_weight: The same for dense units.

    Returns:
        By `layer`, over all units: `num_units`, `off_share` (mean over starts),
        `dead_share` and `off_but_awake_share` (NaN where none is off), in [0, 1]. By
        `climbed` and `unit`: `best_real_output`; with `start`: `output_start`; with
        `objective` (`OBJECTIVES`): `output_end`, `pattern` and, of the first start,
        `image`. By `channel` of the first convolution: as `draw_filters`. Without
        dimensions: `hidden_off_share`, of the dense layers. All outputs are after the
        ReLU, averaged over positions.

    Raises:
        ValueError: As in `open_study`; a layer that the network lacks.
    """
    from happymaps.maps.engine.starts import start_images
    from happymaps.networks.inspection import (
        convolution_layers,
        dense_layers,
        output_layer,
    )
    from happymaps.networks.layers import input_shape
    from happymaps.networks.study import open_study

    pixels = source.pixel_range
    study = open_study(**source.arguments(), split="person")
    network = study.model
    filters = convolution_layers(network)
    hidden = [n for n in dense_layers(network) if n != output_layer(network)]
    starts = start_images(range(num_starts), input_shape(network), pixels)
    layers = [*filters, *hidden]
    at_start = mean_outputs(network, layers, starts)
    on_data = mean_outputs(network, layers, study.learned.images)
    counts = [_count(n, at_start[n], on_data[n]) for n in layers]
    weights = dict.fromkeys(filters, filter_tv_weight)
    weights |= dict.fromkeys(hidden, dense_tv_weight)
    climbed = climbed or layers
    count = min(num_units, *(at_start[name].shape[1] for name in climbed))
    climb = _Climb(weights, count, num_steps, pixels, starts)
    maps = [
        _climb_layer(network, name, climb, on_data[name].max(axis=0))
        for name in climbed
    ]
    drawn = draw_filters(
        network,
        filters[0],
        count=num_filters,
        pixels=pixels,
        tv_weight=filter_tv_weight,
        num_steps=num_steps,
        seed=source.seed,
    )
    return _label(counts, maps, drawn, hidden)


def mean_outputs(
    network: "keras.Model", layers: list[str], images: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what layers put out after their activation, averaged over positions.

    Args:
        network: It is not changed.
        layers: Their names.
        images: Shape (images, *input shape).

    Returns:
        By layer, shape (images, units).
    """
    from happymaps.backend import keras
    from happymaps.networks.layers import cut

    part = cut(network, layers, pre_activation=False)
    found = {layer: [] for layer in layers}
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        outputs = keras.tree.flatten(part(images[start : start + _IMAGES_AT_ONCE]))
        for layer, output in zip(layers, outputs, strict=True):
            axes = tuple(range(1, len(output.shape) - 1))
            found[layer].append(output.numpy().mean(axis=axes) if axes else output)
    return {layer: np.concatenate(parts) for layer, parts in found.items()}


def _count(layer: str, at_start: np.ndarray, on_data: np.ndarray) -> xr.Dataset:
    """Return how many units of a layer are off at the starts, and on real images.

    A unit's output is never negative, so that its mean over positions is zero where it
    has no slope anywhere.
    """
    off, awake = at_start <= 0, on_data.max(axis=0) > 0
    found = {
        "num_units": len(awake),
        "off_share": off.mean(),
        "dead_share": 1 - awake.mean(),
        "off_but_awake_share": (off & awake).sum() / off.sum() if off.any() else np.nan,
    }
    return xr.Dataset(found, {"layer": layer})


def _climb_layer(
    network: "keras.Model", layer: str, climb: _Climb, best_real: np.ndarray
) -> xr.Dataset:
    """Return how much units put out at their starts and at their maps."""
    from happymaps.maps.measures import classify_patterns
    from happymaps.maps.scoring import layer_objectives

    units = layer_objectives(network, layer, count=climb.num_units)
    index = [unit.terms[0][1].index for unit in units]
    # Before and after all is the same for a dense unit, which has no positions.
    is_dense = units[0].terms[0][1].kind == "unit"
    maps = {
        objective: _make_maps(network, layer, units, climb, objective)
        for objective in OBJECTIVES
        if not (is_dense and objective == "pre")
    }
    images = np.stack([maps.get(objective, maps["leaky"]) for objective in OBJECTIVES])
    shown = (images - climb.pixels[0]) / (climb.pixels[1] - climb.pixels[0])
    at_start = mean_outputs(network, [layer], climb.starts)[layer][:, index].T
    flat = images.reshape(-1, *images.shape[3:])
    outputs = mean_outputs(network, [layer], flat)[layer][:, index]
    outputs = outputs.reshape(*images.shape[:3], len(index))
    own = np.moveaxis(np.diagonal(outputs, axis1=1, axis2=3), -1, 1)
    by_map = ("objective", "unit", "start")
    found = {
        "best_real_output": ("unit", best_real[index]),
        "output_start": (("unit", "start"), at_start),
        "output_end": (by_map, own),
        "pattern": (by_map, classify_patterns(shown)),
        "image": (("objective", "unit", "y", "x", "color"), shown[:, :, 0]),
    }
    return xr.Dataset(found, {"climbed": layer, "objective": list(OBJECTIVES)})


def _make_maps(network, layer, units, climb: _Climb, objective: str) -> np.ndarray:
    from happymaps.maps.maximization import maximize
    from happymaps.maps.regularizers import TotalVariation

    return maximize(
        network,
        units,
        regularizers=(TotalVariation(climb.weights[layer]),),
        activation=objective,
        seed_input=climb.starts,
        input_range=climb.pixels,
        num_steps=climb.num_steps,
    ).image.values


def _label(counts: list, maps: list, drawn: xr.Dataset, hidden: list) -> xr.Dataset:
    counted = xr.concat(counts, "layer")
    result = counted.merge(xr.concat(maps, "climbed")).merge(drawn)
    result = label_variables(result, _MEANINGS)
    off = counted.off_share.sel(layer=hidden).weighted(
        counted.num_units.sel(layer=hidden)
    )
    result["hidden_off_share"] = off.mean() if hidden else np.nan
    return result

"""All measurements of the units of one layer, a value for each unit by name."""

from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.units.ablation import ablate
from happymaps.diagnosis.units.activity import Activity, measure_activity
from happymaps.diagnosis.units.kernel_classes import classify_kernels, kernel_shares
from happymaps.diagnosis.units.kinds import decide, find_duplicates
from happymaps.diagnosis.units.layer_choice import is_gate, source_layer
from happymaps.diagnosis.units.map_rows import measure_maps
from happymaps.diagnosis.units.settings import Settings
from happymaps.diagnosis.units.thresholds import Thresholds
from happymaps.maps.scoring import layer_objectives
from happymaps.networks.inspection import (
    convolution_layers,
    layer_kernels,
    output_layer,
)
from happymaps.networks.layers import find_layer
from happymaps.networks.training import has_class_outputs


def measure_layer(
    model: keras.Model, layer: str, dataset: Dataset, settings: Settings
) -> dict[str, np.ndarray]:
    """Return all variables of `diagnose_units` for the units of a layer.

    Args:
        model: The network; it is not changed.
        layer: Path of a convolution or dense layer.
        dataset: Images in the range that the network takes.
        settings: Options.
    """
    objectives = layer_objectives(model, layer, count=settings.num_units)
    chosen = np.array([objective.terms[0][1].index for objective in objectives])
    activity = measure_activity(model, layer, dataset.images)
    mapped = _spread(len(chosen), settings.maps_per_layer)
    by_map = measure_maps(
        model, layer, [objectives[row] for row in mapped], activity, settings
    ) | _describe_ablation(model, layer, dataset, chosen[mapped], settings)
    images = {name: by_map.pop(name) for name in ("happy_image", "sad_image")}
    found = {
        "layer": np.full(len(chosen), layer, dtype=object),
        "channel": chosen,
        "is_mapped": np.isin(np.arange(len(chosen)), mapped),
        **_describe_activity(activity, chosen, layer, settings.thresholds),
        "brightness_on_data": _follow_light(activity.happy[chosen], dataset.images),
        **_describe_kernels(model, layer, chosen, settings.thresholds),
        **{name: _fill(v, mapped, len(chosen)) for name, v in by_map.items()},
    }
    said = _decide_all(model, layer, activity, found, settings.thresholds)
    return found | said | images


def _spread(count: int, most: int | None) -> np.ndarray:
    """Return the positions of at most `most` of `count` units, evenly spread."""
    size = min(count, most or count)
    return np.arange(size) * count // size


def _fill(values: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Return values of some units as those of all: NaN, or no text, for the others."""
    is_text = values.dtype.kind in "OU"
    dtype = object if is_text else values.dtype
    filled = np.full(count, "" if is_text else np.nan, dtype)
    filled[rows] = values
    return filled


def _describe_activity(
    activity: Activity, chosen: np.ndarray, layer: str, thresholds: Thresholds
) -> dict:
    originals, highest = find_duplicates(activity.correlations, thresholds.duplicate)
    labels = [f"{layer}[{one}]" if one >= 0 else "" for one in originals]
    return {
        "on_rate": activity.on_rate[chosen],
        "lowest_activation": activity.lowest[chosen],
        "highest_activation": activity.highest[chosen],
        "mean_output": activity.mean_output[chosen],
        "duplicate_of": np.array(labels, dtype=object)[chosen],
        "duplicate_correlation": highest[chosen],
    }


def _follow_light(scores: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the correlation of scores with the images' mean, shape (units,)."""
    light = images.mean(axis=tuple(range(1, images.ndim)), dtype=np.float64)
    light = light - light.mean()
    centered = scores - scores.mean(axis=1, keepdims=True)
    size = np.sqrt((centered**2).sum(axis=1) * (light**2).sum())
    unknown = np.full(len(scores), np.nan)
    return np.divide(centered @ light, size, out=unknown, where=size > 1e-12)


def _describe_kernels(
    model: keras.Model, layer: str, chosen: np.ndarray, thresholds: Thresholds
) -> dict:
    names = ("mean_share", "edge_share", "line_share")
    found = {name: np.full(len(chosen), np.nan) for name in names}
    found["kernel_class"] = np.full(len(chosen), "", dtype=object)
    first = convolution_layers(model)[:1]
    # A normalization between the two scales a kernel, which leaves its shares.
    layer = source_layer(model, layer)
    is_plain = isinstance(find_layer(model, layer), keras.layers.Conv2D)
    if [layer] != first or not is_plain:
        return found
    values = layer_kernels(model, layer)[..., chosen]
    if values.shape[:2] != (3, 3):
        return found
    shares = kernel_shares(values)
    classes = classify_kernels(values, share=thresholds.kernel_share)
    return {
        **{f"{name}_share": share for name, share in shares.items()},
        "kernel_class": classes.astype(object),
    }


def _describe_ablation(
    model: keras.Model,
    layer: str,
    dataset: Dataset,
    chosen: np.ndarray,
    settings: Settings,
) -> dict:
    unknown = np.full(len(chosen), np.nan)
    is_part = layer != output_layer(model) and has_class_outputs(model, dataset)
    if not (settings.ablation and is_part):
        return {
            "ablation_loss_change": unknown,
            "ablation_accuracy_change": unknown.copy(),
        }
    found = ablate(model, dataset, layer, [[channel] for channel in chosen])
    return {
        "ablation_loss_change": found.loss_change,
        "ablation_accuracy_change": found.accuracy_change,
    }


def _decide_all(
    model: keras.Model,
    layer: str,
    activity: Activity,
    found: dict,
    thresholds: Thresholds,
) -> dict:
    common = {
        "is_gated": is_gate(find_layer(model, layer)),
        "is_dense": activity.num_axes == 1,
    }
    said = []
    for row, channel in enumerate(found["channel"]):
        unit = {name: values[row] for name, values in found.items()}
        unit |= common | {"is_still": activity.is_still[channel]}
        said.append(decide(unit, thresholds))
    kinds, reasons = zip(*said, strict=True)
    return {"kind": np.array(kinds, object), "reason": np.array(reasons, object)}


def stack_layers(layers: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the variables of several layers below each other."""
    return {
        name: np.concatenate([layer[name] for layer in layers]) for name in layers[0]
    }

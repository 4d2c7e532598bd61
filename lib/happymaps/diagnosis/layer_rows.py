"""All measurements of the units of one layer, a value for each unit by name."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.ablation import ablate
from happymaps.diagnosis.activity import Activity, gray_scores, measure_activity
from happymaps.diagnosis.kernel_classes import classify_kernels, kernel_shares
from happymaps.diagnosis.kinds import GATES, decide, find_duplicates, is_brightness
from happymaps.diagnosis.map_classes import classify_maps, measure_patches
from happymaps.diagnosis.repeatability import measure_repeatability
from happymaps.diagnosis.thresholds import Thresholds
from happymaps.diagnosis.unit_maps import UnitMaps, make_unit_maps
from happymaps.inspection import (
    activation_name,
    convolution_layers,
    kernels,
    output_layer,
)
from happymaps.layers import find_layer
from happymaps.map_measures import high_frequency_share, orientation_coherence
from happymaps.scoring import layer_objectives
from happymaps.training import has_class_outputs

_GRAY_LEVELS = 11
_MOVED = 1e-4  # share of the gain below which gray levels make no difference
_GATE_LAYERS = (
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What `diagnose` was asked for, see there."""

    seeds: tuple[int, ...]
    thresholds: Thresholds
    num_units: int | None
    num_steps: int
    tv_weight: float
    input_range: tuple[float, float]
    ablation: bool


def measure_layer(
    model: keras.Model, layer: str, dataset: Dataset, settings: Settings
) -> dict[str, np.ndarray]:
    """Return all variables of `diagnose` for the units of a layer.

    Args:
        model: The network; it is not changed.
        layer: Path of a convolution or dense layer.
        dataset: Images in the range that the network takes.
        settings: Options.
    """
    objectives = layer_objectives(model, layer, count=settings.num_units)
    chosen = np.array([objective.terms[0][1].index for objective in objectives])
    activity = measure_activity(model, layer, dataset.images)
    maps = make_unit_maps(
        model,
        objectives,
        seeds=settings.seeds,
        tv_weight=settings.tv_weight,
        num_steps=settings.num_steps,
        input_range=settings.input_range,
    )
    found = {
        "layer": np.full(len(chosen), layer, dtype=object),
        "channel": chosen,
        **_describe_activity(activity, chosen, layer, settings.thresholds),
        **_describe_scores(maps, activity, chosen),
        **_describe_light(model, layer, maps, chosen, settings),
        "brightness_on_data": _follow_light(activity.happy[chosen], dataset.images),
        **_describe_pictures(maps, settings.input_range),
        **_describe_repeatability(maps, activity.num_axes == 1),
        **_describe_kernels(model, layer, chosen, settings.thresholds),
        **_describe_ablation(model, layer, dataset, chosen, settings),
    }
    found["map_class"] = _map_class(found, maps, settings.thresholds)
    return found | _decide_all(model, layer, activity, found, settings.thresholds)


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


def _describe_scores(maps: UnitMaps, activity: Activity, chosen: np.ndarray) -> dict:
    """Return what the best of the starts reached, and where real images stand."""
    found = {}
    for sign in ("happy", "sad"):
        scores, gains, images = (
            getattr(maps, name) for name in (f"{sign}_scores", f"{sign}_gains", sign)
        )
        best = scores.argmax(axis=1)
        rows = np.arange(len(chosen))
        real = getattr(activity, sign)[chosen]
        worst, span = real.min(axis=1), np.ptp(real, axis=1)
        relative = np.full(len(chosen), np.nan)
        np.divide(scores[rows, best] - worst, span, out=relative, where=span > 0)
        found |= {
            f"{sign}_gain": gains[rows, best],
            f"{sign}_relative": relative,
            f"{sign}_image": images[rows, best],
        }
    few = maps.strong_gains.shape[1]
    gain = maps.happy_gains[:, :few].mean(axis=1)
    sensitivity = np.full(len(chosen), np.nan)
    np.divide(maps.strong_gains.mean(axis=1), gain, out=sensitivity, where=gain > 0)
    return found | {"tv_sensitivity": sensitivity, "gradient_rms": maps.slopes}


def _describe_light(
    model: keras.Model,
    layer: str,
    maps: UnitMaps,
    chosen: np.ndarray,
    settings: Settings,
) -> dict:
    levels = np.linspace(*settings.input_range, _GRAY_LEVELS)
    grays = gray_scores(model, layer, levels, model.input_shape[1:])[chosen]
    best = maps.happy_scores.argmax(axis=1)
    rows = np.arange(len(chosen))
    gain = maps.happy_gains[rows, best]
    rise = grays.max(axis=1) - (maps.happy_scores[rows, best] - gain)
    response = np.full(len(chosen), np.nan)
    np.divide(rise, gain, out=response, where=gain > 0)
    centered = grays - grays.mean(axis=1, keepdims=True)
    steps = levels - levels.mean()
    size = np.sqrt((centered**2).sum(axis=1) * (steps**2).sum())
    direction = np.full(len(chosen), np.nan)
    is_moved = np.ptp(grays, axis=1) > _MOVED * np.fmax(np.abs(gain), 1e-12)
    np.divide(centered @ steps, size, out=direction, where=is_moved)
    return {
        "brightness_response": np.clip(response, 0, None),
        "brightness_direction": direction,
    }


def _follow_light(scores: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the correlation of scores with the images' mean, shape (units,)."""
    light = images.mean(axis=tuple(range(1, images.ndim)), dtype=np.float64)
    light = light - light.mean()
    centered = scores - scores.mean(axis=1, keepdims=True)
    size = np.sqrt((centered**2).sum(axis=1) * (light**2).sum())
    unknown = np.full(len(scores), np.nan)
    return np.divide(centered @ light, size, out=unknown, where=size > 1e-12)


def _describe_pictures(maps: UnitMaps, input_range: tuple[float, float]) -> dict:
    low, high = input_range
    shown = (maps.happy - low) / (high - low)
    return {
        "high_frequency_share": high_frequency_share(shown).mean(axis=1),
        "coherence": orientation_coherence(shown).mean(axis=1),
        "mean_shift": shown.mean(axis=(1, 2, 3, 4), dtype=np.float64) - 0.5,
    }


def _describe_repeatability(maps: UnitMaps, is_dense: bool) -> dict:
    measured = measure_repeatability(maps.happy)
    names = {"raw": "raw", "shift_tolerant": "shifted", "spectral": "spectral"}
    count = len(maps.happy)
    found = {}
    for measure, name in names.items():
        found[f"repeatability_{name}"] = measured.likeness[measure]
        found[f"null_{name}"] = np.full(count, measured.limits[measure])
    above = [found["repeatability_raw"] - found["null_raw"]]
    if not is_dense:
        above.append(found["repeatability_spectral"] - found["null_spectral"])
    return found | {"noise_score": -np.max(above, axis=0)}


def _describe_kernels(
    model: keras.Model, layer: str, chosen: np.ndarray, thresholds: Thresholds
) -> dict:
    names = ("mean_share", "edge_share", "line_share")
    found = {name: np.full(len(chosen), np.nan) for name in names}
    found["kernel_class"] = np.full(len(chosen), "", dtype=object)
    first = convolution_layers(model)[:1]
    is_plain = isinstance(find_layer(model, layer), keras.layers.Conv2D)
    if [layer] != first or not is_plain:
        return found
    values = kernels(model, layer)[..., chosen]
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


def _map_class(found: dict, maps: UnitMaps, thresholds: Thresholds) -> np.ndarray:
    shares = measure_patches(maps.happy)
    lights = [
        is_brightness(response, left, thresholds)
        for response, left in zip(
            found["brightness_response"], found["tv_sensitivity"], strict=True
        )
    ]
    return classify_maps(shares["edge"], shares["line"], np.array(lights), thresholds)


def _decide_all(
    model: keras.Model,
    layer: str,
    activity: Activity,
    found: dict,
    thresholds: Thresholds,
) -> dict:
    own = find_layer(model, layer)
    is_gated = activation_name(model, layer) in GATES or isinstance(own, _GATE_LAYERS)
    common = {
        "is_gated": is_gated,
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

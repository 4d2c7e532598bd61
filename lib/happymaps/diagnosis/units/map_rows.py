"""What the maps of the units of one layer tell, a value for each unit by name."""

import numpy as np

from happymaps.backend import keras
from happymaps.diagnosis.units.activity import Activity, gray_scores
from happymaps.diagnosis.units.kinds import is_brightness
from happymaps.diagnosis.units.map_classes import classify_maps, measure_patches
from happymaps.diagnosis.units.repeatability import measure_repeatability
from happymaps.diagnosis.units.settings import Settings
from happymaps.diagnosis.units.thresholds import Thresholds
from happymaps.diagnosis.units.unit_maps import UnitMaps, make_unit_maps
from happymaps.maps.measures import high_frequency_share, orientation_coherence
from happymaps.maps.objectives import Objective

_GRAY_LEVELS = 11
_MOVED = 1e-4  # share of the gain below which gray levels make no difference


def measure_maps(
    model: keras.Model,
    layer: str,
    objectives: list[Objective],
    activity: Activity,
    settings: Settings,
) -> dict[str, np.ndarray]:
    """Return the variables of `diagnose_units` that need maps, and the maps.

    Args:
        model: The network; it is not changed.
        layer: Path of the layer.
        objectives: Units of the layer.
        activity: Of all channels of the layer.
        settings: Options.
    """
    chosen = np.array([objective.terms[0][1].index for objective in objectives])
    maps = make_unit_maps(
        model,
        objectives,
        seeds=settings.seeds,
        tv_weight=settings.tv_weight,
        num_steps=settings.num_steps,
        input_range=settings.input_range,
    )
    found = {
        **_describe_scores(maps, activity, chosen),
        **_describe_light(model, layer, maps, chosen, settings),
        **_describe_pictures(maps, settings.input_range),
        **_describe_repeatability(maps, activity.num_axes == 1),
    }
    return found | {"map_class": _map_class(found, maps, settings.thresholds)}


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


def _map_class(found: dict, maps: UnitMaps, thresholds: Thresholds) -> np.ndarray:
    shares = measure_patches(maps.happy)
    lights = [
        is_brightness(response, left, thresholds)
        for response, left in zip(
            found["brightness_response"], found["tv_sensitivity"], strict=True
        )
    ]
    return classify_maps(shares["edge"], shares["line"], np.array(lights), thresholds)

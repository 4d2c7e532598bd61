"""The whole diagnosis: everything that a page about a network wants to know."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.advice.limitations import list_unknown
from happymaps.diagnosis.advice.recommendations import recommend
from happymaps.diagnosis.advice.summary import summarize
from happymaps.diagnosis.advice.thresholds import THRESHOLDS, Thresholds
from happymaps.diagnosis.behavior.brightness import measure_brightness
from happymaps.diagnosis.behavior.calibration import measure_calibration
from happymaps.diagnosis.behavior.errors import confident_mistakes, mistake_groups
from happymaps.diagnosis.behavior.finiteness import check_outputs, check_weights
from happymaps.diagnosis.behavior.localization import describe_places
from happymaps.diagnosis.behavior.occlusion import (
    make_windows,
    measure_covering,
    window_masks,
)
from happymaps.diagnosis.behavior.performance import measure_performance
from happymaps.diagnosis.behavior.preprocessing import (
    compare_class_orders,
    compare_readings,
)
from happymaps.diagnosis.behavior.pruning_effects import measure_removal
from happymaps.diagnosis.behavior.relevance import relevance_maps, shuffled_relevance
from happymaps.diagnosis.behavior.unit_counts import count_units
from happymaps.diagnosis.units.diagnosing import diagnose_units
from happymaps.networks.inspection import activation_name, output_layer
from happymaps.networks.layers import cut, image_shape
from happymaps.networks.models import fingerprint
from happymaps.networks.training import probabilities

_NUM_SAMPLED = 400
_NUM_RELEVANCE = 64
_FEWEST_COVERED = 16
_MOST_COVERED = 128
_COVERED_VALUES = 60_000_000  # pixels that go through the network while covering


class Diagnosis(NamedTuple):
    """What was found, as plain data.

    Attributes:
        findings: What JSON can hold: `model`, `dataset`, `options`, `performance`,
            `calibration`, `mistakes`, `readings`, `class_order`, `covering`,
            `relevance`, `brightness`, `units`, `removal`, `thresholds`; and made of
            these `summary` (sentences), `unknown` (`question`, `why`) and
            `recommendations`. See the modules of this package for each.
        units: The diagnosis of units, as `happymaps.diagnose_units` returns it.
        pictures: Name to array, values in [0, 1] unless said otherwise: `mean_image`
            `(y, x, color)`; `relevance` and `shuffled_relevance` `(y, x)`, which sum
            to 1; `mistakes` `(mistakes, y, x, color)` and `mistake_relevance`
            `(mistakes, y, x)`; `covering` `(y, x)`, the share of predictions that
            change with the window around a pixel.
    """

    findings: dict
    units: xr.Dataset
    pictures: dict[str, np.ndarray]


def diagnose(
    model: keras.Model,
    dataset: Dataset,
    *,
    pixel_range: tuple[float, float] = (0.0, 1.0),
    layers: Sequence[str] | None = None,
    seeds: int = 4,
    maps_per_layer: int | None = 16,
    num_steps: int = 100,
    thresholds: Thresholds = THRESHOLDS,
    seed: int = 0,
    report: Callable[[str], None] = lambda stage: None,
) -> Diagnosis:
    """Return what a classifier does on images, what it rests on, and its units' kinds.

    Args:
        model: A classifier with an output per class, or one for two classes. It is not
            changed.
        dataset: Images in `pixel_range`, with labels.
        pixel_range: What black and white are for the network.
        layers: Whose units to diagnose; None as in `happymaps.diagnose_units`.
        seeds: Random starts of each map, >= 2.
        maps_per_layer: Units of each layer that get maps, evenly spread; None for all.
            What they do on the images is measured for all units.
        num_steps: Of each map, >= 1.
        thresholds: From which sizes a finding becomes a recommendation.
        seed: Of the samples of images and the nulls.
        report: Called with the name of each stage as it begins.

    Raises:
        ValueError: Images or classes that do not fit the network, weights or outputs
            that are not-a-number or infinite, or as in `happymaps.diagnose_units`.
    """
    report("accuracy")
    check_weights(model)
    chances = probabilities(model, dataset)
    check_outputs(model, dataset.images, chances)
    findings = _measure_behavior(model, dataset, chances, pixel_range, seed)
    report("what the decisions rest on")
    places, pictures = _measure_places(model, dataset, findings, pixel_range, seed)
    findings |= places
    report("units")
    units = diagnose_units(
        model,
        dataset,
        layers=layers,
        seeds=seeds,
        maps_per_layer=maps_per_layer,
        num_steps=num_steps,
        input_range=pixel_range,
    )
    report("taking units out")
    findings |= {
        "units": count_units(units, _layer_sizes(model, units)),
        "removal": measure_removal(model, units, dataset, seed=seed),
        "model": _describe_model(model),
        "dataset": _describe_dataset(dataset),
        "options": {
            "pixel_range": [float(each) for each in pixel_range],
            "seeds": seeds,
            "num_steps": num_steps,
            "maps_per_layer": maps_per_layer,
        },
    }
    return Diagnosis(_conclude(findings, thresholds), units, pictures)


def _conclude(findings: dict, thresholds: Thresholds) -> dict:
    return findings | {
        "thresholds": dataclasses.asdict(thresholds),
        "summary": summarize(findings, thresholds),
        "unknown": list_unknown(findings, thresholds),
        "recommendations": recommend(findings, thresholds),
    }


def _measure_behavior(
    model: keras.Model,
    dataset: Dataset,
    chances: np.ndarray,
    pixel_range: tuple[float, float],
    seed: int,
) -> dict:
    named = chances.argmax(axis=1)
    groups, num_groups = mistake_groups(named != dataset.labels, dataset)
    some = dataset.take(_choose(dataset.labels, _NUM_SAMPLED, seed))
    predict = _predictor(model, dataset)
    options = {"pixel_range": pixel_range}
    return {
        "performance": measure_performance(
            chances, dataset.labels, dataset.class_names
        ),
        "calibration": measure_calibration(chances, dataset.labels, seed=seed),
        "mistakes": {
            "shown": confident_mistakes(chances, dataset),
            "groups": groups[:12],
            "num_groups": num_groups,
        },
        "readings": compare_readings(predict, some.images, some.labels, **options),
        "class_order": compare_class_orders(named, dataset.labels),
        "brightness": measure_brightness(
            predict, some.images, some.labels, dataset.class_names, **options, seed=seed
        ),
    }


def _measure_places(
    model: keras.Model,
    dataset: Dataset,
    findings: dict,
    pixel_range: tuple[float, float],
    seed: int,
) -> tuple[dict, dict[str, np.ndarray]]:
    low, high = pixel_range
    covering = _measure_covering(model, dataset, seed)
    chosen = _choose(dataset.labels, _NUM_RELEVANCE, seed, alike=True)
    shown = [each["index"] for each in findings["mistakes"]["shown"]]
    # The average image of all, so that what they have in common is not relevant.
    baseline = dataset.images.mean(axis=0)
    some = dataset.take(chosen)
    heat = relevance_maps(model, some.images, baseline)
    shuffled = shuffled_relevance(model, some.images, baseline)
    window = covering["window"] if covering else None
    places = describe_places(heat, shuffled, some.masks, window)
    pictures = {
        "mean_image": (baseline - low) / (high - low),
        "relevance": heat.mean(axis=0),
        "shuffled_relevance": shuffled,
        "mistakes": (dataset.images[shown] - low) / (high - low),
        "mistake_relevance": np.zeros((0, *shuffled.shape)),
    }
    if shown:
        wrong = dataset.images[shown]
        pictures["mistake_relevance"] = relevance_maps(model, wrong, baseline)
    if covering:
        pictures["covering"] = _spread_windows(covering, shuffled.shape)
    return {"covering": covering, "relevance": places}, pictures


def _measure_covering(model, dataset: Dataset, seed: int) -> dict | None:
    height, width, colors = dataset.images.shape[1:]
    each = len(make_windows(height, width)) * height * width * colors
    most = int(np.clip(_COVERED_VALUES // each, 32, _MOST_COVERED))
    chosen = _choose(dataset.labels, most, seed, alike=True)
    if len(chosen) < _FEWEST_COVERED:
        return None
    predict = _predictor(model, dataset)
    return measure_covering(predict, dataset.images[chosen], dataset.labels[chosen])


def _spread_windows(covering: dict, shape: tuple[int, int]) -> np.ndarray:
    """Return for each pixel the mean change of the windows that hold it."""
    masks = window_masks(covering["windows"], shape)
    changes = np.array(covering["changes"])[:, None, None]
    return (changes * masks).sum(axis=0) / masks.sum(axis=0)


def _predictor(model: keras.Model, dataset: Dataset):
    def predict(images: np.ndarray) -> np.ndarray:
        given = dataclasses.replace(dataset, images=images.astype(np.float32))
        return probabilities(model, given).argmax(axis=1)

    return predict


def _choose(
    labels: np.ndarray, most: int, seed: int, *, alike: bool = False
) -> np.ndarray:
    """Return the places of at most `most` images, in any order.

    Args:
        labels: Class index of each image.
        most: How many.
        seed: Of the choice.
        alike: Whether to take as many of each class as there are.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    if alike:
        turns = np.empty(len(labels), int)
        for k in np.unique(labels):
            same = order[labels[order] == k]
            turns[same] = np.arange(len(same))
        order = order[np.argsort(turns[order], kind="stable")]
    return rng.permutation(order[:most])


def _layer_sizes(model: keras.Model, units: xr.Dataset) -> dict[str, int]:
    names = list(dict.fromkeys(units["layer"].values.tolist()))
    outputs = cut(model, names, pre_activation=False).outputs
    return {
        name: int(output.shape[-1]) for name, output in zip(names, outputs, strict=True)
    }


def _describe_model(model: keras.Model) -> dict:
    return {
        "name": model.name,
        "fingerprint": fingerprint(model),
        "input": list(image_shape(model)),
        "num_parameters": int(model.count_params()),
        "num_layers": len(model.layers),
        "is_single_logit": _is_single_logit(model),
    }


def _is_single_logit(model: keras.Model) -> bool:
    is_linear = activation_name(model, output_layer(model)) == "linear"
    return model.output_shape[-1] == 1 and is_linear


def _describe_dataset(dataset: Dataset) -> dict:
    return {
        "name": _plain_name(dataset.name),
        "num_images": len(dataset),
        "class_names": list(dataset.class_names),
        "class_counts": dataset.class_counts().tolist(),
        "regions": list(dataset.masks),
        "skipped": list(dataset.skipped),
    }


def _plain_name(name: str) -> str:
    # The path of a folder says where, not what, and does not belong into a page.
    kind, _, path = name.partition(":")
    return path.rstrip("/").rpartition("/")[2] if kind == "folder" else name

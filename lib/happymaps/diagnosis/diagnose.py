"""The whole diagnosis: everything that a page about a network wants to know."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.base.progress import whole_bar
from happymaps.datasets import Dataset, Preprocessing, make_preprocessing
from happymaps.diagnosis.advice.findings import conclude
from happymaps.diagnosis.advice.thresholds import THRESHOLDS, Thresholds
from happymaps.diagnosis.behavior.brightness import measure_brightness
from happymaps.diagnosis.behavior.calibration import measure_calibration
from happymaps.diagnosis.behavior.errors import (
    confident_mistakes,
    mistake_groups,
    show_examples,
)
from happymaps.diagnosis.behavior.finiteness import check_numbers, check_outputs
from happymaps.diagnosis.behavior.labels import late_features, measure_labels
from happymaps.diagnosis.behavior.leveling import measure_leveling
from happymaps.diagnosis.behavior.localization import describe_places
from happymaps.diagnosis.behavior.occlusion import (
    covered_images,
    measure_covering,
    spread_windows,
)
from happymaps.diagnosis.behavior.performance import measure_performance
from happymaps.diagnosis.behavior.portraits import make_portraits
from happymaps.diagnosis.behavior.preprocessing import (
    compare_class_orders,
    compare_readings,
)
from happymaps.diagnosis.behavior.pruning_effects import measure_removal
from happymaps.diagnosis.behavior.relevance import relevance_maps, shuffled_relevance
from happymaps.diagnosis.behavior.unit_counts import count_units
from happymaps.diagnosis.description import (
    describe_dataset,
    describe_model,
    layer_sizes,
)
from happymaps.diagnosis.effort import Maps, plan_effort
from happymaps.diagnosis.marks.finding import diagnose_marks
from happymaps.diagnosis.sampling import choose_images
from happymaps.diagnosis.units.diagnosing import diagnose_units
from happymaps.networks.batches import held
from happymaps.networks.checks import check_images
from happymaps.networks.fed import include_preprocessing
from happymaps.networks.layers import layer_path
from happymaps.networks.outputs import find_meaning, stated
from happymaps.networks.training import probabilities

_NUM_SAMPLED, _NUM_LEVELED = 400, 200
_FEWEST_COVERED = 16


class Diagnosis(NamedTuple):
    """What was found, as plain data.

    Attributes:
        findings: What JSON can hold: `model`, `dataset`, `options`, `performance`,
            `calibration`, `mistakes`, `labels`, `readings`, `class_order`, `covering`,
            `relevance`, `brightness`, `leveling`, `units`, `removal`, `thresholds`;
            for enough images `marks`, `marks_tried` (else None), `portraits`; if asked
            for `learned`; and of these `headline`, `findings`, `checked`, `missed` and
            `unknown`, see `conclude`. See the modules of this package.
        units: The diagnosis of units, as `happymaps.diagnose_units` returns it.
        pictures: Name to array, values in [0, 1] unless said otherwise: `mean_image`
            `(y, x, color)`; `relevance` and `shuffled_relevance` `(y, x)`, which sum
            to 1; `mistakes` `(mistakes, y, x, color)` and `mistake_relevance`
            `(mistakes, y, x)`; `covering` `(y, x)`, the share of predictions that
            change with the window around a pixel; `finding_<i>`, the images of the
            finding i `(images, y, x, color)`; `mark_<i>` as `find_marks`, and
            `leveled_<property>` as `measure_leveling` have them; `portrait_<k>`
            `(n, y, x, color)`, maps of class k, `portrait_images_<k>`, its best images.
    """

    findings: dict
    units: xr.Dataset
    pictures: dict[str, np.ndarray]


def diagnose(
    model: keras.Model,
    dataset: Dataset,
    *,
    pixel_range: tuple[float, float] = (0.0, 1.0),
    preprocessing: str | Preprocessing = "",
    outputs: str = "",
    layers: Sequence[str] | None = None,
    seeds: int = 4,
    maps_per_layer: int | None = 16,
    num_steps: int = 100,
    thresholds: Thresholds = THRESHOLDS,
    seed: int = 0,
    report: Callable[[str], None] = lambda stage: None,
    command: str = "happymaps diagnose NETWORK IMAGES",
    learned: Dataset | None = None,
) -> Diagnosis:
    """Return what a classifier does on images, what it rests on, and its units' kinds.

    Args:
        model: A classifier with an output per class, or one for two classes. It is not
            changed.
        dataset: Images in `pixel_range`, with labels.
        pixel_range: What black and white are for the network.
        preprocessing: As in `include_preprocessing`, of a network that was trained
            behind one; the images are then in [0, 1], and so is all that is shown.
        outputs: `"probabilities"` or `"logits"`, where that cannot be seen.
        layers: Whose units to diagnose; None for all, or for a few spread over the
            depth where all would take too long: `left_out` in the findings' options.
        seeds: Random starts of each map, >= 2.
        maps_per_layer: Units of each layer that get maps, evenly spread; None for all.
            What they do on the images is measured for all units.
        num_steps: Of each map, >= 1.
        thresholds: From which sizes a finding becomes a recommendation.
        seed: Of the samples of images and the nulls.
        report: Called with the name of each stage as it begins.
        command: How this diagnosis is asked for, for advice that can be followed.
        learned: Images that the network was trained with, to compare with; None where
            they are not at hand.

    Raises:
        ValueError: Images or classes that do not fit the network, weights or outputs
            that are not-a-number or infinite, or as in `happymaps.diagnose_units`.
    """
    bare, fed = model, make_preprocessing(preprocessing, pixel_range=pixel_range)
    if preprocessing:
        model, pixel_range = include_preprocessing(bare, fed), (0.0, 1.0)
        layers = layers and [layer_path(bare, one) for one in layers]
    check_images(model, dataset.images)
    check_numbers(model, dataset.images)
    with stated(model, outputs):
        meaning = find_meaning(model, dataset.images)
    maps = Maps(maps_per_layer, seeds, num_steps)
    effort = plan_effort(model, dataset, layers, maps)
    with (
        stated(model, meaning),
        stated(bare, meaning),
        held(*{model, bare}),
        whole_bar(effort.accuracy + sum(effort.stages)) as bar,
    ):
        bar.reach(0, report, "accuracy")
        chances = probabilities(model, dataset)
        check_outputs(model, dataset.images, chances)
        few = dataset
        if effort.num_images < len(dataset):
            few = dataset.take(choose_images(dataset.labels, effort.num_images, seed))
        stages = np.cumsum((effort.accuracy, *effort.stages))
        left = effort.estimate(bar.seconds)
        bar.reach(stages[0], report, f"how it takes its images{left}")
        findings = _measure_behavior(model, few, dataset, chances, pixel_range, seed)
        some = few.take(choose_images(few.labels, _NUM_LEVELED, seed))
        findings["leveling"], leveled = measure_leveling(
            _predictor(model, some), some.images, some.labels, dataset.class_names,
            pixel_range=pixel_range, seed=seed,
        )  # fmt: skip
        if learned is not None:
            findings["learned"] = _measure_learned(model, learned)
        findings["labels"] = measure_labels(
            chances, late_features(model, dataset), dataset
        )
        some = few.take(choose_images(few.labels, _NUM_SAMPLED, seed))
        pixels, predict = _to_pixels(some.images, pixel_range), _predictor(bare, some)
        tried = compare_readings(predict, pixels, some.labels, preprocessing=fed)
        bar.reach(stages[1], report, "what the decisions rest on")
        places, pictures = _measure_places(
            model, few, dataset, findings, pixel_range, seed, effort.num_relevance
        )
        findings, pictures = findings | places | {"readings": tried}, pictures | leveled
        bar.reach(stages[2], report, "marks that no image shows")
        marks, drawn = diagnose_marks(model, few, pixel_range, seed)
        findings, pictures = findings | marks, pictures | drawn
        report("what each class looks like to it")
        portraits = make_portraits(model, few, pixel_range=pixel_range, seed=seed)
        if portraits is not None:
            findings["portraits"] = portraits.findings(dataset.class_names)
            pictures |= portraits.pictures(few.images, pixel_range)
        bar.reach(stages[3], report, "units")
        units = diagnose_units(
            model,
            few,
            layers=effort.layers,
            input_range=pixel_range,
            **effort.maps._asdict(),
        )
        bar.reach(stages[4], report, "taking units out")
        findings |= {
            "units": count_units(units, layer_sizes(model, units)),
            "removal": measure_removal(model, units, few, seed=seed),
            "model": describe_model(model, bare, dataset.images),
            "dataset": describe_dataset(dataset, learned),
            "options": {
                "pixel_range": [float(each) for each in pixel_range],
                "command": command,
                **effort.options(),
            },
        }
    findings |= conclude(findings, thresholds)
    shown = show_examples(findings["findings"], chances, dataset)
    pictures |= {name: _to_pixels(each, pixel_range) for name, each in shown.items()}
    return Diagnosis(findings, units, pictures)


def _measure_learned(model: keras.Model, learned: Dataset) -> dict:
    chances = probabilities(model, learned)
    return measure_performance(chances, learned.labels, learned.class_names)


def _measure_behavior(
    model: keras.Model,
    few: Dataset,
    dataset: Dataset,
    chances: np.ndarray,
    pixel_range: tuple[float, float],
    seed: int,
) -> dict:
    named = chances.argmax(axis=1)
    groups, num_groups = mistake_groups(named != dataset.labels, dataset)
    some = few.take(choose_images(few.labels, _NUM_SAMPLED, seed))
    predict = _predictor(model, few)
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
        "class_order": compare_class_orders(named, dataset.labels),
        "brightness": measure_brightness(
            predict,
            some.images,
            some.labels,
            dataset.class_names,
            pixel_range=pixel_range,
            seed=seed,
        ),
    }


def _measure_places(
    model: keras.Model,
    few: Dataset,
    dataset: Dataset,
    findings: dict,
    pixel_range: tuple[float, float],
    seed: int,
    num_relevance: int,
) -> tuple[dict, dict[str, np.ndarray]]:
    covering = _measure_covering(model, few, seed)
    chosen = choose_images(few.labels, num_relevance, seed, alike=True)
    shown = [each["index"] for each in findings["mistakes"]["shown"]]
    # The average image of all, so that what they have in common is not relevant.
    baseline = dataset.images.mean(axis=0)
    some = few.take(chosen)
    heat = relevance_maps(model, some.images, baseline)
    shuffled = shuffled_relevance(model, some.images, baseline)
    window = covering["window"] if covering else None
    places = describe_places(heat, shuffled, some.masks, window)
    pictures = {
        "mean_image": _to_pixels(baseline, pixel_range),
        "relevance": heat.mean(axis=0),
        "shuffled_relevance": shuffled,
        "mistakes": _to_pixels(dataset.images[shown], pixel_range),
        "mistake_relevance": np.zeros((0, *shuffled.shape)),
    }
    if shown:
        wrong = dataset.images[shown]
        pictures["mistake_relevance"] = relevance_maps(model, wrong, baseline)
    if covering:
        pictures["covering"] = spread_windows(covering, shuffled.shape)
    return {"covering": covering, "relevance": places}, pictures


def _to_pixels(images: np.ndarray, pixel_range: tuple[float, float]) -> np.ndarray:
    low, high = pixel_range
    return (images - low) / (high - low)


def _measure_covering(model, dataset: Dataset, seed: int) -> dict | None:
    most = covered_images(dataset.images.shape)
    chosen = choose_images(dataset.labels, most, seed, alike=True)
    if len(chosen) < _FEWEST_COVERED:
        return None
    predict = _predictor(model, dataset)
    return measure_covering(predict, dataset.images[chosen], dataset.labels[chosen])


def _predictor(model: keras.Model, dataset: Dataset):
    def predict(images: np.ndarray) -> np.ndarray:
        given = dataclasses.replace(dataset, images=images.astype(np.float32))
        return probabilities(model, given).argmax(axis=1)

    return predict

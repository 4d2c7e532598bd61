"""The diagnosis of all units of a network, as one table."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras
from happymaps.base.progress import progress_bar
from happymaps.datasets import Dataset
from happymaps.diagnosis.units.layer_choice import choose_layers
from happymaps.diagnosis.units.layer_rows import measure_layer, stack_layers
from happymaps.diagnosis.units.settings import Settings
from happymaps.diagnosis.units.thresholds import Thresholds
from happymaps.networks.checks import check_images
from happymaps.networks.layers import image_shape
from happymaps.networks.models import fingerprint
from happymaps.networks.training import has_class_outputs

# Name in the result -> what it is, and its unit.
MEANINGS = {
    "kind": ("kind of unit", ""),
    "reason": ("the numbers that decided", ""),
    "on_rate": ("share of images and positions with an output above 0", "1"),
    "lowest_activation": ("lowest pre-activation on the data", "activation"),
    "highest_activation": ("highest pre-activation on the data", "activation"),
    "mean_output": ("mean output on the data", "activation"),
    "happy_gain": ("score of the happy map less that of its start", "activation"),
    "sad_gain": ("score of the sad map less that of its start", "activation"),
    "happy_relative": ("score of the happy map, 0 worst and 1 best image", "1"),
    "sad_relative": ("score of the sad map, 0 worst and 1 best image", "1"),
    "repeatability_raw": ("likeness of the maps of its starts, by pixels", "1"),
    "repeatability_shifted": ("the same, best of all shifts", "1"),
    "repeatability_spectral": ("the same, of power spectra", "1"),
    "null_raw": ("limit of chance of the layer, by pixels", "1"),
    "null_shifted": ("the same, best of all shifts", "1"),
    "null_spectral": ("the same, of power spectra", "1"),
    "noise_score": ("how far below the limits of chance", "1"),
    "brightness_response": ("share of the gain that gray alone gives", "1"),
    "brightness_direction": ("correlation of the score with gray levels", "1"),
    "brightness_on_data": ("correlation of scores and mean of real images", "1"),
    "tv_sensitivity": ("share of the gain left at ten times the weight", "1"),
    "gradient_rms": ("slope of the score at the start", "activation / pixel"),
    "high_frequency_share": ("share of high frequencies of the happy map", "1"),
    "coherence": ("how much the happy map runs in one direction", "1"),
    "mean_shift": ("mean of the happy map less the middle of the range", "range"),
    "mean_share": ("share of the kernel's energy in its mean", "1"),
    "edge_share": ("share of the kernel's energy in edges", "1"),
    "line_share": ("share of the kernel's energy in lines", "1"),
    "kernel_class": ("class of the kernel", ""),
    "map_class": ("class of the happy map", ""),
    "ablation_loss_change": ("increase of the loss without the unit", "nat"),
    "ablation_accuracy_change": ("change of the accuracy without the unit", "1"),
    "duplicate_of": ("the unit that it repeats", ""),
    "duplicate_correlation": ("highest correlation with another of its layer", "1"),
    "happy_image": ("happy map", "pixel range of the network"),
    "sad_image": ("sad map", "pixel range of the network"),
}
_TEXTS = ("kind", "reason", "kernel_class", "map_class", "duplicate_of")


def diagnose_units(
    model: keras.Model,
    dataset: Dataset,
    *,
    layers: Sequence[str | int] | None = None,
    seeds: int | Sequence[int] = 8,
    thresholds: Thresholds = Thresholds(),  # noqa: B008 - frozen
    num_units: int | None = None,
    maps_per_layer: int | None = None,
    num_steps: int = 100,
    tv_weight: float = 0.1,
    input_range: tuple[float, float] = (0.0, 1.0),
    ablation: bool = True,
) -> xr.Dataset:
    """Return what kind of unit each unit of a network is, and why.

    The order of the decisions is that of the module `kinds`. Maps are those of
    `maximize`; scores, gains and starts are those of the unit itself.

    - `brightness_response`: (highest score of 11 uniform gray images - score of the
      start) / `happy_gain`, not below 0: the share of what the map gains that gray
      gains alone. `brightness_direction` is the correlation of the score with the gray
      level: positive where light excites, negative where darkness does.
      `brightness_on_data` is that of the scores of the data's images with their mean,
      which needs no map.
    - `tv_sensitivity`: gain under ten times the weight of total variation, over the
      gain, for the first two starts. Near 1 where the map has nothing to smooth.
    - `repeatability_*`: mean likeness of the maps of all pairs of starts, see
      `pairwise_similarity`. `null_*` is the 95 % quantile of the same over pairs of
      different units of the layer. It tells whether a unit is more like itself than
      units of its layer are like each other, and not what was learned: the units of
      networks with shuffled weights repeat as well.
    - `noise_score`: `null - repeatability` by pixels or, for convolutions, by spectrum,
      whichever is lower. Above 0 nothing repeats.
    - `ablation_*`: cross-entropy and accuracy on the data set when the unit's output is
      0, less those of the whole network.

    Args:
        model: A Functional or Sequential network for images; it is not changed.
        dataset: Images in the network's own range. Their labels are needed for the
            ablation alone.
        layers: Convolution, dense or activation layers: names, paths or indices; None
            for all convolutions and dense layers. Where one is followed by an
            activation layer of its own, after a normalization or at once, that is
            taken in its place: only after it can a unit be said to be off.
        seeds: Random starts of each happy map: a count, >= 2, or the seeds themselves.
            Sad maps have the first two.
        thresholds: Limits of the kinds.
        num_units: Units of each layer, evenly spread; None for all.
        maps_per_layer: How many of these get maps and an ablation, evenly spread; None
            for all. What the others do on the data is measured all the same, so that
            dead ones and doubles are found among all.
        num_steps: Of each map, >= 1.
        tv_weight: Weight of total variation, >= 0, as a share of that which balances
            the unit, see `happymaps.diagnosis.units.unit_maps`: 0.1 smooths a little, 1
            halves what a unit gains by a pattern.
        input_range: Lowest and highest value that the network takes.
        ablation: Whether to measure it; it takes about as long as the maps.

    Returns:
        A data set with the dimensions `unit`, `y`, `x`, `color`; with `maps_per_layer`
        images have the dimension `map` in the place of `unit`, and its coordinate says
        which units these are. By unit the
        coordinates `layer` (path) and `channel`, and the variables of `MEANINGS`, each
        with its `long_name` and `units`. Images are those of the start with the best
        score. NaN where a number does not exist: shares of kernels other than 3x3 ones
        of the first convolution, ablation of an output or without an output for each
        class. Attributes tell thresholds, number of images, starts and steps, the
        network's fingerprint and `majority_guess`, the share of the largest class.

    Raises:
        ValueError: Images that do not fit the network, no such layer, a layer of
            another kind, fewer than two starts, or an option out of its range.
    """
    image_shape(model)
    check_images(model, dataset.images)
    settings = Settings(
        seeds=_check_seeds(seeds),
        thresholds=thresholds,
        num_units=num_units,
        maps_per_layer=_check_maps(maps_per_layer),
        num_steps=_check_steps(num_steps),
        tv_weight=tv_weight,
        input_range=_check_range(input_range),
        ablation=ablation,
    )
    paths = choose_layers(model, layers)
    rows = []
    with progress_bar(len(paths), "diagnosis", "layer") as bar:
        for path in paths:
            rows.append(measure_layer(model, path, dataset, settings))
            bar.update()
    return _label(stack_layers(rows), model, dataset, settings)


def _label(
    found: dict, model: keras.Model, dataset: Dataset, settings: Settings
) -> xr.Dataset:
    by_map = "unit" if settings.maps_per_layer is None else "map"
    variables = {}
    for name, (meaning, unit) in MEANINGS.items():
        values = found[name].astype(str) if name in _TEXTS else found[name]
        dims = (by_map, "y", "x", "color") if name.endswith("_image") else ("unit",)
        variables[name] = (dims, values, {"long_name": meaning, "units": unit})
    coordinates = {
        "layer": ("unit", found["layer"].astype(str)),
        "channel": ("unit", found["channel"]),
    }
    if by_map == "map":
        coordinates["map"] = ("map", np.flatnonzero(found["is_mapped"]))
    fits = has_class_outputs(model, dataset)
    attributes = {
        "model": fingerprint(model),
        "dataset": dataset.name,
        "num_images": len(dataset),
        "class_names": list(dataset.class_names),
        "majority_guess": float(dataset.class_counts().max() / len(dataset)),
        "has_class_outputs": int(fits),
        "ablation": "measured" if settings.ablation and fits else "not measured",
        "seeds": list(settings.seeds),
        "num_steps": settings.num_steps,
        "tv_weight": settings.tv_weight,
        "input_range": list(settings.input_range),
        **{
            f"threshold_{name}": value
            for name, value in dataclasses.asdict(settings.thresholds).items()
        },
    }
    return xr.Dataset(variables, coordinates, attributes)


def _check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise ValueError(
            "Expected at least two different starts, to see what repeats. Received: "
            f"seeds={seeds!r}. Use seeds=8."
        )
    return chosen


def _check_maps(maps_per_layer: int | None) -> int | None:
    if maps_per_layer is not None and maps_per_layer < 1:
        raise ValueError(
            "maps_per_layer must be a whole number >= 1. Received: "
            f"{maps_per_layer!r}. Leave it out for maps of all units."
        )
    return maps_per_layer


def _check_steps(num_steps: int) -> int:
    if num_steps < 1:
        raise ValueError(
            f"num_steps must be a whole number >= 1. Received: {num_steps!r}."
        )
    return num_steps


def _check_range(input_range: tuple[float, float]) -> tuple[float, float]:
    low, high = map(float, input_range)
    if not low < high:
        raise ValueError(
            "input_range must be (lowest, highest), the one below the other. Received: "
            f"{input_range!r}. Use (0, 1), or (0, 255) before a Rescaling layer."
        )
    return low, high

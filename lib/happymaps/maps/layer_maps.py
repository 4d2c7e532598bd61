"""The maps of a layer at one point of a sweep.

Nothing here needs TensorFlow before maps are computed: who reads kept results imports
this module for its parameters only. A process keeps the two studies that it opened last
(drawn faces of 60x64: 26 MB each, with the network) and how real images excite the
layers that it was asked for, so that further points of a sweep cost their maps alone.
"""

import dataclasses
import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from happymaps.base import paths
from happymaps.base.sweepable import Source, sweepable
from happymaps.base.variable_labels import label_variables

if TYPE_CHECKING:
    from happymaps.maps.priors import Prior
    from happymaps.networks.study import Study

# Name in the result -> what it is, and its unit.
_MEANINGS = {
    "image": ("map", "pixel range of the network"),
    "index": ("channel or unit of the layer", "1"),
    "score": ("score of the map", "activation"),
    "score_start": ("score of the start", "activation"),
    "gain": ("score of the map less that of its start", "activation"),
    "best_real_score": ("score of the best real image", "activation"),
    "worst_real_score": ("score of the worst real image", "activation"),
    "best_real_index": ("position of the best real image", "1"),
    "relative_score": ("score, 0 worst and 1 best real image", "1"),
    "high_frequency_share": ("share of high frequencies", "1"),
    "pattern": ("what the map looks like", ""),
    "diagnosis": ("what went wrong, or ok", ""),
    "mean_gain": ("gain, mean over units", "activation"),
    "median_relative_score": ("relative score, median over units", "1"),
    "share_beating_real": ("share of maps that beat every real image", "1"),
}


class _RealScores(NamedTuple):
    """How real images excite units; arrays have the first axis of the units.

    Attributes:
        best: Highest score, shape (units,).
        worst: Lowest score, shape (units,).
        best_index: Position of the image with the highest, shape (units,).
        extremes: Positions of the images among which the output after the activation
            varies if it varies at all.
    """

    best: np.ndarray
    worst: np.ndarray
    best_index: np.ndarray
    extremes: np.ndarray


@sweepable
def layer_maps(
    *,
    source: Source,
    layer: str = "conv2d_1",
    tv_weight: float = 1.0,
    lp_weight: float = 10.0,
    sign: str = "happy",
    look: str = "study",
    num_units: int = 8,
    num_steps: int = 100,
    network_seed: int = 0,
    seed: int = 0,
) -> xr.Dataset:
    """Make the maps of some units of a layer, at one weight, from one start.

    A unit's `relative_score` is (score - worst) / (best - worst), with the worst and
    the best of all images of the data set: above 1 the map excites it more than any.

    Args:
        source: The study.
        layer: A convolution or dense layer: name, or path where networks are nested.
        tv_weight: Weight of `TotalVariation`, >= 0.
        lp_weight: Weight of `LpNorm`, >= 0.
        sign: `"happy"` or `"sad"`; of a sad map, scores are those of minus the unit.
        look: As in `maximize`; only `"study"` heeds the weights, and `"natural"` knows
            the images of the data set.
        num_units: How many units, evenly spread; all of a layer that has fewer.
        num_steps: Steps of the optimization, >= 0.
        network_seed: Of the data set, its split and the training.
        seed: Of the start, >= 0.

    Returns:
        A data set with the dimensions `unit` (0, 1, ...), `y`, `x` and `color`: the
        `image` of each unit, float32 in the pixel range; by unit `index` (channel),
        `score`, `score_start`, `gain` (score less that of the start), `best_real_score`
        and `worst_real_score`, `best_real_index` (position in the data set),
        `relative_score` (NaN where all real images score alike),
        `high_frequency_share`, `pattern` (see `classify_patterns`) and `diagnosis` (see
        `happymaps.maps.labels`); and without dimensions `mean_gain`,
        `median_relative_score` (NaN if none has one) and `share_beating_real`, in
        [0, 1].

    Raises:
        ValueError: As in `open_study`, `layer_objectives` and `maximize`.
    """
    from happymaps.maps.maximization import maximize
    from happymaps.maps.regularizers import LpNorm, TotalVariation
    from happymaps.maps.scoring import layer_objectives

    source = dataclasses.replace(source, seed=network_seed)
    stamps = _stamps(source)
    study = _open(source, stamps)
    real = _score_real_images(source, stamps, layer, num_units, sign)
    objectives = layer_objectives(study.model, layer, count=num_units)
    chosen = {"look": look}
    if look == "study":
        chosen["regularizers"] = LpNorm(lp_weight), TotalVariation(tv_weight)
    elif look == "natural":
        chosen["prior"] = _fit_prior(source, stamps)
    maps = maximize(
        study.model,
        objectives,
        **chosen,
        seeds=[seed],
        sign=sign,
        input_range=source.pixel_range,
        num_steps=num_steps,
        reference_images=study.dataset.images[real.extremes],
    )
    index = [objective.terms[0][1].index for objective in objectives]
    return _describe(maps.isel(seed=0, drop=True), index, real, source.pixel_range)


def _describe(
    maps: xr.Dataset, index: list[int], real: _RealScores, pixels: tuple[float, float]
) -> xr.Dataset:
    from happymaps.maps.measures import classify_patterns, high_frequency_share

    image, score = maps.image.values, maps.score_end.values
    shown = (image - pixels[0]) / (pixels[1] - pixels[0])
    gain = score - maps.score_start.values
    span = real.best - real.worst
    relative = np.full(len(score), np.nan)
    np.divide(score - real.worst, span, out=relative, where=span > 0)
    known = relative[np.isfinite(relative)]
    by_unit = {
        "index": index,
        "score": score,
        "score_start": maps.score_start.values,
        "gain": gain,
        "best_real_score": real.best,
        "worst_real_score": real.worst,
        "best_real_index": real.best_index,
        "relative_score": relative,
        "high_frequency_share": high_frequency_share(shown),
        "pattern": classify_patterns(shown),
        "diagnosis": maps.diagnosis.values,
    }
    numbers = {
        "mean_gain": float(gain.mean()),
        "median_relative_score": np.median(known) if len(known) else np.nan,
        "share_beating_real": np.mean(score > real.best),
    }
    variables = {
        "image": (("unit", "y", "x", "color"), image),
        **{name: ("unit", values) for name, values in by_unit.items()},
        **numbers,
    }
    result = xr.Dataset(variables, {"unit": np.arange(len(index))}, maps.attrs)
    return label_variables(result, _MEANINGS)


@functools.lru_cache(maxsize=2)
def _open(source: Source, stamps: tuple) -> "Study":
    from happymaps.networks.study import open_study

    return open_study(**source.arguments())


@functools.lru_cache(maxsize=2)
def _fit_prior(source: Source, stamps: tuple) -> "Prior":
    from happymaps.maps.prior_fitting import quick_prior

    return quick_prior(_open(source, stamps).dataset.images)


@functools.lru_cache(maxsize=64)
def _score_real_images(
    source: Source, stamps: tuple, layer: str, num_units: int, sign: str
) -> _RealScores:
    from happymaps.maps.scoring import layer_objectives, score_images

    study = _open(source, stamps)
    objectives = layer_objectives(study.model, layer, count=num_units)
    scores, outputs = (
        score_images(
            study.model, objectives, study.dataset.images, sign=sign, activation=kind
        ).values
        for kind in ("leaky", "post")
    )
    # A unit's highest and lowest output differ where any two do: these images tell as
    # much of dead units as all of them. The ends are there to have two at least.
    ends = [0, len(study.dataset) - 1]
    extremes = [*ends, *outputs.argmax(axis=1), *outputs.argmin(axis=1)]
    best, worst = scores.max(axis=1), scores.min(axis=1)
    return _RealScores(best, worst, scores.argmax(axis=1), np.unique(extremes))


def _stamps(source: Source) -> tuple:
    """Return what tells the caches of files that have changed."""
    files = [source.model, source.dataset.removeprefix("folder:")]
    return tuple(paths.file_stamps(file) for file in files if file)

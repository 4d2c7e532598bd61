"""Maps with a prior learned from images, and without: who can read them?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from experiments.experiment1.measures.map_readers import (
    Judge,
    correlate,
    likeness,
    open_digits,
)
from happymaps.base.sweepable import Source, TrainedSource, sweepable
from happymaps.base.variable_labels import label_variables
from happymaps.datasets import Dataset

if TYPE_CHECKING:
    from happymaps.backend import keras

LOOKS = ("pixels", "waves", "prior", "prior, shuffled weights", "class mean")
FACTORS = (0.25, 1.0, 4.0)  # of the rule's weight
_POSES = Source(target="pose")
_TV_WEIGHT = 10.0  # of the study for dense units
_FILTER_TV_WEIGHT = 0.01  # of the study for filters
_NUM_BEST = 9  # real images that stand for what a filter sees
_MEANINGS = {
    "image": ("maps of the outputs", "pixel range"),
    "score": ("score of a map", "activation"),
    "named": ("other networks that name the map's class", "1"),
    "nearest": ("named right by the nearest class mean", "1"),
    "linear": ("named right by a linear classifier", "1"),
    "own": ("likeness of maps from different starts", "1"),
    "between": ("likeness of different outputs' maps", "1"),
    "likelihood": ("log-likelihood a value, less that of real images", "nats"),
    "sweep_named": ("other networks that name the map's class", "1"),
    "sweep_likelihood": ("log-likelihood a value, less that of real images", "nats"),
    "far_own": ("likeness of maps from real images as starts", "1"),
    "more_than_mean": ("map less mean, with class mean less mean", "1"),
    "weight": ("weight of the rule", "1"),
    "filter_image": ("maps of filters", "pixel range"),
    "filter_found": ("filters told by their map's likest real images", "1"),
    "filter_own": ("likeness of a filter's maps", "1"),
    "filter_score": ("score, 1 being the best real image's", "1"),
}


@sweepable
def measure_looks(
    *,
    source: TrainedSource = _POSES,
    split: str = "person",
    num_networks: int = 2,
    num_starts: int = 2,
    num_steps: int = 100,
    num_components: int = 0,
    layer: str = "conv2_3",
    num_filters: int = 6,
) -> xr.Dataset:
    """Make the maps of one network in several looks, and have them read by others.

    Network `seed` of the networks 0 to `num_networks` - 1 of as many folds (at least
    two; five where there are fewer networks) is looked into, and the others read. The
    prior is fitted to the images that the network learned from.

    Args:
        source: The study; `"digits"` as data set for scikit-learn's, split by image.
        split: As in `open_study`.
        num_networks: Of the same form, >= 2.
        num_starts: Random starts of each map, >= 2.
        num_steps: Steps of a map.
        num_components: Eigenimages; 0 for as many as make images held out most likely.
        layer: Whose filters are looked at; empty for none.
        num_filters: How many, evenly spread.

    Returns:
        By `look` (see `LOOKS`), `output` and `start`: `image` and `score`. By `look`:
        `named` (share of maps that another network names after their output),
        `nearest`, `linear` (the same of two classifiers fitted to the images that the
        network learned from), `own` and `between` (correlations of maps from different
        starts), `likelihood` (of the median map, a value, less that of the median real
        image held out). By `factor` of the rule's weight: `sweep_named`,
        `sweep_likelihood`. By `output`: `weight`. `far_own`, `more_than_mean` and the
        number of `components` have no dimension. By `filter_look` (pixels, prior):
        `filter_image`, `filter_found` (chance is one over the number of filters),
        `filter_own`, `filter_score`.
    """
    networks, learned, held_out = _open(source, split, num_networks)
    return compare_looks(
        networks,
        learned,
        held_out,
        which=source.seed,
        num_starts=num_starts,
        num_steps=num_steps,
        num_components=num_components or None,
        layer=layer,
        num_filters=num_filters,
    )


def compare_looks(
    networks: Sequence["keras.Model"],
    learned: Dataset,
    held_out: Dataset,
    *,
    which: int,
    num_starts: int,
    num_steps: int,
    num_components: int | None,
    layer: str,
    num_filters: int,
) -> xr.Dataset:
    """Return what `measure_looks` does, of given networks and images.

    Args:
        networks: Of one form, with a logit for each class.
        learned: Images that network `which` learned from.
        held_out: Images that it has not seen.
        which: Position of the network that is looked into.
        num_starts: As in `measure_looks`, like all that follows.
        num_steps: Steps of a map.
        num_components: Eigenimages; None for a choice by likelihood.
        layer: Whose filters are looked at.
        num_filters: How many.
    """
    from happymaps.maps.maximization import maximize
    from happymaps.maps.objectives import logit
    from happymaps.maps.prior_fitting import fit_prior
    from happymaps.maps.regularizers import LpNorm, TotalVariation, Unlikely
    from happymaps.networks.models import randomize_weights

    model, classes = networks[which], list(learned.class_names)
    others = [n for place, n in enumerate(networks) if place != which]
    objectives = [logit(index) for index in range(len(classes))]
    prior = fit_prior(learned.images, num_components)
    options = {"seeds": num_starts, "num_steps": num_steps}
    natural = {"look": "natural", "prior": prior, **options}
    pixels = {"regularizers": (LpNorm(), TotalVariation(_TV_WEIGHT)), **options}
    found = {
        "pixels": maximize(model, objectives, **pixels),
        "waves": maximize(model, objectives, look="smooth", **options),
        "prior": maximize(model, objectives, **natural),
        "prior, shuffled weights": maximize(
            randomize_weights(model, seed=which), objectives, **natural
        ),
    }
    images = {name: _stack(maps) for name, maps in found.items()}
    means = np.stack([learned.images[learned.labels == k].mean(axis=0)
                      for k in range(len(classes))])  # fmt: skip
    images["class mean"] = np.repeat(means[:, None], num_starts, axis=1)
    judge = Judge(others, learned, held_out, prior)
    rule = found["prior"].weight_unlikely.isel(seed=0)
    rows = {}
    for factor in FACTORS:
        charge = (Unlikely(prior, float(rule.mean()) * factor),)
        rows[factor] = judge.read(
            _stack(maximize(model, objectives, parameterization=prior,
                            regularizers=charge, **options))
        )  # fmt: skip
    first = np.random.default_rng(which).permutation(len(learned))[:num_starts]
    far = maximize(
        model, objectives, **natural | {"seeds": 1}, seed_input=learned.images[first]
    )
    table = {name: judge.read(each) for name, each in images.items()}
    whole = learned.images.mean(axis=0)
    variables = {
        "image": (
            ("look", "output", "start", "y", "x", "color"),
            np.stack(list(images.values())),
        ),
        "score": (
            ("look", "output", "start"),
            np.stack([_scores(model, objectives, each) for each in images.values()]),
        ),
        **{
            name: ("look", [row[name] for row in table.values()])
            for name in ("named", "nearest", "linear", "own", "between", "likelihood")
        },
        "sweep_named": ("factor", [row["named"] for row in rows.values()]),
        "sweep_likelihood": ("factor", [row["likelihood"] for row in rows.values()]),
        "weight": ("output", rule.values),
        "far_own": likeness(_stack(far))[0],
        "more_than_mean": np.mean(
            [correlate(maps[0] - whole, mean - whole)
             for maps, mean in zip(images["prior"], means, strict=True)]
        ),
        "components": len(prior.variances),
    }  # fmt: skip
    coordinates = {"look": list(images), "output": classes, "factor": list(FACTORS)}
    if layer:
        tv = {"regularizers": (TotalVariation(_FILTER_TV_WEIGHT),), **options}
        ways = {"pixels": tv, "prior": natural}
        variables |= _measure_filters(model, held_out, layer, num_filters, ways)
        coordinates["filter_look"] = list(ways)
    return label_variables(xr.Dataset(variables, coordinates), _MEANINGS)


def _measure_filters(model, dataset: Dataset, layer: str, count: int, ways) -> dict:
    """Return how filters' maps compare, by `filter_look`."""
    from happymaps.maps.maximization import maximize
    from happymaps.maps.scoring import layer_objectives, score_images

    objectives = layer_objectives(model, layer, count=count)
    real = score_images(model, objectives, dataset.images).values
    best = np.argsort(-real, axis=1, kind="stable")[:, :_NUM_BEST]
    seen = dataset.images[best].mean(axis=1) - dataset.images.mean(axis=0)
    images, rows = [], []
    for way in ways.values():
        maps = maximize(model, objectives, **way)
        images.append(_stack(maps))
        rows.append(
            (
                share_found(images[-1], seen),
                likeness(images[-1])[0],
                np.median(maps.score_end.values / real.max(axis=1)[:, None]),
            )
        )
    told = ("filter_found", "filter_own", "filter_score")
    dimensions = ("filter_look", "filter", "start", "y", "x", "color")
    columns = zip(told, zip(*rows, strict=True), strict=True)
    return {
        "filter_image": (dimensions, np.stack(images)),
        **{name: ("filter_look", list(values)) for name, values in columns},
    }


def share_found(maps: np.ndarray, seen: np.ndarray) -> float:
    """Return the share of maps that are likest what their own filter sees.

    Args:
        maps: Shape (filters, starts, ...).
        seen: Mean of each filter's best real images less that of all, (filters, ...).
    """
    maps = maps - maps.mean(axis=0)
    table = [[[correlate(m, s) for s in seen] for m in starts] for starts in maps]
    right = np.argmax(table, axis=2) == np.arange(len(maps))[:, None]
    return float(right.mean())


def _stack(maps: xr.Dataset) -> np.ndarray:
    return maps.image.transpose("objective", "seed", ...).values


def _scores(model, objectives, images: np.ndarray) -> np.ndarray:
    from happymaps.maps.scoring import score_images

    flat = images.reshape(-1, *images.shape[2:])
    table = score_images(model, objectives, flat).values
    table = table.reshape(len(images), *images.shape[:2])
    return np.stack([table[k, k] for k in range(len(images))])


def _open(source: Source, split: str, num_networks: int):
    from happymaps.networks.study import open_study

    if source.dataset == "digits":
        return open_digits(num_networks)
    folds = max(5, num_networks)
    studies = [
        open_study(**{**source.arguments(), "seed": k}, split=split, num_folds=folds)
        for k in range(num_networks)
    ]
    own = studies[source.seed]
    return [study.model for study in studies], own.learned, own.held_out

"""Whether a unit gives the same map again, and what chance would give."""

from typing import NamedTuple

import numpy as np

from happymaps.evidence.known_values import known_mean, known_quantile
from happymaps.evidence.similarity import MEASURES, grouped_similarity, mean_similarity

_MOST_PAIRS = 100  # of units, for the limit of chance
_QUANTILE = 0.95


class Repeatability(NamedTuple):
    """Likeness of the maps of each unit, and the limit of chance of the layer.

    Attributes:
        likeness: By measure, the mean over all pairs of a unit's starts, (units,).
        limits: By measure, the 95 % quantile of the same mean over pairs of different
            units from different starts; NaN where no pair can be compared.
    """

    likeness: dict[str, np.ndarray]
    limits: dict[str, float]


def measure_repeatability(images: np.ndarray, *, seed: int = 0) -> Repeatability:
    """Return how alike the maps of each unit are, from start to start.

    The limit of chance answers one question: is a unit more like itself than different
    units of the layer are like each other? It does not tell what was learned: the units
    of a network with shuffled weights pass it as often, as the experiment on
    repeatability found. And where all units of a layer look for the same, none passes.

    Args:
        images: Shape (units, starts, height, width, colors).
        seed: Of the pairs of units that are drawn where there are more than 100.
    """
    likeness, limits = {}, {}
    pairs = _draw_pairs(len(images), seed)
    for measure in MEASURES:
        likeness[measure] = mean_similarity(images, measure)
        between = [
            known_mean(grouped_similarity(images[pair], measure)[0, 1])
            for pair in pairs
        ]
        limits[measure] = known_quantile(np.array(between, float), _QUANTILE)
    return Repeatability(likeness, limits)


def _draw_pairs(units: int, seed: int) -> np.ndarray:
    pairs = np.transpose(np.triu_indices(units, k=1))
    if len(pairs) <= _MOST_PAIRS:
        return pairs
    chosen = np.random.default_rng(seed).choice(len(pairs), _MOST_PAIRS, replace=False)
    return pairs[np.sort(chosen)]

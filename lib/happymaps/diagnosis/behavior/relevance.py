"""Which pixels the decisions rest on.

The relevance of a pixel is the size of its integrated gradient toward the class that
the network names. Each image's relevance is scaled to sum to 1 before it is averaged.
Beside it stands the same of networks whose weights are shuffled, which have the form of
this one and have learned nothing (Adebayo et al. 2018, arXiv:1810.03292).
"""

from collections.abc import Sequence

import numpy as np

from happymaps.attribution.heatmaps import heatmap
from happymaps.attribution.methods.integrated_gradients import integrated_gradients
from happymaps.attribution.predictions import predicted_objectives
from happymaps.backend import keras
from happymaps.networks.models import randomize_weights
from happymaps.networks.outputs import state_alike
from happymaps.networks.randomness import tell_no_more


def relevance_maps(
    model: keras.Model,
    images: np.ndarray,
    baseline: np.ndarray,
    *,
    num_steps: int = 16,
) -> np.ndarray:
    """Return the relevance of each pixel for the class named, shape `(images, y, x)`.

    At least 0; each image sums to 1, or to 0 where nothing is relevant.

    Args:
        model: A classifier.
        images: As the network takes them.
        baseline: One image, from which the integral starts.
        num_steps: Of the integral.
    """
    found = integrated_gradients(
        model,
        predicted_objectives(model, images),
        images,
        baseline=baseline,
        num_steps=num_steps,
    )
    heat = np.asarray(heatmap(found, reduce="absolute"), np.float64)
    total = heat.sum(axis=(1, 2), keepdims=True)
    return np.divide(heat, total, out=np.zeros_like(heat), where=total > 0)


def shuffled_relevance(
    model: keras.Model,
    images: np.ndarray,
    baseline: np.ndarray,
    *,
    seeds: Sequence[int] = (0, 1),
) -> np.ndarray:
    """Return the mean relevance in networks with shuffled weights, shape `(y, x)`."""
    maps = []
    for seed in seeds:
        shuffled = randomize_weights(model, seed=seed)
        state_alike(shuffled, model)
        tell_no_more(shuffled)
        maps.append(relevance_maps(shuffled, images, baseline).mean(axis=0))
    return np.mean(maps, axis=0)

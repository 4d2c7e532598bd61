"""Remove and retrain (ROAR): what is lost when the relevant pixels are gone for good.

A network trained on whole images has never seen removed pixels; a fall of its score may
come from that alone. So a new network is trained on the images without them: what it
still reaches was not in the pixels. Pixels that other pixels repeat do not count as a
loss, and the shape of what was removed may itself tell the class.

Source: Hooker et al. 2019, arXiv:1806.10758; on the last point Park et al. 2023,
arXiv:2304.13836.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps.attribution.evaluation.perturbation import remove_pixels
from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.networks.training import evaluate, train


def retrain_without(
    untrained: keras.Model,
    learned: Dataset,
    held_out: Dataset,
    *,
    learned_heatmaps: np.ndarray,
    held_out_heatmaps: np.ndarray,
    shares: Sequence[float],
    baseline: float | np.ndarray,
    seed: int = 0,
    **training,
) -> xr.Dataset:
    """Return how well a network does that has never seen the most relevant pixels.

    The pixels are removed from the images to learn from and from those held out, each
    by its own heat map.

    Args:
        untrained: Trained anew, from the same initial weights, for each share.
        learned: Images to learn from.
        held_out: Images to measure accuracy on.
        learned_heatmaps: Shape `(images, height, width)`, of the images to learn from.
        held_out_heatmaps: The same of those held out.
        shares: Of the pixels to remove, each in [0, 1].
        baseline: What replaces them, as in `deletion_curve`; the source takes the mean
            pixel of the images to learn from.
        seed: Of the training, and of the order among equally relevant pixels.
        **training: Options of `train`, such as `epochs`.

    Returns:
        `accuracy` and `balanced_accuracy` on the images held out, and
        `training_accuracy`, all in [0, 1], with dimension `share`.

    Raises:
        ValueError: As in `remove_pixels` and `train`.
    """
    rows = []
    for share in shares:
        options = {"share": share, "baseline": baseline, "seed": seed}
        seen = _without(learned, learned_heatmaps, options)
        new = _without(held_out, held_out_heatmaps, options)
        network = train(untrained, seen, seed=seed, **training).model
        found = evaluate(network, new)
        rows.append((found["accuracy"], found["balanced_accuracy"],
                     evaluate(network, seen)["accuracy"]))  # fmt: skip
    names = ("accuracy", "balanced_accuracy", "training_accuracy")
    columns = zip(names, np.transpose(rows), strict=True)
    return xr.Dataset(
        {name: ("share", values) for name, values in columns}, {"share": list(shares)}
    )


def _without(dataset: Dataset, heatmaps: np.ndarray, options: dict) -> Dataset:
    images = remove_pixels(dataset.images, heatmaps, **options)
    return dataclasses.replace(dataset, images=images)

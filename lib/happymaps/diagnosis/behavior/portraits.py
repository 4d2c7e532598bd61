"""What each class looks like to a network: a natural map, and what that hides.

A natural map can show only what images hold, so it is never alone: beside it stand the
map without a prior, the natural map of the same network with shuffled weights, and the
mean image of the class, which no network had a part in.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.evidence.similarity import pairwise_similarity
from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import Objective, logit
from happymaps.maps.prior_fitting import quick_prior
from happymaps.maps.regularizers import LpNorm, TotalVariation
from happymaps.maps.scoring import score_images
from happymaps.networks.batches import BOTH_WAYS, values_per_image
from happymaps.networks.models import randomize_weights
from happymaps.networks.outputs import state_alike
from happymaps.networks.randomness import tell_no_more
from happymaps.networks.training import predict
from happymaps.networks.unrolled import Unrolled

_TV_WEIGHT = 10.0  # the study's, for dense units
_LP_WEIGHT = 10.0
_MAP_VALUES = 1.5e11  # that the layers compute for all portraits
_STEPS = (20, 100)  # fewest and most
_MAPS = 3  # of each class
_MOST_CLASSES = 8
_FEWEST = 8  # images


class Portraits(NamedTuple):
    """Portraits of classes; the first axis of every array is that of `classes`.

    Attributes:
        classes: Index of each class.
        natural: Maps with the prior, `(classes, y, x, color)`, in the pixel range.
        plain: Maps without it.
        shuffled: Maps with it, of shuffled weights.
        mean: The class's mean image.
        best: Positions of the images of the data set that excite the class's output
            most, `(classes, 3)`.
        score_natural: What the output makes of `natural`: its logit.
        score_plain: Of `plain`.
        score_shuffled: Of `shuffled`, by the network itself.
        score_mean: Of `mean`.
        score_real: Of the best image.
        correlation: Of `natural` with `mean`, both less the mean of all images: 1 says
            that the map is the class's mean image, stronger. 0 where either is flat.
        named: Share of `others` that name the class of `natural`; NaN without any.
        weight: Of `Unlikely`, by rule.
    """

    classes: np.ndarray
    natural: np.ndarray
    plain: np.ndarray
    shuffled: np.ndarray
    mean: np.ndarray
    best: np.ndarray
    score_natural: np.ndarray
    score_plain: np.ndarray
    score_shuffled: np.ndarray
    score_mean: np.ndarray
    score_real: np.ndarray
    correlation: np.ndarray
    named: np.ndarray
    weight: np.ndarray

    def findings(self, class_names: Sequence[str]) -> list[dict]:
        """Return what JSON can hold, a dictionary for each class.

        `class`; `score_kept`, the share of the score without a prior that is left with
        it; `score_of_class_mean`, the same of the class's mean image; and
        `correlation_with_class_mean`. What is no share, below 0 or above 1, is None: a
        logit may be negative, and a map without a prior the worse one.
        """
        rows = zip(
            self.classes, self.score_natural, self.score_mean, self.score_plain,
            self.correlation, strict=True,
        )  # fmt: skip
        return [
            {
                "class": class_names[k],
                "score_kept": _share(natural, plain),
                "score_of_class_mean": _share(mean, plain),
                "correlation_with_class_mean": float(correlation),
            }
            for k, natural, mean, plain, correlation in rows
        ]

    def pictures(
        self, images: np.ndarray, pixel_range: tuple[float, float]
    ) -> dict[str, np.ndarray]:
        """Return what a page shows of each class k, in [0, 1].

        `portrait_k`: natural, plain, shuffled and mean image, `(4, y, x, color)`;
        `portrait_images_k`: its best real images, `(3, y, x, color)`.

        Args:
            images: Those that the portraits were made with.
            pixel_range: What black and white are for the network.
        """
        low, high = pixel_range
        found = {}
        for row, k in enumerate(self.classes):
            maps = (self.natural, self.plain, self.shuffled, self.mean)
            found[f"portrait_{k}"] = np.stack([each[row] for each in maps])
            found[f"portrait_images_{k}"] = images[self.best[row]]
        return {name: (each - low) / (high - low) for name, each in found.items()}


def make_portraits(
    model: keras.Model,
    dataset: Dataset,
    *,
    pixel_range: tuple[float, float] = (0.0, 1.0),
    others: Sequence[keras.Model] = (),
    most_classes: int = _MOST_CLASSES,
    seed: int = 0,
) -> Portraits | None:
    """Return the portraits of a classifier's classes; None of fewer than 8 images.

    Large networks get fewer steps, and large images fewer eigenimages, so that work and
    memory are bounded.

    Args:
        model: A classifier as in `diagnose`; it is not changed.
        dataset: Images in `pixel_range`, with labels.
        pixel_range: What black and white are for the network.
        others: Networks for the same classes, trained independently, that name the
            maps.
        most_classes: The most frequent ones are shown.
        seed: Of the starts, the images that the prior is fitted to and the shuffling.
    """
    images = dataset.images
    if len(images) < _FEWEST:
        return None
    counts = dataset.class_counts().to_numpy()
    classes = np.sort(np.argsort(-counts, kind="stable")[:most_classes])
    classes = classes[counts[classes] > 0]
    objectives = _objectives(model, classes)
    prior = quick_prior(images, seed)
    options = {
        "seeds": [seed],
        "input_range": pixel_range,
        "num_steps": _num_steps(_values(model), len(classes)),
    }
    natural = {"look": "natural", "prior": prior, **options}
    shuffled = randomize_weights(model, seed=seed)
    state_alike(shuffled, model)
    tell_no_more(shuffled)
    maps = maximize(model, objectives, **natural)
    # Weights for pixels in [0, 1]: the norm grows with the range, variation squared.
    span = pixel_range[1] - pixel_range[0]
    plain = (LpNorm(_LP_WEIGHT / span), TotalVariation(_TV_WEIGHT / span**2))
    pictures = {
        "natural": maps.image.values[:, 0],
        "plain": maximize(
            model, objectives, regularizers=plain, **options
        ).image.values[:, 0],
        "shuffled": maximize(shuffled, objectives, **natural).image.values[:, 0],
        "mean": np.stack([images[dataset.labels == k].mean(axis=0) for k in classes]),
    }
    scores = {
        f"score_{name}": np.diag(score_images(model, objectives, shown).values)
        for name, shown in pictures.items()
    }
    real = score_images(model, objectives, images).values
    whole = images.mean(axis=0)
    return Portraits(
        classes=classes,
        **pictures,
        **scores,
        best=np.argsort(-real, axis=1, kind="stable")[:, :3],
        score_real=real.max(axis=1),
        correlation=np.array(
            [
                _correlate(shown - whole, mean - whole)
                for shown, mean in zip(
                    pictures["natural"], pictures["mean"], strict=True
                )
            ]
        ),
        named=_named(others, dataset, pictures["natural"], classes),
        weight=maps.weight_unlikely.values[:, 0],
    )


def _values(model: keras.Model) -> int:
    unrolled = Unrolled(model)
    return values_per_image(keras.Model(unrolled.inputs, unrolled.outputs))


def _objectives(model: keras.Model, classes: np.ndarray) -> list[Objective]:
    """Return the logit of each class; of a single output minus it for the first."""
    if model.output_shape[-1] == 1:
        return [logit(0) if k else -logit(0) for k in classes]
    return [logit(int(k)) for k in classes]


def _num_steps(values: float, num_classes: int) -> int:
    each = values * BOTH_WAYS * _MAPS * num_classes
    return int(np.clip(_MAP_VALUES // each, *_STEPS))


def most_passes(values: float, num_classes: int) -> float:
    """Return how many images, there and back, pass a network of so many values."""
    num_classes = min(num_classes, _MOST_CLASSES)
    return _num_steps(values, num_classes) * _MAPS * num_classes


def _named(others, dataset: Dataset, maps: np.ndarray, classes) -> np.ndarray:
    if not others:
        return np.full(len(classes), np.nan)
    shown = dataset.take(np.zeros(len(maps), int))
    shown = dataclasses.replace(shown, images=maps, labels=classes)
    return np.mean([predict(other, shown) == classes for other in others], axis=0)


def _correlate(first: np.ndarray, second: np.ndarray) -> float:
    found = pairwise_similarity(np.stack([first, second]), "raw")[0, 1]
    return float(np.nan_to_num(found))


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if 0 < part <= whole else None

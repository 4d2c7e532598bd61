"""Which labels look wrong: images that two opinions confidently call another class.

One opinion is the network's. The other is that of the images which look most alike to
its last layers: where a person or a camera is new to the network, it errs confidently,
but images of the same kind bear the label out.

With p the mean of both, a label is y with the probability `(1 - e) p_y +
e (1 - p_y) / (K - 1)`, where the share e of the labels of K classes is wrong, each as
likely any other class. The share, and a temperature of the network's logits, are those
of the highest likelihood, on a grid. The interval holds the shares whose log-likelihood
is at most 1.92 lower (likelihood ratio, 95 %).

Source: a mixture as in Mnih and Hinton 2012 (Learning to label aerial images from noisy
data); ranked by the probability of the label given, as in Northcutt et al. 2021,
doi:10.1613/jair.1.12125.
"""

from collections import Counter

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from happymaps.backend import keras
from happymaps.datasets import Dataset
from happymaps.diagnosis.behavior.calibration import apply_temperature
from happymaps.diagnosis.units.layer_choice import choose_layers
from happymaps.networks.features import deep_features

NUM_NEIGHBORS = 10
_MOST_ASKED = 5000  # images that may be neighbors
_CONFIDENT = 0.9
_DROP = 1.92  # of the log-likelihood: half of the 95th percentile of chi squared
_LEAST = 1e-9
_TEMPERATURES = np.geomspace(0.5, 10, 25)
_SHARES = np.concatenate([[0.0], np.geomspace(1e-4, 0.5, 120)])


def measure_labels(
    probabilities: np.ndarray, features: np.ndarray, dataset: Dataset
) -> dict:
    """Return the share of wrong labels, and the images whose labels look wrong.

    Args:
        probabilities: Shape `(images, classes)`, rows sum to 1.
        features: What late layers make of each image, `(images, numbers)`.
        dataset: The images.

    Returns:
        `num_images`; `wrong_share` with its `wrong_interval`; `confident`: images that
        both together call another class with 90 % or more; `expected`: how many these
        would be by chance, all labels being right, and the `by_chance` probability of
        as many (Poisson); `suspected`: images whose label is
        wrong rather than right, the most doubtful first: `index`, `file` (empty where
        unknown), `given`, `proposed` and `probability` (that the label is wrong);
        `by_class`: how many of these bear the name of a class.
    """
    labels, class_names = dataset.labels, dataset.class_names
    files = dataset.metadata.get("file", pd.Series([""] * len(dataset)))
    neighbors = _ask_neighbors(features, labels, probabilities.shape[1])
    fits = np.array(
        [
            _fit((apply_temperature(probabilities, each) + neighbors) / 2, labels)
            for each in _TEMPERATURES
        ]
    )  # temperatures, shares
    profile = fits.max(axis=0)
    best = int(profile.argmax())
    plausible = _SHARES[profile >= profile[best] - _DROP]
    share = _SHARES[best]
    cooled = apply_temperature(probabilities, _TEMPERATURES[fits[:, best].argmax()])
    opinion = (cooled + neighbors) / 2
    right = opinion[np.arange(len(labels)), labels]
    wrong = 1 - (1 - share) * right / _chance(right, share, opinion.shape[1])
    order = np.argsort(-wrong, kind="stable")
    suspected = [int(i) for i in order if wrong[i] > 0.5]
    confidence = opinion.max(axis=1)
    sure = confidence >= _CONFIDENT
    confident = int(np.sum(sure & (opinion.argmax(axis=1) != labels)))
    expected = float(np.sum(1 - confidence[sure]))
    return {
        "num_images": len(labels),
        "wrong_share": float(share),
        "wrong_interval": [float(plausible.min()), float(plausible.max())],
        "confident": confident,
        "expected": expected,
        "by_chance": float(stats.poisson.sf(confident - 1, expected)),
        "suspected": [
            {
                "index": i,
                "file": str(files.iloc[i]),
                "given": class_names[labels[i]],
                "proposed": class_names[int(opinion[i].argmax())],
                "probability": float(wrong[i]),
            }
            for i in suspected
        ],
        "by_class": dict(Counter(class_names[labels[i]] for i in suspected)),
    }


def late_features(model: keras.Model, dataset: Dataset) -> np.ndarray:
    """Return what the last layer but one makes of each image, `(images, channels)`.

    The last but one of those with units; of a map, the mean over its positions.
    """
    path = choose_layers(model, None)[-2:][0]
    return deep_features(model, dataset.images, path)


def _fit(opinion: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of the labels at each share."""
    right = opinion[np.arange(len(labels)), labels]
    count = opinion.shape[1]
    return np.array([np.log(_chance(right, share, count)).sum() for share in _SHARES])


def _chance(right: np.ndarray, share: float, num_classes: int) -> np.ndarray:
    found = (1 - share) * right + share * (1 - right) / (num_classes - 1)
    return np.maximum(found, _LEAST)


def _ask_neighbors(
    features: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Return how the images most alike are labeled, `(images, classes)`.

    Squared votes, scaled to sum to 1: some neighbors bear wrong labels too. Each class
    has a vote of its own share beside theirs, so that none is impossible.
    """
    scaled = features - features.mean(axis=0)
    scaled /= np.maximum(scaled.std(axis=0), 1e-6)
    count = min(NUM_NEIGHBORS, len(labels) - 1)  # beside the image itself
    asked = np.random.default_rng(0).permutation(len(labels))[:_MOST_ASKED]
    found = NearestNeighbors(n_neighbors=count + 1, metric="cosine", algorithm="brute")
    near = asked[found.fit(scaled[asked]).kneighbors(scaled, return_distance=False)]
    votes = np.zeros((len(labels), num_classes))
    for i, others in enumerate(near):
        others = [j for j in others if j != i][:count]
        np.add.at(votes[i], labels[others], 1)
    shares = np.bincount(labels, minlength=num_classes) / len(labels)
    squares = (votes + shares) ** 2
    return squares / squares.sum(axis=1, keepdims=True)

"""Who reads maps: other networks, judges of pixels, the likelihood; and digits."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from happymaps.datasets import Dataset, split_dataset
from happymaps.evidence.similarity import likeness_table, pairwise_similarity

if TYPE_CHECKING:
    from happymaps.maps.priors import Prior

_DIGITS = (8, 8, 1)


class Judge:
    """Reads maps: other networks, classifiers of pixels, the likelihood.

    Args:
        others: Networks with an output for each class.
        learned: Images that the classifiers of pixels learn from.
        held_out: Real images whose likelihood that of maps is compared with.
        prior: Whose likelihood.
    """

    def __init__(self, others, learned: Dataset, held_out: Dataset, prior: "Prior"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.neighbors import NearestCentroid

        self._others, self._prior = others, prior
        flat = learned.images.reshape(len(learned), -1)
        self._linear = LogisticRegression(max_iter=300).fit(flat, learned.labels)
        self._nearest = NearestCentroid().fit(flat, learned.labels)
        self._real = np.median(prior.log_likelihood(held_out.images))

    def read(self, maps: np.ndarray) -> dict[str, float]:
        """Return what there is to say of maps (outputs, starts, y, x, color)."""
        from happymaps.networks.batches import run

        flat = maps.reshape(-1, *maps.shape[2:])
        labels = np.repeat(np.arange(len(maps)), maps.shape[1])
        said = [run(other, flat).argmax(axis=1) for other in self._others]
        likelihood = np.median(self._prior.log_likelihood(flat)) - self._real
        own, between = likeness(maps)
        vectors = flat.reshape(len(flat), -1)
        return {
            "named": np.mean([named == labels for named in said]),
            "nearest": np.mean(self._nearest.predict(vectors) == labels),
            "linear": np.mean(self._linear.predict(vectors) == labels),
            "own": own,
            "between": between,
            "likelihood": likelihood / flat[0].size,
        }


def likeness(maps: np.ndarray) -> tuple[float, float]:
    """Return the mean correlation of one output's maps, and of different ones'."""
    table = likeness_table(maps, "raw")
    same = np.eye(len(table), dtype=bool)
    return np.nanmean(table[same]), np.nanmean(table[~same])


def correlate(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of two images (y, x, color), 0 where one is flat."""
    found = pairwise_similarity(np.stack([first, second]), "raw")[0, 1]
    return float(np.nan_to_num(found))


def open_digits(num_networks: int):
    """Return networks for scikit-learn's digits, trained on four fifths of them."""
    from sklearn.datasets import load_digits

    from happymaps.networks.models import build_cnn
    from happymaps.networks.training import train

    pixels, labels = load_digits(return_X_y=True)
    names = tuple(map(str, range(10)))
    images = (pixels.reshape(-1, *_DIGITS) / 16).astype(np.float32)
    digits = Dataset(
        "digits", images, labels.astype(np.int64), names, pd.DataFrame(index=labels)
    )
    learned, held_out = split_dataset(digits, by="image", seed=0)
    networks = [
        train(build_cnn(_DIGITS, 10, filters=(16,), dense_units=(32,), seed=k), learned,
              seed=k).model
        for k in range(num_networks)
    ]  # fmt: skip
    return networks, learned, held_out

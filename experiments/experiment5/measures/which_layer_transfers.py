"""One task, one split by person: what the features of each depth are worth."""

import numpy as np
import xarray as xr
from sklearn.metrics import balanced_accuracy_score

from experiments.experiment5.measures.deep_features import (
    LAYERS,
    PHOTOGRAPHS,
    features_of,
    load_images,
    logistic,
    split_people,
)
from happymaps.base.sweepable import TrainedSource, sweepable
from happymaps.base.variable_labels import label_variables

_STRENGTH = 0.1  # C; lower layers have few channels
_MEANINGS = {
    "score": ("balanced accuracy on new people", "1"),
    "random_score": ("the same of a network before any training", "1"),
    "shuffled_score": ("the same with shuffled labels", "1"),
    "width": ("channels of the layer", "1"),
    "chance": ("balanced accuracy of a guess", "1"),
}


@sweepable
def measure_layers(
    *,
    source: TrainedSource = PHOTOGRAPHS,
    num_learned: int = 128,
    num_images: int = 0,
) -> xr.Dataset:
    """Learn a task from the features of each layer, and ask about new people.

    By a logistic regression, C 0.1, on the averages of the layer's maps.

    Args:
        source: As in `measure_features`.
        num_learned: As there.
        num_images: As there.

    Returns:
        `score`, `random_score`, `shuffled_score` and `width` `(layer)`; `depth`
        `(layer)`, from 0 to 1, is a coordinate; `chance`.

    Raises:
        ValueError: As in `measure_features`.
    """
    images = load_images(source, num_images)
    learned, held_out = split_people(images, num_learned, source.seed)
    shuffled = np.random.default_rng(source.seed).permutation(images.labels[learned])
    deep, random = (
        features_of(source.dataset, source.image_size, num_images, is_random=is_random)
        for is_random in (False, True)
    )

    def score(values: np.ndarray, labels: np.ndarray) -> float:
        head = logistic("features", strength=_STRENGTH).fit(values[learned], labels)
        named = head.predict(values[held_out])
        return balanced_accuracy_score(images.labels[held_out], named)

    labels = images.labels[learned]
    result = xr.Dataset(
        {
            "score": ("layer", [score(each, labels) for each in deep]),
            "random_score": ("layer", [score(each, labels) for each in random]),
            "shuffled_score": ("layer", [score(each, shuffled) for each in deep]),
            "width": ("layer", [each.shape[1] for each in deep]),
            "chance": 1 / len(images.class_names),
        },
        {"layer": list(LAYERS), "depth": ("layer", list(LAYERS.values()))},
    )
    return label_variables(result, _MEANINGS)

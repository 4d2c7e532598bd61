"""Experiment 1-3: one network that names poses, or one that says left or not left."""

import numpy as np
import xarray as xr
from sklearn.metrics import confusion_matrix

from experiments.shared.decisions import (
    MEANINGS,
    map_decisions,
    map_variable,
    measure_accuracies,
)
from happymaps.base.messages import unknown_name
from happymaps.base.sweepable import Source, TrainedSource, sweepable
from happymaps.base.variable_labels import label_variables

TARGETS = ("pose", "facing_left")
_ASKED = "left"  # a class of both targets
_POSES = Source(target="pose")
_MEANINGS = {
    "left_accuracy": ("accuracy of left or not, held-out images", "1"),
    "left_balanced_accuracy": ("balanced accuracy of left or not, held-out", "1"),
    "confusion": ("held-out images", "1"),
}


@sweepable
def measure_poses(
    *,
    source: TrainedSource = _POSES,
    split: str = "person",
    num_folds: int = 5,
    num_starts: int = 0,
    num_steps: int = 100,
    tv_weight: float = 10.0,
) -> xr.Dataset:
    """Train a network on poses, and ask it what the study asked.

    Args:
        source: Faces with a pose, `"synthetic_faces"` or `"cmu_faces"`; as target
            `"pose"` for four classes, `"facing_left"` for the study's two.
        split: `"person"` holds out whole people, `"image"` single images.
        num_folds: How many folds, >= 2; fold seed modulo `num_folds` is held out, the
            same people for both targets.
        num_starts: Random starts of the maps of the decision neurons; 0 for no maps.
        num_steps: Steps of a map.
        tv_weight: Weight of total variation of a map.

    Returns:
        Without dimensions the numbers of `measure_accuracies`, and `left_accuracy` and
        `left_balanced_accuracy` of the answers to "left?": whether "left" is the most
        probable class. `confusion` has the dimensions `true_class` and
        `predicted_class`; unless `num_starts` is 0, `image` has `output` (a class),
        `start`, `y`, `x` and `color`.

    Raises:
        ValueError: Another target, or as in `open_study`.
    """
    from happymaps.networks.study import open_study
    from happymaps.networks.training import predict

    if source.target not in TARGETS:
        raise ValueError(unknown_name("target", source.target, TARGETS))
    study = open_study(**source.arguments(), split=split, num_folds=num_folds)
    held_out = study.held_out
    classes = list(held_out.class_names)
    predicted = predict(study.model, held_out)
    table = confusion_matrix(held_out.labels, predicted, labels=np.arange(len(classes)))
    variables = {
        **measure_accuracies(study),
        **answer_left(table, classes.index(_ASKED)),
        "confusion": (("true_class", "predicted_class"), table),
    }
    coordinates = {"true_class": classes, "predicted_class": classes}
    if num_starts:
        maps = map_decisions(
            study, num_starts=num_starts, num_steps=num_steps, tv_weight=tv_weight
        )
        variables["image"] = map_variable(maps)
        coordinates["output"] = classes
    return label_variables(xr.Dataset(variables, coordinates), MEANINGS | _MEANINGS)


def answer_left(table: np.ndarray, asked: int) -> dict[str, float]:
    """Return how well "this class or not?" is answered.

    Args:
        table: Counts by true and predicted class, both kinds of images present.
        asked: Index of the class in question.

    Returns:
        `left_accuracy` and `left_balanced_accuracy`, in [0, 1].
    """
    others = np.arange(len(table)) != asked
    hits, rejections = table[asked, asked], table[np.ix_(others, others)].sum()
    recalls = hits / table[asked].sum(), rejections / table[others].sum()
    return {
        "left_accuracy": float((hits + rejections) / table.sum()),
        "left_balanced_accuracy": float(np.mean(recalls)),
    }

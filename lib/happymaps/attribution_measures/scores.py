"""The number that is watched while an image changes: a score or a probability."""

from collections.abc import Sequence

import numpy as np
from scipy import special

from happymaps.backend import keras
from happymaps.checks import check_choice
from happymaps.objectives import Objective, logit
from happymaps.scoring import score_images

WATCHED = ("probability", "score")


def watch(
    model: keras.Model,
    objective: Objective | Sequence[Objective],
    images: np.ndarray,
    *,
    of: str = "probability",
    activation: str = "leaky",
) -> np.ndarray:
    """Return the probability or the score of each image under its own objective.

    Args:
        model: The network.
        objective: One, or one per image.
        images: Shape `(images, height, width, colors)`.
        of: `"probability"` of the class whose `logit(k)` the objective is: a softmax
            over the outputs, or a sigmoid of the only one. `"score"` of any objective.
        activation: As in `maximize`.

    Returns:
        float64 of shape (images,).

    Raises:
        ValueError: Another number of objectives than images, or the probability of an
            objective that is no `logit(k)`.
    """
    check_choice("of", of, WATCHED)
    objectives = match_objectives(objective, len(images))
    if of == "score":
        distinct = list(dict.fromkeys(objectives))
        scores = score_images(model, distinct, images, activation=activation).values
        rows = [distinct.index(one) for one in objectives]
        return scores[rows, np.arange(len(images))].astype(float)
    classes = [_class_of(one) for one in objectives]
    logits = [logit(index) for index in range(model.output_shape[-1])]
    scores = score_images(model, logits, images).values.astype(float)
    if len(scores) == 1:
        return special.expit(scores[0])
    return special.softmax(scores, axis=0)[classes, np.arange(len(images))]


def match_objectives(
    objective: Objective | Sequence[Objective], count: int
) -> list[Objective]:
    """Return one objective per image.

    Raises:
        ValueError: Another number than images.
    """
    if isinstance(objective, Objective):
        return [objective] * count
    if len(objective) != count:
        raise ValueError(
            f"Expected one objective, or one for each of the {count} images. Received: "
            f"{len(objective)}. Take predicted_objectives(model, images)."
        )
    return list(objective)


def _class_of(objective: Objective) -> int:
    terms = objective.terms
    if len(terms) != 1 or terms[0][0] != 1 or terms[0][1].kind != "logit":
        raise ValueError(
            "Only the class of logit(k) has a probability. Received: "
            f"{objective.name!r}. Take of='score' for other objectives."
        )
    return terms[0][1].index

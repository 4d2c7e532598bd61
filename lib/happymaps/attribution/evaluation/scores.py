"""The number that is watched while an image changes: a score or a probability."""

from collections.abc import Sequence

import numpy as np
from scipy import special

from happymaps.backend import keras
from happymaps.maps.objectives import Objective, logit
from happymaps.maps.scoring import score_images
from happymaps.networks.checks import check_choice

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
            over the outputs, or a sigmoid of the only one, of which `-logit(0)` is the
            other class. `"score"` of any objective.
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
    count = model.output_shape[-1]
    answers = [_answer_of(one, count) for one in objectives]
    logits = [logit(index) for index in range(count)]
    scores = score_images(model, logits, images).values.astype(float)
    if count == 1:
        return special.expit(scores[0] * answers)
    return special.softmax(scores, axis=0)[answers, np.arange(len(images))]


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


def _answer_of(objective: Objective, num_outputs: int) -> int:
    """Return the class that is asked about; of a single output, the sign: 1 or -1."""
    (weight, term), *others = objective.terms
    weights = (1, -1) if num_outputs == 1 else (1,)
    if others or term.kind != "logit" or weight not in weights:
        raise ValueError(
            "Only the class of logit(k) has a probability. Received: "
            f"{objective.name!r}. Take of='score' for other objectives."
        )
    return int(weight) if num_outputs == 1 else term.index

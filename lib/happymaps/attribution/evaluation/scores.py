"""The number that is watched while an image changes: a score or a probability."""

from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras
from happymaps.maps.objectives import Objective
from happymaps.maps.scoring import score_images
from happymaps.networks.batches import run
from happymaps.networks.checks import check_choice, check_images
from happymaps.networks.outputs import output_kind, to_probabilities

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
        of: `"probability"` of the class whose `logit(k)` the objective is, as the
            network gives it; of a single output, `-logit(0)` is the other class.
            `"score"` of any objective.
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
    answers = [_answer_of(one, model.output_shape[-1]) for one in objectives]
    check_images(model, images)
    outputs = run(model, np.asarray(images, np.float32))
    found = to_probabilities(outputs, output_kind(model, outputs))
    return found[np.arange(len(images)), answers].astype(float)


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
    """Return the class that is asked about; of a single output, 1, or 0 for minus."""
    (weight, term), *others = objective.terms
    weights = (1, -1) if num_outputs == 1 else (1,)
    if others or term.kind != "logit" or weight not in weights:
        raise ValueError(
            "Only the class of logit(k) has a probability. Received: "
            f"{objective.name!r}. Take of='score' for other objectives."
        )
    return int(weight > 0) if num_outputs == 1 else term.index

"""The class that a network finds in each image, as what is to be explained."""

import numpy as np

from happymaps.backend import keras
from happymaps.maps.objectives import Objective, logit
from happymaps.maps.scoring import score_images
from happymaps.networks.outputs import LINEAR, kind_by_steps, output_kind


def predicted_objectives(model: keras.Model, images: np.ndarray) -> list[Objective]:
    """Return the logit of each image's most probable class.

    Args:
        model: A classifier with one output per class, or a single one for two classes:
            with it, the objective is the logit where its class is the more probable
            one, and its negative elsewhere.
        images: Shape `(images, *input shape)`.

    Raises:
        ValueError: Images that do not fit, a network with another kind of output, or
            outputs that could be probabilities or logits.
    """
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or None in shape[1:]:
        raise ValueError(
            "Expected a classifier whose only output is one number per class. "
            f"Received: output shape {shape}. Name the objectives yourself, such as "
            "unit(layer, index)."
        )
    classes = [logit(index) for index in range(shape[1])]
    scores = score_images(model, classes, images).values
    if len(classes) > 1:
        return [classes[index] for index in scores.argmax(axis=0)]
    (only,), (score,) = classes, scores
    kind, limit = output_kind(model, score[:, None]), 0.0
    if kind != LINEAR and kind_by_steps(model) is None:
        limit = 0.5  # what is read as the logit is the probability
    return [only if each > limit else -only for each in score]

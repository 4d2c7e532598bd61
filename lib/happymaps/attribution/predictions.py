"""The class that a network finds in each image, as what is to be explained."""

import numpy as np

from happymaps.backend import keras
from happymaps.maps.objectives import Objective, logit
from happymaps.networks.batches import run
from happymaps.networks.checks import check_images
from happymaps.networks.outputs import output_kind, to_probabilities
from happymaps.networks.randomness import tell_of_randomness


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
    check_images(model, images)
    tell_of_randomness(model, images)
    outputs = run(model, np.asarray(images, np.float32))
    classes = to_probabilities(outputs, output_kind(model, outputs)).argmax(axis=1)
    if shape[1] == 1:
        return [logit(0) if index else -logit(0) for index in classes]
    return [logit(index) for index in classes.tolist()]

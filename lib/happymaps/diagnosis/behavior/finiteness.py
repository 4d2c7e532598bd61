"""Not-a-number and infinity, which make every other finding meaningless."""

import contextlib

import numpy as np

from happymaps.backend import keras
from happymaps.networks.layers import cut, find_layer, layer_paths

_NUM_SHOWN = 4


def check_weights(model: keras.Model) -> None:
    """Check that all weights are numbers.

    Raises:
        ValueError: Weights of a layer are not; the first such layer is named.
    """
    for path in _innermost(model):
        for weight in find_layer(model, path).weights:
            values = np.asarray(weight)
            if values.dtype.kind != "f":
                continue
            wrong = int(values.size - np.isfinite(values).sum())
            if wrong:
                raise ValueError(
                    "The weights of a network must be finite numbers. Received: "
                    f"{wrong} of {values.size} in {weight.name!r} of layer {path!r} "
                    "(the first) are not-a-number or infinite, so it has learned "
                    "nothing that can be diagnosed. Take an earlier checkpoint, or "
                    "train again with a smaller learning rate or clipnorm=1."
                )


def check_outputs(model: keras.Model, images: np.ndarray, outputs: np.ndarray) -> None:
    """Check that a network computes numbers.

    Args:
        model: The network, with one input.
        images: What it was given.
        outputs: What it made of each, `(images, classes)`.

    Raises:
        ValueError: Not-a-number or infinity; the layer where it begins is named.
    """
    wrong = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
    if not len(wrong):
        return
    some = images[wrong[:_NUM_SHOWN]]
    if not np.isfinite(some).all():
        place = "it begins in the images themselves"
    else:
        place = f"it begins in {_first_layer(model, some)}"
    raise ValueError(
        "The outputs of a network must be finite numbers. Received: not-a-number for "
        f"{len(wrong)} of {len(images)} images; {place}. Look for a division by zero, "
        "a logarithm or root of nothing, or values beyond float32 or float16 there, "
        "and give the pixel range that the network was trained with."
    )


def _innermost(model: keras.Model) -> list[str]:
    """Return the paths of the layers that hold no others."""
    paths = layer_paths(model)
    holders = {path.rpartition("/")[0] for path in paths}
    return [path for path in paths if path not in holders]


def _first_layer(model: keras.Model, images: np.ndarray) -> str:
    for path in _innermost(model):
        # A layer that cannot be looked at is passed by: the next one tells.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            values = cut(model, [path], pre_activation=False)(images, training=False)
            values = values[0] if isinstance(values, list | tuple) else values
            if not np.isfinite(np.asarray(values, np.float64)).all():
                return f"layer {path!r}"
    return "what comes after its last layer"

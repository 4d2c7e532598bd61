"""Not-a-number and infinity, which make every other finding meaningless."""

from collections.abc import Callable

import numpy as np

from happymaps.backend import keras
from happymaps.networks.batches import run
from happymaps.networks.layers import find_layer, layer_paths
from happymaps.networks.unrolled import Unrolled

_FEW, _FEWEST = 16, 2  # images; of the fewest the values of all layers are held
_REMEDY = (
    "Look for a division by zero, a logarithm or root of nothing, or values beyond "
    "float32 or float16 there, and give the pixel range that the network was trained "
    "with."
)


def check_numbers(model: keras.Model, images: np.ndarray) -> None:
    """Check that a network's weights and, for some images, all its values are numbers.

    Inside of the network minus infinity counts as a number: it is how a mask keeps
    values from a softmax.

    Args:
        model: The network, with one input.
        images: Of which the first few are taken.

    Raises:
        ValueError: Not-a-number or infinity; the layer where it begins is named.
    """
    _check_weights(model)
    check_outputs(model, images[:_FEW], run(model, images[:_FEW]))
    place = _first_layer(
        model, images[:_FEWEST], lambda values: np.isnan(values) | np.isposinf(values)
    )
    if place:
        raise ValueError(
            "The values inside a network must be finite numbers. Received: "
            f"not-a-number or infinity in {place}, though the outputs are finite: no "
            f"gradient goes through it. {_REMEDY}"
        )


def _check_weights(model: keras.Model) -> None:
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
    some = images[wrong[:_FEWEST]]
    place = _first_layer(model, some, is_bad=lambda values: ~np.isfinite(values))
    if not np.isfinite(some).all():
        place = "the images themselves"
    raise ValueError(
        "The outputs of a network must be finite numbers. Received: not-a-number for "
        f"{len(wrong)} of {len(images)} images; it begins in "
        f"{place or 'what comes after its last layer'}. {_REMEDY}"
    )


def _innermost(model: keras.Model) -> list[str]:
    """Return the paths of the layers that hold no others."""
    paths = layer_paths(model)
    holders = {path.rpartition("/")[0] for path in paths}
    return [path for path in paths if path not in holders]


def _first_layer(
    model: keras.Model, images: np.ndarray, is_bad: Callable[[np.ndarray], np.ndarray]
) -> str:
    """Return the first layer with a bad value, empty where there is none."""
    unrolled = Unrolled(model)
    calls = [
        (call.path, symbol)
        for call in unrolled.calls
        for symbol in call.outputs
        if unrolled.is_reached(symbol) and "float" in symbol.dtype
    ]
    network = keras.Model(*unrolled.inputs, [symbol for _, symbol in calls])
    all_values = network(images, training=False)
    for (path, _), values in zip(calls, all_values, strict=True):
        if is_bad(np.asarray(values, np.float32)).any():
            return f"layer {path!r}"
    return ""

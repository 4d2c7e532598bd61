"""The map that class activation maps are made of where no layer is named."""

import math
from collections.abc import Sequence

from happymaps.backend import keras
from happymaps.networks.graph import is_graph
from happymaps.networks.unrolled import Unrolled

_CONVOLUTIONS = tuple(
    getattr(keras.layers, f"{kind}{rank}D{suffix}")
    for kind, suffix, ranks in (
        ("Conv", "", (1, 2, 3)),
        ("Conv", "Transpose", (1, 2, 3)),
        ("SeparableConv", "", (1, 2)),
        ("DepthwiseConv", "", (1, 2)),
    )
    for rank in ranks
)
# What makes no map of its own: it moves, thins or drops that of the layer before it.
_PASSING_ON = tuple(
    getattr(keras.layers, name)
    for name in (
        "AlphaDropout", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
        "Cropping1D", "Cropping2D", "Cropping3D", "Dropout", "GaussianDropout",
        "GaussianNoise", "Identity", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
        "Permute", "Reshape", "SpatialDropout1D", "SpatialDropout2D",
        "SpatialDropout3D", "UpSampling1D", "UpSampling2D", "UpSampling3D",
        "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
    )
)  # fmt: skip


def last_map(unrolled: Unrolled, read: Sequence) -> int | None:
    """Return the last call with positions that the whole score passes.

    After the sum of a residual block and not inside it, before a head of one position,
    and not in the branch that only weighs channels.

    Args:
        unrolled: The network.
        read: The values that the score is made of.

    Returns:
        Its place among `unrolled.calls`, None where there is no such call at or after a
        convolution or a layer of one's own with weights.
    """
    (image,), rank = unrolled.inputs, len(unrolled.inputs[0].shape)
    before = unrolled.before(read) - set(map(id, read))
    for number in reversed(range(len(unrolled.calls))):
        call = unrolled.calls[number]
        layer, value = call.chain[-1], call.outputs[0]
        if (
            id(value) in before
            and not is_graph(layer)
            and not isinstance(layer, _PASSING_ON)
            and _has_positions(value, rank)
            and id(image) not in unrolled.before(read, without=value)
        ):
            return number if _is_looked_for(unrolled, value) else None
    return None


def _has_positions(value, rank: int) -> bool:
    sizes = tuple(value.shape)[1:-1]
    return len(value.shape) == rank and None not in sizes and math.prod(sizes) > 1


def _is_looked_for(unrolled: Unrolled, value) -> bool:
    """Return whether a value is, or comes after, what learned patterns give."""
    before = unrolled.before([value])
    layers = [c.chain[-1] for c in unrolled.calls if id(c.outputs[0]) in before]
    return any(
        isinstance(layer, _CONVOLUTIONS)
        or (not _is_kerass(layer) and getattr(layer, "weights", ()))
        for layer in layers
    )


def _is_kerass(layer) -> bool:
    return type(layer).__module__.partition(".")[0] == "keras"

"""Whether a layer has what an objective asks of it."""

from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras
from happymaps.maps.objectives import OUTPUT, Term
from happymaps.networks.layers import layer_paths

_NEEDS_POSITIONS = {"channel": True, "neuron": True, "unit": False, "logit": False}


def check_output(model: keras.Model, places: Sequence) -> None:
    """Raise a ValueError where the only output is read of a network with several."""
    is_read = any(layer == OUTPUT for layer, _ in places)
    if is_read and len(model.outputs) != 1:
        raise ValueError(
            "logit(index) needs a network of one output. Received: "
            f"{len(model.outputs)} outputs. Use unit(layer, index) of one of: "
            f"{', '.join(layer_paths(model))}."
        )


def check_layer_shape(layer: str | int, shape: tuple) -> None:
    """Raise a ValueError unless a layer's values have channels or units."""
    if not 1 <= len(shape) <= 4 or None in shape:
        raise ValueError(
            f"Layer {layer!r} has outputs of shape {shape}. Expected (height, width, "
            "channels), (length, channels), (units,) or (depth, height, width, "
            "channels), of fixed size. Choose another layer."
        )


def check_term(term: Term, shape: tuple) -> None:
    """Raise a ValueError unless a layer with values of this shape has such a term."""
    wants_positions = _NEEDS_POSITIONS.get(term.kind)
    if wants_positions is not None and wants_positions != (len(shape) > 1):
        remedy = "unit(layer, index)" if len(shape) == 1 else "channel(layer, index)"
        kind = "convolution" if wants_positions else "dense"
        raise ValueError(
            f"A {term.kind} needs a {kind} layer. "
            f"Received: {term.layer!r} with outputs of shape {shape}. Use {remedy}."
        )
    if term.index is not None and term.index >= shape[-1]:
        raise ValueError(
            f"Layer {term.layer!r} has {shape[-1]} channels or units, counted from 0. "
            f"Received: index {term.index}."
        )
    if term.vector is not None and len(term.vector) != shape[-1]:
        raise ValueError(
            f"A direction in layer {term.layer!r} needs {shape[-1]} numbers. "
            f"Received: {len(term.vector)}."
        )
    if term.position is not None:
        _check_position(term, shape[:-1])


def _check_position(term: Term, sizes: tuple) -> None:
    fits = len(term.position) == len(sizes) and np.all(np.less(term.position, sizes))
    if not fits:
        names = ("depths", "rows", "columns")[-len(sizes) :]
        counts = [f"{size} {name}" for size, name in zip(sizes, names, strict=True)]
        raise ValueError(
            f"Layer {term.layer!r} has {' and '.join(counts)}. Received: position "
            f"{term.position}. Count them from 0."
        )

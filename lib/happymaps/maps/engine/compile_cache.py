"""Compiled loops, kept for the next call on a network of the same form.

To trace and optimize a loop takes longer than to run it for some maps. A loop depends
on the form of the network, on which layers are read in which way and on the options.
Neither weights nor the channels looked at matter: these are arguments, so that one loop
serves networks of many seeds.
"""

import collections
import dataclasses
import threading
import types
from collections.abc import Sequence

from happymaps.backend import keras
from happymaps.maps.engine.compiling import Compiled
from happymaps.maps.engine.gradient_ascent import Ascent
from happymaps.maps.regularizers import Penalty
from happymaps.maps.scoring import BatchedObjectives
from happymaps.maps.settings import AscentSettings

_MOST = 16  # each has threads of its own
_KEPT = collections.OrderedDict()
_LOCK = threading.Lock()


def loop_for(
    model: keras.Model,
    weights: str,
    batched: BatchedObjectives,
    regularizers: Sequence,
    settings: AscentSettings,
) -> Ascent:
    """Return the loop for these objectives, compiled before where it can be.

    Args:
        model: The network.
        weights: Its fingerprint: where its form does not tell all of what it does, a
            loop goes with the weights that it was made for.
        batched: The objectives.
        regularizers: What is charged.
        settings: Options of the loop.
    """
    compiled = Compiled()
    key = _key(weights, batched, regularizers, settings)
    if key is not None and is_told_by_config(model):
        with _LOCK:
            compiled = _KEPT.setdefault(key, compiled)
            _KEPT.move_to_end(key)
            while len(_KEPT) > _MOST:
                _KEPT.popitem(last=False)
    return Ascent(batched, regularizers, settings, compiled)


def _key(weights, batched, regularizers, settings: AscentSettings) -> tuple | None:
    """Return what a loop depends on; None where that cannot be told."""
    parts = (*regularizers, *settings.parts)
    # Functions and classes of the user's own may hide what they depend on.
    if not all(type(p).__module__.startswith("happymaps.") for p in parts):
        return None
    if any(isinstance(part, Penalty) for part in parts):
        return None
    charged = tuple(dataclasses.replace(r, weight=0.0) for r in regularizers)
    network = batched.network
    shapes = [(tuple(t.shape), t.dtype.name) for t in network.weights.tensors]
    key = (
        network.form or weights, tuple(shapes), batched.structure, charged,
        settings.loop_key,
    )  # fmt: skip
    try:
        hash(key)
    except TypeError:
        return None
    return key


def is_told_by_config(model: keras.Model) -> bool:
    """Return whether a network's config and weights say all of what it does.

    Layers and functions of the user's own may hold what their config does not tell.
    """
    return all(
        _is_known(type(layer)) and all(map(_is_known, _functions(layer)))
        for layer in model._flatten_layers(include_self=False)
    )


def _functions(layer: keras.layers.Layer) -> list:
    """Return the functions that a layer holds, those of Keras's own objects not."""
    found = [value for value in vars(layer).values() if callable(value)]
    kinds = (types.FunctionType, types.BuiltinFunctionType, type)
    return [each if isinstance(each, kinds) else type(each) for each in found]


def _is_known(thing) -> bool:
    package = (thing.__module__ or "").split(".")[0]
    return package in ("keras", "happymaps")

"""Compiled loops, kept for the next call on the same network with the same options.

To trace and optimize a loop takes as long as to run it for some maps. A loop depends on
the weights of the network, on which layers are read in which way and on the options,
and not on which channels of them are looked at. It holds a copy of these weights, so
that the loops of former weights are let go.
"""

import collections
import dataclasses
import threading
import types
import weakref
from collections.abc import Sequence

from happymaps.ascent import Ascent
from happymaps.ascent_settings import AscentSettings
from happymaps.backend import keras
from happymaps.regularizers import Penalty
from happymaps.scoring import BatchedObjectives

_MOST = 8  # per network
_KEPT = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def loop_for(
    model: keras.Model,
    weights: str,
    batched: BatchedObjectives,
    regularizers: Sequence,
    settings: AscentSettings,
) -> Ascent:
    """Return the loop for these objectives, a kept one where there is one.

    Args:
        model: The network.
        weights: Its fingerprint: a loop goes with the weights that it was made for.
        batched: The objectives.
        regularizers: What is charged.
        settings: Options of the loop.
    """
    key = _key(weights, batched, regularizers, settings)
    # A loop has no use for the callback, which may hold the network and much else.
    ascent = Ascent(batched, regularizers, dataclasses.replace(settings, callback=None))
    if key is None or not is_told_by_config(model):
        return ascent
    with _LOCK:
        kept = _KEPT.setdefault(model, collections.OrderedDict())
        for former in [former for former in kept if former[0] != weights]:
            del kept[former]
        ascent = kept.setdefault(key, ascent)
        kept.move_to_end(key)
        while len(kept) > _MOST:
            kept.popitem(last=False)
    return ascent


def _key(weights, batched, regularizers, settings: AscentSettings) -> tuple | None:
    """Return what a loop depends on; None where that cannot be told."""
    parts = (*regularizers, *settings.parts)
    # Functions and classes of the user's own may hide what they depend on.
    if not all(type(p).__module__.startswith("happymaps.") for p in parts):
        return None
    if any(isinstance(part, Penalty) for part in parts):
        return None
    charged = tuple(dataclasses.replace(r, weight=0.0) for r in regularizers)
    key = (weights, batched.structure, charged, settings.loop_key)
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
    values = vars(layer).values()
    return [value for value in values if isinstance(value, types.FunctionType)]


def _is_known(thing) -> bool:
    package = thing.__module__.split(".")[0]
    return package in ("keras", "happymaps")

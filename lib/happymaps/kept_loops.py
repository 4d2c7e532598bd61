"""Compiled loops, kept for the next call on the same network with the same options.

To trace and optimize a loop takes as long as to run it for some maps. A loop depends on
the weights of the network, on which layers are read in which way and on the options,
and not on which channels of them are looked at.
"""

import collections
import dataclasses
import weakref
from collections.abc import Sequence

from happymaps.ascent import Ascent
from happymaps.ascent_settings import AscentSettings
from happymaps.backend import keras
from happymaps.regularizers import Penalty
from happymaps.scoring import BatchedObjectives

_MOST = 8  # per network
_KEPT = weakref.WeakKeyDictionary()


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
    if key is None:
        return Ascent(batched, regularizers, settings)
    kept = _KEPT.setdefault(model, collections.OrderedDict())
    if key not in kept:
        kept[key] = Ascent(batched, regularizers, settings)
        while len(kept) > _MOST:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


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

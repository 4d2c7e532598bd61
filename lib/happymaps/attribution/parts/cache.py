"""What is slow to make of a network, kept for the next call on the same weights."""

import collections
import threading
import weakref
from collections.abc import Callable, Hashable

from happymaps.backend import keras
from happymaps.maps.engine.compile_cache import is_told_by_config
from happymaps.networks.models import fingerprint

_MOST = 32  # per network
_KEPT = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def kept(model: keras.Model, weights: str, key: Hashable, make: Callable):
    """Return `make()`, or what it returned for this key and these weights before.

    Args:
        model: The network. What is kept must not refer to it, or it is never let go.
        weights: Of `weights_of`; things of former weights are let go. Empty where
            nothing can be kept.
        key: What the thing depends on besides the network.
        make: Makes it.
    """
    if not weights:
        return make()
    with _LOCK:
        things = _KEPT.setdefault(model, collections.OrderedDict())
        for former in [former for former in things if former[0] != weights]:
            del things[former]
        if (weights, key) in things:
            things.move_to_end((weights, key))
            return things[weights, key]
    made = make()
    with _LOCK:
        things[weights, key] = made
        while len(things) > _MOST:
            things.popitem(last=False)
    return made


def weights_of(model: keras.Model) -> str:
    """Return what tells a network's state; empty where its config does not say all."""
    return fingerprint(model) if is_told_by_config(model) else ""

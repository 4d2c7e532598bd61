"""Copies of a network with other gradients, and one seed for all generators."""

import weakref

import numpy as np

from happymaps.attribution.parts.modified_relus import (
    RELUS,
    operations_of,
    other_activations,
    replace_relus,
)
from happymaps.backend import keras, tf
from happymaps.keras_vis.releases import is_legacy
from happymaps.keras_vis.tensors import input_of
from happymaps.keras_vis.traps import warn_once
from happymaps.networks.doubles import copy_network

# Of a model, its modified copies. They do not refer to it, so it can be let go.
_modified = weakref.WeakKeyDictionary()


def modify_model_backprop(model, backprop_modifier):
    """Return a copy of a network whose ReLUs pass gradients on by another rule.

    Modified are `activation="relu"` and ReLU layers without limits, slope or threshold,
    nested and wrapped ones too, and no other activation. Under `use("0.4.1")` all
    activations of the layers but the first become ReLUs before.

    A copy is made once per network and modifier, as in keras-vis: it keeps the weights
    of that time, also after further training.

    Args:
        model: A Functional or Sequential network; it is not changed.
        backprop_modifier: `"guided"` or `"rectified"`.

    Raises:
        ValueError: Another modifier or kind of network.
    """
    if backprop_modifier not in RELUS:
        raise ValueError(
            f"backprop_modifier must be one of {', '.join(map(repr, RELUS))}. "
            f"Received: {backprop_modifier!r}."
        )
    copies = _modified.setdefault(model, {})
    key = (backprop_modifier, is_legacy())
    if key in copies:
        _warn_if_stale(model, copies[key])
    else:
        copies[key] = _copied(model, backprop_modifier)
    return copies[key]


def set_random_seed(seed_value=1337):
    """Seed NumPy's global generator, which keras-vis draws from, and TensorFlow's."""
    np.random.seed(seed_value)  # noqa: NPY002 - the generator that keras-vis draws from
    tf.random.set_seed(seed_value)


def _copied(model, backprop_modifier):
    input_of(model)
    copy = copy_network(model)
    _warn_of_others(_force_relus(copy) if is_legacy() else other_activations(model))
    for operation in operations_of(copy):
        replace_relus(operation, RELUS[backprop_modifier])
    return copy


def _force_relus(copy) -> list[str]:
    """Turn all activations but that of the first layer into ReLU, as 0.4.1 does.

    Returns:
        Names of the layers whose activation was another, sorted.
    """
    others = set()
    for layer in copy.layers[1:]:
        if callable(vars(layer).get("activation")):
            if layer.activation is not keras.activations.relu:
                others.add(layer.name)
            layer.activation = keras.activations.relu
    return sorted(others)


def _warn_of_others(names: list[str]) -> None:
    if names and is_legacy():
        warn_once(
            "all activations become ReLU",
            "keras-vis 0.4.1 turns all activations into ReLU before it modifies them, "
            f"here those of {', '.join(names)}. Call "
            "happymaps.keras_vis.use('0.5.0') to keep them.",
        )
    elif names:
        warn_once(
            "only ReLU is modified",
            "Backprop modifiers change plain ReLUs alone. The activations of "
            f"{', '.join(names)} keep their own gradient, and the result is not what "
            "the method's paper describes.",
        )


def _warn_if_stale(model, copy) -> None:
    pairs = zip(model.get_weights(), copy.get_weights(), strict=True)
    if not all(np.array_equal(new, old, equal_nan=True) for new, old in pairs):
        warn_once(
            "a modified copy is stale",
            "The network was trained on since its modified copy was made, and "
            "keras-vis uses the copy again. Give it happymaps.keras_vis.utils.utils."
            "apply_modifications(model), which is another network.",
        )

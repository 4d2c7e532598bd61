"""Copies of a network with other gradients, and one seed for all generators."""

import weakref
from collections.abc import Iterator

import numpy as np

from happymaps.backend import keras, tf
from happymaps.keras_vis.releases import is_legacy
from happymaps.keras_vis.tensors import input_of
from happymaps.keras_vis.traps import warn_once

# Of a model, its modified copies. They do not refer to it, so it can be let go.
_modified = weakref.WeakKeyDictionary()

# Activations that users of guided backpropagation do not expect to be modified.
_OUTPUT_ACTIVATIONS = ("linear", "softmax", "sigmoid")
_ACTIVATION_LAYERS = (
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
)


@tf.custom_gradient
def guided_relu(values):
    """Return relu(values), with the gradient g (g > 0) (relu(values) > 0)."""
    outputs = tf.nn.relu(values)

    def gradient(grads):
        passes = (grads > 0) & (outputs > 0)
        return grads * tf.cast(passes, grads.dtype)

    return outputs, gradient


@tf.custom_gradient
def rectified_relu(values):
    """Return relu(values), with the gradient g (g > 0)."""
    return tf.nn.relu(values), tf.nn.relu


_RELUS = {"guided": guided_relu, "rectified": rectified_relu}


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
    if backprop_modifier not in _RELUS:
        raise ValueError(
            f"backprop_modifier must be one of {', '.join(map(repr, _RELUS))}. "
            f"Received: {backprop_modifier!r}."
        )
    copies = _modified.setdefault(model, {})
    key = (backprop_modifier, is_legacy())
    if key in copies:
        _warn_if_stale(model, copies[key])
    else:
        copies[key] = _modified_copy(model, _RELUS[backprop_modifier])
    return copies[key]


def set_random_seed(seed_value=1337):
    """Seed NumPy's global generator, which keras-vis draws from, and TensorFlow's."""
    np.random.seed(seed_value)  # noqa: NPY002 - the generator that keras-vis draws from
    tf.random.set_seed(seed_value)


class _ModifiedRelu(keras.Operation):
    """A ReLU that is no layer, which would shift the places of those after it."""

    def __init__(self, relu, name: str) -> None:
        super().__init__(name=name)
        self._relu = relu

    def call(self, values):
        return self._relu(values)

    def compute_output_spec(self, values):
        return keras.KerasTensor(values.shape, values.dtype)


def _modified_copy(model, relu):
    forced = {id(found) for found in model.layers[1:]} if is_legacy() else set()
    others = set()

    def clone(layer):
        if _is_relu(layer) and isinstance(layer, keras.Layer):
            policy = layer.dtype_policy
            return keras.layers.Activation(relu, name=layer.name, dtype=policy)
        if _is_relu(layer):
            return _ModifiedRelu(relu, layer.name)
        config = layer.get_config()
        if id(layer) in forced and "activation" in config:
            if config["activation"] != "relu":
                others.add(layer.name)
            config["activation"] = relu
        elif not is_legacy() and _has_other_activation(layer, config):
            others.add(layer.name)
        return type(layer).from_config(_replaced(config, relu))

    input_of(model)
    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    _warn_of_others(sorted(others))
    return copy


def _is_relu(operation) -> bool:
    """Return whether an operation, layer or not, is a plain ReLU.

    Keras has a layer `ReLU`, an activation `ReLU` and an operation `Relu`, of which
    only the layer is public; the first two have options.
    """
    options = ("max_value", "negative_slope", "threshold")
    return type(operation).__name__.lower() == "relu" and not any(
        getattr(operation, option, None) for option in options
    )


def _has_other_activation(layer, config: dict) -> bool:
    usual = ("relu", *_OUTPUT_ACTIVATIONS)
    return isinstance(layer, _ACTIVATION_LAYERS) or any(
        key.endswith("activation") and value is not None and value not in usual
        for key, value in _entries(config)
    )


def _entries(config) -> Iterator[tuple[str, object]]:
    """Yield the keys and values of a layer's config at any depth."""
    if isinstance(config, dict):
        yield from config.items()
        config = list(config.values())
    if isinstance(config, list | tuple):
        for item in config:
            yield from _entries(item)


def _replaced(config, relu):
    """Return a layer's config with each ReLU, at any depth, replaced by a function."""
    if isinstance(config, list | tuple):
        return type(config)(_replaced(item, relu) for item in config)
    if not isinstance(config, dict):
        return config
    return {
        key: relu
        if key.endswith("activation") and value == "relu"
        else _replaced(value, relu)
        for key, value in config.items()
    }


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

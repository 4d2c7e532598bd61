"""Copies of a network whose ReLUs pass gradients on by another rule.

With g the gradient that arrives at a ReLU of input z, it passes on

    backpropagation           g (z > 0)
    guided                    g (z > 0) (g > 0)
    rectified (deconvolution) g (g > 0)

Source: Springenberg et al. 2015, arXiv:1412.6806 (their figure 1 has all three).
"""

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from happymaps.backend import keras, tf

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


RELUS = {"guided": guided_relu, "rectified": rectified_relu}


class ModifiedCopy(NamedTuple):
    """A copy of a network, and what in it has another activation than wished.

    Attributes:
        model: With the same names, places of layers and weights.
        others: Names of the layers to tell the user about, sorted: those whose
            activation is no plain ReLU and so was not modified; or, of those forced,
            the ones that were no ReLU before.
    """

    model: keras.Model
    others: list[str]


def modified_copy(
    model: keras.Model, relu: Callable, *, forced: Collection | None = None
) -> ModifiedCopy:
    """Return a copy of a network in which another function stands for ReLU.

    Modified are `activation="relu"` and ReLU layers without limits, slope or threshold,
    nested and wrapped ones too, and no other activation.

    Args:
        model: A Functional or Sequential network; it is not changed.
        relu: The function, such as one of `RELUS`.
        forced: Layers whose activation is replaced whatever it was; None for none.
    """
    forced_ids = {id(layer) for layer in forced or ()}
    others = set()

    def clone(layer):
        if _is_relu(layer) and isinstance(layer, keras.Layer):
            policy = layer.dtype_policy
            return keras.layers.Activation(relu, name=layer.name, dtype=policy)
        if _is_relu(layer):
            return _ModifiedRelu(relu, layer.name)
        config = layer.get_config()
        if id(layer) in forced_ids and "activation" in config:
            if config["activation"] != "relu":
                others.add(layer.name)
            config["activation"] = relu
        elif forced is None and _has_other_activation(layer, config):
            others.add(layer.name)
        return type(layer).from_config(_replaced(config, relu))

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    return ModifiedCopy(copy, sorted(others))


class _ModifiedRelu(keras.Operation):
    """A ReLU that is no layer, which would shift the places of those after it."""

    def __init__(self, relu, name: str) -> None:
        super().__init__(name=name)
        self._relu = relu

    def call(self, values):
        return self._relu(values)

    def compute_output_spec(self, values):
        return keras.KerasTensor(values.shape, values.dtype)

    def get_config(self):
        return {"name": self.name, "relu": self._relu.__name__}


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

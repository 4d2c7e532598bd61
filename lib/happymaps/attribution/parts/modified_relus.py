"""ReLUs that pass gradients on by another rule.

With g the gradient that arrives at a ReLU of input z, it passes on

    backpropagation           g (z > 0)
    guided                    g (z > 0) (g > 0)
    rectified (deconvolution) g (g > 0)

Source: Springenberg et al. 2015, arXiv:1412.6806 (their figure 1 has all three).
"""

from collections.abc import Callable, Iterator

from happymaps.backend import keras, tf
from happymaps.networks.doubles import share, share_deeply
from happymaps.networks.graph import functional_form, graph_nodes, is_graph

# Activations that users of guided backpropagation do not expect to be modified.
_OUTPUT_ACTIVATIONS = ("linear", "softmax", "sigmoid")
_RELU_FUNCTIONS = (keras.activations.relu, keras.ops.relu, tf.nn.relu)
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


def stand_in(relu: str) -> Callable:
    """Return a function of a layer that returns what is called in its place.

    Args:
        relu: What stands for ReLUs, one of `RELUS`; empty for themselves.
    """

    def double(layer):
        return replace_relus(share_deeply(layer), RELUS[relu])

    return double if relu else share


def replace_relus(layer, relu: Callable):
    """Put a function in the place of each ReLU of a double, and return the double.

    Replaced are `activation="relu"` and ReLU layers without limits, slope or threshold,
    those inside other layers too, and no other activation.
    """
    for each in _layers_of(layer):
        if _is_relu(each):
            vars(each)["call"] = relu
        for name, value in list(_activations(each)):
            if value in _RELU_FUNCTIONS:
                vars(each)[name] = relu
    return layer


def other_activations(model: keras.Model) -> list[str]:
    """Return the names of the layers whose activation is no plain ReLU, sorted.

    Linear, softmax and sigmoid ones are not among them: nobody expects them replaced.
    """
    return sorted(
        {
            operation.name
            for operation in operations_of(model)
            if any(map(_has_other_activation, _layers_of(operation)))
        }
    )


def operations_of(model: keras.Model) -> Iterator:
    """Yield the layers and operations of a network, those of networks inside too."""
    for node in graph_nodes(functional_form(model)):
        if is_graph(node.operation):
            yield from operations_of(node.operation)
        else:
            yield node.operation


def _layers_of(operation) -> list:
    if isinstance(operation, keras.layers.Layer):
        return list(operation._flatten_layers())
    return [operation]


def _activations(operation) -> Iterator[tuple]:
    for name, value in vars(operation).items():
        is_layer = isinstance(value, keras.layers.Layer)  # looked at by itself
        if name.endswith("activation") and callable(value) and not is_layer:
            yield name, value


def _is_relu(operation) -> bool:
    """Return whether an operation, layer or not, is a plain ReLU.

    Keras has a layer `ReLU`, an activation `ReLU` and an operation `Relu`, of which
    only the layer is public; the first two have options.
    """
    options = ("max_value", "negative_slope", "threshold")
    return type(operation).__name__.lower() == "relu" and not any(
        getattr(operation, option, None) for option in options
    )


def _has_other_activation(layer) -> bool:
    if isinstance(layer, _ACTIVATION_LAYERS):
        return not _is_relu(layer)
    return any(
        value not in _RELU_FUNCTIONS
        and getattr(value, "__name__", None) not in _OUTPUT_ACTIVATIONS
        for _, value in _activations(layer)
    )

"""The values of a layer before its activation function, where there are such."""

from collections.abc import Callable

import numpy as np

from happymaps.backend import keras, tf
from happymaps.networks.doubles import share
from happymaps.networks.unrolled import Call, Unrolled

# Layers whose whole work is an activation function: what enters them is the
# pre-activation.
_ACTIVATION_LAYERS = (
    keras.layers.Activation,
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)

_ENDING_IN_ACTIVATION = {
    kind.call
    for kind in (
        keras.layers.Conv1D, keras.layers.Conv1DTranspose, keras.layers.Conv2D,
        keras.layers.Conv2DTranspose, keras.layers.Conv3D, keras.layers.Dense,
        keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D,
        keras.layers.EinsumDense, keras.layers.SeparableConv1D,
        keras.layers.SeparableConv2D,
    )
}  # fmt: skip
_PROBED = 4  # inputs, and the length of axes of any length


def before_activation(unrolled: Unrolled, call: Call, stand_in: Callable):
    """Return the symbolic value of a call without the layer's activation.

    Args:
        unrolled: The network.
        call: Of a layer in it.
        stand_in: Function of a layer that returns what is called in its place.

    Raises:
        ValueError: The activation is not the last step of what the layer does.
    """
    layer = call.chain[-1]
    if isinstance(layer, _ACTIVATION_LAYERS):
        return call.inputs[0]
    activation = keras.activations.get(getattr(layer, "activation", None))
    if activation is keras.activations.linear:
        return call.outputs[0]
    plain = stand_in(layer)
    vars(plain)["name"] = f"{layer.name}_pre_activation"
    vars(plain)["activation"] = keras.activations.linear
    if type(layer).call not in _ENDING_IN_ACTIVATION:
        node = unrolled.maker_of(call.outputs[0])
        if not _ends_in_activation(layer, plain, activation, node):
            raise ValueError(
                f"The activation of layer {layer.name!r} cannot be taken off: it is "
                f"not the last step of what a {type(layer).__name__} does. Use "
                "activation='post', or choose another layer."
            )
    return unrolled.call(plain, call)


def _ends_in_activation(layer, plain, activation: Callable, node) -> bool:
    """Return whether a layer is its activation of what it gives without it.

    As seen on noise, because only running a layer of one's own tells what it does.
    """
    rng = np.random.default_rng(0)
    values = {
        id(symbol): keras.ops.cast(
            rng.normal(scale=2, size=[n or _PROBED for n in symbol.shape]), symbol.dtype
        )
        for symbol in node.input_tensors
    }
    arguments, options = node.arguments.fill_in(values)
    try:
        with keras.StatelessScope():
            after, before = (
                keras.tree.flatten(each(*arguments, **options))[0]
                for each in (share(layer), plain)
            )
            expected = activation(before)
    except (AttributeError, TypeError, ValueError, tf.errors.OpError):
        return False
    return np.allclose(expected, after, rtol=1e-3, atol=1e-5)

"""Symbolic tensors of a user's network: which one is meant, and no trace left there."""

import contextlib
from collections.abc import Iterator

from happymaps.backend import keras


def single_tensor(value, name: str):
    """Return a symbolic tensor, taken out of its list if it is alone in one.

    Args:
        value: A tensor such as `model.input`, which Keras 3 gives as it was handed to
            `keras.Model`: bare or in a list.
        name: Of the argument, for the message.

    Raises:
        ValueError: Anything else, such as an array.
    """
    tensors = keras.tree.flatten(value)
    if len(tensors) == 1 and isinstance(tensors[0], keras.KerasTensor):
        return tensors[0]
    received = type(value).__name__
    shape = getattr(value, "shape", None)
    raise ValueError(
        f"{name} must be one symbolic tensor of the network, such as model.inputs[0] "
        f"or layer.output. Received: {received}{'' if shape is None else f' {shape}'}."
        + (
            " In keras-vis 0.4.1 another argument stood in this place: give seed_input "
            "and all after it by keyword, or call happymaps.keras_vis.use('0.4.1')."
            if name == "wrt_tensor"
            else ""
        )
    )


def input_of(model: keras.Model):
    """Return the only input of a network.

    Raises:
        ValueError: It has several, or none yet.
    """
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1:
        raise ValueError(
            "Expected a built Functional or Sequential network with one input. "
            f"Received: {model!r} with {len(inputs)} inputs. Build it with "
            "keras.Input, or wrap it in a network that has a single input."
        )
    return inputs[0]


def output_of(layer: keras.layers.Layer):
    """Return the output of a layer, of its first call if there are several.

    Raises:
        ValueError: It has none, or more than one tensor.
    """
    try:
        output = layer.output
    except AttributeError as error:
        raise ValueError(
            "Expected a layer of a Functional or built Sequential network. Received: "
            f"{getattr(layer, 'name', layer)!r}, which has no output. Take it from "
            "model.layers."
        ) from error
    return single_tensor(output, f"The output of layer {layer.name!r}")


@contextlib.contextmanager
def graph_restored(tensor) -> Iterator[None]:
    """Take back what symbolic calls note in the operations that come after a tensor.

    Left there, the notes would keep all that was built on a network as long as it.
    """
    before = [
        (found, list(found._inbound_nodes), list(found._outbound_nodes))
        for found in _operations_after(tensor)
    ]
    try:
        yield
    finally:
        for operation, inbound, outbound in before:
            operation._inbound_nodes[:] = inbound
            operation._outbound_nodes[:] = outbound


def _operations_after(tensor) -> list:
    waiting, found = [tensor._keras_history.operation], {}
    while waiting:
        operation = waiting.pop()
        if id(operation) not in found:
            found[id(operation)] = operation
            waiting += [node.operation for node in operation._outbound_nodes]
            if isinstance(operation, keras.Model):
                inner = getattr(operation, "inputs", None) or []
                waiting += [inside._keras_history.operation for inside in inner]
    return list(found.values())

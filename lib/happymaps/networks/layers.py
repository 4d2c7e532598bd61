"""Finding a layer of a Keras network, at any depth, and cutting the network there."""

import contextlib
import numbers
import threading
from collections.abc import Iterator, Sequence

from happymaps.backend import keras
from happymaps.base.messages import unknown_name
from happymaps.networks.graph import all_nodes

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

_TRACING = threading.RLock()  # layers note calls in lists that all threads share


def layer_paths(model: keras.Model) -> list[str]:
    """Return the paths of all layers, nested ones as `"outer/inner"`, in call order."""
    return [path for path, _ in _walk(model)]


def find_layer(model: keras.Model, layer: str | int) -> keras.layers.Layer:
    """Return the layer with a name, a path or an index.

    Args:
        model: A Functional or Sequential network.
        layer: A name (`"conv2d_1"`), a path into nested networks
            (`"backbone/conv1"`), a nested name that occurs once, or an index into
            `model.layers`.

    Raises:
        ValueError: No such layer; the message names the nearest and lists all.
    """
    return _resolve(model, layer)[-1]


def layer_path(model: keras.Model, layer: str | int) -> str:
    """Return the full path of a layer given as in `find_layer`."""
    return "/".join(step.name for step in _resolve(model, layer))


def cut(
    model: keras.Model,
    layers: Sequence[str | int],
    *,
    pre_activation: bool | Sequence[bool] = True,
) -> keras.Model:
    """Return a network from the input of `model` to the given layers.

    It shares the weights of `model` and leaves it as it was; only a layer with an
    activation of its own is doubled, without the activation, when `pre_activation`.

    Args:
        model: A Functional or Sequential network with one input.
        layers: Names, paths or indices, as in `find_layer`.
        pre_activation: Whether to give the values before the activation function, for
            all or for each.

    Returns:
        A Functional model with one output per layer.

    Raises:
        ValueError: No such layer, a layer whose activation cannot be taken off, a
            network that is not a graph of layers or has several inputs, or one whose
            images are channels first.
    """
    chains = [_resolve(model, layer) for layer in layers]
    if len(model.inputs) != 1:
        raise ValueError(_several_inputs(model))
    if isinstance(pre_activation, bool):
        pre_activation = [pre_activation] * len(chains)
    wanted = list(zip(chains, pre_activation, strict=True))
    with _graph_restored(model):
        traced = {
            (pre, *map(id, chain)): _trace(model, chain, pre) for chain, pre in wanted
        }
        outputs = [traced[(pre, *map(id, chain))] for chain, pre in wanted]
        _check_channels_last(model, outputs)
        return keras.Model(model.inputs[0], outputs)


def input_shape(model: keras.Model) -> tuple[int, ...]:
    """Return the shape that a network takes, without the batch axis.

    (height, width, channels) for images, (length, channels) for signals, (features,)
    for rows of a table, (depth, height, width, channels) for volumes.

    Raises:
        ValueError: The network has several inputs, an input of another kind, an open
            size, or whole numbers.
    """
    _graph(model)
    shapes = [tuple(tensor.shape)[1:] for tensor in model.inputs]
    if len(shapes) != 1:
        raise ValueError(_several_inputs(model))
    (shape,) = shapes
    if not 1 <= len(shape) <= 4 or None in shape:
        raise ValueError(
            "Supported are networks with an input of fixed size: (height, width, "
            "channels), (length, channels), (features,) or (depth, height, width, "
            f"channels). Received: {shape}. Fix it: inputs = keras.Input((height, "
            "width, channels)); model = keras.Model(inputs, model(inputs))."
        )
    dtype = keras.backend.standardize_dtype(model.inputs[0].dtype)
    if "float" not in dtype:
        raise ValueError(
            "Supported are networks with an input of floating point, which has a "
            f"gradient. Received: an input of {dtype}. Rebuild the network with "
            f"keras.Input({shape}, dtype='float32'); its weights stay valid."
        )
    return shape


def image_shape(model: keras.Model) -> tuple[int, int, int]:
    """Return the (height, width, channels) of a network for pictures.

    Raises:
        ValueError: As in `input_shape`; or an input of another kind.
    """
    shape = input_shape(model)
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(
            "Expected a network with one image input of shape (height, width, 1 or 3), "
            f"channels last. Received an input of shape {shape}. Give such data "
            "to maximize() and score_images() as arrays."
        )
    return shape


def _several_inputs(model: keras.Model) -> str:
    named = {tensor.name: tuple(tensor.shape)[1:] for tensor in model.inputs}
    return (
        f"Expected a network with one input. Received the inputs {named}. Hold all but "
        "one: hold_inputs(model, {name: value}), with the free one left out."
    )


def _graph(model: keras.Model) -> keras.Model:
    """Return the Functional form of a network."""
    if isinstance(model, keras.Sequential):
        if not model.built or model._functional is None:
            raise ValueError(
                f"Expected a built network. Received: Sequential {model.name!r} that "
                "has not seen an input. Call model.build((None, height, width, "
                "channels)) first."
            )
        return model._functional
    if not _has_graph(model):
        raise ValueError(
            "Expected a Functional or Sequential network, whose layers can be looked "
            f"into. Received: {type(model).__name__} {model.name!r}, a subclass of "
            "keras.Model. Rebuild it with keras.Model(inputs, outputs)."
        )
    return model


def _has_graph(model: keras.Model) -> bool:
    return hasattr(model, "_nodes") or getattr(model, "_functional", None) is not None


@contextlib.contextmanager
def _graph_restored(model: keras.Model) -> Iterator[None]:
    """Take back what tracing notes in the layers of `model`.

    Every symbolic call is noted in the layers that it starts from. Left there, the
    notes would keep each cut network, with its doubled weights, as long as the model.
    """
    with _TRACING:
        before = [(found, list(found._outbound_nodes)) for found in _operations(model)]
        try:
            yield
        finally:
            for operation, nodes in before:
                operation._outbound_nodes[:] = nodes


def _operations(model: keras.Model) -> Iterator:
    for operation in _graph(model).operations:
        yield operation
        if isinstance(operation, keras.Model) and _has_graph(operation):
            yield from _operations(operation)


def _check_channels_last(model: keras.Model, outputs: Sequence) -> None:
    first = [
        path
        for path, layer in _walk(model)
        if getattr(layer, "data_format", None) == "channels_first"
        and not isinstance(layer, keras.layers.Flatten)
    ]
    if first and any(len(output.shape) == 4 for output in outputs):
        raise ValueError(
            "Supported are layers whose channels come last. Received a network with "
            f"data_format='channels_first' in {', '.join(first)}. Rebuild it with "
            "data_format='channels_last', or choose a dense layer."
        )


def _walk(model: keras.Model) -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            yield layer.name, layer
        if isinstance(layer, keras.Model):
            for path, inner in _walk(layer):
                yield f"{layer.name}/{path}", inner


def _resolve(model: keras.Model, layer: str | int) -> list[keras.layers.Layer]:
    """Return the chain of layers from the outermost network inwards."""
    _graph(model)
    if isinstance(layer, numbers.Integral):
        if not -len(model.layers) <= layer < len(model.layers):
            raise ValueError(
                f"Layer index must be in [0, {len(model.layers)}). Received: {layer}. "
                f"The layers are: {', '.join(layer_paths(model))}."
            )
        return [model.layers[layer]]
    known = dict(_walk(model))
    matches = [layer] if layer in known else []
    matches = matches or [path for path in known if path.endswith(f"/{layer}")]
    if len(matches) != 1:
        if matches:
            raise ValueError(
                f"Layer {layer!r} is ambiguous. Give one of: {', '.join(matches)}."
            )
        raise ValueError(unknown_name("layer", layer, known))
    return _chain(model, known[matches[0]], matches[0])


def _chain(
    model: keras.Model, target: keras.layers.Layer, path: str
) -> list[keras.layers.Layer]:
    # A layer's own name may hold a "/", so the path cannot simply be split at them.
    for layer in model.layers:
        if layer is target and layer.name == path:
            return [layer]
        prefix = f"{layer.name}/"
        if isinstance(layer, keras.Model) and path.startswith(prefix):
            return [layer, *_chain(layer, target, path.removeprefix(prefix))]
    raise ValueError(unknown_name("layer", path, layer_paths(model)))


def _node(model: keras.Model, layer: keras.layers.Layer):
    """Return the call of `layer` in the graph of `model`, the first if it is shared.

    Keras keeps no public record of which call of a shared or nested layer belongs to
    which network: `layer.output` raises for the one and answers for the other graph.
    """
    nodes = all_nodes(_graph(model))
    return next(node for node in nodes if node.operation is layer)


def _trace(model: keras.Model, chain: list[keras.layers.Layer], pre_activation: bool):
    """Return the symbolic value at the end of `chain`, from the inputs of `model`."""
    layer, *inner = chain
    node = _node(model, layer)
    if inner:
        _graph(layer)
        entry = keras.Model(model.inputs, node.input_tensors)
        core = keras.Model(layer.inputs, _trace(layer, inner, pre_activation))
        return core(keras.tree.flatten(entry(model.inputs)))
    if not pre_activation:
        return node.outputs[0]
    if isinstance(layer, _ACTIVATION_LAYERS):
        return node.input_tensors[0]
    activation = getattr(layer, "activation", None)
    if activation is None or activation is keras.activations.linear:
        return node.outputs[0]
    return _without_activation(layer)(node.input_tensors[0])


def _without_activation(layer: keras.layers.Layer) -> keras.layers.Layer:
    config = layer.get_config()
    if "activation" not in config:
        raise ValueError(
            f"The activation of layer {layer.name!r} cannot be taken off: its "
            f"get_config() does not hold it. Received: a {type(layer).__name__}. Use "
            "activation='post', or choose the layer before it."
        )
    name = f"{layer.name}_pre_activation"
    double = type(layer).from_config({**config, "activation": "linear", "name": name})
    double.build_from_config(layer.get_build_config())
    for variable, original in zip(double.weights, layer.weights, strict=True):
        variable.assign(original)
    return double

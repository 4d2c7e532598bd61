"""Finding a layer of a Keras network, at any depth, and cutting the network there."""

import numbers
from collections.abc import Callable, Iterator, Sequence

from happymaps.backend import keras
from happymaps.base.messages import unknown_name
from happymaps.networks.doubles import share
from happymaps.networks.graph import is_graph
from happymaps.networks.look_ups import LOOK_UPS, look_behind
from happymaps.networks.pre_activation import before_activation
from happymaps.networks.unrolled import Call, Unrolled


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
    stand_in: Callable = share,
) -> keras.Model:
    """Return a network from the input of `model` to the given layers.

    It shares the weights of `model` and leaves it as it was. All of it runs as outside
    of training, whatever is asked of it.

    Args:
        model: A Functional or Sequential network with one input.
        layers: Names, paths or indices, as in `find_layer`. One that is called several
            times is read at its first call that the input reaches.
        pre_activation: Whether to give the values before the activation function, for
            all or for each.
        stand_in: Function of a layer that returns what is called in its place.

    Returns:
        A Functional model with one output per layer. Its layers stand for those of
        `model`, one for each call, those of networks inside in the same row.

    Raises:
        ValueError: No such layer, a layer whose activation cannot be taken off, a
            network that is not a graph of layers or has several inputs, or one whose
            images are channels first.
    """
    unrolled, outputs = read(
        model, layers, pre_activation=pre_activation, stand_in=stand_in
    )
    return keras.Model(unrolled.inputs[0], outputs)


def read(
    model: keras.Model,
    layers: Sequence[str | int],
    *,
    pre_activation: bool | Sequence[bool] = True,
    stand_in: Callable = share,
) -> tuple[Unrolled, list]:
    """Return a network unrolled, and the symbolic value of each layer in it.

    Arguments and errors as in `cut`.
    """
    chains = [_resolve(model, layer) for layer in layers]
    if len(model.inputs) != 1:
        raise ValueError(_several_inputs(model))
    if isinstance(pre_activation, bool):
        pre_activation = [pre_activation] * len(chains)
    unrolled, values = Unrolled(model, stand_in), {}
    keys = [
        (pre, *map(id, chain))
        for chain, pre in zip(chains, pre_activation, strict=True)
    ]
    for chain, key in zip(chains, keys, strict=True):
        if key not in values:
            (call, *_), pre = calls_of(unrolled, chain), key[0]
            values[key] = (
                before_activation(unrolled, call, stand_in) if pre else call.outputs[0]
            )
    _check_channels_last(model, list(values.values()))
    return unrolled, [values[key] for key in keys]


def calls_of(unrolled: Unrolled, chain: list) -> list[Call]:
    """Return the calls of a layer, see `Unrolled.calls_of`.

    Raises:
        ValueError: It is inside a network that is not a graph of layers.
    """
    found = unrolled.calls_of(chain)
    if not found:
        for network in chain[:-1]:
            _graph(network)
    return found


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
        for call in Unrolled(model).calls:
            if isinstance(call.chain[-1], LOOK_UPS):
                raise ValueError(
                    "Supported are networks with an input that has a gradient. "
                    f"Received: an input of {dtype}, which {call.path!r} looks up. "
                    f"{look_behind(call.chain[-1])}"
                )
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
    if not is_graph(model):
        raise ValueError(
            "Expected a Functional or Sequential network, whose layers can be looked "
            f"into. Received: {type(model).__name__} {model.name!r}, a subclass of "
            "keras.Model. Rebuild it with keras.Model(inputs, outputs)."
        )
    return model


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

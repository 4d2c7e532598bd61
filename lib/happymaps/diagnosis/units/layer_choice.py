"""Which layers are looked into: where a unit can be said to be off."""

from collections.abc import Iterator, Sequence

from happymaps.backend import keras
from happymaps.diagnosis.units.kinds import GATES
from happymaps.networks.graph import functional_form, graph_nodes, is_graph
from happymaps.networks.inspection import convolution_layers, dense_layers
from happymaps.networks.layers import layer_path, layer_paths

_GATE_LAYERS = (
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
)
_ACTIVATION_LAYERS = (keras.layers.Activation, *_GATE_LAYERS)
_UNIT_LAYERS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Dense,
)
# What may stand between a layer and its activation: one channel in, the same out.
_BETWEEN = (
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.SpatialDropout2D,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)


def choose_layers(model: keras.Model, layers: Sequence[str | int] | None) -> list[str]:
    """Return the paths of the layers whose units are diagnosed, in call order.

    Args:
        model: The network.
        layers: Names, paths or indices; None for all convolutions and dense layers,
            each replaced by the activation layer of its own that follows it, after a
            normalization or at once.

    Raises:
        ValueError: No such layer, or none at all.
    """
    if layers is not None:
        chosen = list(dict.fromkeys(layer_path(model, layer) for layer in layers))
    else:
        known = {*convolution_layers(model), *dense_layers(model)}
        gates = dict(_find_gates(model))
        paths = (path for path in layer_paths(model) if path in known)
        chosen = list(dict.fromkeys(gates.get(path, path) for path in paths))
    if not chosen:
        raise ValueError(
            "Expected a network with a convolution or dense layer, and one layer to "
            f"look at. Received: layers={layers!r}. The layers are: "
            f"{', '.join(layer_paths(model))}."
        )
    return chosen


def source_layer(model: keras.Model, path: str) -> str:
    """Return the layer that an activation layer belongs to, or the layer itself."""
    sources = {gate: layer for layer, gate in _find_gates(model)}
    return sources.get(path, path)


def is_gate(layer: keras.layers.Layer) -> bool:
    """Return whether a layer's outputs can be off: at 0 or near it."""
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", "linear")
    return name in GATES or isinstance(layer, _GATE_LAYERS)


def _find_gates(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the paths of layers, and of the activation layers that they end in."""
    graph = functional_form(model)
    nodes = graph_nodes(graph)
    for node in nodes:
        name = f"{prefix}{node.operation.name}"
        if is_graph(node.operation):
            yield from _find_gates(node.operation, f"{name}/")
        elif (gate := _gate_after(node, nodes, graph)) is not None:
            yield name, f"{prefix}{gate.name}"


def _gate_after(node, nodes: list, graph: keras.Model):
    """Return the activation layer that alone takes the output of a call, or None."""
    outputs = {id(symbol) for symbol in graph.outputs}
    is_linear = getattr(node.operation, "activation", 0) is keras.activations.linear
    if not (isinstance(node.operation, _UNIT_LAYERS) and is_linear):
        return None
    while id(node.outputs[0]) not in outputs:
        takers = _takers(node.outputs[0], nodes)
        if len(takers) != 1:
            return None
        (node,) = takers
        layer = node.operation
        if is_gate(layer) and isinstance(layer, _ACTIVATION_LAYERS):
            # Of a layer that is called twice the calls cannot be told apart.
            is_shared = sum(other.operation is layer for other in nodes) > 1
            return None if is_shared else layer
        if not isinstance(layer, _BETWEEN):
            return None
    return None


def _takers(symbol, nodes: list) -> list:
    return [node for node in nodes if any(s is symbol for s in node.input_tensors)]

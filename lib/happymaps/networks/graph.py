"""The calls of a network's layers, in order, and the form that they have.

Keras has no public record of them.
"""

import json

from happymaps.backend import keras

# Layers whose config and weights say all of what they do. Those of `Normalization`, for
# one, hold what they have seen as plain tensors.
_TOLD = {
    keras.layers.Activation, keras.layers.Add, keras.layers.Average,
    keras.layers.AveragePooling2D, keras.layers.BatchNormalization,
    keras.layers.Concatenate, keras.layers.Conv2D, keras.layers.Conv2DTranspose,
    keras.layers.Cropping2D, keras.layers.Dense, keras.layers.DepthwiseConv2D,
    keras.layers.Dropout, keras.layers.ELU, keras.layers.Flatten,
    keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D,
    keras.layers.LayerNormalization, keras.layers.LeakyReLU, keras.layers.Maximum,
    keras.layers.MaxPooling2D, keras.layers.Multiply, keras.layers.ReLU,
    keras.layers.Rescaling, keras.layers.Reshape, keras.layers.SeparableConv2D,
    keras.layers.Softmax, keras.layers.SpatialDropout2D, keras.layers.UpSampling2D,
    keras.layers.ZeroPadding2D,
}  # fmt: skip
_WITHOUT_EFFECT = {"name", "trainable", "seed"}  # of a network that is not trained
_NOR_THESE = ("_initializer", "_regularizer", "_constraint")


def functional_form(network: keras.Model) -> keras.Model:
    """Return the graph of layers of a Functional or built Sequential network."""
    return network._functional if isinstance(network, keras.Sequential) else network


def is_graph(operation) -> bool:
    """Return whether an operation is a network whose layers can be run one by one.

    A class of one's own that computes something else than its layers in a row is none.
    """
    is_kerass = type(operation).call.__module__.partition(".")[0] == "keras"
    return is_kerass and hasattr(functional_form(operation), "_nodes_by_depth")


def origin(operation):
    """Return the layer that a layer is a double of, itself where it is none."""
    return vars(operation).get("_double_of", operation)


def graph_nodes(graph: keras.Model) -> list:
    """Return the calls of a network's layers, in order, without its inputs."""
    depths = graph._nodes_by_depth
    nodes = (node for depth in sorted(depths, reverse=True) for node in depths[depth])
    return [node for node in nodes if not node.is_input]


def graph_form(graph: keras.Model) -> str | None:
    """Return a text that is the same for networks that differ in their weights alone.

    Names of layers do not count.

    Args:
        graph: With no network inside another, as `cut` makes it.

    Returns:
        JSON, or None where layers do not tell in their config what they do.
    """
    nodes = graph_nodes(graph)
    symbols = [*graph.inputs, *(symbol for node in nodes for symbol in node.outputs)]
    places = {id(symbol): place for place, symbol in enumerate(symbols)}
    operations, calls = [], []
    for node in nodes:
        told = _operation_form(node)
        if told is None:
            return None
        layer = origin(node.operation)  # which may be called twice
        if layer not in operations:
            operations.append(layer)
        which = operations.index(layer)
        calls.append([which, told, [places[id(each)] for each in node.input_tensors]])
    inputs = [[each.shape, each.dtype] for each in graph.inputs]
    outputs = [places[id(symbol)] for symbol in graph.outputs]
    try:
        return json.dumps([inputs, calls, outputs], sort_keys=True)
    except TypeError:  # an array in a config, say
        return None


def _operation_form(node) -> list | None:
    operation, options = node.operation, node.arguments.kwargs
    if any(not isinstance(value, bool | None) for value in options.values()):
        return None
    if type(operation) not in _TOLD:
        return None
    config = {
        key: value
        for key, value in operation.get_config().items()
        if key not in _WITHOUT_EFFECT and not key.endswith(_NOR_THESE)
    }
    return [type(operation).__name__, config, options]

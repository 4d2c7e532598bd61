"""A network cut at the layers of interest, run layer by layer, the slow ones faster."""

import collections
import functools
from collections.abc import Callable, Collection

from happymaps.backend import keras, tf
from happymaps.maps.forward import layers as fast_layers
from happymaps.maps.forward import pooling as fast_pooling
from happymaps.maps.forward.weights import WeightValues
from happymaps.networks.batches import values_per_image, work_per_image
from happymaps.networks.graph import graph_form, graph_nodes

# Layers whose numbers for an image were seen to be the same bits alone and beside any
# other images, those with strides as long as there is one other; functions with
# exponentials are not among them, because their vectorized forms round unlike the
# scalar ones that do the remainder.
_ALIKE = {
    keras.layers.Add, keras.layers.AveragePooling2D, keras.layers.BatchNormalization,
    keras.layers.Concatenate, keras.layers.Conv2D, keras.layers.Cropping2D,
    keras.layers.Dense, keras.layers.DepthwiseConv2D, keras.layers.Dropout,
    keras.layers.Flatten, keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D, keras.layers.InputLayer, keras.layers.LeakyReLU,
    keras.layers.MaxPooling2D, keras.layers.ReLU, keras.layers.Rescaling,
    keras.layers.Reshape, keras.layers.SpatialDropout2D, keras.layers.ZeroPadding2D,
    keras.layers.Activation,
}  # fmt: skip
_PIECEWISE_LINEAR = {"linear", "relu", "relu6", "leaky_relu"}
_PAIR, _VECTOR = 2, 16


class NetworkPass:
    """The calls of a Functional network, in order.

    Attributes:
        batch_multiple: In batches of whole multiples of it, the rounding of an image's
            numbers does not depend on the images beside it, as seen with AVX-512.
        values_per_image: How many numbers all layers together make of an image.
        work_per_image: See `networks.batches`.
        weights: What is read on the way.

    Args:
        network: As `happymaps.networks.layers.cut` makes it.
        stop_before: Positions of the outputs for which the input of the last layer is
            wanted instead. See `last_layers`.
    """

    def __init__(self, network: keras.Model, stop_before: Collection[int] = ()) -> None:
        self._graph = network
        self.weights = WeightValues()
        self._calls = dict(_calls(self._graph, stop_before, self.weights))
        # The weights as values: a function that reads variables is tied to its session.
        left = [call for call in self._calls.values() if isinstance(call, _KerasCall)]
        variables = {id(v): v for call in left for v in call.variables}
        self._variables = [(v, self.weights.add(v)) for v in variables.values()]
        nodes = graph_nodes(network)
        self.values_per_image = values_per_image(network)
        self.work_per_image = work_per_image(nodes)
        multiples = (_multiple(node.operation) for node in nodes)
        self.batch_multiple = max(multiples, default=1)

    def __call__(self, images) -> list:
        """Return the outputs for images, as a list."""
        values = {id(self._graph.inputs[0]): images}
        mapping = [(variable, value()) for variable, value in self._variables]
        with keras.StatelessScope(state_mapping=mapping):
            for node in graph_nodes(self._graph):
                arguments, options = node.arguments.fill_in(values)
                outputs = keras.tree.flatten(
                    self._calls[id(node)](*arguments, **options)
                )
                for symbol, output in zip(node.outputs, outputs, strict=True):
                    values[id(symbol)] = _sized(output, symbol)
        return [values[id(symbol)] for symbol in self._graph.outputs]

    @functools.cached_property
    def form(self) -> str | None:
        """What the network computes besides its weights; None where it is not told."""
        return graph_form(self._graph)


def last_layers(network: keras.Model) -> list:
    """Return the layer that makes each output, None where it is used elsewhere too."""
    return [_last_layer(network, position) for position in range(len(network.outputs))]


def _sized(values, symbol):
    """Return values, their sizes told where Keras alone knows them."""
    if not values.shape[1:].is_fully_defined():
        values.set_shape(symbol.shape)
    return values


def _uses(graph: keras.Model) -> collections.Counter:
    used = [id(tensor) for node in graph_nodes(graph) for tensor in node.input_tensors]
    return collections.Counter(used + [id(tensor) for tensor in graph.outputs])


def _maker(graph: keras.Model, position: int):
    """Return the node that makes an output."""
    symbol = graph.outputs[position]
    makers = (n for n in graph_nodes(graph) if any(o is symbol for o in n.outputs))
    return next(makers, None)


def _last_layer(graph: keras.Model, position: int):
    node = _maker(graph, position)
    if node is None or _uses(graph)[id(graph.outputs[position])] > 1:
        return None
    return node.operation if len(node.input_tensors) == 1 else None


def _calls(graph: keras.Model, stop_before: Collection[int], weights: WeightValues):
    """Yield the identity of each node and the function to call there."""
    nodes, uses = graph_nodes(graph), _uses(graph)
    stopped = {id(_maker(graph, position)) for position in stop_before}
    by_input = {id(t): n for n in nodes for t in n.input_tensors}
    pooled = {}
    for node in nodes:
        follower = by_input.get(id(node.outputs[0]))
        alone = follower is not None and uses[id(node.outputs[0])] == 1
        if id(node) in stopped:
            yield id(node), lambda values, **_: values
        elif id(node) in pooled:
            layer, pool = pooled[id(node)], node.operation
            run = fast_pooling.pooled_relu(layer, pool, weights)
            yield id(node), _in_single(run)
        elif alone and _is_pooled_relu(node.operation, follower.operation):
            pooled[id(follower)] = node.operation
            linear = fast_layers.linear_convolution(node.operation, weights)
            yield id(node), _in_single(linear)
        else:
            yield id(node), _call(node, weights)


def _is_pooled_relu(layer, follower) -> bool:
    return (
        fast_layers.is_plain_convolution(layer)
        and layer.activation is keras.activations.relu
        and fast_pooling.is_plain_pooling(follower)
    )


class _KerasCall:
    """A call of a layer as Keras does it."""

    def __init__(self, operation) -> None:
        self._operation = operation
        self.variables = getattr(operation, "variables", [])  # a layer's

    def __call__(self, *arguments, **options):
        return self._operation(*arguments, **options)


def _call(node, weights: WeightValues) -> Callable:
    operation = node.operation
    if fast_layers.is_plain_convolution(operation):
        return _in_single(fast_layers.convolution(operation, weights))
    if fast_layers.is_plain_dense(operation):
        return _in_single(fast_layers.dense(operation, weights))
    if fast_pooling.is_plain_pooling(operation):
        return _in_single(fast_pooling.max_pooling(operation))
    return _KerasCall(operation)


def _in_single(function: Callable) -> Callable:
    """Return a function that takes the values of layers of half precision too."""
    return lambda values, **_: function(tf.cast(values, tf.float32))


def _multiple(layer) -> int:
    activation = getattr(layer, "activation", keras.activations.linear)
    name = getattr(activation, "__name__", None)
    plain = fast_layers.is_in_single(layer)
    alike = type(layer) in _ALIKE and name in _PIECEWISE_LINEAR and plain
    if not alike:
        return _VECTOR
    return _PAIR if max(getattr(layer, "strides", (1,))) > 1 and layer.weights else 1

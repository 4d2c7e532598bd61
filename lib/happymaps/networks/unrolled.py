"""A network unrolled: its layers' calls in one row, nested ones too, on tensors apart.

To read a layer inside a network, to put another in its place or to ask what leads
where, a graph is wanted that may be changed. This one has doubles that share the
network's weights and all else, one for each call, and nothing is noted in the network.
"""

import collections
from collections.abc import Callable, Sequence
from typing import NamedTuple

from happymaps.backend import keras
from happymaps.networks.doubles import share
from happymaps.networks.graph import functional_form, graph_nodes, is_graph
from happymaps.networks.held_inputs import HeldInput


class Call(NamedTuple):
    """A call of a layer or of a whole network inside.

    Attributes:
        chain: The layers from the outermost network inwards, those of the user.
        inputs: Symbolic values of the unrolled network.
        outputs: The same.
    """

    chain: tuple
    inputs: list
    outputs: list

    @property
    def path(self) -> str:
        """The layer's path."""
        return "/".join(layer.name for layer in self.chain)


class Unrolled:
    """The calls of a network in order.

    Layers are called as outside of training, whatever the network's graph says.

    Attributes:
        inputs: Symbolic values.
        outputs: The same.
        calls: Those of layers, and of networks after the calls inside them.
        as_in_training: Paths of the layers that the graph calls with training=True.

    Args:
        model: A Functional or built Sequential network.
        stand_in: Function of a layer that returns what is called in its place.
    """

    def __init__(self, model: keras.Model, stand_in: Callable = share) -> None:
        graph = functional_form(model)
        self._stand_in, self._names = stand_in, collections.Counter()
        self.inputs = [
            keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name)
            for t in graph.inputs
        ]
        self._makers, self._reached = {}, set(map(id, self.inputs))
        self.calls, self.as_in_training = [], []
        self.outputs = self._run(graph, self.inputs, ())

    def calls_of(self, chain: Sequence) -> list[Call]:
        """Return the calls of a layer that the network's input reaches.

        Of one that it never reaches, such as a layer beside a held input, all.
        """
        wanted = list(map(id, chain))
        found = [call for call in self.calls if list(map(id, call.chain)) == wanted]
        return [call for call in found if self.is_reached(call.outputs[0])] or found

    def is_reached(self, symbol) -> bool:
        """Return whether a value depends on the network's input."""
        return id(symbol) in self._reached

    def maker_of(self, symbol):
        """Return the call that makes a value, as Keras notes it; None of an input."""
        return self._makers.get(id(symbol))

    def call(self, layer, call: Call):
        """Return the symbolic value of another layer called in the place of one."""
        node = self.maker_of(call.outputs[0])
        (output,) = self._call(layer, node, {id(t): t for t in node.input_tensors})
        return output

    def before(self, symbols: Sequence, without=None) -> set[int]:
        """Return the numbers (`id`) of all values that some are computed from.

        Args:
            symbols: Of the unrolled network; they are among the values.
            without: A value to go no further back from.
        """
        waiting, found = list(symbols), set()
        while waiting:
            symbol = waiting.pop()
            if id(symbol) in found or symbol is without:
                continue
            found.add(id(symbol))
            node = self.maker_of(symbol)
            if node is not None and not isinstance(node.operation, HeldInput):
                waiting += node.input_tensors
        return found

    def _run(self, graph: keras.Model, inputs: Sequence, chain: tuple) -> list:
        values = dict(zip(map(id, graph.inputs), inputs, strict=True))
        for node in graph_nodes(graph):
            place = (*chain, node.operation)
            if _is_as_in_training(node):
                self.as_in_training.append("/".join(step.name for step in place))
            given = [values[id(symbol)] for symbol in node.input_tensors]
            if _can_go_inside(node, given):
                inner = functional_form(node.operation)
                outputs = self._run(inner, self._cast(given, inner.inputs), place)
            else:
                outputs = self._call(self._stand_in(node.operation), node, values)
            values.update(zip(map(id, node.outputs), outputs, strict=True))
            self.calls.append(Call(place, given, outputs))
        return [values[id(symbol)] for symbol in graph.outputs]

    def _call(self, layer, node, values: dict) -> list:
        """Note a call, as Keras does for symbolic values, and return its outputs."""
        self._names[layer.name] += 1
        if self._names[layer.name] > 1:
            vars(layer)["name"] = f"{layer.name}_call_{self._names[layer.name]}"
        arguments, options = node.arguments.fill_in(values)
        options = dict(options)
        if isinstance(layer, keras.layers.Layer):
            options["training"] = False
        outputs = [_like(symbol) for symbol in node.outputs]
        if any(None in symbol.shape[1:] for symbol in outputs):
            spec = layer.compute_output_spec(*arguments, **_told(layer, options))
            outputs = keras.tree.flatten(spec)
        noted = type(node)(
            operation=layer, call_args=arguments, call_kwargs=options, outputs=outputs
        )
        self._take_in(noted)
        return outputs

    def take_in(self, symbol):
        """Return a value that operations made of those of this network, noted here."""
        made_by = symbol._keras_history
        node = made_by.operation._inbound_nodes[made_by.node_index]
        if id(symbol) not in self._makers:
            for given in node.input_tensors:
                self.take_in(given)
            self._take_in(node)
        return symbol

    def _take_in(self, node) -> None:
        reached = any(map(self.is_reached, node.input_tensors))
        for symbol in node.outputs:
            self._makers[id(symbol)] = node
            if reached and not isinstance(node.operation, HeldInput):
                self._reached.add(id(symbol))

    def _cast(self, given: Sequence, inputs: Sequence) -> list:
        """Return values in the types that a network inside takes, as Keras casts."""
        values = list(given)
        for place, wanted in enumerate(inputs):
            if values[place].dtype != wanted.dtype:
                cast = keras.ops.cast(values[place], wanted.dtype)
                values[place] = self.take_in(cast)
        return values


def _is_as_in_training(node) -> bool:
    """Return whether a call says so by itself: layers that augment do by default."""
    signature = getattr(node.operation, "_call_signature", None)
    by_default = signature and signature.parameters.get("training")
    said = node.arguments.kwargs.get("training")
    return bool(said) and not (by_default and by_default.default is True)


def _can_go_inside(node, given: Sequence) -> bool:
    if not is_graph(node.operation):
        return False
    inputs = functional_form(node.operation).inputs
    ranks = [len(symbol.shape) for symbol in inputs]
    return ranks == [len(symbol.shape) for symbol in given]


def _like(symbol) -> keras.KerasTensor:
    return keras.KerasTensor(
        symbol.shape, symbol.dtype, sparse=symbol.sparse, ragged=symbol.ragged,
        name=symbol.name,
    )  # fmt: skip


def _told(layer, options: dict) -> dict:
    """Return the options that a layer's own `call` has."""
    known = getattr(layer, "_call_has_training_arg", True)
    return {k: v for k, v in options.items() if known or k != "training"}

"""What a network loses when outputs of units are set to 0, without changing it.

The network is run once, and again only from the layer of the unit on: what lies before
or beside it is taken from the first run. So networks with branches, nested networks and
layers that are called several times need nothing special.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras, tf
from happymaps.datasets import Dataset
from happymaps.networks.batches import images_at_once
from happymaps.networks.graph import functional_form, graph_nodes, is_graph
from happymaps.networks.layers import find_layer, layer_path
from happymaps.networks.outputs import output_kind, to_log_probabilities
from happymaps.networks.training import has_class_outputs

_IMAGES_AT_ONCE = 128
_COPIES = 2  # of the activations: of the whole network, and of the changed one


class Ablation(NamedTuple):
    """What it costs to set outputs to 0, an entry for each set of channels.

    Attributes:
        loss_change: Mean cross-entropy less that of the whole network, nat.
        accuracy_change: Accuracy less that of the whole network.
        loss: Of the whole network, nat.
        accuracy: Of the whole network.
    """

    loss_change: np.ndarray
    accuracy_change: np.ndarray
    loss: float
    accuracy: float


def ablate(
    model: keras.Model,
    dataset: Dataset,
    layer: str | int,
    channels: Sequence[Sequence[int]],
) -> Ablation:
    """Return what a network loses without some channels of a layer.

    Args:
        model: A classifier for `dataset`; it is not changed.
        dataset: Images with labels, in the range that the network takes.
        layer: As in `find_layer`. Where it is called several times, each call counts.
        channels: Sets of channels; each set is taken out alone, at once.

    Raises:
        ValueError: No such layer, or no output for each class of the data set.
    """
    path = layer_path(model, layer)
    sets = [{path: list(chosen)} for chosen in channels]
    return ablate_sets(model, dataset, sets)


def ablate_sets(
    model: keras.Model, dataset: Dataset, sets: Sequence[dict[str, Sequence[int]]]
) -> Ablation:
    """Return what a network loses without sets of channels of several layers.

    Args:
        model: A classifier for `dataset`; it is not changed.
        dataset: Images with labels, in the range that the network takes.
        sets: For each ablation, path of a layer to the channels that are set to 0.

    Raises:
        ValueError: As in `ablate`.
    """
    if not has_class_outputs(model, dataset):
        raise ValueError(
            f"Expected a network with an output for each of the "
            f"{len(dataset.class_names)} classes. Received: output shape "
            f"{model.output_shape}. Give a data set of the network's own classes."
        )
    sets = [
        {id(find_layer(model, path)): chosen for path, chosen in one.items()}
        for one in sets
    ]
    kind, size = None, _images_at_once(model)
    losses, right = np.zeros(len(sets) + 1), np.zeros(len(sets) + 1)
    for start in range(0, len(dataset), size):
        labels = dataset.labels[start : start + size]
        images = dataset.images[start : start + size]
        run = _Pass(functional_form(model), [tf.constant(images)])
        outputs = [run.outputs()[0], *(run.outputs(_silencer(one))[0] for one in sets)]
        kind = kind or output_kind(model, outputs[0].numpy())
        for position, values in enumerate(outputs):
            logs = to_log_probabilities(values.numpy(), kind)
            losses[position] -= logs[np.arange(len(labels)), labels].sum()
            right[position] += (logs.argmax(axis=1) == labels).sum()
    losses, right = losses / len(dataset), right / len(dataset)
    return Ablation(
        losses[1:] - losses[0], right[1:] - right[0], float(losses[0]), float(right[0])
    )


Change = Callable[[tf.Tensor], tf.Tensor]  # of a layer's output


def predict_changed(
    model: keras.Model, dataset: Dataset, changes: dict[str, Change]
) -> np.ndarray:
    """Return the class index named for each image while outputs of layers are changed.

    Args:
        model: A classifier for `dataset`; it is not changed.
        dataset: Images in the range that the network takes.
        changes: Path of a layer to a function of its output.
    """
    by_layer = {id(find_layer(model, path)): each for path, each in changes.items()}
    found, whole, size = [], [], _images_at_once(model)
    for start in range(0, len(dataset), size):
        images = tf.constant(dataset.images[start : start + size])
        run = _Pass(functional_form(model), [images])
        whole.append(run.outputs()[0].numpy())
        found.append(run.outputs(by_layer)[0].numpy())
    kind = output_kind(model, np.concatenate(whole))
    return to_log_probabilities(np.concatenate(found), kind).argmax(axis=1)


def _images_at_once(model: keras.Model) -> int:
    return images_at_once(model, _IMAGES_AT_ONCE, copies=_COPIES)


def _silencer(channels: dict[int, Sequence[int]]) -> dict[int, Change]:
    """Return by layer a function that sets channels of its output to 0."""

    def silence(values, chosen):
        mask = np.ones(values.shape[-1], np.float32)
        mask[list(chosen)] = 0
        return values * tf.cast(mask, values.dtype)

    return {
        layer: lambda values, chosen=chosen: silence(values, chosen)
        for layer, chosen in channels.items()
    }


class _Pass:
    """A pass through a graph of layers, that can be run again with outputs changed.

    Args:
        graph: A Functional network.
        inputs: Its inputs, in order.
    """

    def __init__(self, graph: keras.Model, inputs: Sequence) -> None:
        self._graph = graph
        self._values = dict(zip(map(id, graph.inputs), inputs, strict=True))
        self._inner = {}  # passes through nested networks, by node
        for node in graph_nodes(graph):
            _keep(self._values, node, self._call(node, self._values))

    def outputs(self, changes: dict | None = None) -> list:
        """Return the outputs, with those of some layers changed.

        Args:
            changes: Function of a layer's output, by the layer's id.
        """
        new = self._values
        if changes:
            new, touched = dict(self._values), set()
            for node in graph_nodes(self._graph):
                before = self._again(node, new, touched, changes)
                if before is not None:
                    _keep(new, node, before)
                    touched |= set(map(id, node.outputs))
        return [new[id(symbol)] for symbol in self._graph.outputs]

    def _again(self, node, values: dict, touched: set, changes: dict) -> list | None:
        """Return the new outputs of a node, None where they are the old ones."""
        operation = node.operation
        is_moved = any(id(symbol) in touched for symbol in node.input_tensors)
        change = changes.get(id(operation))
        inner = self._inner.get(id(node))
        if inner is not None and _holds(operation, changes):
            if is_moved:
                inner = _Pass(inner._graph, _arguments(node, values))
            found = inner.outputs(changes)
        elif is_moved:
            found = _run(node, values)
        elif change:
            found = [values[id(symbol)] for symbol in node.outputs]
        else:
            return None
        return [change(value) for value in found] if change else found

    def _call(self, node, values: dict) -> list:
        if not is_graph(node.operation):
            return _run(node, values)
        inner = _Pass(functional_form(node.operation), _arguments(node, values))
        self._inner[id(node)] = inner
        return inner.outputs()


def _holds(network: keras.Model, changes: dict) -> bool:
    return any(id(layer) in changes for layer in network._flatten_layers())


def _arguments(node, values: dict) -> list:
    arguments, _ = node.arguments.fill_in(values)
    return keras.tree.flatten(arguments)


def _run(node, values: dict) -> list:
    arguments, options = node.arguments.fill_in(values)
    if isinstance(node.operation, keras.layers.Layer):
        options = {**options, "training": False}
    return keras.tree.flatten(node.operation(*arguments, **options))


def _keep(values: dict, node, outputs: list) -> None:
    values.update(zip(map(id, node.outputs), outputs, strict=True))

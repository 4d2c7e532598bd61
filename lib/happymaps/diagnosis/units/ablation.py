"""What a network loses when outputs of units are set to 0, without changing it.

The network is run once, and again only from the layer of the unit on: what lies before
or beside it is taken from the first run. So networks with branches, nested networks and
layers that are called several times need nothing special.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras, tf
from happymaps.base.progress import worked
from happymaps.datasets import Dataset
from happymaps.networks.batches import (
    bear,
    compile_for,
    values_per_image,
    work_per_image,
)
from happymaps.networks.graph import functional_form, graph_nodes, is_graph
from happymaps.networks.layers import cut, find_layer, layer_path, layer_paths
from happymaps.networks.outputs import output_kind, to_log_probabilities
from happymaps.networks.training import has_class_outputs
from happymaps.networks.unrolled import Unrolled

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
    paths = list(dict.fromkeys(path for one in sets for path in one))
    paths = paths or layer_paths(model)[-1:]  # nothing is taken out anywhere
    layers, masks = _masks(model, paths, sets)
    run = compile_for(
        lambda images: _without(model, images, layers, masks), dataset.images
    )
    kind, size, work = None, *_images_at_once(model)
    losses, right = np.zeros(len(sets) + 1), np.zeros(len(sets) + 1)
    for start in range(0, len(dataset), size):
        labels = dataset.labels[start : start + size]
        outputs = run(tf.constant(dataset.images[start : start + size])).numpy()
        kind = kind or output_kind(model, outputs[0])
        for position, values in enumerate(outputs):
            logs = to_log_probabilities(values, kind)
            losses[position] -= logs[np.arange(len(labels)), labels].sum()
            right[position] += (logs.argmax(axis=1) == labels).sum()
        worked(work * len(labels) * len(sets) / 2)
    losses, right = losses / len(dataset), right / len(dataset)
    return Ablation(
        losses[1:] - losses[0], right[1:] - right[0], float(losses[0]), float(right[0])
    )


Change = Callable[[tf.Tensor], tf.Tensor]  # of a layer's output


def predict_changed(
    model: keras.Model, dataset: Dataset, changes: Sequence[dict[str, Change]]
) -> list[np.ndarray]:
    """Return the class index named for each image while outputs of layers are changed.

    Args:
        model: A classifier for `dataset`; it is not changed.
        dataset: Images in the range that the network takes.
        changes: Each the path of a layer to a function of its output.

    Returns:
        Of the network itself, then with each of the changes.
    """
    changes = [
        {id(find_layer(model, path)): each for path, each in one.items()}
        for one in changes
    ]
    found, (size, _) = [], _images_at_once(model)
    for start in range(0, len(dataset), size):
        images = tf.constant(dataset.images[start : start + size])
        run = _Pass(functional_form(model), [images])
        parts = [run.outputs(one)[0].numpy() for one in ({}, *changes)]
        found.append(parts)
    outputs = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    kind = output_kind(model, outputs[0])
    return [to_log_probabilities(each, kind).argmax(axis=1) for each in outputs]


def _images_at_once(model: keras.Model) -> tuple[int, float]:
    """Return how many images memory bears, and the work of each."""
    unrolled = Unrolled(model)
    graph = keras.Model(unrolled.inputs, unrolled.outputs)
    size = bear(values_per_image(graph), _IMAGES_AT_ONCE, copies=_COPIES)
    return size, work_per_image(graph_nodes(graph))


def _masks(model: keras.Model, paths: list[str], sets: Sequence[dict]) -> tuple:
    """Return layers, and for each the factors of its channels, (sets, channels)."""
    graph = cut(model, paths, pre_activation=False)
    masks = []
    for path, output in zip(paths, graph.outputs, strict=True):
        mask = np.ones((len(sets), output.shape[-1]), np.float32)
        for row, one in enumerate(sets):
            mask[row, list(one.get(path, ()))] = 0
        masks.append(mask)
    return [find_layer(model, path) for path in paths], masks


def _without(model: keras.Model, images, layers: list, masks: list):
    """Return the outputs, (1 + sets, images, outputs), the whole network's first."""
    run = _Pass(functional_form(model), [images])
    whole = run.outputs()[0]

    def silenced(rows):
        changes = {
            id(layer): lambda values, row=row: values * tf.cast(row, values.dtype)
            for layer, row in zip(layers, rows, strict=True)
        }
        return run.outputs(changes)[0]

    rows = list(map(tf.constant, masks))
    # One after the other, or the activations of several are in memory.
    others = tf.map_fn(
        silenced, rows, fn_output_signature=whole.dtype, parallel_iterations=1
    )
    return tf.concat([whole[None], others], axis=0)


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

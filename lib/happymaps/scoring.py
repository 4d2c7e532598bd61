"""Objectives over batches: the score of each image under an objective of its own."""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
import xarray as xr

from happymaps import layers as _layers
from happymaps.backend import keras, tf
from happymaps.checks import check_choice, check_images
from happymaps.objectives import Objective, Term, channel, check_objectives, unit

ACTIVATIONS = ("leaky", "pre", "post")
SIGNS = {"happy": 1.0, "sad": -1.0}
LEAKY_SLOPE = 0.01
_IMAGES_AT_ONCE = 64


@dataclasses.dataclass(frozen=True)
class _Slot:
    """The terms of one group and layer, at most one per objective, side by side.

    Attributes:
        output: Which output of the cut network is read.
        group: `"mean"`, `"neuron"` or `"layer"`.
        slope: Slope below zero of the function that is averaged.
        weights: Factor per objective, 0 where it has no such term; shape (objectives,).
        vectors: What is looked for in channel space, shape (objectives, channels).
        positions: Row and column per objective, shape (objectives, 2).
    """

    output: int
    group: str
    slope: float
    weights: np.ndarray
    vectors: np.ndarray
    positions: np.ndarray


class BatchedObjectives:
    """Objectives on the same layers, evaluated together on a cut network.

    Args:
        model: The network; it is not changed.
        objectives: Objectives that read the same layers.
        activation: `"leaky"`, `"pre"` or `"post"`, as in `maximize`.
    """

    def __init__(
        self, model: keras.Model, objectives: Sequence[Objective], activation: str
    ) -> None:
        self.layers = objectives[0].layers
        self.network = _layers.cut(
            model, self.layers, pre_activation=activation != "post"
        )
        self._shapes = [tuple(t.shape)[1:] for t in self.network.outputs]
        for layer, shape in zip(self.layers, self._shapes, strict=True):
            _check_layer(layer, shape)
        terms = self._sorted_terms(objectives)
        self._slots = [
            self._slot(key, column, len(objectives), activation)
            for key, column in terms.items()
        ]

    def _sorted_terms(self, objectives: Sequence[Objective]) -> dict:
        columns = collections.defaultdict(dict)
        for row, objective in enumerate(objectives):
            occurrences = collections.Counter()
            for weight, term in objective.terms:
                output = self.layers.index(term.layer)
                _check_term(term, self._shapes[output])
                group = term.kind if term.kind in ("neuron", "layer") else "mean"
                key = (output, group, occurrences[output, group])
                occurrences[output, group] += 1
                columns[key][row] = (weight, term)
        return columns

    def _slot(self, key: tuple, column: dict, count: int, activation: str) -> _Slot:
        output, group, _ = key
        shape = self._shapes[output]
        weights = np.zeros(count, np.float32)
        vectors = np.zeros((count, shape[-1]), np.float32)
        positions = np.zeros((count, 2), np.int32)
        for row, (weight, term) in column.items():
            weights[row] = weight
            if term.index is not None:
                vectors[row, term.index] = 1
            if term.vector is not None:
                vectors[row] = term.vector
            if term.kind == "neuron":
                positions[row] = term.position or (shape[0] // 2, shape[1] // 2)
        leaky = activation == "leaky" and len(shape) == 3 and group == "mean"
        slope = LEAKY_SLOPE if leaky else 1.0
        return _Slot(output, group, slope, weights, vectors, positions)

    def rows(self, indices: np.ndarray) -> list[tuple]:
        """Return the tensors that `score` wants for one objective per image."""
        return [
            (
                tf.constant(slot.weights[indices]),
                tf.constant(slot.vectors[indices]),
                tf.constant(slot.positions[indices]),
            )
            for slot in self._slots
        ]

    def _outputs(self, images) -> list:
        # Keras gives a bare tensor where a network has one output.
        return keras.tree.flatten(self.network(images, training=False))

    def score(self, images, rows: list[tuple], signs):
        """Return the score of each image under its own objective, shape (images,)."""
        outputs = self._outputs(images)
        total = tf.zeros_like(signs)
        for slot, row in zip(self._slots, rows, strict=True):
            values = tf.cast(outputs[slot.output], tf.float32)
            total += row[0] * _term_values(slot, values, row, signs)
        return total


def _term_values(slot: _Slot, values, row: tuple, signs):
    _, vectors, positions = row
    if slot.group == "layer":
        axes = list(range(1, len(values.shape)))
        return signs * tf.reduce_mean(values**2, axis=axes)
    if len(values.shape) == 2:
        return signs * tf.reduce_sum(values * vectors, axis=-1)
    along = tf.einsum("byxc,bc->byx", values, vectors) * signs[:, None, None]
    if slot.group == "neuron":
        return tf.gather_nd(along, positions, batch_dims=1)
    if slot.slope != 1:
        along = tf.nn.leaky_relu(along, slot.slope)
    return tf.reduce_mean(along, axis=(1, 2))


def group_by_layers(objectives: Sequence[Objective]) -> list[list[int]]:
    """Return the positions of the objectives, grouped by the layers that they read."""
    groups = collections.defaultdict(list)
    for position, objective in enumerate(objectives):
        groups[objective.layers].append(position)
    return list(groups.values())


def score_images(
    model: keras.Model,
    objectives: Sequence[Objective],
    images: np.ndarray,
    *,
    sign: str = "happy",
    activation: str = "leaky",
) -> xr.DataArray:
    """Return how much given images excite given neurons.

    Args:
        model: A Functional or Sequential network with one image input.
        objectives: One or more objectives.
        images: Shape `(images, height, width, channels)`, in the network's own range.
        sign: `"happy"` or `"sad"`, as in `maximize`.
        activation: `"leaky"`, `"pre"` or `"post"`, as in `maximize`.

    Returns:
        float32 scores with dimensions `(objective, image)`.

    Raises:
        ValueError: Images of another shape than the input, or an objective that the
            network does not have.
    """
    objectives = check_objectives(objectives)
    check_choice("sign", sign, SIGNS)
    check_choice("activation", activation, ACTIVATIONS)
    check_images(model, images)
    scores = np.empty((len(objectives), len(images)), np.float32)
    for group in group_by_layers(objectives):
        batched = BatchedObjectives(model, [objectives[i] for i in group], activation)
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            part = images[start : start + _IMAGES_AT_ONCE]
            scores[group, start : start + len(part)] = _score_all(
                batched, part, len(group), SIGNS[sign]
            )
    names = [objective.name for objective in objectives]
    return xr.DataArray(scores, {"objective": names}, ("objective", "image"), "score")


def layer_objectives(
    model: keras.Model, layer: str | int, *, count: int | None = None
) -> list[Objective]:
    """Return an objective for each channel or unit of a layer.

    Args:
        model: The network.
        layer: A convolution or dense layer.
        count: Only so many, evenly spread over the layer; None for all.

    Raises:
        ValueError: No such layer, one of another kind, or a count below 1.
    """
    if count is not None and count < 1:
        raise ValueError(
            f"count must be a whole number >= 1. Received: {count!r}. Leave it out for "
            "all of the layer."
        )
    path = _layers.layer_path(model, layer)
    shape = tuple(_layers.cut(model, [path], pre_activation=False).outputs[0].shape)[1:]
    _check_layer(path, shape)
    size = shape[-1]
    count = min(size, count or size)
    single = unit if len(shape) == 1 else channel
    return [single(path, index * size // count) for index in range(count)]


def _score_all(
    batched: BatchedObjectives, images: np.ndarray, num_objectives: int, sign: float
) -> np.ndarray:
    """Return scores (objectives, images) from a single pass through the network."""
    outputs = batched._outputs(tf.constant(images, tf.float32))
    signs = tf.fill([len(images)], sign)
    scores = np.zeros((num_objectives, len(images)), np.float32)
    for objective in range(num_objectives):
        repeated = np.full(len(images), objective)
        for slot, row in zip(batched._slots, batched.rows(repeated), strict=True):
            if slot.weights[objective]:
                values = tf.cast(outputs[slot.output], tf.float32)
                scores[objective] += row[0] * _term_values(slot, values, row, signs)
    return scores


def _check_layer(layer: str | int, shape: tuple) -> None:
    if len(shape) not in (1, 3) or None in shape:
        raise ValueError(
            f"Layer {layer!r} has outputs of shape {shape}. Expected (height, width, "
            "channels) or (units,), of fixed size. Choose another layer."
        )


def _check_term(term: Term, shape: tuple) -> None:
    wants = {"channel": 3, "neuron": 3, "unit": 1}.get(term.kind, len(shape))
    if wants != len(shape):
        remedy = "unit(layer, index)" if len(shape) == 1 else "channel(layer, index)"
        raise ValueError(
            f"A {term.kind} needs a {'convolution' if wants == 3 else 'dense'} layer. "
            f"Received: {term.layer!r} with outputs of shape {shape}. Use {remedy}."
        )
    if term.index is not None and term.index >= shape[-1]:
        raise ValueError(
            f"Layer {term.layer!r} has {shape[-1]} channels or units, counted from 0. "
            f"Received: index {term.index}."
        )
    if term.vector is not None and len(term.vector) != shape[-1]:
        raise ValueError(
            f"A direction in layer {term.layer!r} needs {shape[-1]} numbers. "
            f"Received: {len(term.vector)}."
        )
    if term.position is not None and not np.all(np.less(term.position, shape[:2])):
        raise ValueError(
            f"Layer {term.layer!r} has {shape[0]} rows and {shape[1]} columns. "
            f"Received: position {term.position}."
        )

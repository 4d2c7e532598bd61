"""Objectives over batches: the score of each image under an objective of its own."""

import collections
import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from happymaps.backend import keras, tf
from happymaps.maps.forward.channel_readout import reader_of_input
from happymaps.maps.forward.forward_pass import NetworkPass, last_layers
from happymaps.maps.objective_checks import check_layer_shape, check_term
from happymaps.maps.objectives import Objective, channel, check_objectives, unit
from happymaps.maps.places import read_places
from happymaps.maps.slopes import gradient_end
from happymaps.maps.slots import Slot
from happymaps.networks import layers as _layers
from happymaps.networks.batches import bear, values_per_image, work_per_image
from happymaps.networks.checks import check_choice, check_images
from happymaps.networks.doubles import share
from happymaps.networks.graph import graph_nodes
from happymaps.networks.randomness import tell_of_randomness

ACTIVATIONS = ("leaky", "pre", "post")
SIGNS = {"happy": 1.0, "sad": -1.0}
LEAKY_SLOPE = 0.01
_GROUPS = ("neuron", "cosine", "layer", "diversity")  # all other kinds are means
_WHOLE = ("cosine", "layer", "diversity")  # read all channels of a layer
_IMAGES_AT_ONCE = 64


class BatchedObjectives:
    """Objectives on the same layers, evaluated together on a cut network.

    Args:
        model: The network; it is not changed.
        objectives: Objectives that read the same layers.
        activation: `"leaky"`, `"pre"` or `"post"`, as in `maximize`.
        plain: Whether to run all layers whole and as Keras has them: slower, and the
            reference that the faster way is tested against.
        stand_in: Function of a layer that returns what is called in its place.
        tap: Which of the calls of the network unrolled gives its value as the last of
            `outputs`; None for none.

    Attributes:
        network: What runs the layers; not known of the plain way.
        outputs: Function of images that returns the values of the layers, as a list.
    """

    def __init__(
        self,
        model: keras.Model,
        objectives: Sequence[Objective],
        activation: str,
        *,
        plain: bool = False,
        stand_in: Callable = share,
        tap: int | None = None,
    ) -> None:
        self._places = objectives[0].places
        self._activation = activation
        unrolled, symbols = read_places(model, self._places, activation, stand_in)
        taps = [] if tap is None else [unrolled.calls[tap].outputs[0]]
        network = keras.Model(unrolled.inputs[0], [*symbols, *taps])
        self._cut, self._tap = network, taps[0] if taps else None
        self._shapes = [tuple(symbol.shape)[1:] for symbol in symbols]
        for (layer, _), shape in zip(self._places, self._shapes, strict=True):
            check_layer_shape(layer, shape)
        self._slots = [
            self._slot(key, column, len(objectives), activation)
            for key, column in self._sorted_terms(objectives).items()
        ]
        if plain:
            self.outputs = functools.partial(_run_plainly, network)
        else:
            self.outputs = self.network = self._narrowed(network)

    def _narrowed(self, network: keras.Model) -> NetworkPass:
        """Look at single channels where all that read a layer can do so."""
        readers = {}
        for output, layer in enumerate(last_layers(network)):
            slots = [slot for slot in self._slots if slot.output == output]
            if any(slot.group in _WHOLE for slot in slots):
                continue
            vectors = np.concatenate([slot.vectors for slot in slots])
            reader = reader_of_input(layer, len(self._shapes[output]), vectors)
            if reader is not None:
                readers[output] = reader
        self._slots = [
            dataclasses.replace(slot, reader=readers.get(slot.output, slot.reader))
            for slot in self._slots
        ]
        return NetworkPass(network, readers)

    def _sorted_terms(self, objectives: Sequence[Objective]) -> dict:
        columns = collections.defaultdict(dict)
        for row, objective in enumerate(objectives):
            occurrences = collections.Counter()
            for weight, term in objective.terms:
                output = self._places.index(term.place)
                check_term(term, self._shapes[output])
                group = term.kind if term.kind in _GROUPS else "mean"
                key = (output, group, occurrences[output, group])
                occurrences[output, group] += 1
                columns[key][row] = (weight, term)
        return columns

    def _slot(self, key: tuple, column: dict, count: int, activation: str) -> Slot:
        output, group, _ = key
        shape = self._shapes[output]
        weights = np.zeros(count, np.float32)
        vectors = np.zeros((count, shape[-1]), np.float32)
        positions = np.zeros((count, len(shape) - 1), np.int32)
        for row, (weight, term) in column.items():
            weights[row] = weight
            if term.index is not None:
                vectors[row, term.index] = 1
            if term.vector is not None:
                scale = np.linalg.norm(term.vector) if group == "cosine" else 1.0
                vectors[row] = np.divide(term.vector, scale)
            if term.kind == "neuron":
                positions[row] = term.position or [size // 2 for size in shape[:-1]]
        leaky = activation == "leaky" and len(shape) > 1 and group == "mean"
        slope = LEAKY_SLOPE if leaky else 1.0
        return Slot(output, group, slope, weights, vectors, positions)

    @property
    def structure(self) -> tuple:
        """How the layers are read, as far as `score` depends on it."""
        slots = [(s.output, s.group, s.slope, type(s.reader)) for s in self._slots]
        return (self._places, self._activation, *slots)

    def images_at_once(self, most: int, *, copies: int = 1) -> int:
        """Return how many images memory bears, see `networks.batches`."""
        return bear(values_per_image(self._cut), most, copies=copies)

    @property
    def work_per_image(self) -> float:
        """How long an image takes, see `networks.batches`."""
        return work_per_image(graph_nodes(self._cut))

    @property
    def is_coupled(self) -> bool:
        """Whether the maps of an objective are compared, and belong in one batch."""
        return any(slot.group == "diversity" for slot in self._slots)

    def rows(self, indices: np.ndarray, families: Sequence | None = None) -> list:
        """Return the tensors that `score` wants for one objective per image.

        Args:
            indices: Of the objectives.
            families: Equal numbers for images to compare; None to compare none.
        """
        families = np.arange(len(indices)) if families is None else families
        return [slot.rows(indices, families) for slot in self._slots]

    def score(self, images, rows: list[tuple], signs):
        """Return the score of each image under its own objective, shape (images,)."""
        return self.score_outputs(self.outputs(images), rows, signs)

    def score_outputs(self, outputs: Sequence, rows: list[tuple], signs):
        """Return the scores of images of which the layers' values are known."""
        total = tf.zeros_like(signs)
        for slot, row in zip(self._slots, rows, strict=True):
            total += slot.values(outputs[slot.output], row, signs)
        return total

    def gradient_end(self, image, rows: list[tuple]):
        """Return the layer at which the gradient of an image's score ends, or None.

        Args:
            image: Shape (1, *input shape).
            rows: Of its objective.
        """

        def score(outputs):
            return self.score_outputs(outputs, rows, tf.ones(1))

        return gradient_end(self._cut, score, image, self._tap)

    def score_all(self, images: np.ndarray, sign: float) -> np.ndarray:
        """Return the scores of all objectives, shape (objectives, images).

        Args:
            images: Shape `(images, ...)`; they go through the network once.
            sign: +1 or -1.
        """
        outputs = self.outputs(tf.constant(images, tf.float32))
        signs, alone = tf.fill([len(images)], sign), np.arange(len(images))
        scores = np.zeros((len(self._slots[0].weights), len(images)), np.float32)
        for objective, slot in itertools.product(range(len(scores)), self._slots):
            if slot.weights[objective]:
                rows = slot.rows(np.full(len(images), objective), alone)
                scores[objective] += slot.values(outputs[slot.output], rows, signs)
        return scores


def _run_plainly(network: keras.Model, images) -> list:
    # In a scope whose updates nobody takes, so that no state of a layer moves. Keras
    # gives a bare tensor where a network has one output.
    with keras.StatelessScope():
        return keras.tree.flatten(network(images, training=False))


def group_by_layers(objectives: Sequence[Objective]) -> list[list[int]]:
    """Return the positions of the objectives, grouped by the layers that they read."""
    groups = collections.defaultdict(list)
    for position, objective in enumerate(objectives):
        groups[objective.places].append(position)
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
        model: A Functional or Sequential network with one input.
        objectives: One or more objectives.
        images: Shape `(images, *input shape)`, in the network's own range.
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
    tell_of_randomness(model, images)
    scores = np.empty((len(objectives), len(images)), np.float32)
    for group in group_by_layers(objectives):
        members = [objectives[i] for i in group]
        batched = BatchedObjectives(model, members, activation, plain=True)
        size = batched.images_at_once(_IMAGES_AT_ONCE)
        for start in range(0, len(images), size):
            part = images[start : start + size]
            scores[group, start : start + len(part)] = batched.score_all(
                part, SIGNS[sign]
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
    check_layer_shape(path, shape)
    size = shape[-1]
    count = min(size, count or size)
    single = unit if len(shape) == 1 else channel
    return [single(path, index * size // count) for index in range(count)]

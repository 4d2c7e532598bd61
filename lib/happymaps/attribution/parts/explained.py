"""Images and what is asked of each, ready to be scored and differentiated in batches.

Every method of this package is a loop over inputs made of the images: the images
themselves, with noise, with holes. Each input belongs to an image, its owner, and is
scored under the owner's objective. At most `batch_size` inputs are in the network.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from happymaps.attribution.parts.cache import kept, weights_of
from happymaps.attribution.parts.modified_relus import stand_in
from happymaps.attribution.parts.option_checks import check_count
from happymaps.backend import keras, tf
from happymaps.base.progress import progress_bar, worked
from happymaps.maps.objectives import Objective, check_objectives
from happymaps.maps.scoring import ACTIVATIONS, BatchedObjectives, group_by_layers
from happymaps.maps.slopes import describe_end
from happymaps.networks.batches import BOTH_WAYS, WAY_BACK
from happymaps.networks.checks import check_choice, check_images
from happymaps.networks.randomness import tell_of_randomness


class Group(NamedTuple):
    """Objectives that read the same layers: themselves, and made ready for batches."""

    objectives: list[Objective]
    batched: BatchedObjectives


class Explained:
    """The images of one call of a method.

    Attributes:
        model: The network.
        images: float32, shape (images, *input shape).
        objectives: One per image.
        groups: The different objectives, by the layers that they read.
        activation: As in `maximize`.
        batch_size: How many inputs are in the network at once: fewer than asked for
            where half a gigabyte of activations does not bear them.

    Args:
        model: A Functional or Sequential network with one input; it is not changed.
        objective: One for all images, or a sequence of one per image.
        images: Shape `(images, *input shape)`.
        activation: `"leaky"`, `"pre"` or `"post"`, as in `maximize`.
        batch_size: >= 1.
        relu: What stands for ReLUs, one of `RELUS`; empty for themselves.

    Raises:
        ValueError: Images that do not fit the network, none, or another number of
            objectives; an objective that the network does not have.
        TypeError: Something else than objectives.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective | Sequence[Objective],
        images: np.ndarray,
        activation: str,
        batch_size: int,
        *,
        relu: str = "",
    ) -> None:
        check_choice("activation", activation, ACTIVATIONS)
        check_count("batch_size", batch_size)
        check_images(model, images)
        self.model, self.activation, self.batch_size = model, activation, batch_size
        self.images = np.asarray(images, np.float32)
        self.objectives = _one_per_image(objective, len(self.images))
        tell_of_randomness(model, self.images)
        self._bar, self._relu = None, relu
        self._sloped, self._taps = None, None
        self._weights = weights_of(model)
        different = check_objectives(list(dict.fromkeys(self.objectives)))
        self.groups, places = [], {}
        for number, members in enumerate(group_by_layers(different)):
            chosen = [different[member] for member in members]
            self.groups.append(Group(chosen, self._kept_batched(chosen)))
            places |= {o: (number, row) for row, o in enumerate(chosen)}
            borne = self.groups[-1].batched.images_at_once(batch_size, copies=BOTH_WAYS)
            self.batch_size = min(self.batch_size, borne)
        found = [places[objective] for objective in self.objectives]
        self._group_of, self._row_of = np.array(found, int).T

    def everyone(self) -> np.ndarray:
        """Return the owners of inputs that are the images themselves."""
        return np.arange(len(self.images))

    def repeated(self, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield each image `count` times, in blocks of owners and repetitions.

        The repetitions of an image follow each other, whatever the size of a block.
        """
        total = len(self.images) * count
        for start in range(0, total, self.batch_size):
            stop = min(start + self.batch_size, total)
            yield np.divmod(np.arange(start, stop), count)

    def blocks_of_groups(self) -> Iterator[np.ndarray]:
        """Yield blocks of images whose objectives read the same layers."""
        for number in range(len(self.groups)):
            members = np.flatnonzero(self._group_of == number)
            for start in range(0, len(members), self.batch_size):
                yield members[start : start + self.batch_size]

    def scores(self, inputs: np.ndarray, owners: np.ndarray) -> np.ndarray:
        """Return the score of each input under its owner's objective."""
        functions = [self.compiled("score", g, _score) for g in self.groups]
        return self.evaluate(functions, inputs, owners)[0]

    def gradients(self, inputs: np.ndarray, owners: np.ndarray) -> list[np.ndarray]:
        """Return the scores, shape (inputs,), and their gradients, as the inputs."""
        functions = [self.compiled("gradient", g, _gradient) for g in self.groups]
        scores, gradients = self.evaluate(functions, inputs, owners)
        worked(len(inputs) * WAY_BACK * self.groups[0].batched.work_per_image)
        self.note_slopes(owners, gradients)
        return [scores, gradients]

    def note_slopes(
        self,
        owners: np.ndarray,
        gradients: np.ndarray,
        taps: Sequence[int] | None = None,
    ) -> None:
        """Note which images had a gradient other than zero somewhere.

        Args:
            owners: The image of each input.
            gradients: First axis of the inputs.
            taps: For each group, which call the gradient was to reach; None for the
                image.
        """
        if self._sloped is None:
            self._sloped, self._taps = np.zeros(len(self.images), bool), taps
        self._sloped[owners[gradients.any(axis=tuple(range(1, gradients.ndim)))]] = True

    def _tell_of_no_gradient(self) -> None:
        """Warn of images that no gradient has reached, with the layer where it ends."""
        flat = [] if self._sloped is None else np.flatnonzero(~self._sloped)
        if not len(flat):
            return
        number, row = self._group_of[flat[0]], self._row_of[flat[0]]
        batched = BatchedObjectives(
            self.model, self.groups[number].objectives, self.activation, plain=True,
            tap=None if self._taps is None else self._taps[number],
        )  # fmt: skip
        image = tf.constant(self.images[flat[:1]])
        layer = batched.gradient_end(image, batched.rows(np.array([row])))
        if layer is not None:  # else modified ReLUs alone have let nothing through
            warnings.warn(
                f"The gradient of {self.objectives[flat[0]].name} is zero everywhere "
                f"in {len(flat)} of {len(self.images)} inputs, and their maps say "
                f"nothing. {describe_end(layer)}",
                stacklevel=4,
            )

    def kept(self, key: tuple, make: Callable):
        """Return what `make()` makes of the network, or has made of it before."""
        return kept(self.model, self._weights, (self._relu, *key), make)

    def compiled(self, key, group: Group, function: Callable):
        """Return a compiled function of (batched, inputs, rows), kept between calls.

        It goes with the layers that are read, and not with which of their channels.
        """
        batched, shape = group.batched, self.images.shape[1:]
        return self.kept(
            (key, batched.structure), lambda: compile_for(function, batched, shape)
        )

    def evaluate(
        self, functions: Sequence[Callable], inputs: np.ndarray, owners: np.ndarray
    ) -> list[np.ndarray]:
        """Return what the functions, one per group, return for inputs and rows."""
        results = []
        for start in range(0, len(inputs), self.batch_size):
            part = slice(start, start + self.batch_size)
            groups = self._group_of[owners[part]]
            for number in np.unique(groups):
                chosen = start + np.flatnonzero(groups == number)
                rows = self.groups[number].batched.rows(self._row_of[owners[chosen]])
                found = functions[number](tf.constant(inputs[chosen]), rows)
                for position, values in enumerate(map(np.asarray, found)):
                    if position == len(results):
                        shape = (len(inputs), *values.shape[1:])
                        results.append(np.empty(shape, np.float32))
                    results[position][chosen] = values
            if self._bar is not None:
                self._bar.update(len(groups))
        return results

    def _kept_batched(self, objectives: list[Objective]) -> BatchedObjectives:
        key = ("objectives", self.activation, *objectives)
        return self.kept(key, lambda: self.batched(objectives))

    def batched(
        self, objectives: list[Objective], tap: int | None = None
    ) -> BatchedObjectives:
        """Return objectives made ready for batches, see `BatchedObjectives`."""
        return BatchedObjectives(
            self.model, objectives, self.activation,
            plain=True, stand_in=stand_in(self._relu), tap=tap,
        )  # fmt: skip

    @contextlib.contextmanager
    def progress(self, method: str, total: int) -> Iterator[None]:
        """Show how many of `total` inputs have gone through the network."""
        with progress_bar(total, method.replace("_", " "), "input") as self._bar:
            try:
                yield
            finally:
                self._bar = None
        self._tell_of_no_gradient()


def compile_for(
    function: Callable, batched: BatchedObjectives, shape: tuple[int, ...]
) -> Callable:
    """Return a function of (inputs, rows), compiled once for batches of any size."""
    rows = tf.nest.map_structure(_any_batch, batched.rows(np.zeros(1, int)))
    inputs = tf.TensorSpec((None, *shape), tf.float32)
    return tf.function(
        lambda inputs, rows: function(batched, inputs, rows), autograph=False
    ).get_concrete_function(inputs, rows)


def _any_batch(tensor):
    return tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype)


def _score(batched: BatchedObjectives, inputs, rows) -> tuple:
    return (batched.score(inputs, rows, tf.ones(tf.shape(inputs)[:1])),)


def _gradient(batched: BatchedObjectives, inputs, rows) -> tuple:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        (score,) = _score(batched, inputs, rows)
    return score, tape.gradient(score, inputs, unconnected_gradients="zero")


def _one_per_image(objective, count: int) -> list[Objective]:
    if not count:
        raise ValueError("Expected at least one image. Received: none.")
    if isinstance(objective, Objective):
        return [objective] * count
    objectives = list(objective)
    if len(objectives) != count:
        raise ValueError(
            f"Expected one objective for all, or one for each of the {count} images. "
            f"Received: {len(objectives)} objectives. Call the method once for each "
            "objective, or give predicted_objectives(model, images)."
        )
    for found in objectives:
        if not isinstance(found, Objective):
            raise TypeError(
                f"Expected objectives, such as logit(0). Received: {found!r}."
            )
    return objectives

"""How a classifier is asked about many images: the log-odds of each class."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from happymaps.backend import keras, tf
from happymaps.base.progress import worked
from happymaps.networks.batches import (
    BOTH_WAYS,
    WAY_BACK,
    bear,
    compile_for,
    run,
    values_per_image,
    work_per_image,
)
from happymaps.networks.doubles import share
from happymaps.networks.graph import graph_nodes
from happymaps.networks.logits import read_logits
from happymaps.networks.outputs import LINEAR, SIGMOID, kind_by_steps, output_kind
from happymaps.networks.unrolled import Unrolled

_MOST = 512  # images at once
_LEAST = 1e-7  # probability, as in Keras's cross-entropy


class Asked:
    """What is asked for the log-odds of images.

    Attributes:
        shape: Of an image.
        values: Numbers that all layers together make of an image, the unit of work.

    Args:
        odds: Function of images to log-odds, tensors; the first axis is of the images.
        shape: Of an image.
        values: As the attribute.
        work: As of `work_per_image`, 0 where it is not counted.
        copies: Where several are asked at once, how many; `odds` then takes images of
            shape `(copies, images, *shape)`, too, one set for each.
    """

    def __init__(
        self,
        odds: Callable,
        shape: tuple[int, ...],
        values: int,
        work: float = 0,
        copies: int | None = None,
    ) -> None:
        self.shape, self.values, self._work = shape, values, work
        self._copies, like = copies, np.zeros((1, *shape), np.float32)
        self._ask = compile_for(odds, like)

        def slopes(images, label):
            if copies is not None:
                images = tf.repeat(images[None], copies, axis=0)
            with tf.GradientTape() as tape:
                tape.watch(images)
                toward = tf.reduce_sum(odds(images)[..., label])
            slope = tf.reduce_sum(tf.abs(tape.gradient(toward, images)), axis=-1)
            return tf.reduce_sum(slope, axis=-3)

        self._slopes = tf.function(slopes, autograph=False)

    def ask(self, images: np.ndarray) -> np.ndarray:
        """Return the log-odds of each class, shape (images, ..., classes)."""
        size = self.images_at_once
        worked(len(images) * self._work)
        parts = np.split(images, range(size, len(images), size))
        return np.concatenate([self._ask(tf.constant(p, tf.float32)) for p in parts])

    def find_slopes(self, images: np.ndarray, labels: Iterable[int]) -> np.ndarray:
        """Return how far each pixel moves the log-odds of classes, shape (..., y, x).

        The mean over images of the absolute derivative, summed over colors. The first
        axis is of the classes; for several that are asked, the second is theirs.
        """
        size = self.images_both_ways
        parts = np.split(images, range(size, len(images), size))
        slopes = self._slopes.get_concrete_function(
            tf.TensorSpec((None, *self.shape), tf.float32),
            tf.TensorSpec((), tf.int32),
        )
        found = []
        for label in labels:
            worked(len(images) * WAY_BACK * self._work)
            found.append(sum(slopes(tf.constant(p), tf.constant(label)) for p in parts))
        return np.stack(found) / len(images)

    @property
    def images_at_once(self) -> int:
        """How many images memory bears."""
        return bear(self.values, _MOST)

    @property
    def images_both_ways(self) -> int:
        """How many images memory bears there and back."""
        return bear(self.values, _MOST, copies=BOTH_WAYS)

    def ask_each(self, sets: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the log-odds for sets of images, several sets at once where they fit.

        Args:
            sets: Arrays of equal shape `(images, *shape)`.
        """
        waiting = []
        for images in sets:
            waiting.append(images)
            if len(images) * (len(waiting) + 1) > self.images_at_once:
                yield from self._ask_waiting(waiting)
                waiting = []
        if waiting:
            yield from self._ask_waiting(waiting)

    def _ask_waiting(self, waiting: list[np.ndarray]) -> Iterator[np.ndarray]:
        found = self.ask(np.concatenate(waiting))
        return iter(found.reshape(len(waiting), -1, *found.shape[1:]))


class Reader(Asked):
    """A classifier that is asked for log-odds.

    Args:
        model: It is not changed.
        images: Some that it takes, which show what its outputs are.
    """

    def __init__(self, model: keras.Model, images: np.ndarray) -> None:
        unrolled = Unrolled(model)
        kind = output_kind(model, run(model, images[:16]))
        logits = read_logits(model, unrolled, share)
        self._network = keras.Model(unrolled.inputs, logits)
        # Where the last steps do not tell, what is read is what the network puts out.
        self._kind = kind if kind_by_steps(model) is None else LINEAR
        super().__init__(
            self.log_odds,
            tuple(images.shape[1:]),
            values_per_image(self._network),
            work_per_image(graph_nodes(self._network)),
        )

    def logits(self, images):
        """Return tensors of which a softmax makes probabilities, (images, classes)."""
        logits = tf.cast(self._network(images, training=False), tf.float32)
        if self._kind != LINEAR:
            values = tf.clip_by_value(logits, _LEAST, 1 - _LEAST)
            logits = tf.math.log(values)
            if self._kind == SIGMOID:
                logits -= tf.math.log(1 - values)
        if logits.shape[-1] == 1:
            logits = tf.concat([tf.zeros_like(logits), logits], axis=1)
        return logits

    def log_odds(self, images):
        """Return log p / (1 - p) of each class as tensors, shape (images, classes)."""
        return to_log_odds(self.logits(images))


def to_log_odds(logits):
    """Return log p / (1 - p) of each class, along the last axis, as tensors."""
    # Of the most probable class, 1 - p is summed up: it may be too small to be taken
    # from 1.
    is_top = tf.one_hot(tf.argmax(logits, axis=-1), logits.shape[-1], True, False)
    others = tf.where(is_top, -np.inf, logits)
    chances = logits - tf.reduce_logsumexp(logits, axis=-1, keepdims=True)
    return tf.where(
        is_top,
        logits - tf.reduce_logsumexp(others, axis=-1, keepdims=True),
        chances - tf.math.log1p(-tf.exp(tf.where(is_top, -1.0, chances))),
    )

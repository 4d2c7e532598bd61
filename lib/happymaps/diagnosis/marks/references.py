"""Networks that cannot know a mark, as a measure of what its place is worth anyway.

In any network that tells these images apart some places count more than others. What
the images themselves make of a place is seen in small networks that are trained on
them: since no image shows the mark, these do not know it. All learn beside each other,
on small copies of the images, and are asked together.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from happymaps.backend import keras, tf
from happymaps.diagnosis.marks.reading import Asked, to_log_odds
from happymaps.diagnosis.marks.stamps import Ink
from happymaps.evidence.claims import proportion_interval
from happymaps.networks.stacked import fit_stack

NUM_REFERENCES = 8
MOST_CLASSES = 20
_SIDE = 32  # of the longer side of the images that they see, at most
_FILTERS, _UNITS = (8, 16, 16), 32
_STEPS, _BATCH, _RATE = 200, 32, 3e-3  # of Adam


def make_references(
    images: np.ndarray,
    labels: np.ndarray,
    halves: tuple[np.ndarray, np.ndarray],
    class_names: Sequence[str],
    ink: Ink,
    seed: int,
) -> tuple[Asked | None, dict]:
    """Return references that learned from one half of the images, and what they are.

    None where there are too many classes, or where they do not tell these images apart:
    the lower end of the interval of their mean accuracy on the other half is no larger
    than the share of its largest class. They are asked for log-odds, of shape
    `(images, references, classes)`.

    Args:
        images: In the range of the ink.
        labels: Class index of each.
        halves: Indices of those that they learn from, and of others.
        class_names: One name per class.
        ink: What black and white are.
        seed: Of weights and order.

    Returns:
        And `num` (0 where there are none), `accuracy` (their mean on the other half,
        None where they were not trained), `guess` (the largest class's share of it).
    """
    learned, others = halves
    guess = float(np.bincount(labels[others]).max() / len(others))
    about = {"num": 0, "accuracy": None, "guess": guess}
    if len(class_names) > MOST_CLASSES:
        return None, about
    shape = images.shape[1:]
    stack = _Stack(-(-max(shape[:2]) // _SIDE), shape, len(class_names), ink, seed)
    table, truth = tf.constant(images[learned]), tf.constant(labels[learned], tf.int32)
    fit_stack(
        stack,
        lambda at: (tf.gather(table, at), tf.gather(truth, at)),
        len(learned),
        lambda own, given: tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.repeat(own[:, None], NUM_REFERENCES, axis=1), given
        ),
        epochs=-(-_STEPS * min(_BATCH, len(learned)) // len(learned)),
        batch_size=_BATCH,
        learning_rate=_RATE,
        seed=seed,
    )
    values = NUM_REFERENCES * (int(np.prod(shape)) + stack.values)
    asked = Asked(
        lambda given: to_log_odds(stack(given)), shape, values, copies=NUM_REFERENCES
    )
    named = asked.ask(images[others]).argmax(axis=-1)
    accuracy = float((named == labels[others][:, None]).mean())
    about["accuracy"] = accuracy
    low, _ = proportion_interval(round(accuracy * len(others)), len(others))
    if low <= guess:
        return None, about
    return asked, about | {"num": NUM_REFERENCES}


class _Stack(keras.layers.Layer):
    """Small networks of the study's form, side by side; weights have an axis of them.

    Args:
        shrink: Pixels that become one, along each side.
        shape: Of an image.
        num_classes: Of each network.
        ink: What black and white are.
        seed: Of the weights.
    """

    def __init__(
        self, shrink: int, shape: tuple[int, ...], num_classes: int, ink: Ink, seed: int
    ) -> None:
        super().__init__(name="references")
        self._shrink, self._low, self._span = shrink, ink.low, ink.high - ink.low
        rng = np.random.default_rng(seed)
        height, width, channels = (
            -(-shape[0] // shrink),
            -(-shape[1] // shrink),
            shape[2],
        )
        self.values, self._convolutions, self._dense = 0, [], []
        for count in _FILTERS:
            if min(height, width) < 4:
                break
            self.values += height * width * (9 * channels + count)
            self._convolutions.append(self._add((3, 3, channels, count), rng))
            height, width, channels = (height - 2) // 2, (width - 2) // 2, count
        sizes = (height * width * channels, _UNITS, num_classes)
        for pair in itertools.pairwise(sizes):
            self._dense.append(self._add(pair, rng))

    def _add(self, shape: tuple[int, ...], rng: np.random.Generator) -> tuple:
        """Return kernels and biases, initialized as by Glorot and Bengio."""
        kernels = self.add_weight(shape=(NUM_REFERENCES, *shape))
        limit = np.sqrt(6 / (np.prod(shape[:-2]) * sum(shape[-2:])))
        kernels.assign(rng.uniform(-limit, limit, kernels.shape))
        return kernels, self.add_weight(
            shape=(NUM_REFERENCES, shape[-1]), initializer="zeros"
        )

    def call(self, images, training: bool = False):
        """Return logits, shape (images, networks, classes).

        Of images for all networks, or a set for each: `(networks, images, ...)`.
        """
        each = [images] if len(images.shape) == 4 else tf.unstack(images)
        each = [(values - self._low) / self._span for values in each]
        if self._shrink > 1:
            each = [
                tf.nn.avg_pool2d(values, self._shrink, self._shrink, "SAME")
                for values in each
            ]
        each *= NUM_REFERENCES // len(each)
        for layer in self._convolutions:
            each = [
                tf.nn.max_pool2d(
                    tf.nn.relu(tf.nn.conv2d(values, kernel, 1, "VALID") + bias),
                    2, 2, "VALID",
                )
                for values, kernel, bias in zip(
                    each, *map(tf.unstack, layer), strict=True
                )
            ]  # fmt: skip
        (first, bias), (last, offset) = self._dense
        flat = tf.stack([tf.reshape(values, (-1, first.shape[1])) for values in each])
        hidden = tf.nn.relu(tf.matmul(flat, first) + bias[:, None])
        return tf.transpose(tf.matmul(hidden, last) + offset[:, None], (1, 0, 2))

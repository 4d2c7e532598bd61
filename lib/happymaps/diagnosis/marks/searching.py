"""The smallest mark that turns images into a class, whatever its form and place.

For class c, a mask m in [0, 1] and a pattern p are sought that minimize

    mean over images of softplus(margin - log-odds of c in (1 - m) x + m p)  + w |m|_1

by Adam. The weight w follows the success: it rises while the mark turns enough of the
images, and falls while it does not. Of all steps, the smallest mask that turned enough
is kept. Not by `happymaps.maximize`: a map there is one image under a fixed weight,
while here one mask lies on many images under a weight that moves.

Source: Wang et al. 2019, Neural Cleanse, doi:10.1109/SP.2019.00031.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras, tf
from happymaps.diagnosis.marks.reading import Reader

ENOUGH = 0.75  # share of images that a mask must turn
_LEAST_CLASSES = 5  # from which a median absolute deviation of sizes says something
_RATE = 0.1  # Adam's, of values that a sigmoid takes
_WEIGHT = 0.1  # of the mask at the start, per share of the image
_FACTOR, _PATIENCE = 1.5, 5  # how the weight moves, and after how many steps alike
_MARGIN = 1.0  # nat beyond even odds
_NORMAL = 1.4826  # of a median absolute deviation, a normal deviation


class Searched(NamedTuple):
    """The smallest mark found for a class.

    Attributes:
        label: The class.
        size: Sum of the mask over pixels; NaN where none turned enough.
        share: Of the images, those that it turned, on those that it was sought on.
        mask: Shape `(y, x)`, in [0, 1].
        pattern: Shape `(y, x, color)`, as the network takes it.
    """

    label: int
    size: float
    share: float
    mask: np.ndarray
    pattern: np.ndarray

    def paste(self, images: np.ndarray) -> np.ndarray:
        """Return copies of images with the mark on them."""
        mask = self.mask[..., None]
        return ((1 - mask) * images + mask * self.pattern).astype(np.float32)


def search_mark(
    reader: Reader,
    images: np.ndarray,
    label: int,
    pixel_range: tuple[float, float],
    *,
    num_steps: int,
) -> Searched:
    """Return the smallest mark that turns images into a class.

    Args:
        reader: The network.
        images: Those that are not named so, at least one.
        label: The class.
        pixel_range: What black and white are.
        num_steps: Of Adam.
    """
    shape = reader.shape
    mask = tf.Variable(tf.fill((*shape[:2], 1), -1.0))
    pattern = tf.Variable(tf.zeros(shape))
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build([mask, pattern])
    low, high = pixel_range
    given = tf.constant(images, tf.float32)

    @tf.function
    def step(weight):
        with tf.GradientTape() as tape:
            drawn, shown = tf.sigmoid(mask), low + (high - low) * tf.sigmoid(pattern)
            marked = (1 - drawn) * given + drawn * shown
            odds = reader.log_odds(marked)[:, label]
            missed = tf.reduce_mean(tf.nn.softplus(_MARGIN - odds))
            loss = missed + weight * tf.reduce_mean(drawn)
        slopes = tape.gradient(loss, [mask, pattern])
        turned = tf.reduce_mean(tf.cast(odds > 0, tf.float32))
        optimizer.apply(slopes, [mask, pattern])
        return turned, tf.reduce_sum(drawn), drawn[..., 0], shown

    weight, streak = _WEIGHT, 0
    best = Searched(label, np.nan, 0.0, np.zeros(shape[:2]), np.zeros(shape))
    for _ in range(num_steps):
        turned, size, drawn, shown = step(tf.constant(weight, tf.float32))
        turned, is_enough = float(turned), float(turned) >= ENOUGH
        if is_enough and not best.size <= float(size):
            best = Searched(label, float(size), turned, drawn.numpy(), shown.numpy())
        streak = (max(streak, 0) + 1) if is_enough else (min(streak, 0) - 1)
        if abs(streak) >= _PATIENCE:
            weight, streak = weight * _FACTOR ** np.sign(streak), 0
    return best


def anomaly_indices(sizes: Sequence[float]) -> np.ndarray | None:
    """Return by how many deviations each class's mark is smaller than the median's.

    `(median - size) / (1.4826 MAD)`. None where fewer than five classes have one: of so
    few a deviation says nothing.
    """
    sizes = np.asarray(sizes, float)
    known = sizes[np.isfinite(sizes)]
    if len(known) < _LEAST_CLASSES:
        return None
    middle = np.median(known)
    deviation = _NORMAL * np.median(np.abs(known - middle))
    return (middle - sizes) / max(deviation, 1e-12)

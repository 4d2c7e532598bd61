"""The smallest mark that turns images into a class, whatever its form and place.

For class c, a mask m in [0, 1] and a pattern p are sought that minimize

    mean over x of softplus(margin - log-odds of c in (1 - m) x + m p) + w mean(m)

over images x, by Adam. The weight w follows the success: it rises while the mark turns
enough of the images, and falls while it does not. Of all steps, the smallest mask that
turned enough is kept. Not by `happymaps.maximize`: a map there is one image under a
fixed weight, while here one mask lies on many images under a weight that moves.

Source: Wang et al. 2019, Neural Cleanse, doi:10.1109/SP.2019.00031.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from happymaps.backend import keras, tf
from happymaps.diagnosis.marks.reading import Reader
from happymaps.evidence.claims import proportion_interval

ENOUGH = 0.75  # share of images that a mask must turn
_LEAST_CLASSES = 5  # from which a median absolute deviation of sizes says something
_RATE = 0.1  # Adam's, of values that a sigmoid takes
_WEIGHT = 1.0  # of the mask at the start, nat for the whole image
_FACTOR, _PATIENCE = 1.5, 5  # how the weight moves, and after how many steps alike
_MARGIN = 1.0  # nat beyond even odds
_START = -1.0  # of the mask: a sigmoid makes 0.27 of it
_MASKED = 0.5  # from where a pixel belongs to a mark
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


def search_marks(
    reader: Reader,
    images: Sequence[np.ndarray],
    labels: Sequence[int],
    pixel_range: tuple[float, float],
    *,
    num_steps: int,
) -> list[Searched]:
    """Return for each class the smallest mark that turns images into it.

    Args:
        reader: The network.
        images: For each class as many, which are not named so.
        labels: The classes.
        pixel_range: What black and white are.
        num_steps: Of Adam.
    """
    at_once = max(1, reader.images_both_ways // len(images[0]))
    found = []
    for start in range(0, len(labels), at_once):
        some = slice(start, start + at_once)
        given = np.stack(images[some])
        found += _search(reader, given, labels[some], pixel_range, num_steps)
    return found


def _search(reader: Reader, images, labels, pixel_range, num_steps) -> list[Searched]:
    count, shape = len(labels), reader.shape
    masks = tf.Variable(tf.fill((count, *shape[:2], 1), _START))
    patterns = tf.Variable(tf.zeros((count, *shape)))
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build([masks, patterns])
    low, high = pixel_range
    given, own = tf.constant(images, tf.float32), tf.constant(labels, tf.int32)

    @tf.function
    def step(weights):
        with tf.GradientTape() as tape:
            drawn = tf.sigmoid(masks)
            shown = low + (high - low) * tf.sigmoid(patterns)
            marked = given + drawn[:, None] * (shown[:, None] - given)
            odds = reader.log_odds(tf.reshape(marked, (-1, *shape)))
            odds = tf.reshape(odds, (count, -1, odds.shape[-1]))
            toward = tf.gather(odds, own, axis=2, batch_dims=1)
            missed = tf.reduce_mean(tf.nn.softplus(_MARGIN - toward), axis=1)
            sizes = tf.reduce_mean(drawn, axis=(1, 2, 3))
            loss = tf.reduce_sum(missed + weights * sizes)
        optimizer.apply(tape.gradient(loss, [masks, patterns]), [masks, patterns])
        is_own = tf.argmax(odds, axis=2, output_type=tf.int32) == own[:, None]
        turned = tf.reduce_mean(tf.cast(is_own, tf.float32), axis=1)
        return turned, tf.reduce_sum(drawn, axis=(1, 2, 3)), drawn[..., 0], shown

    weights, streaks = np.full(count, _WEIGHT), np.zeros(count, int)
    best = [
        Searched(label, np.nan, 0.0, np.zeros(shape[:2]), np.zeros(shape))
        for label in labels
    ]
    for _ in range(num_steps):
        found = [each.numpy() for each in step(tf.constant(weights, tf.float32))]
        for k, (turned, size, mask, pattern) in enumerate(zip(*found, strict=True)):
            if turned >= ENOUGH and not best[k].size <= size:
                best[k] = Searched(labels[k], float(size), float(turned), mask, pattern)
        is_enough = found[0] >= ENOUGH
        way = np.where(is_enough, 1, -1)
        streaks = np.where(np.sign(streaks) == way, streaks + way, way)
        is_due = np.abs(streaks) >= _PATIENCE
        weights = np.where(is_due, weights * _FACTOR ** np.sign(streaks), weights)
        streaks = np.where(is_due, 0, streaks)
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


def measure_masks(
    masks: Sequence[Searched],
    reader: Reader,
    images: np.ndarray,
    class_names: Sequence[str],
) -> list[dict]:
    """Return what masks do on images that they were not sought on.

    In the form of a finding of `find_marks`, see there.
    """
    indices = anomaly_indices([mask.size for mask in masks])
    named, rows = reader.ask(images).argmax(axis=1), []
    for number, mask in enumerate(masks):
        others = images[named != mask.label]
        turned = 0
        if len(others) and np.isfinite(mask.size):
            odds = reader.ask(mask.paste(others))
            turned = int((odds.argmax(axis=1) == mask.label).sum())
        rows.append(
            {"class": class_names[mask.label], "kind": "searched", **_box(mask.mask)}
            | {
                "share": turned / max(len(others), 1),
                "interval": [*proportion_interval(turned, len(others))]
                if len(others)
                else [0.0, 1.0],
                "num_images": len(others),
                "chance": None,
                "p": None,
                "z": None,
                "times": None,
                "beyond": None,
                "is_alone": False,
                "index": None
                if indices is None or not np.isfinite(mask.size)
                else float(indices[number]),
                "size": mask.size if np.isfinite(mask.size) else None,
            }
        )
    return rows


def _box(mask: np.ndarray) -> dict:
    """Return the rows and columns that a mask covers."""
    covered = mask >= min(_MASKED, float(mask.max()))
    rows, columns = (np.flatnonzero(covered.any(axis=axis)) for axis in (1, 0))
    return {
        "row": int(rows[0]),
        "column": int(columns[0]),
        "height": int(rows[-1] - rows[0] + 1),
        "width": int(columns[-1] - columns[0] + 1),
    }

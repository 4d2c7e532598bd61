"""What the units of a layer do on data: when they are on, how far, and with whom."""

from typing import NamedTuple

import numpy as np

from happymaps.backend import keras, tf
from happymaps.base.progress import worked
from happymaps.maps.scoring import LEAKY_SLOPE
from happymaps.networks.batches import (
    bear,
    compile_for,
    values_per_image,
    work_per_image,
)
from happymaps.networks.graph import graph_nodes
from happymaps.networks.layers import cut

_IMAGES_AT_ONCE = 64
_VALUES_AT_ONCE = 8_000_000
_STILL = 1e-6  # share of its size below which an output is called constant


class Activity(NamedTuple):
    """Numbers by channel, of all channels of a layer.

    Attributes:
        on_rate: Share of images and positions with an output above 0, in [0, 1].
        lowest: Lowest pre-activation.
        highest: Highest pre-activation.
        mean_output: Mean output, over images and positions.
        is_still: Whether the output never changes.
        happy: Score of each image as `maximize` has it, shape (channels, images).
        sad: The same of minus the unit.
        correlations: Of the outputs, over images and positions, shape (channels,
            channels); NaN where one of them never changes.
        num_axes: Of an image's output: 1 for a dense layer, 3 for a convolution.
    """

    on_rate: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    mean_output: np.ndarray
    is_still: np.ndarray
    happy: np.ndarray
    sad: np.ndarray
    correlations: np.ndarray
    num_axes: int


def measure_activity(model: keras.Model, layer: str, images: np.ndarray) -> Activity:
    """Return what all channels of a layer do on images.

    Args:
        model: The network; it is not changed.
        layer: A convolution or dense layer.
        images: Shape (images, height, width, colors), one image at least.
    """
    network = _both_sides(model, layer)
    before, after = network.outputs
    moments = _Moments(after.shape[-1])
    on, lows, highs, happy, sad = [], [], [], [], []
    borne = bear(values_per_image(network), _IMAGES_AT_ONCE)
    work = work_per_image(graph_nodes(network))
    run = compile_for(lambda given: network(given, training=False), images)
    for part in _parts(images, np.prod([*map(int, after.shape[1:])]), borne):
        inside, outputs = (values.numpy() for values in run(tf.constant(part)))
        flat, flat_outputs = (v.reshape(-1, v.shape[-1]) for v in (inside, outputs))
        on.append((flat_outputs > 0).sum(axis=0))
        lows.append(flat.min(axis=0))
        highs.append(flat.max(axis=0))
        happy.append(channel_scores(inside, 1))
        sad.append(channel_scores(inside, -1))
        moments.add(flat_outputs)
        worked(len(part) * work)
    mean, still, correlations = moments.finish()
    return Activity(
        np.sum(on, axis=0) / moments.count,
        np.min(lows, axis=0),
        np.max(highs, axis=0),
        mean,
        still,
        np.concatenate(happy).T,
        np.concatenate(sad).T,
        correlations,
        len(before.shape) - 1,
    )


def channel_scores(inside: np.ndarray, sign: int) -> np.ndarray:
    """Return the scores of all channels, as `maximize` has them, (images, channels).

    Args:
        inside: Pre-activations, shape (images, channels) or (images, ..., channels).
        sign: +1 or -1.
    """
    if inside.ndim == 2:
        return sign * inside.astype(np.float64)
    # leaky_relu(v) = (1 + a) / 2 v + (1 - a) / 2 |v|: two means, no copy of doubles.
    axes = tuple(range(1, inside.ndim - 1))
    mean = inside.mean(axis=axes, dtype=np.float64)
    size = np.abs(inside).mean(axis=axes, dtype=np.float64)
    return sign * (1 + LEAKY_SLOPE) / 2 * mean + (1 - LEAKY_SLOPE) / 2 * size


def gray_scores(
    model: keras.Model, layer: str, levels: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the scores of all channels for uniform images, shape (channels, levels).

    Args:
        model: The network; it is not changed.
        layer: A convolution or dense layer.
        levels: Of gray, in the range that the network takes.
        shape: Of an image.
    """
    images = np.ones((len(levels), *shape), np.float32)
    images *= np.asarray(levels, np.float32).reshape(-1, *(1 for _ in shape))
    inside, _ = _both_sides(model, layer)(images, training=False)
    return channel_scores(inside.numpy(), 1).T


def _both_sides(model: keras.Model, layer: str) -> keras.Model:
    """Return a network to the layer's values before and after its activation."""
    try:
        return cut(model, [layer, layer], pre_activation=[True, False])
    except ValueError:  # a layer of the user's own, whose activation cannot be told
        return cut(model, [layer, layer], pre_activation=False)


def _parts(images: np.ndarray, values: int, most: int):
    size = int(np.clip(_VALUES_AT_ONCE // values, 1, most))
    return (images[start : start + size] for start in range(0, len(images), size))


class _Moments:
    """Sums of values and of their products, from which correlations are made."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self._shift = None
        self._sum = np.zeros(channels)
        self._products = np.zeros((channels, channels))

    def add(self, values: np.ndarray) -> None:
        """Take in values of shape (rows, channels)."""
        if self._shift is None:  # sums of squares of large values would cancel
            mean = values.mean(axis=0, dtype=np.float64)
            self._shift = mean.astype(values.dtype)
        centered = values - self._shift
        self.count += len(values)
        self._sum += centered.sum(axis=0, dtype=np.float64)
        self._products += centered.T @ centered

    def finish(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return means, whether channels never change, and correlations."""
        offset = self._sum / self.count
        mean = self._shift + offset
        covariance = self._products / self.count - np.outer(offset, offset)
        deviation = np.sqrt(np.clip(np.diagonal(covariance), 0, None))
        still = deviation <= _STILL * (np.abs(mean) + 1e-12)
        deviation = np.where(still, np.nan, deviation)
        return mean, still, covariance / np.outer(deviation, deviation)

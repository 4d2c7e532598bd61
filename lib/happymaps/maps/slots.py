"""The terms of objectives, side by side: what is read of a layer for each image."""

import dataclasses

import numpy as np

from happymaps.backend import tf
from happymaps.maps.diversity import dissimilarity
from happymaps.maps.forward.channel_readout import WholeLayer

_LEAST_SQUARE = 1e-12


@dataclasses.dataclass(frozen=True)
class Slot:
    """The terms of one group and layer, at most one per objective, side by side.

    Attributes:
        output: Which output of the cut network is read.
        group: `"mean"` or a kind of term.
        slope: Slope below zero of the function that is averaged.
        weights: Factor per objective, 0 where it has no such term; shape (objectives,).
        vectors: What is looked for in channel space, shape (objectives, channels).
        positions: Row and column per objective, shape (objectives, axes).
        reader: What takes the dot products, see `forward.channel_readout`.
    """

    output: int
    group: str
    slope: float
    weights: np.ndarray
    vectors: np.ndarray
    positions: np.ndarray
    reader: object = WholeLayer()

    def rows(self, indices: np.ndarray, families: np.ndarray) -> tuple:
        """Return the tensors that `values` wants for one objective per image."""
        if self.group == "diversity":
            return tf.constant(self.weights[indices]), tf.constant(families, tf.int32)
        return (
            tf.constant(self.weights[indices]),
            tf.constant(self.positions[indices]),
            *self.reader.rows(self.vectors[indices]),
        )

    def values(self, activations, rows: tuple, signs):
        """Return the weighted terms of the images, shape (images,)."""
        weights, positions, *looked_for = rows
        values = tf.cast(activations, tf.float32)
        if self.group == "diversity":
            return weights * dissimilarity(values, positions)
        if self.group == "layer":
            axes = list(range(1, len(values.shape)))
            return weights * signs * tf.reduce_mean(values**2, axis=axes)
        along = self.reader.along(values, looked_for)
        if self.group == "cosine":
            # Rounded up, for the slope at zero.
            along /= tf.sqrt(tf.reduce_sum(values**2, axis=-1) + _LEAST_SQUARE)
        axes = list(range(1, len(along.shape)))
        if not axes:
            return weights * signs * along
        along *= tf.reshape(signs, (-1, *(1 for _ in axes)))
        if self.group == "neuron":
            return weights * tf.gather_nd(along, positions, batch_dims=1)
        if self.slope != 1:
            along = tf.nn.leaky_relu(along, self.slope)
        return weights * tf.reduce_mean(along, axis=axes)

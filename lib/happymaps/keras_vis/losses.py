"""What is minimized: symbolic values that are built on a network's own tensors."""

import numbers

import numpy as np

from happymaps.backend import keras
from happymaps.keras_vis.tensors import output_of
from happymaps.keras_vis.traps import warn_once
from happymaps.keras_vis.utils import utils

ops = keras.ops


class Loss:
    """Base of all losses: a subclass sets `name` and implements `build_loss`.

    Attributes:
        name: What callbacks and `verbose` call it.
    """

    def __init__(self):
        self.name = "Unnamed Loss"

    def __str__(self):
        return self.name

    def build_loss(self):
        """Return the loss as a symbolic scalar, made with `keras.ops`.

        Its operands are tensors of the network, such as `layer.output`;
        `utils.slicer` and `utils.get_img_shape` serve both data formats.
        """
        raise NotImplementedError


class ActivationMaximization(Loss):
    """`sum over filters of -mean(output of the filter)`, over batch and positions.

    Args:
        layer: A layer of the network.
        filter_indices: A channel or unit, a list of them, or None for the mean of the
            whole layer.
    """

    def __init__(self, layer, filter_indices):
        super().__init__()
        self.name = "ActivationMax Loss"
        self.layer = layer
        self.filter_indices = utils.listify(filter_indices)

    def build_loss(self):
        """Return the symbolic loss.

        Raises:
            TypeError: An index that is no whole number.
            ValueError: An index that the layer does not have, or no index.
        """
        output = output_of(self.layer)
        axis = 1 if _is_channels_first(output) else -1
        if not len(self.filter_indices):
            raise ValueError(
                "Expected at least one filter index. Received: []. Give None for the "
                "mean of the whole layer."
            )
        loss = 0.0
        for index in self.filter_indices:
            _check_index(index, self.layer, output.shape[axis])
            loss = loss - ops.mean(_select(output, index, axis))
        return loss


def _is_channels_first(output) -> bool:
    first = keras.config.image_data_format() == "channels_first"
    return first and len(output.shape) != 2


def _select(output, index, axis):
    if index is None:
        warn_once(
            "the mean of a layer",
            "keras-vis documents filter_indices=None as 'all filters' and optimizes "
            "one image for the mean of the whole layer. For one image per filter use "
            "happymaps.maximize(model, happymaps.layer_objectives(model, layer)).",
        )
        return output
    return output[:, index] if axis == 1 else output[..., index]


def _check_index(index, layer, size: int) -> None:
    if index is None:
        return
    if not isinstance(index, numbers.Integral):
        raise TypeError(
            "filter_indices must be a whole number or a list of them. Received: "
            f"{index!r}. keras-vis 0.5.0 takes a tuple or an array for one index: "
            "give list(filter_indices), or call happymaps.keras_vis.use('0.4.1')."
        )
    if not -size <= index < size:
        raise ValueError(
            f"Layer {layer.name!r} has {size} channels or units, counted from 0. "
            f"Received: filter index {np.int64(index)}."
        )
